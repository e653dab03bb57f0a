#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# UDP: one-way and answered, and what a client notices when its server goes,
# which is nothing: the next datagram has another server. A service with
# "packet on" chooses a server for each datagram, has no connections, and still
# answers from its virtual address. What makes no sense is refused. Two processors
# with the same new datagram make one connection.
# kernels: 6.12
# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/peers.sh
. "$(dirname "$0")/peers.sh"

# The same new datagrams by two processes, on a processor each, in step.
cat >"$WORK/both.py" <<'END'
import mmap, os, socket, struct, sys

family, address, port, count = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
sock = socket.socket(socket.AF_INET if family == 4 else socket.AF_INET6, socket.SOCK_RAW, 17)
if family == 6:
    sock.setsockopt(socket.IPPROTO_IPV6, 7, 6)  # IPV6_CHECKSUM
at = mmap.mmap(-1, 8)
child = os.fork()
me, other = (0, 4) if child else (4, 0)
os.sched_setaffinity(0, {me // 4})
for i in range(count):
    at[me:me + 4] = struct.pack("=I", i + 1)
    while struct.unpack("=I", at[other:other + 4])[0] <= i:
        pass
    sock.sendto(struct.pack("!HHHH", 19000 + i, port, 8, 0), (address, 0))
if child:
    os.waitpid(child, 0)
END

# both MODE FAMILY PORT
both() {
	local what="${1^^}, IPv$2" count=200

	shunt conn del service "$1$2" >/dev/null
	total=$(total "$1$2")
	in_ns client /usr/bin/python3 -IS "$WORK/both.py" "$2" "$(plain "${vip_of[$2]}")" "$3" $count
	is "$what: one connection for each, listed and counted" \
		"$(shunt -j conn show service "$1$2" | jq -c '[length, (map(.client_port) | unique | length)]'
		) $(($(total "$1$2") - total))" "[$count,$count] $count"
	is "$what: whose servers got all" "$(shunt -j conn show service "$1$2" | jq -r 'map(.server) | unique | length'
		) $(shunt -j service show "$1$2" | jq '.[0].connections')" \
		"$([[ $1 == dsr ]] && echo 3 || echo 2) $count"
}

total() {
	shunt -j service show "$1" | jq '.[0].total_connections'
}

# plain ADDRESS: without brackets.
plain() {
	tr -d '[]' <<<"$1"
}

# states MODE FAMILY PORT
states() {
	local what="${1^^}, IPv$2"

	begin "$2" "$3" UDP
	home=$(peer "c()")
	state "$what: a datagram" "one-way $home"
	goes "$what: the next has the same server" "$home" "c()"
	state "$what: two datagrams" "one-way $home"
	goes "$what: an answer" client "s()"
	# In DSR no answer is seen.
	[[ $1 == dsr ]] && answered=one-way || answered=answered
	state "$what: an answer, the state" "$answered $home"
	goes "$what: and the next datagram" "$home" "c()"
	state "$what: an answer, the state stays" "$answered $home"
	is "$what: counted by state" "$(shunt -j service show "$1$2" | jq -c '
		.[0] | .states, .servers[].states | with_entries(select(.value > 0)) |
		select(. != {})' | sort -u)" "{\"$answered\":1}"
	goes "$what: a new client has another server" "$([[ $home == *1 ]] &&
		echo "${home%1}2" || echo "${home%?}1")" "new($2, $3, UDP) and c()"
}

# removed MODE FAMILY PORT [SERVER-PORT]: on-remove rehash is the default.
removed() {
	local what="${1^^}, IPv$2" was name

	begin "$2" "$3" UDP
	was=$(peer "c()")
	name=$was${4+:$4}
	shunt server del "$1$2" "$(endpoint "$name" "$2")"
	home=$(peer "c()")
	check "$what: the next datagram has another server" \
		[ "${home%?}" = "${was%?}" -a "$home" != "$was" ]
	state "$what: bound anew" "one-way $home"
	goes "$what: and stays there" "$home" "c()"
	goes "$what: an answer" client "s()"
	shunt server add "$1$2" "$(endpoint "$name" "$2")"
	goes "$what: when the first is back, too" "$home" "c()"
	shunt service set "$1$2" on-remove keep
	shunt server del "$1$2" "$(endpoint "$home${4+:$4}" "$2")"
	goes "$what: on-remove keep" "$home" "c()"
	shunt server add "$1$2" "$(endpoint "$home${4+:$4}" "$2")"
	shunt service set "$1$2" on-remove rehash
}

is_state() {
	[[ $(shunt -j server show "$1" | jq -r --arg address "$2" '
		.[] | select(.address == $address) | .state') == "$3" ]]
}

# known FAMILY NUMBER: the director knows the MAC of so many DSR servers, so that
# a packet to one does not wait.
known() {
	[[ $(in_ns director ip "-$1" neigh show dev eth0 nud reachable nud stale nud delay nud probe |
		grep -cE '^(10\.0\.0\.|2001:db8:a::)1[123] ') -ge $2 ]]
}

# unreachable FAMILY: in DSR; whatever on-remove says.
unreachable() {
	local what="DSR, IPv$1" was address

	shunt service set "dsr$1" on-remove keep
	begin "$1" 53 UDP
	was=$(peer "c()")
	address=$(server_of "$was" "$1")
	topo_batch rack <<<"link set $was down"
	in_ns director ip neigh del "$address" dev eth0
	check "$what: $was is unreachable" wait_until 30 is_state "dsr$1" "$address" unreachable
	check "$what: the others are known" wait_until 30 known "$1" 2
	home=$(peer "c()")
	check "$what: the next datagram has another server" \
		[ "${home%?}" = d -a "$home" != "$was" ]
	state "$what: bound anew" "one-way $home"
	topo_batch rack <<<"link set $was up"
	check "$what: $was is up" wait_until 30 is_state "dsr$1" "$address" up
	goes "$what: bound where it is" "$home" "c()"
	shunt service set "dsr$1" on-remove rehash
}

# each FAMILY: six datagrams from one socket, with a server for each.
each() {
	local vip

	vip=$(plain "${vip_of[$1]}")
	is "packet on, DSR, IPv$1: each datagram has the next server" \
		"$(datagrams 1 "$vip" 5300 -k 6)" "d1=2 d2=2 d3=2"
	# The socket is connected: it takes answers of the VIP only.
	is "packet on, NAT, IPv$1: each datagram has the next server" \
		"$(datagrams 1 "$vip" 5301 -k 6)" "n1=3 n2=3"
	is "packet on, IPv$1: there is no connection" \
		"$(shunt -j conn show | jq 'map(select(.service | startswith("each"))) | length')" 0
	is "packet on, IPv$1: it is all counted" "$(shunt -j service show | jq -c --arg family "$1" '
		map(select(.name == ("each-dsr" + $family, "each-nat" + $family))) |
		sort_by(.name) | map([.packets, .connections])')" "[[6,0],[6,0]]"
	is "packet on, NAT, IPv$1: the answers, too" "$(shunt -j server show "each-nat$1" |
		jq -c 'map(.return_packets)')" "[3,3]"
	begin "$1" 5301 UDP
	like "packet on, NAT, IPv$1: a datagram" "$(peer "c()")" "^n[12]$"
	goes "packet on, NAT, IPv$1: an answer" client "s()"
	goes "packet on, NAT, IPv$1: and another" client "s()"
	# A closed port is the server's to refuse.
	is "packet on, NAT, IPv$1: a closed port is told" \
		"$(datagrams 2 "$vip" 5302)" "ECONNREFUSED=2"
}

insmod_shunt
topo_up
topo_batch director ipv4/neigh/eth0/retrans_time_ms=100 ipv6/neigh/eth0/retrans_time_ms=100 \
	ipv4/neigh/eth0/base_reachable_time_ms=1000 ipv6/neigh/eth0/base_reachable_time_ms=1000 \
	ipv4/neigh/eth0/delay_first_probe_time=1 ipv6/neigh/eth0/delay_first_probe_time=1 </dev/null
for name in n1 n2; do
	topo_batch $name ipv4/icmp_ratelimit=0 ipv6/icmp/ratelimit=0 </dev/null
done
servers_up
# The port of a DSR server is that of the service.
for name in "${DSR_SERVERS[@]}"; do
	in_ns "$name" "$SHUNT_TOP/build/udp" serve "$name" 5300
done
peers_up
for version in 4 6; do
	serve dsr$version udp $version 53 dsr d1 d2 d3
	serve nat$version udp $version 5353 nat n1:53 n2:53
	serve each-dsr$version udp $version 5300 dsr d1 d2 d3 -- packet on
	# Not that of nat, so that an answer tells whose it is.
	serve each-nat$version udp $version 5301 nat n1:5353 n2:5353 -- packet on
	serve each-shut$version udp $version 5302 nat n1:9 -- packet on
done

note "packet on"
each 4
each 6
is "packet is listed" "$(shunt -j service show | jq -c 'map({(.name): .packet}) | add |
	[.["each-dsr4"], .["dsr4"]]')" "[true,false]"

note "states"
for version in 4 6; do
	states dsr $version 53
	states nat $version 5353
done

note "servers that go"
for version in 4 6; do
	removed dsr $version 53
	removed nat $version 5353 53
	unreachable $version
done
is "no datagram was dropped" "$(drops)" ""

note "one datagram on two processors"
for version in 4 6; do
	both dsr $version 53
	both nat $version 5353
done
is "still, none was dropped" "$(drops)" ""

note "what is refused"
# cannot WORDS COMMAND...
cannot() {
	refused "refused: ${*:2}" 1 "$1" shunt "${@:2}"
}
before=$(shunt -j service show)
cannot "packet" service set dsr4 packet on
cannot "packet" service set each-dsr4 packet off
cannot "packet is for UDP services" service add no tcp $VIP4:81 packet on
cannot "on-expire is for TCP services" service add no udp $VIP4:81 on-expire reset
cannot "on-expire is for TCP services" service set dsr4 on-expire silent
cannot "midstream is for TCP services" service add no udp $VIP4:81 midstream rehash
cannot "midstream is for TCP services" service set each-nat6 midstream reset
cannot "timeout" service set dsr4 timeout syn 5
cannot "timeout" service add no tcp $VIP4:81 timeout one-way 5
cannot "timeout" service set dsr4 timeout one-way 5 timeout closed 5
is "refused: nothing has changed" \
	"$(jq -c 'map(del(.servers, .packets, .bytes))' <<<"$(shunt -j service show)")" \
	"$(jq -c 'map(del(.servers, .packets, .bytes))' <<<"$before")"
shunt service add empty udp $VIP4:81
check "packet on, while there is no server" shunt service set empty packet on
check "packet off, while there is no server" shunt service set empty packet off
