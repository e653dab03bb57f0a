# SPDX-License-Identifier: GPL-2.0
# Both peers of the connections in the tests, packet by packet or over sockets:
# one process with a foot in each namespace, so that one line says what a peer
# sends and the answer says where it arrived, and how.
#
#   peers.py NAMESPACE-PREFIX SHUNT
#
# Each line of its input is an expression of what is below, and is answered by
# one line. Plain Python, since scapy takes longer to start than a whole test.
import ctypes
import errno
import json
import os
import select
import socket
import struct
import subprocess
import sys
import time
from collections import namedtuple

VIP = {4: "198.51.100.1", 6: "2001:db8:f::1"}
CLIENT = {4: "192.0.2.10", 6: "2001:db8:c::10"}
# The director's, on either segment.
DIRECTOR = {4: "10.0.0.2", 6: "2001:db8:a::2"}
BACK = {4: "10.1.0.1", 6: "2001:db8:b::1"}
NAMES = {f"{net}{name[1]}": name for net, names in (
    ("10.0.0.1", ("d1", "d2", "d3")), ("2001:db8:a::1", ("d1", "d2", "d3")),
    ("10.1.0.2", ("n1", "n2")), ("2001:db8:b::2", ("n1", "n2"))) for name in names}
# Those of a service unless it is told otherwise, but for "closed", which is too
# short to be looked at in time: services are given this one.
TIMEOUTS = {"syn": 60, "established": 8100, "closing": 120, "closed": 200, "one-way": 300,
            "answered": 300}
AF = {4: socket.AF_INET, 6: socket.AF_INET6}
TCP, UDP = 6, 17
FLAGS = "FSRPAU"
# The client's ports of the packets from here; no stack of the topology answers
# to them.
PORTS = range(10000, 20000)
PACKET_IGNORE_OUTGOING = 23
SO_RCVBUFFORCE = 33

libc = ctypes.CDLL(None, use_errno=True)


def path(name):
    return f"/run/netns/{prefix}{name}"


def enter(namespace):
    with open(namespace) as ns:
        if libc.setns(ns.fileno(), 0):
            sys.exit(f"peers.py: cannot enter {namespace}")


class Host:
    """A namespace: raw sockets to send with, and one that sees what arrives."""

    def __init__(self, name):
        self.name = name
        self.path = path(name)
        enter(self.path)
        self.raw = {family: socket.socket(af, socket.SOCK_RAW, socket.IPPROTO_RAW)
                    for family, af in AF.items()}
        self.tap = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
        self.tap.setsockopt(263, PACKET_IGNORE_OUTGOING, 1)
        self.tap.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 16 << 20)
        self.tap.bind(("eth0", 3))
        self.tap.setblocking(False)

    def send(self, packet):
        family = packet[0] >> 4
        dst = packet[16:20] if family == 4 else packet[24:40]
        self.raw[family].sendto(packet, (socket.inet_ntop(AF[family], dst), 0))


def pack(address):
    return socket.inet_pton(AF[6 if ":" in address else 4], address)


def checksum(data):
    data += bytes(len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total ^ 0xffff


def ip(src, dst, protocol, payload, at):
    """An IP packet, with the checksum of what is inside at that offset."""
    src, dst = pack(src), pack(dst)
    pseudo = src + dst + struct.pack("!LL", len(payload), protocol)
    total = checksum((b"" if protocol == 1 else pseudo) + payload)
    payload = payload[:at] + struct.pack("!H", total) + payload[at + 2:]
    if len(src) == 16:
        return struct.pack("!LHBB", 6 << 28, len(payload), protocol, 64) + src + dst + payload
    # The kernel puts the header's checksum in.
    return struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 7, 0x4000, 64, protocol, 0) + \
        src + dst + payload


Packet = namedtuple("Packet", "protocol src sport dst dport flags seq ack data good icmp")


def build(p):
    ports = struct.pack("!HH", p.sport, p.dport)
    if p.protocol == UDP:
        return ip(p.src, p.dst, UDP, ports + struct.pack("!HH", 8 + len(p.data), 0) + p.data, 6)
    bits = sum(1 << FLAGS.index(flag) for flag in p.flags)
    return ip(p.src, p.dst, TCP, ports + struct.pack("!LLBBHHH", p.seq, p.ack, 5 << 4, bits,
                                                     8192, 0, 0) + p.data, 16)


def parse(packet):
    """The packet, or for an ICMP error the one it is about; or None."""
    if packet[0] >> 4 == 4:
        protocol, l4 = packet[9], packet[20:struct.unpack("!H", packet[2:4])[0]]
        src, dst = packet[12:16], packet[16:20]
    else:
        protocol, l4 = packet[6], packet[40:40 + struct.unpack("!H", packet[4:6])[0]]
        src, dst = packet[8:24], packet[24:40]
    pseudo = src + dst + struct.pack("!LL", len(l4), protocol)
    src, dst = (socket.inet_ntop(AF[4 if len(a) == 4 else 6], a) for a in (src, dst))
    if protocol in (1, 58) and len(l4) > 8 and l4[0] in (1, 2, 3, 4, 11):
        inner = parse(l4[8:])
        good = checksum((pseudo if protocol == 58 else b"") + l4) == 0
        return inner and inner._replace(icmp=f"{l4[0]}/{l4[1]}", good=good)
    if protocol not in (TCP, UDP) or len(l4) < 8:
        return None
    sport, dport = struct.unpack("!HH", l4[:4])
    good = checksum(pseudo + l4) == 0
    if protocol == UDP:
        return Packet(UDP, src, sport, dst, dport, "", 0, 0, l4[8:], good, None)
    if len(l4) < 20:
        return Packet(TCP, src, sport, dst, dport, "", 0, 0, b"", good, None)
    seq, ack, offset, bits = struct.unpack("!LLBB", l4[4:14])
    flags = "".join(flag for i, flag in enumerate(FLAGS) if bits >> i & 1)
    return Packet(TCP, src, sport, dst, dport, flags, seq, ack, l4[(offset >> 4) * 4:], good, None)


def distance(a, b):
    return (a - b + (1 << 31)) % (1 << 32) - (1 << 31)


class Flow:
    """A connection, both of whose ends are here."""

    def __init__(self, family, protocol, sport, dport):
        self.family, self.protocol = family, protocol
        self.client = (CLIENT[family], sport)
        self.vip = (VIP[family], dport)
        self.server = None      # address and port, where it arrived last
        self.home = None        # and the host
        self.next = {"c": 100000 * sport % (1 << 32), "s": (1 << 32) - 5 - sport % 3}
        self.inbox = []         # what arrived of it and where
        self.sent = None        # the client's last packet
        self.times = (0, 0)     # before and after the last one of either

    def describe(self, host, p, sent):
        """The host alone if it is the packet that was sent, unharmed."""
        theirs = self.vip if host == "client" else self.client
        trouble = "" if p.good else " bad checksum"
        if p.icmp:
            return f"{host} icmp {p.icmp}{trouble}"
        if (p.src, p.sport) != theirs:
            trouble += f" from {p.src} {p.sport}"
        if sent and p[5:9] == sent[5:9]:
            return host + trouble
        if p.protocol == UDP:
            return f"{host} datagram{trouble}"
        mine, other = ("c", "s") if host == "client" else ("s", "c")
        text = f"{host} {p.flags} {distance(p.seq, self.next[other]):+d}"
        if p.flags == "RA" and p.seq == 0 and self.next[other]:
            text = f"{host} RA 0"
        if "A" in p.flags:
            text += f" {distance(p.ack, self.next[mine]):+d}"
        return text + trouble

    def tell(self, sent=None):
        return ", ".join(self.describe(host, p, sent) for host, p in self.inbox) or "nothing"

    def exchange(self, host, packet):
        collect()
        self.inbox.clear()
        before = time.monotonic()
        hosts[host].send(build(packet))
        self.times = (before, time.monotonic())
        if host == "client":
            self.sent = packet
        fence()
        for at, p in self.inbox:
            if host == "client" and at != "client" and p[5:9] == packet[5:9]:
                self.home, self.server = at, (p.dst, p.dport)
        return self.tell(packet)

    def segment(self, side, flags, data, off, ack):
        src, dst = (self.client, self.vip) if side == "c" else \
            (self.server if self.home[0] == "n" else self.vip, self.client)
        if self.protocol == UDP:
            return Packet(UDP, *src, *dst, "", 0, 0, b"%d" % time.monotonic_ns(), True, None)
        other = "s" if side == "c" else "c"
        seq = (self.next[side] + off) % (1 << 32)
        if not off:
            self.next[side] = (seq + len(data) + ("S" in flags) + ("F" in flags)) % (1 << 32)
        ack = (self.next[other] + ack) % (1 << 32) if "A" in flags else 0
        return Packet(TCP, *src, *dst, flags, seq, ack, data, True, None)


flows = {}
flow = None
hosts = {}
pings = 0


def collect():
    """Sorts what has arrived by flow. Returns the numbers of answered pings."""
    answered = []
    for name, host in hosts.items():
        while True:
            try:
                packet, where = host.tap.recvfrom(65536)
            except BlockingIOError:
                break
            if where[1] not in (0x800, 0x86dd):
                continue
            at = 20 if packet[0] >> 4 == 4 else 40
            if packet[at:at + 1] in (b"\0", b"\x81") and packet[at + 4:at + 6] == b"\x10\x92":
                answered.append(struct.unpack("!H", packet[at + 6:at + 8])[0])
                continue
            p = parse(packet)
            if p:
                inner = bool(p.icmp)
                mine = flows.get(p.dport if (name == "client") != inner else p.sport)
                if mine and mine.protocol == p.protocol:
                    mine.inbox.append((name, p))
    return answered


def ping(name, src, dst):
    """Returns when it is answered."""
    global pings
    pings = pings % 65535 + 1
    kind, protocol = (128, 58) if ":" in dst else (8, 1)
    hosts[name].send(ip(src, dst, protocol, struct.pack("!BBHHH", kind, 0, 0, 0x1092, pings), 2))
    end = time.monotonic() + 20
    while pings not in collect():
        if not select.select([hosts[name].tap], [], [], max(0, end - time.monotonic()))[0]:
            raise TimeoutError(f"{name}: no answer to a ping")


def fence():
    """All packets are on one CPU, and nothing overtakes: what was sent before
    the ping has arrived when the ping is answered."""
    family = flow.family if flow else 4
    ping("client", CLIENT[family], DIRECTOR[family])


def new(family, dport, protocol=TCP):
    """Another flow, which is the current one; returns the client's port."""
    global flow
    sport = PORTS[len(flows)]
    flow = flows[sport] = Flow(family, protocol, sport, dport)
    return sport


def on(sport):
    """An earlier flow is the current one again."""
    global flow
    flow = flows[sport]
    return sport


def c(flags="", data=b"", off=0, ack=0, jump=0):
    """The client sends. With off, numbers that are wrong by so much; after a
    jump, its numbers go on from there."""
    flow.next["c"] = (flow.next["c"] + jump) % (1 << 32)
    return flow.exchange("client", flow.segment("c", flags, data, off, ack))


def s(flags="", data=b"", off=0, ack=0):
    """The server that it reached last sends."""
    return flow.exchange(flow.home, flow.segment("s", flags, data, off, ack))


def again():
    """The client's last packet once more."""
    return flow.exchange("client", flow.sent)


def renew():
    """The server's numbers of a new connection on the tuple."""
    flow.next["s"] = (flow.next["s"] + 123456789) % (1 << 32)
    return "anew"


def shake():
    """A whole handshake; returns where the server is."""
    said = c("S"), s("SA"), c("A")
    return said[0] if said == (flow.home, "client", flow.home) else " / ".join(said)


def heard(count, seconds):
    """What arrives of the flow from now on, so many packets at least, if they
    come in time."""
    flow.inbox.clear()
    end = time.monotonic() + seconds
    while len(flow.inbox) < count and time.monotonic() < end:
        select.select([host.tap for host in hosts.values()], [], [], 0.1)
        collect()
    fence()
    return ", ".join(sorted(flow.tell(flow.sent).split(", ")))


def conn_show(*words):
    enter(path("director"))
    listed = subprocess.run([shunt, "-j", "conn", "show", *words], stdout=subprocess.PIPE,
                            check=True)
    enter(hosts["client"].path)
    return json.loads(listed.stdout)


def connections():
    """The client's ports that are listed, each with its state."""
    return {conn["client_port"]: conn["state"] for conn in conn_show()}


def listed():
    """The state and the server of the flow as "conn show" lists them, and the
    time it has left if that is not the one of the state."""
    address = ("[%s]:%d" if flow.family == 6 else "%s:%d") % flow.client
    found = []
    for conn in conn_show("client", address):
        text = f"{conn['state']} {NAMES[conn['server']]}"
        if not TIMEOUTS[conn["state"]] - 30 < conn["expires"] <= TIMEOUTS[conn["state"]]:
            text += f" expires {conn['expires']}"
        found.append(text)
    return ", ".join(found) or "none"


def until(moment):
    """Sends nothing until then; answers are collected meanwhile."""
    while (left := moment - time.monotonic()) > 0:
        select.select([], [], [], min(left, 0.2))
        collect()


def in_turn(plan, latest=None):
    """Each flow, as port: (seconds, what it sends), so long after its last
    packet; returns where each arrived, or "late" if the packet was not sent
    within so many seconds."""
    said = {}
    for sport in sorted(plan, key=lambda sport: flows[sport].times[0] + plan[sport][0]):
        on(sport)
        last = flow.times[0]
        until(last + plan[sport][0])
        said[sport] = eval(plan[sport][1], globals())
        if latest and flow.times[1] >= last + latest:
            said[sport] = "late"
    return json.dumps(said)


def watch(lasting):
    """Lists the connections until all of these flows, as port: (state, timeout),
    should long be gone; tells for each what was wrong, "exact", or "undecided" if
    a look was missing."""
    looks = []
    end = max(flows[sport].times[1] + timeout for sport, (_, timeout) in lasting.items()) + 3.2
    while time.monotonic() < end:
        before = time.monotonic()
        listed = connections()
        looks.append((before, time.monotonic(), listed))
        collect()
    return json.dumps({sport: judge(looks, sport, *want) for sport, want in lasting.items()})


def judge(looks, sport, state, timeout):
    """Absent from T to T+1 s on after the last packet; a tick is granted."""
    sent = flows[sport].times
    soon, late = sent[0] + timeout - 0.01, sent[1] + timeout + 1.1
    near = far = False
    for before, after, listed in looks:
        there = listed.get(sport)
        if after < soon:
            if there != state:
                return f"{there} {soon - after:.2f} s early"
            near |= soon - before < 2
        if before > late:
            if there:
                return f"{there} {before - late:.2f} s late"
            far |= after - late < 2
    return "exact" if near and far else "undecided"


# Seconds between two looks at a connection whose timeout is 2 s; a listing
# tells 1 s or more.
TOO_FAR = 1.9


def flood(dport, count):
    """So many packets in mid-stream as fast as they go; returns seconds."""
    packets = [build(Packet(TCP, CLIENT[4], 20000 + i % 10000, VIP[4], dport, "A", 5, 5, b"",
                            True, None)) for i in range(count)]
    raw, to = hosts["client"].raw[4], (VIP[4], 0)
    start = time.monotonic()
    for packet in packets:
        raw.sendto(packet, to)
    took = time.monotonic() - start
    # Room for the ping.
    collect()
    fence()
    return f"{took:.2f}"


def steady(seconds, gap, expression):
    """That is sent every so often; returns where it arrived, and what the
    connection was meanwhile, or "stalled" if two packets were too far apart for
    a timeout of 2 s."""
    places, states = set(), set()
    end = time.monotonic() + seconds
    last = flow.times[0]
    widest = 0
    while time.monotonic() < end:
        places.add(eval(expression, globals()))
        states.add(listed())
        widest = max(widest, time.monotonic() - last)
        last = flow.times[0]
        until(flow.times[0] + gap)
    if widest >= TOO_FAR:
        return "stalled"
    return " ".join(sorted(places)) + ": " + " ".join(sorted(states))


listeners = {}
pairs = {}


def listen(port):
    """Sockets of every server at this port."""
    for name, host in hosts.items():
        if name != "client":
            enter(host.path)
            listeners[name] = socket.create_server(("::", port), family=socket.AF_INET6,
                                                   dualstack_ipv6=True)
    enter(hosts["client"].path)
    return "listening"


def connect(name, family, port):
    """A pair of sockets; returns where the server is."""
    enter(hosts["client"].path)
    client = socket.create_connection((VIP[family], port), 20)
    ready = select.select(list(listeners.values()), [], [], 20)[0]
    home = next(host for host, s in listeners.items() if s in ready)
    server = listeners[home].accept()[0]
    server.settimeout(20)
    pairs[name] = {"c": client, "s": server}
    return home


def fate(name, side, seconds=20):
    """What that side of a pair reads."""
    end = pairs[name][side]
    end.settimeout(seconds)
    try:
        return end.recv(1000).decode() or "closed"
    except TimeoutError:
        return "silence"
    except OSError as e:
        return errno.errorcode[e.errno]


def say(name, side, text="hello"):
    """That side of a pair says something; returns what the other reads."""
    try:
        pairs[name][side].send(text.encode())
    except OSError as e:
        return errno.errorcode[e.errno]
    return fate(name, "s" if side == "c" else "c")


def half_close(name, seconds, gap):
    """The client ends its side, the server goes on for that time; returns
    whether the client got it all, or "stalled" as above."""
    client, server = pairs[name]["c"], pairs[name]["s"]
    client.shutdown(socket.SHUT_WR)
    sent = got = b""
    if server.recv(1000):
        return "the server got data"
    last = time.monotonic()
    end = last + seconds
    widest = 0
    while time.monotonic() < end:
        server.send(b"%9d" % len(sent))
        sent += b"%9d" % len(sent)
        widest = max(widest, time.monotonic() - last)
        last = time.monotonic()
        until(last + gap)
    server.close()
    if widest >= TOO_FAR:
        client.close()
        return "stalled"
    while more := client.recv(65536):
        got += more
    client.close()
    return "all" if got == sent else f"{len(got)} of {len(sent)} bytes"


def main():
    global prefix, shunt
    prefix, shunt = sys.argv[1:]
    for name in "d1", "d2", "d3", "n1", "n2", "client":
        hosts[name] = Host(name)
    os.sched_setaffinity(0, {0})
    # Whoever has to be found on a segment is known from here on.
    for address, name in NAMES.items():
        ping(name, address, (DIRECTOR if name[0] == "d" else BACK)[6 if ":" in address else 4])
    for family in AF:
        ping("client", CLIENT[family], DIRECTOR[family])
    print("ready", flush=True)
    for line in sys.stdin:
        try:
            print(eval(line, globals()), flush=True)
        except Exception as e:
            print(f"{type(e).__name__}: {e}", flush=True)


main()
