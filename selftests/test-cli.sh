#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The command line and the module together: the whole grammar with what it
# shows, each refusal of the kernel with its sentence and with nothing changed,
# privileges, network namespaces, and loading by asking for the family. What
# needs no module is in host-cli.sh.
#
#    The network of net.sh; no packet of a service is sent.
# shellcheck source=selftests/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# A copy that any user may run, wherever the tree is.
cli=$WORK/shunt
chmod 711 "$WORK"
install -m 755 "$SHUNT" "$cli"

# A shell on the director, since to enter the namespace for each command takes
# as long as the command: reads command lines, answers with their statuses.
director_shell() {
	# shellcheck disable=SC2016 # expanded by the inner shell
	coproc DIRECTOR { in_ns director bash -c 'while read -r line; do
		eval "$line" </dev/null >"$0/output" 2>"$0/error"
		echo "$?"
	done' "$WORK"; }
	exec {to_director}>&"${DIRECTOR[1]}" {from_director}<&"${DIRECTOR[0]}"
}

director_shell_end() {
	echo exit >&"$to_director"
	wait
}

# run ARGUMENTS...: the command on the director; leaves $status, $output, $error.
run() {
	run_as root "$@"
}

# run_as WHO ARGUMENTS...: the same, with less than root's powers.
run_as() {
	local -a line=("$cli" "${@:2}")

	case $1 in
	nobody) line=(setpriv --reuid 65534 --regid 65534 --clear-groups "${line[@]}") ;;
	powerless) line=(setpriv --bounding-set -net_admin "${line[@]}") ;;
	admin) line=(setpriv --bounding-set "-all,+net_admin" "${line[@]}") ;;
	foreign) line=(unshare -Ur "${line[@]}") ;;
	esac
	printf '%q ' "${line[@]}" >&"$to_director"
	echo >&"$to_director"
	read -r status <&"$from_director"
	IFS= read -r -d '' output <"$WORK/output" || :
	IFS= read -r -d '' error <"$WORK/error" || :
}

# Leaves all that is configured, counters too, in $state, which is emptied by
# what changes it.
state=
look() {
	local status output error

	if [[ -z $state ]]; then
		run -j
		state=$output
	fi
}

# refuses WORDS ARGUMENTS...: status 1, nothing on standard output, and one
# sentence with these words.
refuses() {
	local words=$1 status output error

	shift
	run "$@"
	if [[ $status -eq 1 && -z $output && $error == "shunt: "*"$words"*$'\n' && $error != *$'\n'*$'\n'* ]]; then
		pass "refused: shunt $*"
	else
		fail "refused: shunt $*" "status $status, wanted 1 and \"$words\""$'\n'"$output$error"
	fi
}

# unchanged COMMAND...: what it does, or tries, leaves all as it is.
unchanged() {
	local before

	look
	before=$state
	"$@"
	state=
	look
	is "${*//_/ }: nothing has changed" "$state" "$before"
}

# does ARGUMENTS...: status 0 and not a word.
does() {
	local status output error

	run "$@"
	is "done: shunt $*" "$status $output$error" "0 "
	state=
}

# shows FILTER WANTED: what jq makes of all that is configured.
shows() {
	look
	is "shown: $2" "$(jq -r "$1" <<<"$state" | xargs)" "$2"
}

# Text without its columns' blanks, line by line.
plain() {
	sed -E 's/ +/ /g'
}

services() {
	look
	is "nothing is configured" "$state" "[]"$'\n'
	is "an empty list is its headings" "$(shunt | plain)" \
		"SERVICE PROTO ADDRESS SCHED MODE WEIGHT STATE CONNS TOTAL PACKETS BYTES RET-PACKETS RET-BYTES"

	does service add web tcp "$VIP4:80"
	does service add web-tls tcp "$VIP4:443" mode nat scheduler wrr
	does service add dns udp "$VIP4:80" scheduler wlc
	does service add six tcp "[$VIP6]:65535" mode nat
	does service add A.b_c-9012345678901234567890.31 udp "[2001:DB8:F:0::2]:1"
	shows '.[] | "\(.name) \(.protocol) \(.address) \(.port) \(.scheduler) \(.mode)"' \
		"web tcp $VIP4 80 rr dsr web-tls tcp $VIP4 443 wrr nat dns udp $VIP4 80 wlc dsr six tcp $VIP6 65535 rr nat A.b_c-9012345678901234567890.31 udp 2001:db8:f::2 1 rr dsr"
	is "one is shown by its name" "$(shunt -j service show dns | jq -r '.[].name')" dns
	is "as text" "$(shunt service show six | plain | sed -n 2p)" \
		"six tcp [$VIP6]:65535 rr nat 0 0 0 0"

	does service set web scheduler wlc
	does service set web-tls scheduler rr mode dsr
	does service set six mode dsr
	shows '.[] | "\(.name) \(.scheduler) \(.mode)"' \
		"web wlc dsr web-tls rr dsr dns wlc dsr six rr dsr A.b_c-9012345678901234567890.31 rr dsr"
	does service set web mode dsr scheduler rr
	shows '.[0] | "\(.scheduler) \(.mode)"' "rr dsr"

	does service del A.b_c-9012345678901234567890.31
	does service del dns
	shows '.[].name' "web web-tls six"
}

# settings NAME WANTED: timeouts and policies as JSON tells them.
settings() {
	look
	# shellcheck disable=SC2016 # jq's own
	is "settings of $1: $2" "$(jq -r --arg name "$1" '.[] | select(.name == $name) |
		((.timeouts | to_entries) + (del(.timeouts) | to_entries |
		map(select(.key | test("^(on-.*|midstream|packet)$"))))) |
		map("\(.key) \(.value)") | join(" ")' <<<"$state")" "$2"
}

readonly TCP_DEFAULTS="syn 60 established 8100 closing 120 closed 10 on-expire silent on-remove keep \
on-empty reject midstream reset"
readonly UDP_DEFAULTS="one-way 300 answered 300 on-remove rehash on-empty reject packet false"

service_settings() {
	local key value

	does service add t tcp 198.51.100.3:1
	does service add u udp 198.51.100.3:1
	settings t "$TCP_DEFAULTS"
	settings u "$UDP_DEFAULTS"
	does service set t timeout closing 2678400 on-remove reset timeout syn 1
	settings t "syn 1 established 8100 closing 2678400 closed 10 on-expire silent on-remove reset on-empty reject midstream reset"
	does service set t on-expire reset timeout established 9 mode nat timeout closed 5 midstream rehash \
		on-empty drop on-remove rehash scheduler wlc
	settings t "syn 1 established 9 closing 2678400 closed 5 on-expire reset on-remove rehash on-empty drop midstream rehash"
	shows '.[] | select(.name == "t") | "\(.scheduler) \(.mode)"' "wlc nat"
	does service set u timeout answered 8 packet on timeout one-way 7 on-remove reset
	settings u "one-way 7 answered 8 on-remove reset on-empty reject packet true"
	does service del t
	does service del u

	# The same when a service is added, in whatever order.
	does service add t tcp 198.51.100.3:1 midstream rehash timeout closed 5 on-empty drop mode nat \
		timeout established 9 timeout closing 2678400 on-remove rehash scheduler wlc on-expire reset timeout syn 1
	settings t "syn 1 established 9 closing 2678400 closed 5 on-expire reset on-remove rehash on-empty drop midstream rehash"
	does service add u udp 198.51.100.3:1 packet on timeout answered 8 on-remove reset timeout one-way 7
	settings u "one-way 7 answered 8 on-remove reset on-empty reject packet true"

	# Each value of each key can be typed as it is shown.
	for key in "on-expire silent reset" "on-remove keep reset rehash" "on-empty reject drop" \
		"midstream reset rehash"; do
		for value in ${key#* }; do
			does service set t "${key%% *}" "$value"
			shows ".[] | select(.name == \"t\").\"${key%% *}\"" "$value"
			is "as text, too" "$(shunt service show t | plain | grep "^${key%% *} ")" "${key%% *} $value"
		done
	done
	for value in off on; do
		does service set u packet "$value"
		is "packet is shown as typed" "$(shunt service show u | plain | grep '^packet ')" "packet $value"
	done
	does service set u packet off
	does service set t persist 1m persist-group shop
	does service set u persist-prefix 24 persist 2678400
	shows '.[] | select(.name == "t" or .name == "u") | "\(.persist) \(."persist-prefix") \(."persist-group")"' \
		"60 32 shop 2678400 24"
	is "as text, too" "$(shunt service show t | plain | grep ^persist | xargs) $(shunt service show u | plain | grep ^persist | xargs)" \
		"persist 60 persist-prefix 32 persist-group shop persist 2678400 persist-prefix 24 persist-group none"
	unchanged persist_refused
	does service set t persist off persist-group none
	does service set u persist off
	does service set u packet on
	unchanged settings_refused
	does server add u 10.0.0.11
	unchanged packet_refused
	does service set u packet on timeout one-way 70
	does server del u 10.0.0.11
	does service set u packet off
	settings u "one-way 70 answered 8 on-remove reset on-empty reject packet false"
	does service del t
	does service del u
}

# Keys of the other protocol, alone and among others that would do.
settings_refused() {
	local state_name
	local tcp="the timeouts of a TCP service are syn, established, closing and closed"
	local udp="the timeouts of a UDP service are one-way and answered"

	refuses "'off': packet is for UDP services" service set t packet off
	refuses "'on': packet is for UDP services" service set t on-empty drop packet on timeout syn 77
	refuses "'silent': on-expire is for TCP services" service set u on-expire silent
	refuses "'reset': on-expire is for TCP services" service set u timeout one-way 77 on-expire reset
	refuses "'rehash': midstream is for TCP services" service set u mode nat midstream rehash
	refuses "'on': packet is for UDP services" service add other tcp 198.51.100.7:80 packet on
	refuses "'reset': midstream is for TCP services" service add other udp 198.51.100.7:80 midstream reset
	for state_name in one-way answered; do
		refuses "$tcp" service set t timeout "$state_name" 5
		refuses "$tcp" service set t on-empty drop timeout syn 5 timeout "$state_name" 5
		refuses "$tcp" service add other tcp 198.51.100.7:80 timeout "$state_name" 5
	done
	for state_name in syn established closing closed; do
		refuses "$udp" service set u timeout "$state_name" 5
		refuses "$udp" service set u timeout "$state_name" 5 timeout answered 6 mode nat
	done
	refuses "'nope': there is no service of this name" service set nope timeout syn 5
}

persist_refused() {
	local group="the services of a persist-group have one persist-prefix"

	refuses "'33': the persist-prefix of an IPv4 service is from 1 to 32" service set t on-empty drop persist-prefix 33
	refuses "'33': the persist-prefix of an IPv4 service" service add other tcp 198.51.100.7:80 persist-prefix 33
	refuses "'shop': $group" service set u on-empty drop persist-group shop
	refuses "'shop': $group" service add other tcp 198.51.100.7:80 persist-prefix 24 persist-group shop
	refuses "'on': a service whose packets are scheduled singly" service set u packet on
	refuses "'5': a service whose packets" service add other udp 198.51.100.7:80 packet on persist 5
	refuses "'nope': there is no service of this name" persist show service nope
	refuses "'nope': no service is in a persist-group of this name" persist del group nope
}

packet_refused() {
	refuses "'off': packet can be changed only while the service has no server" service set u packet off
	refuses "'off': packet can be changed only" service set u timeout one-way 5 packet off mode nat
}

servers() {
	does server add web 10.0.0.11
	does server add web 10.0.0.12:80 weight 0
	does server add web 10.1.0.21:8080 mode nat weight 65535
	does server add web 10.1.0.21 weight 7 mode nat
	does server add six 2001:db8:a::11
	does server add six '[2001:DB8:B::21]:1' mode nat
	does server add six '[2001:db8:a::12]'
	shows '.[] | .servers[] | "\(.address) \(.port) \(.mode) \(.weight) \(.state)"' \
		"10.0.0.11 80 dsr 1 up 10.0.0.12 80 dsr 0 up 10.1.0.21 8080 nat 65535 up 10.1.0.21 80 nat 7 up 2001:db8:a::11 65535 dsr 1 up 2001:db8:b::21 1 nat 1 up 2001:db8:a::12 65535 dsr 1 up"
	shows '.[] | "\(.name) \(.servers | length)"' "web 4 web-tls 0 six 3"
	is "those of one service" "$(shunt -j server show six | jq -r '.[] | .service + .address' | xargs)" \
		"six2001:db8:a::11 six2001:db8:b::21 six2001:db8:a::12"

	does server set web 10.0.0.12 weight 5
	does server set web 10.1.0.21:8080 weight 0
	does server set web 10.0.0.12:80 mode nat weight 9
	does server set web 10.0.0.12 mode dsr
	shows '.[0].servers[] | "\(.port) \(.mode) \(.weight)"' "80 dsr 1 80 dsr 9 8080 nat 0 80 nat 7"
	does server del web 10.1.0.21
	shows '.[0].servers[] | "\(.address):\(.port)"' "10.0.0.11:80 10.0.0.12:80 10.1.0.21:8080"
	does server del web 10.1.0.21:8080
	does server add web 10.1.0.21:8080 mode nat

	# The service's mode is for those to come.
	does service set web-tls mode nat
	does server add web-tls 10.1.0.21:8443
	does service set web-tls mode dsr
	does server add web-tls 10.0.0.11
	shows '.[1].servers[].mode' "nat dsr"
}

text() {
	local name address

	is "no argument shows all" "$(shunt | plain)" "$(shunt service show | plain)"
	is "in this form" "$(shunt | plain | head -n 5)" "$(cat <<-END
		SERVICE PROTO ADDRESS SCHED MODE WEIGHT STATE CONNS TOTAL PACKETS BYTES RET-PACKETS RET-BYTES
		web tcp $VIP4:80 rr dsr 0 0 0 0
		 -> 10.0.0.11:80 dsr 1 up 0 0 0 0 0 0
		 -> 10.0.0.12:80 dsr 9 up 0 0 0 0 0 0
		 -> 10.1.0.21:8080 nat 1 up 0 0 0 0 0 0
		END
	)"
	look
	is "no blank ends a line" "$(shunt | grep -c ' $' || :)" 0
	is "the addresses stand in one column" \
		"$(shunt | awk '{ match($0, /(\[|[0-9]+\.)[^ ]*:[0-9]+ |ADDRESS/); print RSTART }' | sort -u | wc -l)" 1
	is "server show in text" "$(shunt server show web | plain | head -n 2)" \
		"$(printf '%s\n' "SERVICE ADDRESS MODE WEIGHT STATE CONNS TOTAL PACKETS BYTES RET-PACKETS RET-BYTES STATES" \
			"web 10.0.0.11:80 dsr 1 up 0 0 0 0 0 0")"
	is "service show of one in text" "$(shunt service show web | plain)" "$(shunt | plain | head -n 5; cat <<-END

		on-expire silent
		on-remove keep
		on-empty reject
		midstream reset
		limit none
		persist off
		persist-prefix 32
		persist-group none
		stateless 0
		recycled 0

		STATE TIMEOUT CONNS
		syn 60 0
		established 8100 0
		closing 120 0
		closed 10 0
		END
	)"
	does server set web 10.0.0.12 upper-limit 500 lower-limit 300
	does server set web 10.1.0.21:8080 slow-start 30s
	is "what servers are bound to is told below it" "$(shunt service show web | plain | tail -n 4)" "$(cat <<-END

		SERVER UPPER-LIMIT LOWER-LIMIT SLOW-START
		10.0.0.12:80 500 300 none
		10.1.0.21:8080 none none 30
		END
	)"
	does server set web 10.0.0.12 upper-limit none lower-limit none
	does server set web 10.1.0.21:8080 slow-start none
	look
	is "conn show in text" "$(shunt conn show | plain)" \
		"SERVICE PROTO CLIENT ADDRESS SERVER MODE STATE EXPIRES"
	is "status in text" "$(shunt status | plain | grep -v buckets)" "$(cat <<-END
		version $(modinfo -F version "$SHUNT_KO")
		services 3
		servers 8
		connections 0
		hooked yes
		schedulers rr wrr lc wlc sed nq sh dh fo ovf random p2c maglev sticky
		devices
		END
	)"
	is "version tells both" "$(shunt version | plain)" \
		"$(printf '%s\n' "cli $(modinfo -F version "$SHUNT_KO")" "module $(modinfo -F version "$SHUNT_KO")")"
	is "drops has no line where nothing was dropped" "$(shunt drops | plain)" \
		"SERVICE REASON COUNT MEANING"
	is "conn del in text" "$(shunt conn del service web)" "0 connections deleted"
	is "in JSON" "$(shunt -j conn del server 10.0.0.11 client 192.0.2.10:1) $(
		)$(shunt -p conn del client 2001:db8:c::10 | xargs)" '{"deleted":0} { deleted: 0 }'
	is "persist show in text" "$(shunt persist show | plain)" "SERVICE GROUP CLIENT SERVER EXPIRES"
	is "persist del in text" "$(shunt persist del service web) $(shunt -j persist del client 2001:db8::1/64)" \
		'0 clients forgotten {"deleted":0}'
	is "options may stand anywhere" "$(shunt service --json show web) $(shunt server show -j -- six)" \
		"$(shunt -j service show web) $(shunt -j server show six)"
	is "-p is the same, indented" "$(shunt -p | jq -c .) $(shunt -p | wc -l)" \
		"$(jq -c . <<<"$state") $(jq --indent 4 . <<<"$state" | wc -l)"

	# What is printed can be typed.
	for name in web six; do
		while read -r _ address _; do
			does server set "$name" "$address" weight 1
		done < <(shunt server show "$name" | tail -n +2)
	done
	does service del six
	does service add six tcp "[$VIP6]:80"
	does server add six 2001:db8:a::11
}

# Names that completion asks the module for.
completion() {
	mkdir -p "$WORK/bin"
	ln -sf "$SHUNT" "$WORK/bin/shunt"
	"$SHUNT" --completion >"$WORK/completion"
	is "services complete" "$(PATH=$WORK/bin:$PATH in_ns director \
		"$SHUNT_TOP/selftests/complete" "$WORK/completion" service show '' | xargs)" "six web web-tls"
	is "servers complete" "$(PATH=$WORK/bin:$PATH in_ns director \
		"$SHUNT_TOP/selftests/complete" "$WORK/completion" server set six '' | xargs)" \
		"[2001:db8:a::11]:80"
}

duplicates_refused() {
	refuses "'web': there is a service of this name already" service add web tcp 198.51.100.7:80
	refuses "'$VIP4:80': another service has this protocol, address and port" \
		service add other tcp "$VIP4:80"
	refuses "'[$VIP6]:80': another service has this" service add other tcp "[$VIP6]:80" mode nat
	refuses "'10.0.0.11': the service has this server already" server add web 10.0.0.11
	refuses "'10.1.0.21:8080': the service has this server already" \
		server add web 10.1.0.21:8080 mode nat weight 2
}

missing_refused() {
	local no="there is no service of this name"

	refuses "'nope': $no" service set nope scheduler rr
	refuses "'nope': $no" service del nope
	refuses "'nope': $no" service show nope
	refuses "'nope': $no" -j service show nope
	refuses "'WEB': $no" service del WEB
	refuses "'we': $no" service del we
	refuses "'nope': $no" server add nope 10.0.0.11
	refuses "'nope': $no" server set nope 10.0.0.11 weight 1
	refuses "'nope': $no" server del nope 10.0.0.11
	refuses "'nope': $no" -j server show nope
	refuses "'nope': $no" conn show service nope
	refuses "'nope': $no" -j conn show service nope
	refuses "'nope': $no" conn del service nope
	refuses "'nope': $no" -j conn del client 192.0.2.10 service nope

	no="the service has no such server"
	refuses "'10.0.0.13': $no" server set web 10.0.0.13 weight 1
	refuses "'10.0.0.13': $no" server del web 10.0.0.13
	refuses "'10.0.0.11:81': $no" server del web 10.0.0.11:81
	refuses "'10.1.0.21': $no" server del web 10.1.0.21
	refuses "'10.0.0.12': $no" server set web-tls 10.0.0.12 mode nat

	no="there is no scheduler of this name; 'shunt status' lists them"
	refuses "'lblc': $no" service add other tcp 198.51.100.7:80 scheduler lblc
	refuses "'lblc': $no" service set web scheduler lblc
	refuses "'RR': $no" service set web mode nat scheduler RR
}

addresses_refused() {
	local address

	refuses "'2001:db8:a::12': a server's address is of the same family" server add web 2001:db8:a::12
	refuses "'10.0.0.12': a server's address is of the same family" server add six 10.0.0.12
	refuses "'$VIP4': this is the service's virtual address" server add web "$VIP4"
	refuses "'$VIP4:8080': this is the service's virtual address" server add web "$VIP4:8080" mode nat
	refuses "'[$VIP6]': this is the service's virtual address" server add six "[$VIP6]"

	for address in 0.0.0.0 127.0.0.1 127.255.255.254 224.0.0.1 239.1.2.3 255.255.255.255; do
		refuses "'$address:80': a virtual address must be one that clients" \
			service add other tcp "$address:80"
		refuses "'$address': a server's address must be that of one host" \
			server add web "$address" mode nat
	done
	for address in :: ::1 ff02::1 ff0e::1:2 ::ffff:192.0.2.1 fe80::1; do
		refuses "'[$address]:80': a virtual address must be one that clients" \
			service add other udp "[$address]:80"
		refuses "'$address': a server's address must be that of one host" \
			server add six "$address" mode nat
	done
}

# Servers that DSR cannot reach.
far_servers_refused() {
	refuses "'10.0.0.13:8080': a DSR server is reached on the service's own port; use mode nat" \
		server add web 10.0.0.13:8080
	refuses "'[2001:db8:a::12]:81': a DSR server is reached on the service's own port" \
		server add six '[2001:db8:a::12]:81'
	refuses "'192.0.2.10': a DSR server must be on a link of the director, not behind a gateway; use mode nat" \
		server add web 192.0.2.10
	refuses "'2001:db8:c::10': a DSR server must be on a link of the director" \
		server add six 2001:db8:c::10
	refuses "'10.0.0.2': this is an address of the director itself; in DSR it serves only if it has the VIP, too" \
		server add web 10.0.0.2
	refuses "'10.1.0.1': this is an address of the director itself" server add web 10.1.0.1
	refuses "'2001:db8:a::2': this is an address of the director itself" server add six 2001:db8:a::2
	refuses "'10.0.0.255': this is not the address of one host" server add web 10.0.0.255

	in_ns director ip route add unreachable 203.0.113.1
	in_ns director ip -6 route add blackhole 2001:db8:dead::1
	refuses "'203.0.113.1': there is no route to this address" server add web 203.0.113.1
	refuses "'2001:db8:dead::1': there is no route to this address" server add six 2001:db8:dead::1
	modprobe tun
	in_ns director ip tuntap add dev tun0 mode tun
	in_ns director ip address add 10.9.0.1/24 dev tun0
	in_ns director ip link set tun0 up
	refuses "'10.9.0.2': the link to this address is not Ethernet, which DSR needs; use mode nat" \
		server add web 10.9.0.2
}

# A mode that does not fit: not even the weight is taken over.
modes_refused() {
	refuses "'10.1.0.21:8080': a DSR server is reached on the service's own port" \
		server set web 10.1.0.21:8080 mode dsr
	refuses "'10.1.0.21:8080': a DSR server" server set web 10.1.0.21:8080 weight 99 mode dsr
	refuses "'192.0.2.10': a DSR server must be on a link of the director" \
		server set web 192.0.2.10 mode dsr weight 99
}

refusals() {
	unchanged duplicates_refused
	unchanged missing_refused
	unchanged addresses_refused
	unchanged far_servers_refused
	does server add web 192.0.2.10 mode nat
	unchanged modes_refused
	does server del web 192.0.2.10
}

# denied WHO ARGUMENTS...: refused for lack of privilege.
denied() {
	local status output error what="the configuration"

	[[ -z ${4-} || $2 == conn || $2 == persist ]] || what="'$4'"
	run_as "$@"
	is "$1 may not: shunt ${*:2}" "$status $output$error" \
		"1 shunt: changing $what needs CAP_NET_ADMIN in this network namespace; run it as root or with sudo"$'\n'
}

all_denied() {
	denied "$1" service add other tcp 198.51.100.7:80
	denied "$1" service set web scheduler wlc
	denied "$1" service del web
	denied "$1" server add web 10.0.0.13
	denied "$1" server set web 10.0.0.11 weight 2
	denied "$1" server del web 10.0.0.11
	denied "$1" service set web timeout syn 5 on-empty drop
	denied "$1" conn del client 192.0.2.10
	denied "$1" persist del client 192.0.2.10
	denied "$1" flush
}

# allowed WHO ARGUMENTS...: shown as to root.
allowed() {
	local status output error want

	run "${@:2}"
	want=$status$output$error
	run_as "$@"
	is "$1 may: shunt ${*:2}" "$status$output$error" "$want"
}

privileges() {
	local who status output error

	for who in nobody powerless foreign; do
		unchanged all_denied "$who"
		allowed "$who" -j
	done
	allowed nobody
	allowed nobody server show web
	allowed nobody conn show
	allowed nobody persist show
	allowed nobody drops
	allowed nobody status
	allowed nobody version
	run_as admin server set web 10.0.0.11 weight 2
	is "CAP_NET_ADMIN is all it takes" "$status$output$error" 0
	state=
	shows '.[0].servers[0].weight' 2
}

namespaces() {
	local before

	look
	before=$state
	is "another namespace has nothing" "$(in_ns client "$SHUNT" -j)" "[]"
	is "and no hooks" "$(in_ns client "$SHUNT" -j status | jq -c '[.services, .buckets, .hooked]')" \
		"[0,0,false]"
	check "the same service there" in_ns client "$SHUNT" service add web tcp "$VIP4:80" scheduler wlc
	check "and another" in_ns client "$SHUNT" service add own tcp "$VIP4:81" mode nat
	refused "but not of the director's" 1 "'web-tls': there is no service of this name" \
		in_ns client "$SHUNT" service del web-tls
	is "is seen there" "$(in_ns client "$SHUNT" -j | jq -r '.[].name' | xargs)" "web own"
	check "flush ends it" in_ns client "$SHUNT" flush
	is "there" "$(in_ns client "$SHUNT" -j)" "[]"
	state=
	look
	is "and the director's are untouched" "$state" "$before"

	# shellcheck disable=SC2016 # expanded by the inner shell
	is "root of a new user namespace configures its own network namespace" \
		"$(in_ns director unshare -Urn sh -c '
			ip link set lo up && "$0" -j && "$0" service add own tcp 198.51.100.1:80 &&
			"$0" server add own 10.0.0.99 mode nat &&
			"$0" -j | jq -c "[.[].name, .[].servers[].address]" && "$0" flush && "$0" -j' \
			"$cli" 2>&1 | xargs)" "[] [own,10.0.0.99] []"
	state=
	look
	is "and no other" "$state" "$before"
}

# hooked NAMESPACE WANTED DESCRIPTION: whether the kernel lists a hook of ours.
hooked() {
	local found=no

	if ! modprobe -q nfnetlink_hook; then
		skip "$3" "this kernel lists no hooks"
		return
	fi
	[[ $(in_ns "$1" nft list hooks) != *"[shunt]"* ]] || found=yes
	is "$3" "$found" "$2"
}

flush() {
	hooked director yes "the director's hooks are registered"
	hooked client no "another namespace's are not"
	does flush
	look
	is "flush leaves nothing" "${state%?} $(shunt -j server show) $(shunt -j conn show)" "[] [] []"
	is "status tells so" "$(shunt -j status | jq -c '[.services, .servers, .connections, .buckets, .hooked]')" \
		"[0,0,0,0,false]"
	hooked director no "and the hooks are gone"
	does flush
	does service add web tcp "$VIP4:80"
	does service add web2 tcp "$VIP4:81"
	hooked director yes "the first service brings them back"
	does service del web
	hooked director yes "they stay for the second"
	does service del web2
	hooked director no "and go with the last"
}

# Install the module where modprobe looks, and let the kernel find it. A tree
# of its own, since depmod takes long to read all modules of a kernel.
autoload() {
	local tree name path modules

	modules=/lib/modules/$(uname -r)
	tree=$WORK/root$modules
	rmmod shunt
	mkdir -p "$tree/updates"
	cp "$SHUNT_KO" "$tree/updates/shunt.ko"
	cp "$modules"/modules.{order,builtin,builtin.modinfo} "$tree"
	for name in $(modinfo -F depends "$SHUNT_KO" | tr , ' ') nfnetlink_hook; do
		{ modprobe --show-depends "$name" 2>/dev/null || :; } | sed -n 's/^insmod //p' >>"$WORK/paths"
	done
	sort -u "$WORK/paths" | while read -r path; do
		install -D -m 644 "$path" "$tree/${path#"$modules/"}"
	done
	depmod -b "$WORK/root"
	mount --bind "$tree" "$modules"
	at_exit umount "$modules"

	is "the module is not there" "$(lsmod | grep -c '^shunt ' || :)" 0
	is "asking for the family loads it" "$(shunt -j status | jq -c '[.services, .hooked]')" "[0,false]"
	check "it is there" test -d /sys/module/shunt
	hooked director no "and has hooked nothing"
	refused "a missing service is told as ever" 1 "'web': there is no service of this name" \
		shunt service del web
	rmmod shunt
	check "a change loads it, too" shunt service add web tcp "$VIP4:80"
	rmmod shunt

	# Once nothing is installed.
	rm "$tree/updates/shunt.ko"
	depmod -b "$WORK/root"
	refused "without a module the command says how to load it" 1 \
		"the kernel module is not loaded; load it with 'modprobe shunt'" shunt status
}

topo_up
director_shell
at_exit director_shell_end
insmod_shunt
is "there is nothing to set but by commands" "$(modinfo -F parm "$SHUNT_KO"
	in_ns director find /proc/sys /proc/net/ /sys/kernel/debug /sys/module/shunt/parameters \
		-ipath '*shunt*' -not -path '*/tracing/*' -not -path '*/slab/*' 2>/dev/null)" ""
services
service_settings
servers
text
completion
refusals
privileges
namespaces
flush
autoload
