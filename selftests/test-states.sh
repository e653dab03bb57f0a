#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What the director makes of each TCP segment. Both peers are ours, so that
# segments come as they do from slow, broken and hostile hosts: handshakes that
# are guessed, resets and ends that are out of the window, ends of one side or
# of both, and SYNs on tuples that are new, living, ending and over. Each is
# seen where it arrives, as it was sent, and in the state of the connection.
# The counts by state agree with the connections all the time. At last curl
# has one tuple serve for connection after connection.
# kernels: 6.12
# vm-options: --timeout 900
# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/peers.sh
. "$(dirname "$0")/peers.sh"

# Numbers within the window of what was last seen, and out of it.
readonly WITHIN=0xfff00 BEYOND=0x100100

# listed_as STATE: how the connection then is listed. A SYN in DSR makes none.
listed_as() {
	[[ $mode == dsr && $1 == syn ]] && echo none || echo "$1 $home"
}

# step DESCRIPTION WHERE STATE EXPRESSION: what is sent arrives there, and leaves
# the connection in that state, with its time, and with its server.
step() {
	is "$what, $1" "$(peer "$4 + ', ' + listed()")" "$2, $(listed_as "$3")"
}

# client DESCRIPTION STATE EXPRESSION: from the client to its server.
client() {
	step "$1" "$home" "$2" "$3"
}

# server DESCRIPTION STATE EXPRESSION: from the server to the client.
server() {
	step "$1" client "$2" "$3"
}

# chosen DESCRIPTION EXPRESSION: a SYN that chooses the flow's server.
chosen() {
	local was=$home

	home=$(peer "$2")
	if [[ $home == [dn][123] && $home != "$was" ]]; then
		is "$what, $1: a new connection, another server" "$(peer "listed()")" \
			"$(listed_as syn)"
	else
		fail "$what, $1: a new connection, another server" "$was, then $home"
	fi
}

# fresh: another flow.
fresh() {
	home=
	begin "$version" "$port"
}

# shaken DESCRIPTION: another flow, whose handshake is done.
shaken() {
	fresh
	home=$(peer "shake()")
	is "$what, $1" "$(peer "listed()")" "established $home"
}

# sums: services and servers whose counts by state are not their connections,
# as they are listed.
sums() {
	shunt -j service show | jq -r --argjson names "$NAMES" '
		[.[] | select((.states | add) != .connections) |
			"\(.name) \(.connections) \(.states)"] +
		[.[] | .servers[] | select((.states | add) != .connections) |
			"\($names[.address]) \(.connections) \(.states)"] | join(", ")'
	# Those of removed servers are in the service's sum only.
	shunt -j conn show | jq -r 'group_by(.service) | map({key: .[0].service,
		value: (group_by(.state) | map({key: .[0].state, value: length}) | from_entries)}) |
		from_entries' >"$WORK/by-service"
	shunt -j service show | jq -r --slurpfile by "$WORK/by-service" '.[] |
		select((.states | map_values(select(. > 0))) != ($by[0][.name] // {})) |
		"\(.name) \(.states) listed \($by[0][.name])"'
}

# A connection may expire between two listings.
summed() {
	local found

	wait_until 20 sums_fit || :
	is "$what, $1: the counts by state are right" "$found" ""
}

# shellcheck disable=SC2317 # called by wait_until
sums_fit() {
	found=$(sums)
	[[ -z $found ]]
}

handshake() {
	fresh
	chosen "SYN" "c('S')"
	server "SYN-ACK" syn "s('SA')"
	client "ACK" established "c('A')"
	client "data" established "c('PA', b'request')"
	server "an answer" established "s('PA', b'answer')"
}

# A spoofer cannot see the numbers, and must not gain the long timeout.
blind_handshake() {
	fresh
	chosen "SYN before a guess" "c('S')"
	if [[ $mode == dsr ]]; then
		step "guessed ACK: refused" "client R +0" syn "c('A', off=$BEYOND)"
		step "guessed ACK with data: refused" "client R +0" syn "c('PA', b'data', off=-$BEYOND)"
		step "guessed RST: goes nowhere" nothing syn "c('R', off=$BEYOND)"
		refused=$((refused + 3))
	else
		client "guessed ACK: not established" syn "c('A', off=$BEYOND)"
		client "guessed ACK with data: not established" syn "c('PA', b'data', off=-$BEYOND)"
		client "ACK before the SYN-ACK: not established" syn "c('A')"
		server "then the SYN-ACK" syn "s('SA')"
		client "ACK of another number: not established" syn "c('A', ack=$BEYOND)"
	fi
	client "the ACK that fits: established" established "c('A')"
}

# Segments out of the window, of somebody who cannot see the connection: the
# endpoint judges them (RFC 5961), we do not.
blind_ends() {
	local flags off

	shaken "before blind ends"
	for off in $BEYOND -$BEYOND 0x7fff0000; do
		client "blind R at $off: nothing changes" established "c('R', off=$off)"
	done
	for flags in RA FA; do
		client "blind $flags: nothing changes" established \
			"c('$flags', off=$BEYOND, ack=-$BEYOND)"
	done
	if [[ $mode == nat ]]; then
		for flags in R RA FA; do
			server "the server's blind $flags: nothing changes" established \
				"s('$flags', off=$BEYOND, ack=-$BEYOND)"
		done
	fi
	client "FIN in the window" closing "c('FA', off=$WITHIN)"
	client "blind RST while closing: nothing changes" closing \
		"c('R', off=$BEYOND + $WITHIN)"
}

resets() {
	shaken "before a RST"
	client "RST" closed "c('R')"
	client "data of the side that reset: it lives" established "c('PA', b'alive')"
	client "RST in the window" closed "c('RA', off=$WITHIN)"
	if [[ $mode == nat ]]; then
		server "data of the other side: still closed" closed "s('PA', b'data')"
		shaken "before the server's RST"
		server "the server's RST" closed "s('R')"
		client "the client's data behind it: still closed" closed "c('PA', b'data')"
		server "the server's data behind it: it lives" established "s('PA', b'alive')"
	fi
	fresh
	chosen "SYN before a RST" "c('S')"
	if [[ $mode == nat ]]; then
		client "RST of a handshake" closed "c('R')"
		return
	fi
	client "RST of a handshake" syn "c('R')"
	step "an ACK behind it: refused" "client R +0" syn "c('A')"
	refused=$((refused + 1))
}

# Connections that wlc chooses count from their SYNs on, though they are none yet.
burst() {
	local homes=()

	shunt conn del service "$service" >/dev/null
	shunt service set "$service" scheduler wlc
	for _ in 1 2 3 4 5 6 7 8 9; do
		fresh
		homes+=("$(peer "c('S')")")
	done
	shunt service set "$service" scheduler rr
	is "$what, a burst of SYNs goes to all servers by wlc" \
		"$(printf '%s\n' "${homes[@]}" | sort -u | xargs)" "d1 d2 d3"
}

half_close() {
	shaken "before the client's FIN"
	client "the client's FIN" closing "c('FA')"
	client "the FIN again" closing "again()"
	server "the server's data" closing "s('PA', b'more')"
	client "its acknowledgement" closing "c('A')"
	if [[ $mode == dsr ]]; then
		server "the server's FIN, unseen" closing "s('FA')"
		client "the last ACK" closing "c('A')"
		return
	fi
	server "the server's FIN" closed "s('FA')"
	client "the last ACK" closed "c('A')"

	shaken "before the server's FIN"
	server "the server's FIN first" closing "s('FA')"
	client "the client's FIN behind it" closed "c('FA')"

	shaken "before FINs that cross"
	client "the client's FIN of two that cross" closing "c('FA')"
	server "the server's FIN of two that cross" closed "s('FA', ack=-1)"
	client "FINs that cross: the last ACK" closed "c('A')"
}

# By turns, so each new connection has another server.
syns() {
	local off offs=(1)

	[[ $version == 6 ]] || offs+=(100000 "-$BEYOND")
	fresh
	chosen "SYN before it comes again" "c('S')"
	for off in 1 2 3; do
		client "SYN again, $off: the same connection" syn "again()"
	done
	chosen "SYN of another number" "c('S', jump=$BEYOND)"

	shaken "before SYNs in mid-stream"
	client "SYN in the window: nothing changes" established "c('S', off=-100)"
	client "SYN in the window, ahead: nothing changes" established "c('S', off=$WITHIN)"
	chosen "SYN out of the window" "c('S', jump=-$BEYOND)"

	for off in "${offs[@]}"; do
		shaken "before a FIN and a SYN at $off"
		client "FIN before a SYN at $off" closing "c('FA')"
		chosen "SYN at $off while closing" "c('S', jump=$off)"
		peer "renew()" >/dev/null
		server "SYN at $off while closing: the answer" syn "s('SA')"
		client "SYN at $off while closing: the ACK" established "c('A')"
		client "RST before a SYN at $off" closed "c('R')"
		chosen "SYN at $off when closed" "c('S', jump=$off)"
	done
	[[ $mode == nat ]] || return 0
	shaken "before both have ended"
	server "the server's FIN before a SYN" closing "s('FA')"
	client "the client's FIN before a SYN" closed "c('FA')"
	chosen "SYN when both have ended" "c('S', jump=1)"
}

# A SYN takes no part in what becomes of connections: on-remove is keep.
removed() {
	local name

	fresh
	chosen "SYN before its server is removed" "c('S')"
	name=$home
	[[ $mode == dsr ]] || name+=:80
	shunt server del "$service" "$(endpoint "$name" "$version")"
	chosen "SYN again, its server was removed" "again()"
	server "the new server's answer" syn "s('SA')"
	client "the new server gets the ACK" established "c('A')"
	summed "a server removed"
	shunt server add "$service" "$(endpoint "$name" "$version")"
}

# state_of NAME: of a server of the service.
state_of() {
	shunt -j server show "$service" | jq -r --arg address "$(server_of "$1" "$version")" '
		.[] | select(.address == $address) | .state'
}

state_becomes() {
	[[ $(state_of "$1") == "$2" ]]
}

unreachable() {
	local was

	fresh
	chosen "SYN before its server is unreachable" "c('S')"
	was=$home
	topo_batch rack <<<"link set $was down"
	in_ns director ip neigh del "$(server_of "$was" "$version")" dev eth0
	check "$what, $was is unreachable" wait_until 30 state_becomes "$was" unreachable
	chosen "SYN again, its server is unreachable" "again()"
	topo_batch rack <<<"link set $was up"
	check "$what, $was is up" wait_until 30 state_becomes "$was" up
}

# all_states MODE FAMILY PORT PART...
all_states() {
	local part

	mode=$1 version=$2 port=$3
	service=$mode$version
	what="${mode^^}, IPv$version"
	note "$what"
	for part in "${@:4}"; do
		$part
		summed "$part"
	done
}

insmod_shunt
topo_up
topo_batch director ipv4/neigh/eth0/retrans_time_ms=100 ipv6/neigh/eth0/retrans_time_ms=100 \
	ipv4/neigh/eth0/base_reachable_time_ms=1000 ipv6/neigh/eth0/base_reachable_time_ms=1000 \
	ipv4/neigh/eth0/delay_first_probe_time=1 ipv6/neigh/eth0/delay_first_probe_time=1 </dev/null
servers_up
peers_up
for version in 4 6; do
	serve dsr$version tcp $version 80 dsr d1 d2 d3 -- timeout closed 200
	serve nat$version tcp $version 8080 nat n1:80 n2:80 -- timeout closed 200
done
readonly PARTS=(handshake half_close syns removed)
refused=0
all_states dsr 4 80 "${PARTS[@]}" blind_handshake blind_ends resets unreachable burst
all_states nat 4 8080 "${PARTS[@]}" blind_handshake blind_ends resets
all_states dsr 6 80 "${PARTS[@]}" blind_ends unreachable
all_states nat 6 8080 "${PARTS[@]}" blind_ends
is "no packet was dropped but those refused" "$(drops)" "no-connection=$refused"

note "the end of all connections"
for service in dsr4 dsr6; do
	shunt conn del service $service >/dev/null
done
# What another service has may expire between two listings.
wait_until 20 sums_fit || :
is "those that are deleted are not counted any more" "$found" ""
for service in nat4 nat6; do
	shunt service set $service timeout syn 1 timeout established 1 timeout closing 1 \
		timeout closed 1
done
none() { [[ $(shunt -j status | jq .connections) == 0 ]]; }
check "no connection is left" wait_until 20 none
is "the counts by state are zero" "$(shunt -j service show | jq -c '
	[.[] | .states, .servers[].states | .[]] | unique')" "[0]"

note "contract 5: one tuple for connection after connection"
in_ns client nft -f - <<-END
	table inet count {
		counter syns { }
		chain out {
			type filter hook output priority 0
			tcp flags & (syn | ack) == syn counter name syns
		}
	}
END
# A client that closes before its server would keep the port for a minute.
in_ns client sh -c 'echo 0 >/proc/sys/net/ipv4/tcp_max_tw_buckets'
port_free() {
	[[ -z $(in_ns client ss -Htan "sport = :$1") ]]
}

# reuse NAME URL PORT WANTED: by turns, each has another server, and one SYN.
reuse() {
	local before got=()

	before=$(nft_counters client | awk '{ print $3 }')
	for _ in 1 2 3 4 5 6; do
		wait_until 20 port_free "$3"
		got+=("$(requests 1 "$2" --local-port "$3")")
	done
	is "contract 5: $1: each is a new connection" "$(printf '%s\n' "${got[@]%=1}" | tally)" "$4"
	is "contract 5: $1: each needs one SYN" \
		$(($(nft_counters client | awk '{ print $3 }') - before)) 6
}

for service in nat4 nat6; do
	shunt service set $service timeout closing 120 timeout closed 10
done
reuse "DSR, IPv4" http://$VIP4/ 30001 "d1=2 d2=2 d3=2"
reuse "DSR, IPv6" "http://[$VIP6]/" 30001 "d1=2 d2=2 d3=2"
reuse "NAT, IPv4" http://$VIP4:8080/ 30002 "n1=3 n2=3"
reuse "NAT, IPv6" "http://[$VIP6]:8080/" 30002 "n1=3 n2=3"
is "still, no other was dropped" "$(drops)" "no-connection=$refused"
