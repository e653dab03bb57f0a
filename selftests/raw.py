# SPDX-License-Identifier: GPL-2.0
# Packets that no program sends, and exactly what the director makes of them,
# for the test scripts. In plain Python, since scapy takes longer to start in
# the VM than a whole test.
#
# The director's links end here, in the ports of its segments, which a script
# takes out of their bridges: nobody but this program sends to the director or
# gets what it sends. So it plays the router with all clients, the DSR servers
# and the NAT servers of net.sh.
#
#   raw.py links                       prints the ip commands for a director
#                                      with these neighbours
#   raw.py services                    prints the arguments of shunt that
#                                      configure the services below
#   raw.py NAMESPACE-PREFIX CASES.py   runs the cases of a script
#
# CASES.py may use everything here. Each line of standard input is then a
# Python expression whose value is a sequence of cases, (what, got, wanted), and
# is answered by a line for each, separated by tabs, and a line with a dot.
import ctypes
import os
import re
import select
import socket
import struct
import sys
import time
import traceback

TCP, UDP, ICMP = 6, 17, {4: 1, 6: 58}
HBH, ROUTING, FRAGMENT, OPTIONS = 0, 43, 44, 60
ETHERTYPE = {4: 0x0800, 6: 0x86DD}
FLAGS = "FSRPAU"
FAMILIES = 4, 6

VIP = {4: "198.51.100.1", 6: "2001:db8:f::1"}
CLIENT = {4: "192.0.2.10", 6: "2001:db8:c::10"}
RACK = {4: "10.0.0.%d", 6: "2001:db8:a::%d"}
BACK = {4: "10.1.0.%d", 6: "2001:db8:b::%d"}


def mac(number):
    """That of a host, by the last part of its address."""
    return bytes((2, 0, 0, 0, 0, number))


# By server: how it is served, by which of the director's links, and for each
# protocol the service's port and the server's. 31 serves in DSR beside the NAT
# servers, so that its packets leave by another link than they came by.
SERVERS = {
    11: ("dsr", "front", RACK, {TCP: (80, 80), UDP: (53, 53)}),
    21: ("nat", "back", BACK, {TCP: (8080, 80), UDP: (5353, 53)}),
    31: ("dsr", "back", BACK, {TCP: (81, 81), UDP: (54, 54)}),
}


def print_services():
    for number, (mode, _, net, ports) in SERVERS.items():
        for family in FAMILIES:
            for protocol, (port, inside) in ports.items():
                kind = "tcp" if protocol == TCP else "udp"
                here, there = (f"[{a}]" if family == 6 else a
                               for a in (VIP[family], net[family] % number))
                print(f"service add {kind}{family}-{number} {kind} {here}:{port} mode {mode}")
                print(f"server add {kind}{family}-{number} {there}:{inside}")


def print_links():
    for device, net, me, others in ("eth0", RACK, 2, (1, 11, 12, 13)), \
            ("eth1", BACK, 3, (21, 22, 31)):
        print(f"link set {device} address {mac(me).hex(':')}")
        for number in others:
            for family in FAMILIES:
                print(f"neigh replace {net[family] % number} dev {device} "
                      f"lladdr {mac(number).hex(':')} nud permanent")


# Making packets.

def family_of(address):
    return 6 if ":" in address else 4


def packed(address):
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


def total(data):
    """The sum in one's complement."""
    data = bytes(data) + bytes(len(data) % 2)
    n = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while n >> 16:
        n = (n & 0xFFFF) + (n >> 16)
    return n


def checksum(data):
    return total(data) ^ 0xFFFF


def pseudo(src, dst, protocol, length):
    return packed(src) + packed(dst) + struct.pack("!II", length, protocol)


def extension(kind, family_type=0):
    """An extension header without its first byte, which says what is next."""
    if kind == FRAGMENT:
        return struct.pack("!BHI", 0, 0, 0x00C0FFEE)
    if kind == ROUTING:
        # At its last segment already: one address for type 0 and 4, the home for 2.
        return struct.pack("!BBBI", 2, family_type, 0, 0) + packed("2001:db8:99::1")
    # Padding of six bytes.
    return bytes((0, 1, 4, 0, 0, 0, 0))


def with_sum(header):
    """An IPv4 header, or packet, with its checksum."""
    size = (header[0] & 15) * 4
    header = header[:10] + b"\0\0" + header[12:]
    return header[:10] + struct.pack("!H", checksum(header[:size])) + header[12:]


def ip(src, dst, protocol, payload, ttl=64, ident=0x1234, df=False, options=b"", chain=(),
       length=None, tos=0):
    """chain: the extension headers, as (kind, all but the first byte)."""
    if family_of(dst) == 6:
        for kind, rest in reversed(chain):
            payload, protocol = bytes((protocol,)) + rest + payload, kind
        length = len(payload) if length is None else length
        return struct.pack("!IHBB", 6 << 28 | tos << 20, length, protocol, ttl) + \
            packed(src) + packed(dst) + payload
    length = len(payload) if length is None else length
    size = 20 + len(options)
    return with_sum(struct.pack("!BBHHHBBH", 0x40 | size // 4, tos, size + length, ident,
                                df << 14, ttl, protocol, 0) +
                    packed(src) + packed(dst) + options) + payload


def summed(src, dst, protocol, at, data, error=0):
    """With the checksum at its place, if it is not None, and wrong by error."""
    if at is None:
        return data
    data = data[:at] + b"\0\0" + data[at + 2:]
    cover = b"" if protocol == ICMP[4] else pseudo(src, dst, protocol, len(data))
    right = checksum(cover + data)
    if protocol == UDP:
        right = right or 0xFFFF
    if error:
        right = total(struct.pack("!HH", right, error))
    return data[:at] + struct.pack("!H", right) + data[at + 2:]


def tcp_part(src, sport, dst, dport, flags, seq=1000, ack=0, data=b"", options=b"", error=0):
    bits = sum(1 << FLAGS.index(flag) for flag in flags)
    return summed(src, dst, TCP, 16,
                  struct.pack("!HHIIBBHHH", sport, dport, seq, ack, 5 + len(options) // 4 << 4,
                              bits, 512, 0, 0) + options + data, error)


def tcp(src, sport, dst, dport, flags, seq=1000, ack=0, data=b"", tcp_options=b"", error=0,
        **more):
    return ip(src, dst, TCP, tcp_part(src, sport, dst, dport, flags, seq, ack, data,
                                      tcp_options, error), **more)


def udp_part(src, sport, dst, dport, data=b"hello", error=0, sum_it=True):
    return summed(src, dst, UDP, 6 if sum_it else None,
                  struct.pack("!HHHH", sport, dport, 8 + len(data), 0) + data, error)


def udp(src, sport, dst, dport, data=b"hello", error=0, sum_it=True, **more):
    return ip(src, dst, UDP, udp_part(src, sport, dst, dport, data, error, sum_it), **more)


def icmp(src, dst, kind, code, word, inside, **more):
    protocol = ICMP[family_of(dst)]
    return ip(src, dst, protocol,
              summed(src, dst, protocol, 2,
                     struct.pack("!BBHI", kind, code, 0, word) + inside), **more)


def too_big(src, dst, mtu, inside, **more):
    kind, code = ((3, 4), (2, 0))[family_of(dst) == 6]
    return icmp(src, dst, kind, code, mtu, inside, **more)


def from_director(src, dst, kind, code, word, about, **more):
    """An ICMP error as Linux makes it, about a packet."""
    if family_of(dst) == 4:
        return icmp(src, dst, kind, code, word, about[:576 - 28], tos=0xC0, **more)
    return icmp(src, dst, kind, code, word, about[:1280 - 48], **more)


def said_too_big(src, dst, mtu, about):
    kind, code = ((3, 4), (2, 0))[family_of(dst) == 6]
    return from_director(src, dst, kind, code, mtu, about)


def hop(packet, hops=1):
    """The packet behind that many routers."""
    if packet[0] >> 4 == 6:
        return packet[:7] + bytes((packet[7] - hops,)) + packet[8:]
    return with_sum(packet[:8] + bytes((packet[8] - hops,)) + packet[9:])


class Flow:
    """A client's exchange with a service: packets as they come to the director, and
    what is due to leave it for them."""

    def __init__(self, server, family, protocol, port):
        self.mode, self.link, net, ports = SERVERS[server]
        self.number, self.family, self.protocol, self.port = server, family, protocol, port
        self.vip, self.client = VIP[family], CLIENT[family]
        self.vport, self.sport = ports[protocol]
        self.server = net[family] % server if self.mode == "nat" else self.vip
        self.make = tcp if protocol == TCP else udp

    def __str__(self):
        kind = "TCP" if self.protocol == TCP else "UDP"
        return f"{self.mode.upper()} by {self.link}, IPv{self.family}, {kind}"

    def request(self, *what, **how):
        """What the client sends, and what the server is due to get but for the hop."""
        return self.make(self.client, self.port, self.vip, self.vport, *what, **how), \
            self.make(self.client, self.port, self.server, self.sport, *what, **how)

    def answer(self, *what, **how):
        """The same of the server, and the client."""
        return self.make(self.server, self.sport, self.client, self.port, *what, **how), \
            self.make(self.vip, self.vport, self.client, self.port, *what, **how)

    def up(self, sent, due):
        """To exchange, and wanted of it: from the client to the server."""
        return [("front", sent)], [(self.link, self.number, hop(due))]

    def down(self, sent, due):
        """From the server to the client."""
        return [(self.link, sent)], [("front", 1, hop(due))]


# Fragments.

def fragment_parts(packet, parts, ident=None, df=False):
    """Fragments of an IP packet; parts are (first byte, last byte + 1, more)."""
    if packet[0] >> 4 == 4:
        size = (packet[0] & 15) * 4
        ident = struct.unpack("!H", packet[4:6])[0] if ident is None else ident
        for begin, end, more in parts:
            piece = packet[size + begin:size + end]
            word = more << 13 | df << 14 | begin // 8
            yield with_sum(packet[:2] + struct.pack("!HHH", size + len(piece), ident, word) +
                           packet[8:size]) + piece
        return
    # The headers for the way are in each.
    size, at = 40, 6
    while packet[at] in (HBH, ROUTING):
        at, size = size, size + (packet[size + 1] + 1) * 8
    for begin, end, more in parts:
        piece = packet[size + begin:size + end]
        yield packet[:4] + struct.pack("!H", size - 40 + 8 + len(piece)) + packet[6:at] + \
            bytes((FRAGMENT,)) + packet[at + 1:size] + \
            struct.pack("!BBHI", packet[at], 0, begin | more, ident or 0x4242) + piece


def fragments(packet, step=1480, **more):
    """All fragments of a packet, in order, with at most so many bytes in each."""
    step -= step % 8
    length = len(packet) - (40 if packet[0] >> 4 == 6 else (packet[0] & 15) * 4)
    return list(fragment_parts(packet, [(at, min(at + step, length), at + step < length)
                                        for at in range(0, length, step)], **more))


def fragment_of(packet):
    """Identification, offset, more, payload, and the packet without all that."""
    if packet[0] >> 4 == 4:
        ident, word = struct.unpack("!HH", packet[4:8])
        if not word & 0x3FFF:
            return None
        size = (packet[0] & 15) * 4
        return packet[:2] + b"\0\0" + packet[4:6] + bytes((packet[6] & 0x40, 0)) + \
            packet[8:10] + b"\0\0" + packet[12:size], word % 8192 * 8, word >> 13 & 1, \
            packet[size:], ident
    size, at = 40, 6
    while packet[at] in (HBH, ROUTING, OPTIONS):
        at, size = size, size + (packet[size + 1] + 1) * 8
    if packet[at] != FRAGMENT:
        return None
    word, ident = struct.unpack("!HI", packet[size + 2:size + 8])
    return packet[:4] + b"\0\0" + packet[6:at] + packet[size:size + 1] + packet[at + 1:size], \
        word & 0xFFF8, word & 1, packet[size + 8:], ident


def whole(packets):
    """Fragments put together, without a gap or an overlap; others as they are.
    A datagram that is not complete is told as such."""
    done, open_ = [], {}
    for packet in packets:
        parts = fragment_of(packet)
        if not parts:
            done.append(packet)
            continue
        head, offset, more, payload, ident = parts
        pieces = open_.setdefault((head, ident), {})
        if offset in pieces:
            done.append(b"twice: " + packet)
        pieces[offset] = payload, more
        at = 0
        while at in pieces and pieces[at][1]:
            at += len(pieces[at][0])
        if at not in pieces:
            continue
        payload = b"".join(pieces[offset][0] for offset in sorted(pieces))
        if at + len(pieces[at][0]) == len(payload):
            del open_[head, ident]
            if head[0] >> 4 == 6:
                head = head[:4] + struct.pack("!H", len(head) - 40 + len(payload)) + head[6:]
            else:
                head = with_sum(head[:2] + struct.pack("!H", len(head) + len(payload)) + head[4:])
            done.append(head + payload)
    return done + [b"incomplete: " + key[0] for key in open_]


# Sending and receiving.

def enter(namespace):
    with open("/run/netns/" + namespace) as ns:
        if ctypes.CDLL(None, use_errno=True).setns(ns.fileno(), 0):
            sys.exit(f"raw.py: cannot enter {namespace}: {os.strerror(ctypes.get_errno())}")


class Port:
    """The other end of one of the director's links."""
    # Of linux/if_packet.h and asm/socket.h.
    IGNORE_OUTGOING, AUXDATA, PACKET = 23, 8, 263
    RCVBUFFORCE = 33

    def __init__(self, namespace, device, director, gateway):
        """The MACs of the director and of who sends to it."""
        self.header = mac(director) + mac(gateway)
        enter(namespace)
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.socket.bind((device, 3))
        self.socket.setsockopt(self.PACKET, self.IGNORE_OUTGOING, 1)
        self.socket.setsockopt(self.PACKET, self.AUXDATA, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, self.RCVBUFFORCE, 16 << 20)

    def frame(self, packet, to=None, tag=None, sender=None):
        """Other MACs than those of the port; tag: a VLAN."""
        header = (to or self.header[:6]) + (sender or self.header[6:])
        if tag is not None:
            header += struct.pack("!HH", 0x8100, tag)
        return header + struct.pack("!H", ETHERTYPE[packet[0] >> 4]) + packet

    def send(self, frame):
        self.socket.send(frame)

    def receive(self):
        """The frames that have come, with their VLAN tag in its place."""
        while select.select([self.socket], [], [], 0)[0]:
            frame, control, _, _ = self.socket.recvmsg(70000, 256)
            for _, _, data in control:
                status, _, _, _, _, tci, _ = struct.unpack("IIIHHHH", data)
                if status & 1 << 4:
                    frame = frame[:12] + struct.pack("!HH", 0x8100, tci & 0xFFF) + frame[12:]
            yield frame


def unframed(frame):
    """(number of the MAC it is for, VLAN or None, packet) or None for what is no
    IP, or what the director says of its own accord to its neighbours."""
    ethertype, tag, at = struct.unpack("!H", frame[12:14])[0], None, 14
    if ethertype == 0x8100:
        tag, ethertype = struct.unpack("!HH", frame[14:18])
        at = 18
    if ethertype not in ETHERTYPE.values():
        return None
    packet = frame[at:]
    if packet[0] >> 4 == 4:
        packet = packet[:struct.unpack("!H", packet[2:4])[0]]
    else:
        packet = packet[:40 + struct.unpack("!H", packet[4:6])[0]]
        # Neighbours, routers, and who listens to which group.
        if packet[6] == ICMP[6] and 130 <= packet[40] <= 143 or packet[6] == HBH and \
                packet[40] == ICMP[6] and packet[48] in (130, 131, 132, 143):
            return None
    return frame[5], tag, packet


class Director:
    """A director with its ports, by name; the first is the one to ping it by."""

    def __init__(self, ports, address="10.0.0.2", tag=None):
        self.ports = ports
        self.first = next(iter(ports))
        self.address = address
        self.tag = tag
        self.pings = 0

    def exchange(self, sent):
        """Send (port, packet) or (port, frame keywords, packet), and return all that
        comes back until a ping behind them is answered: (port, MAC, packet), with a
        VLAN in the port's name. All is done on one CPU: nothing overtakes."""
        got = []
        for port in self.ports.values():
            list(port.receive())
        self.pings += 1
        ping = icmp("10.0.0.1", self.address, 8, 0, 0x77770000 | self.pings, b"")
        pong = struct.pack("!I", 0x77770000 | self.pings)
        for name, *how, packet in sent:
            port = self.ports[name]
            port.send(port.frame(packet, **(how[0] if how else {})))
        port = self.ports[self.first]
        port.send(port.frame(ping, tag=self.tag))
        end = time.monotonic() + 20
        ponged = False
        while not ponged:
            if time.monotonic() > end:
                raise TimeoutError("the director does not answer a ping")
            select.select([port.socket for port in self.ports.values()], [], [], 1)
            for name, port in self.ports.items():
                for frame in port.receive():
                    parts = unframed(frame)
                    if not parts:
                        continue
                    number, tag, packet = parts
                    if packet[9] == 1 and packet[20:21] == b"\0" and packet[24:28] == pong:
                        ponged = True
                    else:
                        got.append((name if tag is None else f"{name}.{tag}", number, packet))
        return got

    def compare(self, sent, want):
        """"exact", or how what came back differs from what should."""
        return differences(self.exchange(sent), want)


def tell(packet):
    """What a packet is, in short."""
    if packet[:1] in (b"t", b"i"):
        return repr(packet[:40])
    family = packet[0] >> 4
    af, at, width = ((socket.AF_INET, 12, 4), (socket.AF_INET6, 8, 16))[family == 6]
    src, dst = (socket.inet_ntop(af, packet[i:i + width]) for i in (at, at + width))
    return f"{src} > {dst} {len(packet)} bytes {packet[:100].hex()}"


def differences(got, want):
    """"exact", or where lists of (port, MAC, packet) differ."""
    for i in range(max(len(got), len(want))):
        if i >= len(got):
            return f"{len(got)} came, missing: {want[i][0]} to {want[i][1]}: {tell(want[i][2])}"
        if i >= len(want):
            return f"too much: {got[i][0]} to {got[i][1]}: {tell(got[i][2])}"
        a, b = got[i], want[i]
        if a[:2] != b[:2]:
            return f"came by {a[0]} to {a[1]} instead of {b[0]} to {b[1]}: {tell(a[2])}"
        if a[2] != b[2]:
            at = next((n for n, (x, y) in enumerate(zip(a[2], b[2])) if x != y),
                      min(len(a[2]), len(b[2])))
            return f"differs at byte {at}: got {tell(a[2])}, wanted {tell(b[2])}"
    return "exact"


def every(what, results):
    """One case of many: (label, "exact" or what was wrong)."""
    results = list(results)
    wrong = [f"{label}: {result}" for label, result in results if result != "exact"]
    return what, f"{len(results) - len(wrong)} exact" + "".join("; " + w for w in wrong[:3]), \
        f"{len(results)} exact"


def anonymous(packet):
    """A packet that the director made, without what it takes at random: the
    identification, and the flow label."""
    if packet[0] >> 4 == 6:
        return packet[:1] + bytes((packet[1] & 0xF0, 0, 0)) + packet[4:]
    if total(packet[:(packet[0] & 15) * 4]) != 0xFFFF:
        return packet
    return with_sum(packet[:4] + b"\0\0" + packet[6:])


def main():
    if sys.argv[1:] in (["links"], ["services"]):
        globals()["print_" + sys.argv[1]]()
        return
    _, prefix, cases = sys.argv
    os.sched_setaffinity(0, {0})
    names = dict(globals(), PREFIX=prefix)
    with open(cases) as source:
        exec(compile(source.read(), cases, "exec"), names)
    print("ready", flush=True)
    for line in sys.stdin:
        try:
            for case in eval(line, names):
                print(*(re.sub(r"\s", " ", str(part)) or "nothing" for part in case), sep="\t")
        except Exception:
            print(line.strip(), traceback.format_exc().replace("\n", " "), "no exception", sep="\t")
        print(".", flush=True)


if __name__ == "__main__":
    main()
