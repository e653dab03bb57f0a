#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Each reason for which a packet is not forwarded: it is listed with what the
# source says it means; it can be made to happen, is then counted as often as
# it happened, for the service it happened to, with nothing else counted, and
# the sender gets the answer that is due, an RST, an ICMP error or nothing. IPv4
# and IPv6, DSR and NAT. What a service had counted outlives it.
#
#    The network of net.sh. The director holds the VIP to be nowhere, so that
#    what shunt lets pass ends there; nothing limits the rate of ICMP errors.
# kernels: 6.12
# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"

readonly MTU=1400
declare -A vip=([4]=$VIP4 [6]=$VIP6) host=([4]=$VIP4 [6]="[$VIP6]")
declare -A d1=([4]=10.0.0.11 [6]=2001:db8:a::11) n1=([4]=10.1.0.21 [6]=2001:db8:b::21)
declare -A client=([4]=192.0.2.10 [6]=2001:db8:c::10)
declare -A d2=([4]=10.0.0.12 [6]=2001:db8:a::12) director=([4]=10.0.0.2 [6]=2001:db8:a::2)
# What an error says, as TYPE/CODE.
declare -A expired=([4]=11/0 [6]=3/0) too_big=([4]=3/4 [6]=2/0)

# Plain Python, since scapy takes longer to start than the whole test. Sends
# what each line of its input says and prints what came back to the client
# until the director had answered the ping behind it.
cat >"$WORK/odd.py" <<'END'
import os, socket, struct, sys, time

VIP = {4: "198.51.100.1", 6: "2001:db8:f::1"}
CLIENT = {4: "192.0.2.10", 6: "2001:db8:c::10"}
DIRECTOR = {4: "10.0.0.2", 6: "2001:db8:a::2"}
FLAGS = "FSRPAU"

def pack(address):
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)

def checksum(data):
    data += bytes(len(data) % 2)
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total ^ 0xffff

def ip(family, protocol, payload, sum_at, src=None, dst=None, ttl=64, df=True, cut=None):
    src, dst = pack(src or CLIENT[family]), pack(dst or VIP[family])
    if sum_at is not None:
        pseudo = src + dst + struct.pack("!LL", len(payload), protocol)
        if (family, protocol) == (4, 1):
            pseudo = b""
        payload = payload[:sum_at] + struct.pack("!H", checksum(pseudo + payload)) + \
            payload[sum_at + 2:]
    payload = payload[:cut]
    if family == 6:
        return struct.pack("!LHBB", 6 << 28, len(payload), protocol, ttl) + src + dst + payload
    # The kernel puts the checksum in.
    return struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 7, df << 14, ttl,
                       protocol, 0) + src + dst + payload

def tcp(family, sport, dport, flags, seq=1000, ack=0, data=b"", doff=5, **more):
    bits = sum(1 << FLAGS.index(flag) for flag in flags)
    return family, ip(family, 6, struct.pack("!HHLLBBHHH", sport, dport, seq, ack, doff << 4,
                                             bits, 512, 0, 0) + data, 16, **more)

# Fragments of a datagram, each (offset, size) and whether more follow.
def pieces(family, sport, dport, *cuts):
    whole = udp(family, sport, dport, 65000)[1]
    header = 20 if family == 4 else 40
    for offset, size, more in cuts:
        payload = whole[header + offset:][:size].ljust(size, b"\0")
        if family == 4:
            yield 4, struct.pack("!BBHHHBBH", 0x45, 0, 20 + size, sport + dport,
                                 more << 13 | offset // 8, 64, 17, 0) + whole[12:20] + payload
        else:
            yield 6, struct.pack("!LHBB", 6 << 28, 8 + size, 44, 64) + whole[8:40] + \
                struct.pack("!BBHL", 17, 0, offset | more, sport + dport) + payload

# size is that of the whole packet.
def udp(family, sport, dport, size=60, **more):
    length = size - (20 if family == 4 else 40)
    return family, ip(family, 17, struct.pack("!HHHH", sport, dport, length, 0) +
                      bytes(length - 8), 6, **more)

def ping(family, seq):
    kind, protocol = ((8, 1), (128, 58))[family == 6]
    return ip(family, protocol, struct.pack("!BBHHH", kind, 0, 0, 4242, seq), 2,
              dst=DIRECTOR[family])

raw = {4: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW),
       6: socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW)}
tap = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
tap.bind(("eth0", 3))

# What a router said of the MTU must not keep the client from sending more.
raw[4].setsockopt(socket.IPPROTO_IP, 10, 3)
raw[6].setsockopt(socket.IPPROTO_IPV6, 23, 3)

def send(family, packet):
    dst = packet[16:20] if family == 4 else packet[24:40]
    raw[family].sendto(packet, (socket.inet_ntop(raw[family].family, dst), 0))

def parse(packet):
    """Protocol, source, destination and the rest of an IP packet."""
    if packet[0] >> 4 == 4:
        return packet[9], socket.inet_ntoa(packet[12:16]), socket.inet_ntoa(packet[16:20]), packet[20:]
    return packet[6], socket.inet_ntop(socket.AF_INET6, packet[8:24]), \
        socket.inet_ntop(socket.AF_INET6, packet[24:40]), packet[40:]

def ports(l4):
    return "%d>%d" % struct.unpack("!HH", l4[:4]) if len(l4) >= 4 else "?"

def tell(packet):
    protocol, src, dst, l4 = parse(packet)
    if protocol == 6:
        seq, ack, _, bits = struct.unpack("!LLBB", l4[4:14])
        flags = "".join(flag for i, flag in enumerate(FLAGS) if bits >> i & 1)
        return "%s %s %s seq %d ack %d" % (src, flags, ports(l4), seq, ack)
    if protocol == 17:
        return "%s udp %s" % (src, ports(l4))
    if protocol in (1, 58):
        if l4[0] in (0, 129):
            return struct.unpack("!HH", l4[4:8])
        if l4[0] > 127 or protocol == 1 and l4[0] == 8:
            return None
        mtu, = struct.unpack("!L", l4[4:8])
        _, _, about, inner = parse(l4[8:])
        return "%s icmp %d/%d mtu %d about %s %s" % (src, l4[0], l4[1], mtu, about, ports(inner))
    return "%s protocol %d" % (src, protocol)

# All on one CPU, so that nothing overtakes.
os.sched_setaffinity(0, {0})
seq = 0

# What programs were answered before.
def drain():
    tap.setblocking(False)
    try:
        while True:
            tap.recv(65536)
    except BlockingIOError:
        pass

def answers(family, want=0):
    global seq
    seq += 1
    send(family, ping(family, seq))
    tap.settimeout(20)
    got, pinged = [], False
    while not pinged or len(got) < want:
        packet, where = tap.recvfrom(65536)
        if where[2] == 4 or where[1] not in (0x800, 0x86dd):
            continue
        said = tell(packet)
        pinged |= said == (4242, seq)
        if said and not isinstance(said, tuple):
            got.append(said)
    return ", ".join(got) or "nothing"

def odd(*packets, want=0):
    drain()
    for family, packet in packets:
        send(family, packet)
    return answers(packets[0][0], want)

# A client's socket, which stays: its first exchange, or its next.
held = {}

def ask(family, kind, sport, dport):
    if (kind, sport) not in held:
        s = held[kind, sport] = socket.socket(raw[family].family, kind)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.settimeout(20)
        s.bind(("", sport))
        s.connect((VIP[family], dport))
    if kind == socket.SOCK_STREAM:
        held[kind, sport].send(b"GET / HTTP/1.1\r\nHost: vip\r\n\r\n")
        return held[kind, sport].recv(1000).split()[-1].decode()
    held[kind, sport].send(b"hello")
    return held[kind, sport].recv(1000).split()[0].decode()

UDP, TCP = socket.SOCK_DGRAM, socket.SOCK_STREAM
for family in (4, 6):
    answers(family)
print("ready", flush=True)
for line in sys.stdin:
    try:
        print(eval(line), flush=True)
    except Exception as e:
        print("exception:", e, flush=True)
END

# The counts of the library's "counted", each service's apart: SERVICE/REASON.
# shellcheck disable=SC2317 # called by the library
drop_counts() {
	shunt -j drops | jq -c 'map({("\(.service)/\(.reason)"): .count}) | add'
}

# said DESCRIPTION ANSWER PYTHON: what the sender of that gets back.
said() {
	local answer=

	echo "$3" >&"${ODD[1]}"
	read -r -t 60 answer <&"${ODD[0]}" || :
	is "$1" "$answer" "$2"
}

# odd DESCRIPTION ANSWER COUNTED PYTHON: that, and what is counted.
odd() {
	said "$1: answer" "$2" "$4"
	counted "$1" "$3"
}

# both FUNCTION: once for each family.
both() {
	"$1" 4
	"$1" 6
}

# add SERVICE PROTOCOL ADDRESS PORT MODE [SERVER PORT]
add() {
	local open='' close=''

	[[ $3 != *:* ]] || open=[ close=]
	shunt service add "$1" "$2" "$open$3$close:$4" mode "$5"
	[[ $# -eq 5 ]] || shunt server add "$1" "$open$6$close:$7"
}

services() {
	add "web$1" tcp "${vip[$1]}" 80 dsr "${d1[$1]}" 80
	add "dns$1" udp "${vip[$1]}" 53 dsr "${d1[$1]}" 53
	add "nat-web$1" tcp "${vip[$1]}" 8080 nat "${n1[$1]}" 80
	add "nat-dns$1" udp "${vip[$1]}" 5353 nat "${n1[$1]}" 53
}

listing() {
	local source=$SHUNT_TOP/kmod/stats said

	said=$(shunt -j drops)
	all_reasons=$(jq -r '.[].reason' <<<"$said")
	is "the reasons are those of the source, in its order" \
		"$all_reasons" \
		"$(sed -n 's/^\tSHUNT_DROP_\([A-Z_]*\),.*/\1/p' "$source.h" | tr 'A-Z_' 'a-z-')"
	is "with names and meanings" \
		"$(jq -r '.[] | "\(.reason)\n\(.meaning)"' <<<"$said" | sort)" \
		"$(sed -n '/^} reasons/,/^};/s/^\t\t"\(.*\)",\{0,1\}$/\1/p' "$source.c" | sort)"
	is "none has been counted, for no service" \
		"$(jq -c 'map([.service, .count]) | unique' <<<"$said")" '[["",0]]'
	is "each has four keys" "$(jq -c 'map(keys) | unique' <<<"$said")" \
		'[["count","meaning","reason","service"]]'
}

# The table says what has been counted, as JSON says it.
table() {
	is "the table says the same" \
		"$(shunt drops | awk 'NR > 1 { $1 = $1; print }')" \
		"$(shunt -j drops | jq -r '.[] | select(.count > 0) |
			"\(if .service == "" then "-" else .service end) \(.reason) \(.count) \(.meaning)"')"
}

# by_reason: the sums over all services, as JSON.
by_reason() {
	shunt -j drops | jq -c 'group_by(.reason) | map({(.[0].reason): map(.count) | add}) | add'
}

# The rows are disjoint, and a service's count is not lost with it.
sums() {
	local sums rows

	sums=$(by_reason)
	rows=$(shunt -j drops)
	is "one row for each reason of a service" \
		"$(jq 'length - (unique_by([.service, .reason]) | length)' <<<"$rows")" 0
	is "those of a service say what has happened only" \
		"$(jq -c 'map(select(.service != "" and .count == 0))' <<<"$rows")" "[]"
	is "all reasons are listed for no service, first" \
		"$(jq -r --argjson count "$(wc -l <<<"$all_reasons")" '.[:$count][] |
			select(.service == "") | .reason' <<<"$rows")" "$all_reasons"
	is "and none of them twice" "$(jq '[.[] | select(.service == "")] | length' <<<"$rows")" \
		"$(wc -l <<<"$all_reasons")"
	is "services of both families have counted" \
		"$(jq -r '[.[].service | select(startswith("twin-dns"))] | unique | join(" ")' <<<"$rows")" \
		"twin-dns4 twin-dns6"
	shunt service del twin-dns4
	is "a service goes, the sums stay" "$(by_reason)" "$sums"
	is "its count is nobody's now" \
		"$(shunt -j drops | jq -c 'map(select(.reason == "tuple-in-use")) |
			map({(.service): .count}) | add | [."", ."twin-dns4"]')" "[2,null]"
	shunt service del twin-dns6
	is "another goes, the sums stay" "$(by_reason)" "$sums"
	counted_before=$(drop_counts)
}

no_server() {
	add "none-tcp$1" tcp "${vip[$1]}" 81 dsr
	add "none-udp$1" udp "${vip[$1]}" 82 nat
	odd "no server, TCP, IPv$1" "${vip[$1]} RA 81>3000 seq 0 ack 1001" "none-tcp$1/no-server=1" \
		"odd(tcp($1, 3000, 81, 'S'))"
	is "a program is refused" "$(requests 3 "http://${host[$1]}:81/")" "error-7=3"
	counted "at its first SYN, IPv$1" "none-tcp$1/no-server=3"
	is "and over UDP" "$(datagrams 3 "${vip[$1]}" 82)" "ECONNREFUSED=3"
	counted "each time, IPv$1" "none-udp$1/no-server=3"
}

no_connection() {
	local port counts

	for port in 80 8080; do
		[[ $port == 80 ]] && counts=web$1 || counts=nat-web$1
		counts+=/no-connection=1
		odd "no connection, ACK, IPv$1, port $port" \
			"${vip[$1]} R $port>3001 seq 77777 ack 0" "$counts" \
			"odd(tcp($1, 3001, $port, 'A', seq=5, ack=77777))"
		odd "no connection, SYN and ACK, IPv$1, port $port" \
			"${vip[$1]} R $port>3001 seq 77778 ack 0" "$counts" \
			"odd(tcp($1, 3001, $port, 'SA', seq=5, ack=77778))"
		odd "no connection, FIN with data and no ACK, IPv$1, port $port" \
			"${vip[$1]} RA $port>3001 seq 0 ack 1005" "$counts" \
			"odd(tcp($1, 3001, $port, 'F', data=b'four'))"
		odd "no connection, RST, IPv$1, port $port" nothing "$counts" \
			"odd(tcp($1, 3001, $port, 'R'))"
	done
}

# A connection over TCP keeps its server, which is no more; another is refused,
# and so is a datagram, which another server could have had.
unreachable() {
	local refusal=([4]=3/3 [6]=1/4) both=(4 6)

	for family in "${both[@]}"; do
		add "gone-tcp$family" tcp "${vip[$family]}" 83 dsr "${d2[$family]}" 83
		add "gone-udp$family" udp "${vip[$family]}" 83 dsr "${d2[$family]}" 83
		odd "a connection to a server, IPv$family" \
			"${vip[$family]} RA 83>3002 seq 0 ack 1001, ${vip[$family]} R 83>3002 seq 77 ack 0" "" \
			"odd(tcp($family, 3002, 83, 'S'), tcp($family, 3002, 83, 'A', seq=1001, ack=77), want=2)"
		odd "a datagram to it, IPv$family" \
			"${vip[$family]} icmp ${refusal[$family]} mtu 0 about ${vip[$family]} 3002>83" "" \
			"odd(udp($family, 3002, 83), want=1)"
	done
	in_ns d2 ip link set eth0 down
	for family in "${both[@]}"; do
		in_ns director ip neigh del "${d2[$family]}" dev eth0
		check "it is unreachable, IPv$family" wait_until 30 is_unreachable "gone-tcp$family"
		odd "unreachable, IPv$family" nothing "gone-tcp$family/unreachable=2" \
			"odd(*[tcp($family, 3002, 83, 'A', seq=1001, ack=77)] * 2)"
		odd "unreachable, a new connection, IPv$family" \
			"${vip[$family]} RA 83>3102 seq 0 ack 1001" "gone-tcp$family/no-server=1" \
			"odd(tcp($family, 3102, 83, 'S'))"
		odd "unreachable, a datagram, IPv$family" \
			"${director[$family]} icmp ${refusal[$family]} mtu 0 about ${vip[$family]} 3002>83" \
			"gone-udp$family/no-server=1" "odd(udp($family, 3002, 83))"
	done
}

is_unreachable() {
	shunt -j server show "$1" | jq -e '.[0].state == "unreachable"'
}

no_route() {
	local far=203.0.113.9 kind

	[[ $1 == 4 ]] || far=2001:db8:99::9
	add "far$1" udp "${vip[$1]}" 84 nat "$far" 53
	for kind in blackhole prohibit unreachable; do
		in_ns director ip route add "$kind" "$far"
		odd "no route to the server, $kind, IPv$1" nothing "far$1/no-route=2" \
			"odd(udp($1, 3003, 84), udp($1, 3003, 84))"
		in_ns director ip route del "$kind" "$far"
	done
	in_ns director ip route add unreachable "$far"
	in_ns director ip route add unreachable "${client[$1]}"
	is "no route to the client, IPv$1" "$(datagrams 2 "${vip[$1]}" 5353 -w 300)" "timeout=2"
	in_ns director ip route del unreachable "${client[$1]}"
	counted "no route to the client, IPv$1" "nat-dns$1/no-route=2"
}

tuple_in_use() {
	add "twin-dns$1" udp "${vip[$1]}" 5354 nat "${n1[$1]}" 53
	add "twin-web$1" tcp "${vip[$1]}" 8081 nat "${n1[$1]}" 80
	said "a connection over UDP, IPv$1" n1 "ask($1, UDP, 301$1, 5353)"
	odd "another service, same server and port, UDP, IPv$1" nothing "twin-dns$1/tuple-in-use=2" \
		"odd(udp($1, 301$1, 5354), udp($1, 301$1, 5354))"
	said "the first goes on, IPv$1" n1 "ask($1, UDP, 301$1, 5353)"
	said "a connection over TCP, IPv$1" n1 "ask($1, TCP, 302$1, 8080)"
	odd "another service, same server and port, TCP, IPv$1" nothing "twin-web$1/tuple-in-use=2" \
		"odd(tcp($1, 302$1, 8081, 'S'), tcp($1, 302$1, 8081, 'S'))"
	said "the first goes on too, IPv$1" n1 "ask($1, TCP, 302$1, 8080)"
	counted "going on, IPv$1"
}

# Fragments that nobody could put together, of a datagram to a VIP: it cannot be
# told to which service.
fragment() {
	local port size=([4]=1470 [6]=1450)

	for port in 53 5353; do
		like "fragments that fit to port $port are answered, IPv$1" \
			"$(datagrams 2 "${vip[$1]}" $port -s 3000)" "^[dn]1=2$"
		# The server's name in front makes the answer too large for one packet.
		like "fragments of an answer from port $port arrive, IPv$1" \
			"$(datagrams 2 "${vip[$1]}" $port -s "${size[$1]}")" "^[dn]1=2$"
		counted "fragments that fit, port $port, IPv$1"
		odd "fragments that overlap, port $port, IPv$1" nothing "/fragment=1" \
			"odd(*pieces($1, 300$1, $port, (0, 64, 1), (32, 64, 1)))"
		odd "fragments with two ends, port $port, IPv$1" nothing "/fragment=1" \
			"odd(*pieces($1, 320$1, $port, (64, 64, 0), (128, 64, 0)))"
		# IPv4 finds that out when all have come.
		[[ $1 == 4 ]] ||
			odd "a fragment beyond the largest datagram, port $port, IPv$1" nothing \
				"/fragment=1" "odd(*pieces($1, 310$1, $port, (65528, 64, 1)))"
	done
}

malformed() {
	local dsr nat name

	for dsr in "udp($1, 3006, 53, cut=7)" "tcp($1, 3006, 80, 'S', doff=4)" \
		"tcp($1, 3006, 80, 'S', cut=19)"; do
		nat=${dsr/ 53,/ 5353,}
		nat=${nat/ 80,/ 8080,}
		[[ $dsr == udp* ]] && name=dns$1 || name=web$1
		odd "malformed, DSR and NAT, $dsr" nothing \
			"$name/malformed=1 nat-$name/malformed=1" "odd($dsr, $nat)"
	done
	odd "too short for its ports is nobody's, IPv$1" nothing "" "odd(udp($1, 3006, 53, cut=3))"
}

ttl() {
	local port name

	for port in 53 5353; do
		[[ $port == 53 ]] && name=dns$1 || name=nat-dns$1
		odd "TTL, port $port, IPv$1" \
			"${director[$1]} icmp ${expired[$1]} mtu 0 about ${vip[$1]} 3007>$port" "$name/ttl=1" \
			"odd(udp($1, 3007, $port, ttl=2))"
		odd "one more is enough, port $port, IPv$1" "${vip[$1]} udp $port>3007" "" \
			"odd(udp($1, 3007, $port, ttl=3), want=1)"
	done
}

# 1397 bytes are answered with 1400.
mtu() {
	local port name

	for port in 53 5353; do
		[[ $port == 53 ]] && name=dns$1 || name=nat-dns$1
		odd "MTU, it fits, port $port, IPv$1" "${vip[$1]} udp $port>3008" "" \
			"odd(udp($1, 3008, $port, $((MTU - 3))), want=1)"
		odd "MTU, port $port, IPv$1" \
			"${vip[$1]} icmp ${too_big[$1]} mtu $MTU about ${vip[$1]} 3008>$port" "$name/mtu=1" \
			"odd(udp($1, 3008, $port, $((MTU + 1))))"
	done
	[[ $1 == 6 ]] ||
		odd "MTU, without DF" "${vip[$1]} udp 53>3008" "" \
			"odd(udp($1, 3008, 53, $((MTU + 1)), df=False), want=1)"
}

source_is_vip() {
	local lo=32

	[[ $1 == 4 ]] || lo=128
	odd "from the VIP, IPv$1" nothing "dns$1/source-is-vip=1" "odd(udp($1, 3009, 53, src=VIP[$1]))"
	in_ns director ip addr add "${vip[$1]}/$lo" dev lo
	is "from the director with the VIP, IPv$1" \
		"$(FROM=director datagrams 2 "${vip[$1]}" 53)" "EPERM=2"
	in_ns director ip addr del "${vip[$1]}/$lo" dev lo
	counted "from the director with the VIP, IPv$1" "dns$1/source-is-vip=2"
}

# neighbour BOX DEVICE ADDRESS OTHER STATE: what BOX has for OTHER's eth0.
neighbour() {
	in_ns "$1" ip neigh replace "$3" dev "$2" nud "$5" \
		lladdr "$(in_ns "$4" ip -j link show eth0 | jq -r '.[0].address')"
}

not_sent() {
	in_ns director nft -f - <<-END
	table inet wall {
		chain post {
			type filter hook postrouting priority 0
			udp dport 53 drop
		}
	}
	END
	odd "a rule at postrouting, NAT, IPv$1" nothing "nat-dns$1/not-sent=2" \
		"odd(udp($1, 3010, 5353), udp($1, 3010, 5353))"
	in_ns director nft delete table inet wall
	# Nothing leaves by the full queue, and neighbours that are asked just
	# then whether they are there would be lost.
	neighbour director eth0 "${d1[$1]}" d1 permanent
	neighbour router eth1 "${director[$1]}" director permanent
	in_ns director tc qdisc add dev eth0 root pfifo limit 0
	is "a full queue, DSR, IPv$1" "$(datagrams 2 "${vip[$1]}" 53 -w 300)" "timeout=2"
	in_ns director tc qdisc del dev eth0 root
	counted "a full queue, DSR, IPv$1" "dns$1/not-sent=2"
	neighbour director eth0 "${d1[$1]}" d1 reachable
	neighbour router eth1 "${director[$1]}" director reachable
}

# On-remove is reset.
server_removed() {
	local refusal=([4]=3/3 [6]=1/4) name

	for name in gone-tcp$1 gone-udp$1; do
		shunt service set "$name" on-remove reset
		shunt server del "$name" "${d2[$1]}"
	done
	odd "its server was removed, TCP, IPv$1" "${vip[$1]} R 83>3002 seq 77 ack 0" \
		"gone-tcp$1/server-removed=1" "odd(tcp($1, 3002, 83, 'A', seq=1001, ack=77))"
	odd "then it is no connection, TCP, IPv$1" "${vip[$1]} R 83>3002 seq 77 ack 0" \
		"gone-tcp$1/no-connection=1" "odd(tcp($1, 3002, 83, 'A', seq=1001, ack=77))"
	odd "its server was removed, UDP, IPv$1" \
		"${director[$1]} icmp ${refusal[$1]} mtu 0 about ${vip[$1]} 3002>83" \
		"gone-udp$1/server-removed=1" "odd(udp($1, 3002, 83))"
}

# The debug kernel can refuse memory to the caches of connections, and to them
# alone.
no_memory() {
	local fail=/sys/kernel/debug/failslab cache

	if [[ $SHUNT_KERNEL != debug ]]; then
		skip "no-memory" "this kernel cannot be told to fail an allocation"
		return
	fi
	for cache in shunt_ipv4_dsr shunt_ipv4_nat; do
		echo 1 >"/sys/kernel/slab/$cache/failslab"
	done
	echo Y >$fail/cache-filter
	echo N >$fail/ignore-gfp-wait
	echo 0 >$fail/verbose
	echo -1 >$fail/times
	echo 100 >$fail/probability
	odd "no memory for a connection" nothing "dns4/no-memory=1 nat-dns4/no-memory=1" \
		"odd(udp(4, 3011, 53), udp(4, 3011, 5353))"
	echo 0 >$fail/probability
}

# After all that the services serve, and that counts nothing.
still() {
	is "all services serve, IPv$1" "$(datagrams 1 "${vip[$1]}" 53) $(
		datagrams 1 "${vip[$1]}" 5353) $(requests 1 "http://${host[$1]}/") $(
		requests 1 "http://${host[$1]}:8080/")" "d1=1 n1=1 d1=1 n1=1"
}

insmod_shunt
topo_up
servers_up d1 n1
topo_batch director ipv4/icmp_ratelimit=0 ipv6/icmp/ratelimit=0 \
	ipv4/neigh/eth0/retrans_time_ms=100 ipv6/neigh/eth0/retrans_time_ms=100 <<END
route add blackhole $VIP4
route add blackhole $VIP6
END
coproc ODD { in_ns client /usr/bin/python3 -IS "$WORK/odd.py" 2>&1; }
read -r -t 120 ready <&"${ODD[0]}"
is "the sender of odd packets" "$ready" ready
listing
counted_before=$(drop_counts)
both services
both no_server
both no_connection
unreachable
both server_removed
both no_route
both tuple_in_use
both fragment
both malformed
both ttl
in_ns director ip link set eth0 mtu $MTU
in_ns director ip link set eth1 mtu $MTU
both mtu
in_ns director ip link set eth0 mtu 1500
in_ns director ip link set eth1 mtu 1500
both source_is_vip
both not_sent
no_memory
skip "lro" "only a driver with LRO makes such packets, and no virtual device has it"
both still
counted "serving"
table
sums
is "another namespace has counts of its own" \
	"$(in_ns router "$SHUNT" -j drops | jq -c 'map(.count) | unique')" "[0]"
