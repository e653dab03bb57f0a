# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# The peers of peers.py for the scripts: a script sources it behind lib.sh, and
# calls peers_up when the network is there.

# The servers' names by address, for jq.
# shellcheck disable=SC2034 # for the scripts
readonly NAMES='{
	"10.0.0.11": "d1", "10.0.0.12": "d2", "10.0.0.13": "d3",
	"2001:db8:a::11": "d1", "2001:db8:a::12": "d2", "2001:db8:a::13": "d3",
	"10.1.0.21": "n1", "10.1.0.22": "n2",
	"2001:db8:b::21": "n1", "2001:db8:b::22": "n2"
}'
declare -A vip_of=([4]=$VIP4 [6]="[$VIP6]")
declare -A dsr_of=([4]=10.0.0. [6]=2001:db8:a::) nat_of=([4]=10.1.0. [6]=2001:db8:b::)
declare -A client_of=([4]=192.0.2.10 [6]="[2001:db8:c::10]")

# No stack answers to their packets, and what the director makes itself is
# summed by it.
peers_up() {
	local name pipe=$WORK/peers ready=

	for name in client "${DSR_SERVERS[@]}" "${NAT_SERVERS[@]}"; do
		in_ns "$name" nft -f - <<-END
		table inet peers {
			chain quiet {
				type filter hook prerouting priority raw
				meta l4proto { tcp, udp } th $([[ $name == client ]] &&
					echo dport || echo sport) 10000-19999 drop
			}
		}
		END
	done
	for name in eth0 eth1; do
		in_ns director ethtool -K $name tx off >/dev/null
	done
	mkfifo "$pipe-to" "$pipe-from"
	/usr/bin/python3 -IS "$(dirname "${BASH_SOURCE[0]}")/peers.py" "$NS_PREFIX" "$SHUNT" \
		<"$pipe-to" >"$pipe-from" 2>&1 &
	disown
	exec {peers_to}>"$pipe-to" {peers_from}<"$pipe-from"
	read -r -t 120 ready <&"$peers_from" || :
	is "the peers are there" "$ready" ready
}

# peer EXPRESSION: the peers' answer to it.
peer() {
	local answer=

	echo "$1" >&"$peers_to"
	read -r -t 120 answer <&"$peers_from" || answer="no answer"
	echo "$answer"
}

# goes DESCRIPTION WANTED EXPRESSION: that is the peers' answer.
goes() {
	is "$1" "$(peer "$3")" "$2"
}

# begin FAMILY PORT [PROTOCOL]: another flow, from $client.
begin() {
	family=$1
	sport=$(peer "new($1, $2, ${3-TCP})")
	client=${client_of[$1]}:$sport
}

# back_to SPORT: an earlier flow of the same family.
back_to() {
	sport=$(peer "on($1)")
	client=${client_of[$family]}:$sport
}

# conn: the connections of the flow, as "STATE SERVER"; there is one at most.
conn() {
	shunt -j conn show client "$client" | jq -r --argjson names "$NAMES" '
		map("\(.state) \($names[.server])") | join(", ")'
}

# state DESCRIPTION WANTED: so conn says.
state() {
	is "$1" "$(conn)" "$2"
}

# bracketed ADDRESS: as it stands before a port.
bracketed() {
	[[ $1 == *:* ]] && echo "[$1]" || echo "$1"
}

# server_of NAME FAMILY: its address.
server_of() {
	case $1 in
	d*) echo "${dsr_of[$2]}1${1#d}" ;;
	n*) echo "${nat_of[$2]}2${1#n}" ;;
	esac
}

# serve SERVICE PROTOCOL FAMILY PORT MODE [SERVER[:PORT]...] [-- KEY VALUE...]: a
# service on the VIP, with servers by name.
serve() {
	local name=$1 family=$3 servers=() server
	local head=("$1" "$2" "${vip_of[$3]}:$4" mode "$5")

	shift 5
	while [[ $# -gt 0 && $1 != -- ]]; do
		servers+=("$1")
		shift
	done
	shunt service add "${head[@]}" "${@:2}"
	for server in "${servers[@]}"; do
		shunt server add "$name" "$(endpoint "$server" "$family")"
	done
}

# endpoint NAME[:PORT] FAMILY
endpoint() {
	local address

	address=$(server_of "${1%%:*}" "$2")
	if [[ $1 == *:* ]]; then
		echo "$(bracketed "$address"):${1##*:}"
	else
		echo "$address"
	fi
}
