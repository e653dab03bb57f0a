#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Headers that most packets do not have, byte for byte, in DSR and NAT, both
# ways: IPv6 extension headers in every order before TCP and UDP, with which
# connections are established and closed like all others; IPv4 options;
# checksums that are wrong and must stay exactly as wrong; and what an ICMP
# error may have inside, from options and extension headers to the later part of
# a datagram, which says nothing of ports and passes untouched.
#
#    The network of net.sh, whose segments end in raw.py.
# kernels: 6.12
# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/raw.sh
. "$(dirname "$0")/raw.sh"

cat >"$WORK/cases.py" <<'END'
import itertools

world = Director({"front": Port(PREFIX + "rack", "director", 2, 1),
                  "back": Port(PREFIX + "back", "director", 3, 21)})
ROUTER = {4: "192.0.2.1", 6: "2001:db8:c::1"}
NAMES = {HBH: "hop-by-hop", OPTIONS: "options", ROUTING: "routing", FRAGMENT: "atomic fragment"}
client_ports = itertools.count(10000)

def flows(families=FAMILIES, protocols=(TCP, UDP)):
    for server in 11, 21:
        for family in families:
            for protocol in protocols:
                yield Flow(server, family, protocol, next(client_ports))

# RFC 8200 4.1: hop-by-hop options come first, and the others should come once and
# in some order, but must be accepted in any.
def orders():
    for first in (), (HBH,):
        for count in range(4):
            for rest in itertools.permutations((OPTIONS, ROUTING, FRAGMENT), count):
                yield first + rest
    yield HBH, OPTIONS, ROUTING, FRAGMENT, OPTIONS
    yield OPTIONS, ROUTING, OPTIONS

def chain(order, routing_type=0):
    return [(kind, extension(kind, routing_type)) for kind in order]

def label(order):
    return ", ".join(NAMES[kind] for kind in order) or "none"

def opened(flow, **how):
    """A TCP handshake. How each packet of it came out."""
    syn, syn_ack, ack = ("S", 1000), ("SA", 5000, 1001), ("A", 1001, 5001)
    yield world.compare(*flow.up(*flow.request(*syn, **how)))
    if flow.mode == "nat":
        yield world.compare(*flow.down(*flow.answer(*syn_ack, **how)))
    yield world.compare(*flow.up(*flow.request(*ack, **how)))

def closed(flow, **how):
    yield world.compare(*flow.up(*flow.request("FA", 1001, 5001, **how)))
    if flow.mode == "nat":
        yield world.compare(*flow.down(*flow.answer("FA", 5001, 1002, **how)))
        yield world.compare(*flow.up(*flow.request("A", 1002, 5002, **how)))

def exchanged(flow, **how):
    yield world.compare(*flow.up(*flow.request(b"question", **how)))
    if flow.mode == "nat":
        yield world.compare(*flow.down(*flow.answer(b"the answer", **how)))

def in_all_orders(step, protocol):
    """For each mode, the same connections whatever the step."""
    for server in 11, 21:
        yield every(f"{Flow(server, 6, protocol, 0)}: {step.__name__}",
                    ((label(order), result) for port, order in enumerate(orders(), 20000)
                     for result in step(Flow(server, 6, protocol, port), chain=chain(order))))

def routing_types():
    for flow in flows((6,)):
        step = opened if flow.protocol == TCP else exchanged
        yield every(f"{flow}: routing headers of type 2 and 4", (
            (kind, result) for kind in (2, 4)
            for result in step(flow, chain=chain((ROUTING,), kind))))

# No operation; router alert; a time stamp, a record of the route and a security
# label, which a router may write to and a balancer has no business with.
IPV4_OPTIONS = {
    "no operation": bytes((1, 1, 1, 0)),
    "router alert": bytes((0x94, 4, 0, 0)),
    "record route": bytes((7, 7, 4, 0, 0, 0, 0, 0)),
    "time stamp": bytes((0x44, 8, 5, 0)) + bytes(4),
    "all the room": bytes([1] * 39 + [0]),
}

def ipv4_options():
    for flow in flows((4,)):
        steps = (opened, closed) if flow.protocol == TCP else (exchanged,)
        yield every(f"{flow}: IPv4 options", (
            (name, result) for name, options in IPV4_OPTIONS.items() for step in steps
            for result in step(flow, options=options)))

# What does not fit the content must not be made to fit.
def wrong_sums():
    for flow in flows():
        what = (("PA", 1001, 5001, b"data"), ("PA", 5001, 1001, b"more")) \
            if flow.protocol == TCP else ((b"question",), (b"answer",))
        if flow.protocol == TCP:
            list(opened(flow))
        hows = [{"error": error} for error in (1, 0x1234, 0xFF00)]
        if flow.family == 6:
            hows += [{"error": 0x1234, "chain": chain(order)} for order in orders()]
        else:
            hows += [{"error": 0x1234, "options": o} for o in IPV4_OPTIONS.values()]
        if flow.protocol == UDP:
            hows += [{"sum_it": False}]
        def results():
            for how in hows:
                yield how, world.compare(*flow.up(*flow.request(*what[0], **how)))
                if flow.mode == "nat":
                    yield how, world.compare(*flow.down(*flow.answer(*what[1], **how)))
        yield every(f"{flow}: wrong and absent checksums", results())

# A sum that becomes 0 must not say that there is none.
def sums_of_zero():
    for family in FAMILIES:
        flow = Flow(21, family, UDP, next(client_ports))
        def results():
            for one in flow.request, flow.answer:
                for word in range(65536):
                    sent, due = one(struct.pack("!H", word))
                    if due[-4:-2] == b"\xff\xff":
                        break
                yield "ffff", world.compare(*(flow.up if one == flow.request else flow.down)(sent, due))
        yield every(f"{flow}: a checksum that becomes 0", results())

KINDS = {4: ((3, 1, 0), (3, 4, 1300), (11, 0, 0), (12, 0, 20 << 24)),
         6: ((1, 0, 0), (2, 0, 1300), (3, 0, 0), (4, 1, 6))}

def known(flow):
    """The director knows the connection."""
    if flow.protocol == TCP:
        list(opened(flow))
    else:
        list(exchanged(flow))

def content(flow):
    return ("PA", 1001, 5001, bytes(range(65, 92))) if flow.protocol == TCP else (bytes(range(65, 92)),)

def up_error(flow, kind, inside, due):
    """An error of the client's router about an answer."""
    return flow.up(icmp(ROUTER[flow.family], flow.vip, *kind, inside),
                   icmp(ROUTER[flow.family], flow.server, *kind, due))

def down_error(flow, kind, inside, due):
    """One of the server about a request."""
    return flow.down(icmp(flow.server, flow.client, *kind, inside),
                     icmp(flow.vip, flow.client, *kind, due))

def insides(flow):
    """What the packet inside may look like: label, keywords, bytes of it."""
    headers = 40 if flow.family == 6 else 20
    for size in 8, 16, 18, 20, 1000:
        yield f"{size} bytes", {}, headers + size
    if flow.family == 4:
        for name, options in IPV4_OPTIONS.items():
            for size in 8, 1000:
                yield f"{name}, {size} bytes", {"options": options}, headers + len(options) + size
        return
    for order in orders():
        yield label(order), {"chain": chain(order)}, 1000
        before = sum(len(rest) + 1 for _, rest in chain(order))
        yield label(order) + ", 8 bytes", {"chain": chain(order)}, headers + before + 8

def errors():
    for flow in flows():
        known(flow)
        def results():
            for turn, (name, how, size) in enumerate(insides(flow)):
                kind = KINDS[flow.family][turn % 4]
                sent, due = (p[:size] for p in reversed(flow.answer(*content(flow), **how)))
                yield f"{kind}, {name}", world.compare(*up_error(flow, kind, sent, due))
                if flow.mode == "nat":
                    sent, due = (p[:size] for p in reversed(flow.request(*content(flow), **how)))
                    yield f"{kind}, {name}, back", world.compare(*down_error(flow, kind, sent, due))
        yield every(f"{flow}: errors about it", results())

# An error with headers of its own.
def outer_headers():
    for flow in flows():
        known(flow)
        hows = [{"options": o} for o in IPV4_OPTIONS.values()] if flow.family == 4 else \
            [{"chain": chain(order)} for order in orders()]
        def results():
            for how in hows:
                kind = KINDS[flow.family][1]
                due, sent = flow.answer(*content(flow))
                yield how, world.compare(*flow.up(
                    icmp(ROUTER[flow.family], flow.vip, *kind, sent, **how),
                    icmp(ROUTER[flow.family], flow.server, *kind, due, **how)))
        yield every(f"{flow}: errors with headers of their own", results())

# A fragment's payload looks like the ports of a connection, and is not. It used to
# be taken for them in other balancers.
def later_fragments():
    for flow in flows():
        known(flow)
        kind = KINDS[flow.family][2]
        def results():
            for begin in 8, 1480, 8192:
                for more in 0, 1:
                    inside = bytearray(flow.answer(*content(flow))[1])
                    back = bytearray(flow.request(*content(flow))[1])
                    for packet in inside, back:
                        if flow.family == 4:
                            packet[6:8] = struct.pack("!H", more << 13 | begin // 8)
                        else:
                            packet[40:40] = struct.pack("!BBHI", packet[6], 0, begin | more, 7)
                            packet[6] = FRAGMENT
                    inside, back = bytes(inside), bytes(back)
                    # The director itself has no better way than its own router.
                    error = icmp(ROUTER[flow.family], flow.vip, *kind, inside)
                    yield f"at {begin}", world.compare([("front", error)], [("front", 1, hop(error))])
                    if flow.mode == "nat":
                        error = icmp(flow.server, flow.client, *kind, back)
                        yield f"at {begin}, back", world.compare(
                            [("back", error)], [("front", 1, hop(error))])
        yield every(f"{flow}: errors about later fragments pass", results())

def first_fragments():
    for flow in flows():
        known(flow)
        def results():
            kind = KINDS[flow.family][2]
            due, sent = (fragments(p, 24)[0] for p in flow.answer(*content(flow)))
            yield "up", world.compare(*up_error(flow, kind, sent, due))
            if flow.mode == "nat":
                due, sent = (fragments(p, 24)[0] for p in flow.request(*content(flow)))
                yield "back", world.compare(*down_error(flow, kind, sent, due))
        yield every(f"{flow}: errors about first fragments", results())

# Cut anywhere: what says no ports is nobody's, what says eight bytes is translated.
def cut_errors():
    for flow in flows():
        known(flow)
        headers = 40 if flow.family == 6 else 20
        kind = KINDS[flow.family][0]
        def results():
            for size in range(headers + 28):
                if headers + 4 <= size < headers + 8 or size == headers + 17:
                    continue
                due, sent = (p[:size] for p in flow.answer(*content(flow)))
                error = icmp(ROUTER[flow.family], flow.vip, *kind, sent)
                if size < headers + 8:
                    yield size, world.compare([("front", error)], [("front", 1, hop(error))])
                else:
                    yield size, world.compare(*up_error(flow, kind, sent, due))
        yield every(f"{flow}: errors cut anywhere", results())
END

# states DESCRIPTION WANTED: those of all connections over TCP and IPv6 whose
# client's port says that they had extension headers.
states() {
	is "$1" "$(shunt -j conn show | jq -r '.[] | select(.protocol == "tcp" and
		.client_port >= 20000) | "\(.mode)-\(.state)"' | tally)" "$2"
}

reasons() {
	shunt -j drops | jq -r 'group_by(.reason) | map("\(.[0].reason)=\(map(.count) | add)" |
		select(endswith("=0") | not)) | join(" ")'
}

insmod_shunt
topo_up
# shellcheck disable=SC2119 # no sysctl of its own
wire
coproc RAW { exec python3 -IS "$RAW_PY" "$NS_PREFIX" "$WORK/cases.py"; }
sender=$RAW_PID
read -r -t 60 ready <&"${RAW[0]}"
is "the sender of packets" "$ready" ready

note "IPv6 extension headers"
cases "in_all_orders(opened, TCP)"
states "all these connections are established" "dsr-established=34 nat-established=34"
cases "in_all_orders(closed, TCP)"
states "and now in the state that the director can see" "dsr-closing=34 nat-closed=34"
cases "in_all_orders(exchanged, UDP)"
cases "routing_types()"

note "IPv4 options"
cases "ipv4_options()"

note "checksums"
cases "wrong_sums()"
cases "sums_of_zero()"

note "what is inside ICMP errors"
cases "errors()"
cases "outer_headers()"
cases "first_fragments()"
cases "later_fragments()"
cases "cut_errors()"

is "nothing was dropped" "$(reasons)" ""
echo "sys.exit()" >&"${RAW[1]}"
wait "$sender"
