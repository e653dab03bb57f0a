#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Datagrams in fragments are services' like all others, though only the first
# fragment says whose: they arrive whole, with what was sent, in DSR and NAT and
# in both directions, in any order, in fragments that fit the way and are never
# larger than they came. What cannot be put together is counted, what never
# becomes complete expires, and what is not for a service passes. A datagram too
# big for the way to its server is fragmented if its sender allows that, and
# else the sender is told, in the name of the VIP.
#
#    The network of net.sh, first as it is, then with its segments' ends in
#    raw.py. The back segment is the narrow one, with an MTU of 1300.
# kernels: 6.1 6.12
# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/raw.sh
. "$(dirname "$0")/raw.sh"

readonly NARROW=1300
declare -A vip=([4]=$VIP4 [6]=$VIP6) host=([4]=$VIP4 [6]="[$VIP6]")

cat >"$WORK/cases.py" <<'END'
import itertools, random

NARROW = 1300
world = Director({"front": Port(PREFIX + "rack", "director", 2, 1),
                  "back": Port(PREFIX + "back", "director", 3, 21)})
ROUTER = {4: "192.0.2.1", 6: "2001:db8:c::1"}
ELSEWHERE = {4: "203.0.113.5", 6: "2001:db8:99::5"}
MTU = {"front": 1500, "back": NARROW}
client_ports = itertools.count(20000)
idents = itertools.count(1)
chance = random.Random(3)

def flows(protocols=(UDP,), servers=SERVERS, families=FAMILIES):
    for server in servers:
        for family in families:
            for protocol in protocols:
                yield Flow(server, family, protocol, next(client_ports))

def step_of(flow, way=None):
    """Fragments as large as they may be. Of IPv6, no router makes them smaller."""
    if way == flow.down:
        return 1232
    if flow.family == 4:
        return 1480
    return 1448 if flow.link == "front" else 1232

def delivered(sent, wanted, limit):
    """Fragments, and (port, MAC, whole packet) for what is due: one by one."""
    got = world.exchange(sent)
    for port, number, packet in got:
        if len(packet) > min(limit, MTU[port]):
            return f"{len(packet)} bytes by {port}: {tell(packet)}"
    ways = sorted({one[:2] for one in got})
    if ways != sorted({one[:2] for one in wanted}):
        return f"came by {ways}"
    return differences([(port, number, packet) for port, number in ways for packet in
                        whole(p for a, b, p in got if (a, b) == (port, number))], wanted)

def in_parts(flow, way, content, step, order=list, **how):
    """One datagram of the client's (up) or the server's (down)."""
    ident = next(idents)
    make = flow.request if way == flow.up else flow.answer
    pair = make(*content, ident=ident) if flow.family == 4 else make(*content)
    (port, sent), = way(*pair)[0]
    parts = fragments(sent, step, ident=ident, **how)
    return [(port, part) for part in order(parts)], way(*pair)[1], max(map(len, parts))

def bytes_of(size):
    return chance.randbytes(size)

def known(flow):
    """A connection; in NAT the server has answered, too."""
    if flow.protocol == TCP:
        world.exchange(flow.up(*flow.request("S", 1000))[0])
        if flow.mode == "nat":
            world.exchange(flow.down(*flow.answer("SA", 5000, 1001))[0])
        world.exchange(flow.up(*flow.request("A", 1001, 5001))[0])
    else:
        world.exchange(flow.up(*flow.request())[0])

def ways(flow):
    return (flow.up, flow.down) if flow.mode == "nat" else (flow.up,)

def content(flow, size, way):
    if flow.protocol == UDP:
        return (bytes_of(size),)
    return ("PA", *((1001, 5001) if way == flow.up else (5001, 1001)), bytes_of(size))

def sizes():
    for flow in flows((UDP, TCP)):
        known(flow)
        yield every(f"{flow}: of every size", (
            (f"{way.__name__} {size}", delivered(*in_parts(flow, way, content(flow, size, way), step_of(flow, way))))
            for way in ways(flow)
            for size in (1500, 4000, 8191, 16001, 33333, 60000, 65487)))

def steps():
    for flow in flows((UDP, TCP)):
        known(flow)
        # IPv6 wants all headers in the first fragment.
        all_steps = (8, 16, 24, 552, 1000) if flow.family == 4 else (24, 552, 1000, 1232)
        yield every(f"{flow}: in fragments of every size", (
            (f"{way.__name__} {step}", delivered(*in_parts(flow, way, content(flow, 2001, way), step)))
            for way in ways(flow) for step in all_steps))

def shuffled(parts):
    return chance.sample(parts, len(parts))

def backwards(parts):
    return parts[::-1]

def last_first(parts):
    return parts[-1:] + parts[:-1]

def doubled(parts):
    return [part for part in parts for _ in (1, 2)]

def orders():
    for flow in flows():
        known(flow)
        yield every(f"{flow}: in any order, and twice", (
            (f"{way.__name__} {order.__name__}",
             delivered(*in_parts(flow, way, content(flow, 9000, way), step_of(flow, way), order)))
            for way in ways(flow)
            for order in (backwards, shuffled, last_first, doubled)))

def interleaved():
    for flow in flows():
        other = Flow(flow.number, flow.family, flow.protocol, next(client_ports))
        def results():
            for way in ways(flow):
                same = flow.up if way == flow.up else flow.down
                also = other.up if way == flow.up else other.down
                a, due_a, limit = in_parts(flow, same, content(flow, 5000, way), step_of(flow, way))
                b, due_b, _ = in_parts(other, also, content(other, 5000, way), step_of(flow, way))
                mixed = [one for pair in zip(a, b) for one in pair]
                yield way.__name__, delivered(mixed, due_a + due_b, limit)
        known(flow)
        known(other)
        yield every(f"{flow}: two datagrams interleaved", results())

def tcp_begins():
    """A handshake of which every segment comes in fragments."""
    for flow in flows((TCP,)):
        step = 8 if flow.family == 4 else 24
        options = bytes((2, 4, 5, 0xB4, 4, 2, 1, 1, 1, 3, 3, 7))
        def results():
            yield "SYN", delivered(*in_parts(flow, flow.up, ("S", 1000, 0, b"", options), step))
            if flow.mode == "nat":
                yield "SYN and ACK", delivered(
                    *in_parts(flow, flow.down, ("SA", 5000, 1001, b"", options), step))
            yield "ACK", delivered(*in_parts(flow, flow.up, ("A", 1001, 5001, b"", options), step))
        yield every(f"{flow}: a handshake", results())

def errors():
    """About a connection, and in fragments themselves."""
    for flow in flows((UDP, TCP)):
        known(flow)
        size = 1300 if flow.family == 4 else 1100
        def results():
            for way in ways(flow):
                if way == flow.up:
                    due, sent = flow.answer(*content(flow, size, flow.down))
                    ends = [(ROUTER[flow.family], a) for a in (flow.vip, flow.server)]
                else:
                    due, sent = flow.request(*content(flow, size, flow.up))
                    ends = [(a, flow.client) for a in (flow.server, flow.vip)]
                sent, due = (too_big(*end, 1280, packet, ident=99)
                             for end, packet in zip(ends, (sent, due)))
                (port, sent), = way(sent, due)[0]
                parts = fragments(sent, 552)
                yield way.__name__, delivered([(port, p) for p in parts], way(sent, due)[1],
                                              max(map(len, parts)))
        yield every(f"{flow}: ICMP errors", results())

def of_no_service():
    """To the VIP, but another port or protocol, and from a NAT server likewise: as
    every router, the director sends it to where the route leads."""
    for family in FAMILIES:
        vip, client, server = VIP[family], CLIENT[family], BACK[family] % 21
        def results():
            for port, packet in ("front", udp(client, 7, vip, 9999, bytes_of(4000))), \
                    ("front", tcp(client, 7, vip, 53, "PA", 1, 1, bytes_of(4000))), \
                    ("front", ip(client, vip, 253, bytes_of(4000))), \
                    ("back", udp(server, 9999, client, 7, bytes_of(4000))), \
                    ("back", tcp(server, 9999, client, 7, "PA", 1, 1, bytes_of(4000))):
                parts = fragments(packet, 1232)
                yield tell(packet)[:40], delivered([(port, p) for p in shuffled(parts)],
                                                   [("front", 1, hop(packet))], max(map(len, parts)))
        yield every(f"of no service, IPv{family}", results())

def of_nobody():
    """To another address, from another: nothing is waited for."""
    for family in FAMILIES:
        packet = udp(CLIENT[family], 7, ELSEWHERE[family], 53, bytes_of(4000))
        def results():
            for i, part in enumerate(fragments(packet, 1232)):
                yield i, world.compare([("front", part)], [("front", 1, hop(part))])
        yield every(f"to another address, IPv{family}: each by itself", results())

# What cannot be: one case each, and one drop is counted for each.

def parts_of(flow, size, parts):
    sent, _ = flow.request(bytes_of(size))
    return [("front", p) for p in fragment_parts(sent, parts, ident=next(idents))]

IMPOSSIBLE = {
    "overlapping (teardrop)": [(0, 32, 1), (24, 48, 0)],
    "the second inside of the first": [(0, 64, 1), (24, 32, 0)],
    "beyond the last": [(0, 32, 1), (40, 48, 0), (48, 56, 1)],
    "two lasts": [(40, 48, 0), (48, 56, 0)],
    "empty": [(0, 32, 1), (32, 32, 1)],
}

def impossible(number):
    """How what comes of the next impossible datagram differs from nothing."""
    flow = list(flows())[number]
    for name, parts in IMPOSSIBLE.items():
        yield f"{flow}: {name}", world.compare(parts_of(flow, 200, parts), []), "exact"

def too_long(number):
    """The "ping of death": the last fragment ends behind byte 65535."""
    flow = list(flows())[number]
    piece, = fragment_parts(flow.request(bytes_of(1440))[0], [(0, 1448, 1)], ident=77)
    sent = []
    for at in range(0, 65536, 1448):
        word = at | (at + 1448 < 65536)
        if flow.family == 4:
            part = with_sum(piece[:6] + struct.pack("!H", word >> 3 | (word & 1) << 13) + piece[8:])
        else:
            part = piece[:42] + struct.pack("!H", word) + piece[44:]
        sent.append(("front", part))
    yield f"{flow}: longer than a datagram can be", world.compare(sent, []), "exact"

def impossible_6(number):
    flow = list(flows(families=(6,)))[number]
    yield f"{flow}: of an odd size", world.compare(parts_of(flow, 200, [(0, 33, 1)]), []), "exact"
    yield f"{flow}: without the header in the first", world.compare(
        [("front", p) for p in fragments(Flow(flow.number, 6, TCP, 9).request("S")[0], 8)[:1]], []), "exact"

# What is too big.

def allowed():
    for flow in flows(servers=(21, 31), families=(4,)):
        sent, due = flow.request(bytes_of(1400))
        yield f"{flow}: fragmented on the way", delivered(*flow.up(sent, due), 1500), "exact"
        known_size = NARROW - 28
        yield f"{flow}: as it is, if it just fits", \
            world.compare(*flow.up(*flow.request(bytes_of(known_size)))), "exact"

def told_of(got, mtu=None):
    """The director's words: who tells whom what, about which ports."""
    out = []
    for port, number, packet in got:
        family = packet[0] >> 4
        at, inner = (20, 20) if family == 4 else (40, 40)
        af, a, width = ((socket.AF_INET, 12, 4), (socket.AF_INET6, 8, 16))[family == 6]
        src, dst = (socket.inet_ntop(af, packet[i:i + width]) for i in (a, a + width))
        kind, code, _, word = struct.unpack("!BBHI", packet[at:at + 8])
        if packet[at + 8 + 6] == FRAGMENT and family == 6:
            inner += 8
        ports = struct.unpack("!HH", packet[at + 8 + inner:at + 8 + inner + 4])
        out.append(f"{port}/{number} {src} tells {dst} {kind}/{code} {word} about {ports[0]}>{ports[1]}")
    return ", ".join(out)

def due_words(flow, kind, word):
    return f"front/1 {flow.vip} tells {flow.client} {kind} {word} about {flow.port}>{flow.vport}"

TOO_BIG = {4: "3/4", 6: "2/0"}

def forbidden():
    for flow in flows(servers=(21, 31)):
        how = {"df": True} if flow.family == 4 else {}
        sent = flow.up(*flow.request(bytes_of(1400), **how))[0]
        yield f"{flow}: too big", told_of(world.exchange(sent)), due_words(flow, TOO_BIG[flow.family], NARROW)

def forbidden_parts():
    """Fragments that may not be made smaller."""
    for flow in flows(servers=(21, 31)):
        how = {"df": True} if flow.family == 4 else {}
        sent, _, _ = in_parts(flow, flow.up, (bytes_of(4000),), 1448, **how)
        yield f"{flow}: in fragments too big", told_of(world.exchange(sent)), \
            due_words(flow, TOO_BIG[flow.family], NARROW)

def fitting_parts():
    """Those that may not, but need not be."""
    for flow in flows(servers=(11,), families=(4,)):
        sent, due, limit = in_parts(flow, flow.up, (bytes_of(4000),), 1448, df=True)
        got = world.exchange(sent)
        yield f"{flow}: fragments with DF", differences(
            [(a, b, p[:6] + bytes((p[6] & 0xBF,)) + p[7:10] + b"\0\0" + p[12:]) for a, b, p in got],
            [(a, b, p[:10] + b"\0\0" + p[12:]) for a, b, _ in due for p in
             fragments(due[0][2], 1448)]), "exact"

def expired_ttl():
    for flow in flows():
        sent, _ = flow.request(bytes_of(4000), ttl=1)
        sent = [("front", p) for p in fragments(sent, step_of(flow))]
        yield f"{flow}: at its last hop", " ".join(told_of(world.exchange(sent)).split()[1:-2]), \
            {4: "10.0.0.2 tells 192.0.2.10 11/0 0", 6: "2001:db8:a::2 tells 2001:db8:c::10 3/0 0"}[flow.family]

late = []

def incomplete():
    for flow in flows((UDP, TCP)):
        known(flow)
        for way in ways(flow):
            sent, due, _ = in_parts(flow, way, content(flow, 4000, way), step_of(flow, way), shuffled)
            late.append(sent[-1])
            yield f"{flow}, {way.__name__}: waited for", world.compare(sent[:-1], []), "exact"

def too_late():
    yield "the rest comes too late", world.compare(late, []), "exact"
END

# counts: what each reason has been counted so far, by service.
counts() {
	shunt -j drops | jq -c 'map({"\(if .service == "" then "-" else .service end)/\(.reason)": .count}) | add'
}

# counted DESCRIPTION [SERVICE/REASON=N...]: so much since the last look, "-"
# being no service.
counted() {
	local now

	now=$(counts)
	is "$1: counted" "$(jq -rn --argjson was "$was" --argjson now "$now" '
		$now | to_entries | map(.value -= ($was[.key] // 0) | select(.value != 0) |
		"\(.key)=\(.value)") | sort | join(" ")')" "${*:2}"
	was=$now
}

# reassembly FIELD: a count of the director's, of both families.
reassembly() {
	in_ns director cat /proc/net/snmp /proc/net/snmp6 | awk -v field="$1" '
		$1 == "Ip:" && $2 !~ /^[0-9]/ { for (i = 2; i <= NF; i++) if ($i == field) at = i }
		$1 == "Ip:" && $2 ~ /^[0-9]/ { sum += $at }
		$1 == "Ip6" field { sum += $2 }
		END { print sum + 0 }'
}

# Nothing of it is kept.
expired() {
	[[ $(reassembly ReasmTimeout) -ge $1 ]] &&
		in_ns director grep -q '^FRAG: inuse 0 ' /proc/net/sockstat
}

insmod_shunt
topo_up
together servers_up d1 n1 + server_up director
for family in 4 6; do
	shunt service add "dns$family" udp "${host[$family]}:53"
	shunt service add "dnat$family" udp "${host[$family]}:5353" mode nat
done
shunt server add dns4 10.0.0.11
shunt server add dns6 2001:db8:a::11
shunt server add dnat4 10.1.0.21:53
shunt server add dnat6 "[2001:db8:b::21]:53"
was=$(counts)

note "programs"
for family in 4 6; do
	for size in 1500 4000 8191 16001 33333 60000 65500; do
		is "IPv$family, $size bytes: DSR and NAT" "$(
			datagrams 2 "${vip[$family]}" 53 -s $size) $(
			datagrams 2 "${vip[$family]}" 5353 -s $size)" "d1=2 n1=2"
	done
	is "IPv$family: from the director" "$(
		FROM=director datagrams 2 "${vip[$family]}" 53 -s 4000) $(
		FROM=director datagrams 2 "${vip[$family]}" 5353 -s 4000)" "d1=2 n1=2"
done
counted "programs"

note "programs, with a narrow link at the server"
in_ns director ip link set eth1 mtu $NARROW
in_ns n1 ip link set eth0 mtu $NARROW
for name in director n1; do
	in_ns back ip link set $name mtu $NARROW
done
is "the sender leaves IPv4 to the routers" "$(datagrams 2 $VIP4 5353 -s 8000)" "n1=2"
counted "that"
is "and learns for IPv6" "$(datagrams 3 $VIP6 5353 -s 8000)" "EMSGSIZE=1 n1=2"
counted "the first" dnat6/mtu=1

note "the director's own"
in_ns director "$SHUNT_TOP/build/udp" serve director 7
topo_batch director <<-END
	addr add $VIP4/32 dev lo
	addr add $VIP6/128 dev lo nodad
END
is "its listener on a port of no service" \
	"$(datagrams 2 $VIP4 7 -s 4000) $(datagrams 2 $VIP6 7 -s 4000)" "director=2 director=2"
topo_batch director <<-END
	addr del $VIP4/32 dev lo
	addr del $VIP6/128 dev lo
END
counted "that"

wire ipv4/icmp_ratelimit=0 ipv6/icmp/ratelimit=0
was=$(counts)
coproc RAW { exec python3 -IS "$RAW_PY" "$NS_PREFIX" "$WORK/cases.py"; }
sender=$RAW_PID
read -r -t 60 ready <&"${RAW[0]}"
is "the sender of packets" "$ready" ready

note "packet by packet"
cases "sizes()"
cases "steps()"
counted "that"
cases "orders()"
# One each in IPv4, where the kernel says of both that they overlap; in IPv6 it
# takes a fragment that came again for one that it keeps.
counted "what came twice" -/fragment=25
cases "interleaved()"
cases "tcp_begins()"
is "which establishes connections" "$(shunt -j conn show | jq -r '.[] |
	select(.protocol == "tcp") | .state' | tally)" "established=18"
cases "errors()"
counted "all these"

note "what is not a service's"
cases "of_no_service()"
cases "of_nobody()"
counted "that"

note "what cannot be put together"
for number in {0..5}; do
	cases "impossible($number)"
	counted "each of the five" -/fragment=5
	cases "too_long($number)"
	counted "that" -/fragment=1
done
for number in 0 1 2; do
	cases "impossible_6($number)"
	counted "both" -/fragment=2
done

note "what is too big"
cases "allowed()"
counted "that"
cases "forbidden()"
counted "each" udp4-21/mtu=1 udp4-31/mtu=1 udp6-21/mtu=1 udp6-31/mtu=1
cases "forbidden_parts()"
counted "each" udp4-21/mtu=1 udp4-31/mtu=1 udp6-21/mtu=1 udp6-31/mtu=1
cases "fitting_parts()"
counted "those that fit"
cases "expired_ttl()"
counted "each" udp4-11/ttl=1 udp4-21/ttl=1 udp4-31/ttl=1 udp6-11/ttl=1 udp6-21/ttl=1 udp6-31/ttl=1

note "what never becomes complete"
# What was left half done above is to be gone, too.
before=$(reassembly ReasmTimeout)
in_ns director sh -c 'echo 1 >/proc/sys/net/ipv4/ipfrag_time
	echo 1 >/proc/sys/net/netfilter/nf_conntrack_frag6_timeout'
cases "incomplete()"
check "it expires in the kernel's queue" wait_until 60 expired $((before + 16))
cases "too_late()"
counted "that"
echo "sys.exit()" >&"${RAW[1]}"
wait "$sender"
