#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The same packets through ip_vs and through shunt: two directors with the same
# addresses, MACs, neighbours and services get the same frames, one after the
# other, and what leaves them by each device is compared byte for byte. Each
# difference is a line below, with its reason, and is a failure when it is not
# there any more.
# kernels: 6.12
#
#                      ┌──────┐
#    front-a, back-a ──┤ wire ├── front-b, back-b      the ends in raw.py
#           │          └──────┘          │
#    ┌──────┴───┐                  ┌─────┴────┐
#    │ director │ shunt            │   other  │ ip_vs
#    └──────────┘                  └──────────┘
#
#    Addresses are those of net.sh, with the VIP local on both, as ip_vs needs
#    it. The back devices have an MTU of 1300. Nothing listens on the directors.
# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/raw.sh
. "$(dirname "$0")/raw.sh"

cat >"$WORK/cases.py" <<'END'
import itertools

def director(side):
    return Director({"front": Port(PREFIX + "wire", "front-" + side, 2, 1),
                     "back": Port(PREFIX + "wire", "back-" + side, 3, 21)})

# From here on, shunt's is the first and ip_vs's the second.
sides = director("a"), director("b")
ROUTER = {4: "192.0.2.1", 6: "2001:db8:c::1"}
client_ports = itertools.count(20000)
TEXT = bytes(range(65, 91)) * 60

# What a director takes at random: the identification and flow label of what it
# makes itself, and the identification of IPv6 fragments. All that is sent has 0x1234,
# or 0x4343 in fragments, and no label.
MADE = {packed(a) for a in (VIP[4], "10.0.0.2", "10.1.0.1", VIP[6], "2001:db8:a::2", "2001:db8:b::1")}

def normal(packet):
    if packet[0] >> 4 == 4:
        ours = packet[12:16] in MADE and packet[4:6] not in (b"\x12\x34", b"\x43\x43")
        return anonymous(packet) if ours else packet
    if packet[6] == FRAGMENT:
        packet = packet[:44] + bytes(4) + packet[48:]
    return anonymous(packet) if packet[8:24] in MADE else packet

def brief(got):
    """What came out, in words."""
    words = []
    for port, number, packet in got:
        family = packet[0] >> 4
        protocol, at = (packet[9], (packet[0] & 15) * 4) if family == 4 else (packet[6], 40)
        part = fragment_of(packet)
        if protocol == ICMP[family] and not part:
            af, a, width = ((socket.AF_INET, 12, 4), (socket.AF_INET6, 8, 16))[family == 6]
            source = socket.inet_ntop(af, packet[a:a + width])
            word = f"ICMP {packet[at]}/{packet[at + 1]} of {source}"
        elif part:
            word = f"fragment of {len(packet)}"
        elif protocol == TCP:
            word = "TCP " + "".join(f for i, f in enumerate(FLAGS) if packet[at + 13] >> i & 1)
        else:
            word = {UDP: "UDP"}.get(protocol, f"protocol {protocol}")
        words.append(f"{word} to {number}")
    return ", ".join(words) or "nothing"

# The recorded packets. Each step has a connection of its own, made before or not,
# and yields what is sent at a time.

def open_tcp(flow):
    yield flow.up(*flow.request("S", 1000))[0]
    if flow.mode == "nat":
        yield flow.down(*flow.answer("SA", 5000, 1001))[0]
    yield flow.up(*flow.request("A", 1001, 5001))[0]

def open_udp(flow):
    yield flow.up(*flow.request(b"first"))[0]
    if flow.mode == "nat":
        yield flow.down(*flow.answer(b"answer"))[0]

def sends(flow, size=100, **how):
    what = ("PA", 1001, 5001, TEXT[:size]) if flow.protocol == TCP else (TEXT[:size],)
    return flow.up(*flow.request(*what, **how))[0]

def answers(flow, size=100, **how):
    what = ("PA", 5001, 1001, TEXT[:size]) if flow.protocol == TCP else (TEXT[:size],)
    return flow.down(*flow.answer(*what, **how))[0]

def both_ways(flow, size=100, **how):
    yield sends(flow, size, **how)
    if flow.mode == "nat":
        yield answers(flow, size, **how)

def in_fragments(sent, step=552):
    return [(port, part) for port, packet in sent for part in fragments(packet, step, ident=0x4343)]

KINDS = {4: {"unreachable": (3, 1, 0), "too big": (3, 4, 1280), "expired": (11, 0, 0),
             "problem": (12, 0, 20 << 24), "quench": (4, 0, 0)},
         6: {"unreachable": (1, 0, 0), "too big": (2, 0, 1280), "expired": (3, 0, 0),
             "problem": (4, 1, 6)}}

def errors(flow, kind, size=2000, **how):
    """About a packet each way, from a router by the client and from the server."""
    inside = answers(flow, **how)[0][1] if flow.mode == "nat" else None
    what = ("PA", 5001, 1001, TEXT[:100]) if flow.protocol == TCP else (TEXT[:100],)
    theirs = flow.make(flow.vip, flow.vport, flow.client, flow.port, *what, **how)
    yield [("front", icmp(ROUTER[flow.family], flow.vip, *kind, theirs[:size]))]
    if inside:
        what = ("PA", 1001, 5001, TEXT[:100]) if flow.protocol == TCP else (TEXT[:100],)
        ours = flow.make(flow.client, flow.port, flow.server, flow.sport, *what, **how)
        yield [("back", icmp(flow.server, flow.client, *kind, ours[:size]))]

OPTIONS_4 = {"no operation": bytes((1, 1, 1, 0)), "router alert": bytes((0x94, 4, 0, 0)),
             "record route": bytes((7, 7, 4, 0, 0, 0, 0, 0)),
             "time stamp": bytes((0x44, 8, 5, 0)) + bytes(4)}
CHAINS_6 = {"hop-by-hop": (HBH,), "options": (OPTIONS,), "routing": (ROUTING,),
            "atomic fragment": (FRAGMENT,), "all": (HBH, OPTIONS, ROUTING, OPTIONS)}

def steps(flow):
    """(name, whether the connection exists, what is sent)."""
    tcp_, udp_, four, nat = flow.protocol == TCP, flow.protocol == UDP, flow.family == 4, flow.mode == "nat"
    df = {"df": True} if four else {}
    if tcp_:
        yield "handshake", False, open_tcp(flow)
        yield "SYN, again", False, (flow.up(*flow.request("S", 1000))[0] for _ in range(3))
        yield "SYN with options", False, [flow.up(*flow.request(
            "S", 1000, tcp_options=bytes((2, 4, 5, 0xB4, 4, 2, 1, 1))))[0]]
        yield "SYN with data", False, [flow.up(*flow.request("S", 1000, data=TEXT[:50]))[0]]
        for flags in "A", "PA", "FA", "SA", "R", "RA", "F":
            yield f"mid-stream {flags} without a connection", False, \
                [flow.up(*flow.request(flags, 1001, 5001))[0]]
        yield "no flags without a connection", False, [flow.up(*flow.request("", 1001, 5001))[0]]
        yield "closing", True, (one for one in [
            flow.up(*flow.request("FA", 1001, 5001))[0]] + ([
                flow.down(*flow.answer("FA", 5001, 1002))[0]] if nat else []) + [
                    flow.up(*flow.request("A", 1002, 5002))[0]])
        yield "SYN after the end", True, (one for one in [
            flow.up(*flow.request("FA", 1001, 5001))[0]] + ([
                flow.down(*flow.answer("FA", 5001, 1002))[0]] if nat else []) + [
                    flow.up(*flow.request("S", 900000))[0]])
        yield "RST", True, [flow.up(*flow.request("R", 1001))[0]]
        if nat:
            yield "RST of the server", True, [flow.down(*flow.answer("RA", 5001, 1001))[0]]
        yield "a header too short", True, [[
            (port, packet[:-8] + b"\x40" + packet[-7:])
            for port, packet in flow.up(*flow.request("A", 1001, 5001))[0]]]
    if udp_:
        yield "first datagram", False, open_udp(flow)
        yield "empty datagram", False, both_ways(flow, 0)
        if four:
            yield "no checksum", True, both_ways(flow, sum_it=False)
        yield "cut short", False, [[(port, ip(flow.client, flow.vip, UDP, packet[-105:][:7]))
                                    for port, packet in sends(flow, 97)]]
    yield "data", True, both_ways(flow)
    yield "wrong checksum", True, both_ways(flow, error=0x1234)
    for ttl in 1, 2, 3, 255:
        yield f"TTL {ttl}", True, both_ways(flow, ttl=ttl)
    yield "TTL 1 without a connection", False, \
        [flow.up(*(flow.request("S", 1000, ttl=1) if tcp_ else flow.request(b"x", ttl=1)))[0]]
    yield "type of service", True, both_ways(flow, tos=0xB8)
    if four:
        for name, options in OPTIONS_4.items():
            yield name, True, both_ways(flow, options=options)
    else:
        for name, order in CHAINS_6.items():
            yield name, True, both_ways(flow, chain=[(kind, extension(kind)) for kind in order])
    yield "DF", True, both_ways(flow, df=True) if four else both_ways(flow)
    # 1300 bytes fit the way to the server.
    size = 1300 - (20 if four else 40) - (20 if tcp_ else 8)
    yield "just fits", True, [sends(flow, size, **df)]
    yield "too big", True, [sends(flow, size + 1, **df)]
    if four:
        yield "too big, may be fragmented", True, [sends(flow, size + 1)]
    for order in "in order", "backwards":
        yield f"fragments {order}", True, (
            in_fragments(sent)[::1 if order == "in order" else -1] for sent in both_ways(flow, 1400))
    yield "half of the fragments", True, (in_fragments(sent)[:2] for sent in both_ways(flow, 1400))
    for name, kind in KINDS[flow.family].items():
        yield f"error: {name}", True, errors(flow, kind)
        yield f"error: {name}, 8 bytes", True, errors(flow, kind, (20 if four else 40) + 8)
    kind = KINDS[flow.family]["unreachable"]
    yield "error without a connection", False, errors(flow, kind)
    if four:
        yield "error, options inside", True, errors(flow, kind, options=OPTIONS_4["no operation"])
    else:
        yield "error, headers inside", True, errors(
            flow, kind, chain=[(k, extension(k)) for k in (HBH, OPTIONS)])
    yield "errors in fragments", True, (in_fragments(sent, 64) for sent in errors(flow, kind))

def others(family):
    """What is not the services'."""
    flow = Flow(11, family, UDP, 7)
    client, vip = CLIENT[family], VIP[family]
    server = BACK[family] % 21
    for name, packet in ("UDP to a closed port", udp(client, 7, vip, 9999)), \
            ("TCP to a closed port", tcp(client, 7, vip, 9999, "S")), \
            ("TCP to the port of UDP", tcp(client, 7, vip, 5353, "S")), \
            ("another protocol", ip(client, vip, 253, TEXT[:50])), \
            ("a ping", icmp(client, vip, 8 if family == 4 else 128, 0, 1, TEXT[:50])), \
            ("to the server's own address", udp(client, 7, server, 53)), \
            ("to nowhere", udp(client, 7, "203.0.113.1" if family == 4 else "2001:db8:99::1", 53)):
        yield name, [("front", packet)]
    yield "from another port of the server", [("back", udp(server, 54, client, 7))]
    yield "from the server to nobody", [("back", tcp(server, 80, client, 9, "SA", 1, 1))]
    yield "fragments to a closed port", in_fragments([("front", udp(client, 7, vip, 9999, TEXT[:1400]))])

# Where the two differ: "FLOW: STEP", what ip_vs makes of it and what shunt does, all
# three as regular expressions, and why. "the same, but for byte N" is the first one.
KNOWN = [
    (r".*TCP: mid-stream SA without a connection", r"TCP SA to \d+", r"TCP R to 1",
     "ip_vs takes every segment with a SYN flag for a client's first"),
    (r".*TCP: a header too short", r"TCP A to \d+", r"nothing",
     "shunt drops what no TCP could read, and counts it"),
    (r".*IPv4.*: TTL 1.*", r"ICMP 11/0 of 198.51.100.1 to 1(, ICMP 11/0 of 10.1.0.1 to 21)?",
     r"ICMP 11/0 of 10.0.0.2 to 1(, ICMP 11/0 of 10.1.0.1 to 21)?",
     "shunt is a router that took a hop, ip_vs the host that has the VIP"),
    (r".*: (record route|time stamp)", r"(TCP PA|UDP) to .*", r"the same, but for byte 10",
     "the host below ip_vs writes into the options before ip_vs gets the packet"),
    (r".*by back, IPv4, \w+: too big", r"ICMP 3/4 of 198.51.100.1 to 1", r"the same, but for byte 36",
     "ip_vs has taken a hop off the packet that it sends back"),
    (r".*by back, IPv6, \w+: too big", r"ICMP 2/0 of 2001:db8:f::1 to 1", r"the same, but for byte 43",
     "ip_vs has taken a hop off the packet that it sends back"),
    (r"DSR.*IPv4.*: error: problem.*", r"nothing", r"ICMP 12/0 of 192.0.2.1 to \d+",
     "ip_vs does not take a parameter problem for an error"),
    (r"NAT.*IPv4.*: error: problem.*", r"ICMP 12/0 of 10.1.0.21 to 1",
     r"ICMP 12/0 of 192.0.2.1 to 21, ICMP 12/0 of 198.51.100.1 to 1",
     "ip_vs does not take a parameter problem for an error"),
    (r"NAT.*IPv4.*: error(: \w+( \w+)?|, .* inside|s in fragments)|NAT.*IPv4, UDP: error.*8 bytes",
     r".* to 21, .* to 1", r"the same, but for byte 22",
     "ip_vs leaves the checksum of the packet inside as it was before the translation"),
    (r"NAT.*IPv6.*: error(: \w+( \w+)?|, .* inside)|NAT.*IPv6, UDP: error.*8 bytes",
     r".* to 21, .* to 1", r"the same, but for byte 42",
     "ip_vs leaves the checksum of the packet inside as it was before the translation"),
    (r"NAT.*IPv6.*: errors in fragments", r"fragment of 112 to 21.*", r"fragment of 2\d\d to 21",
     "shunt changes the packet inside, and what had to be made writable the kernel cuts at 1280"),
    (r".*IPv6.*: atomic fragment", r"(TCP PA|UDP) to .*", r"fragment of \d+ to .*",
     "the host below ip_vs takes the header away, and shunt leaves what needs no reassembly"),
    (r"NAT.*IPv4, UDP: no checksum", r"UDP to 21, UDP to 1", r"the same, but for byte 26",
     "ip_vs makes a checksum where the sender made none"),
    (r".*: a VIP that is not local", r"(TCP S|UDP) to 1", r"(TCP S|UDP) to (11|21|31)",
     "ip_vs gets what the host would deliver to itself only"),
]

def cleaned(got):
    return [(a, b, normal(p)) for a, b, p in got]

def compared(name, exchanges):
    """The case of one step."""
    mine, theirs = [], []
    for sent in exchanges:
        for side, into in zip(sides, (mine, theirs)):
            into.extend(side.exchange(sent))
    mine, theirs = cleaned(mine), cleaned(theirs)
    result = differences(mine, theirs)
    known = [one for one in KNOWN if re.fullmatch(one[0], name)]
    if not known:
        if result != "exact":
            result = f"ip_vs: {brief(theirs)}; shunt: {brief(mine)}; {result}"
        return name, result, "exact"
    (_, before, after, reason), *_ = known
    was, now = brief(theirs), brief(mine)
    if result == "exact":
        now = "the same"
    elif was == now and result.startswith("differs at byte "):
        now = "the same, but for byte " + result.split(":")[0].split()[-1]
    good = re.fullmatch(before, was) and re.fullmatch(after, now)
    return f"{name}: differs, {reason}", f"ip_vs: {was}; shunt: {now}" if not good else "as it should", \
        "as it should"

def play(server, family, protocol):
    same = []
    for index in itertools.count():
        flow = Flow(server, family, protocol, next(client_ports))
        all_steps = list(itertools.islice(steps(flow), index, index + 1))
        if not all_steps:
            break
        (name, exists, exchanges), = all_steps
        if exists:
            for sent in open_tcp(flow) if protocol == TCP else open_udp(flow):
                for side in sides:
                    side.exchange(sent)
        case = compared(f"{flow}: {name}", exchanges)
        if "differs" in case[0] or case[1] != case[2]:
            yield case
        else:
            same.append(name)
    yield f"{flow}: the same: {', '.join(same)}", "exact" if len(same) > 15 else "too few", "exact"

def play_not_local():
    for server in SERVERS:
        for family in FAMILIES:
            for protocol, what in (TCP, ("S", 1000)), (UDP, (b"first",)):
                flow = Flow(server, family, protocol, next(client_ports))
                yield compared(f"{flow}: a VIP that is not local", [flow.up(*flow.request(*what))[0]])

def play_others(family):
    for name, sent in others(family):
        yield compared(f"IPv{family}: {name}", [sent])
END

# twin NAME SIDE: a director, with its links to the wire.
twin() {
	local p=$NS_PREFIX

	ip -b - <<-END
	netns add $p$1
	link add eth0 netns $p$1 type veth peer front-$2 netns ${p}wire
	link add eth1 netns $p$1 type veth peer back-$2 netns ${p}wire
	END
	ip -n "${p}wire" link set "front-$2" up
	ip -n "${p}wire" link set "back-$2" up
	{
		topo_device lo "$VIP4/32" "$VIP6/128"
		topo_device eth0 10.0.0.2 2001:db8:a::2
		topo_device eth1 10.1.0.1 2001:db8:b::1
		topo_routes 10.0.0.1 2001:db8:a::1 default
		echo "link set eth1 mtu 1300"
		python3 -IS "$RAW_PY" links
	} | topo_batch "$1" ipv4/conf/all/forwarding=1 ipv6/conf/all/forwarding=1 \
		ipv4/icmp_ratelimit=0 ipv6/icmp/ratelimit=0 \
		ipv4/conf/all/send_redirects=0 ipv4/conf/eth0/send_redirects=0
	in_ns "$1" ethtool -K eth0 tx off >/dev/null
	in_ns "$1" ethtool -K eth1 tx off >/dev/null
}

# Nothing limits how often a host sends errors.
limits() {
	local name limit

	for name in director other; do
		for limit in icmp_msgs_per_sec icmp_msgs_burst; do
			echo 100000 >/proc/sys/net/ipv4/$limit
			# Where these belong to the namespace, the above is another's.
			in_ns $name sh -c "echo 100000 >/proc/sys/net/ipv4/$limit" 2>/dev/null || :
		done
	done
}

# The VIP is routed to them and no address of theirs.
not_local() {
	topo_batch "$1" <<-END
		addr del $VIP4/32 dev lo
		addr del $VIP6/128 dev lo
	END
}

# The same services for both.
configure() {
	local words protocol address mode

	while read -ra words; do
		shunt "${words[@]}"
		case ${words[*]:0:2} in
		"service add")
			protocol=-${words[3]:0:1} address=${words[4]}
			mode=-g
			[[ ${words[6]} == dsr ]] || mode=-m
			echo "-A $protocol $address -s rr"
			;;
		"server add") echo "-a $protocol $address -r ${words[3]} $mode" ;;
		esac
	done < <(python3 -IS "$RAW_PY" services) >"$WORK/ipvs"
	in_ns other ipvsadm -R <"$WORK/ipvs"
}

insmod_shunt
modprobe -a ip_vs ip_vs_rr
echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad
echo 1 >/proc/sys/net/core/devconf_inherit_init_net
ip netns add "${NS_PREFIX}wire"
in_ns wire sh -c 'echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6'
twin director a
twin other b
limits
configure
coproc RAW { exec python3 -IS "$RAW_PY" "$NS_PREFIX" "$WORK/cases.py"; }
sender=$RAW_PID
read -r -t 60 ready <&"${RAW[0]}"
is "the sender of packets" "$ready" ready

for protocol in TCP UDP; do
	for family in 4 6; do
		for server in 11 21 31; do
			cases "play($server, $family, $protocol)"
		done
	done
done
note "what is no service's"
for family in 4 6; do
	cases "play_others($family)"
done
note "a VIP that is only routed to them"
not_local director
not_local other
cases "play_not_local()"
echo "sys.exit()" >&"${RAW[1]}"
wait "$sender"
