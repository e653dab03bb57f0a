# SPDX-License-Identifier: GPL-2.0
# The packets of test-icmp.sh. Sends ICMP errors about connections that exist,
# and compares what arrives, byte for byte, with what must: both packets are
# built here, from the addresses of both sides, with every checksum computed
# anew, so that nothing the director did is taken for granted.
#
#   icmp.py NAMESPACE-PREFIX <connections.json
#
# Prints a line for each error sent: what it was, a tab, and "exact" or what
# was wrong.
import ctypes
import ipaddress
import json
import select
import socket
import struct
import sys
import time

ETH_P = {4: 0x0800, 6: 0x86DD}
ICMP = {4: 1, 6: 58}
L4 = {"tcp": 6, "udp": 17}
# Names, types, codes, and the word behind the checksum.
ERRORS = {
    4: [("host unreachable", 3, 1, 0), ("fragmentation needed", 3, 4, 1300),
        ("time exceeded", 11, 0, 0), ("parameter problem", 12, 0, 20 << 24)],
    6: [("no route", 1, 0, 0), ("packet too big", 2, 0, 1300),
        ("time exceeded", 3, 0, 0), ("parameter problem", 4, 1, 6)],
}
HOME = "/proc/self/ns/net"


def enter(path):
    with open(path) as ns:
        if ctypes.CDLL(None, use_errno=True).setns(ns.fileno(), 0):
            sys.exit(f"icmp.py: cannot enter {path}")


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def pseudo(src, dst, protocol, length):
    if src.version == 4:
        return src.packed + dst.packed + struct.pack("!BBH", 0, protocol, length)
    return src.packed + dst.packed + struct.pack("!I3xB", length, protocol)


def ip(src, dst, protocol, payload, ttl, options=b"", length=None):
    length = len(payload) if length is None else length
    if src.version == 6:
        return struct.pack("!IHBB", 6 << 28 | 0x12345, length, protocol, ttl) + \
            src.packed + dst.packed + payload
    size = 20 + len(options)
    head = struct.pack("!BBHHHBBH", 0x40 | size // 4, 0, size + length, 0x1234, 0x4000,
                       ttl, protocol, 0) + src.packed + dst.packed + options
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def l4(src, sport, dst, dport, protocol, summed=True):
    """A TCP segment or a datagram with some payload."""
    payload = bytes(range(65, 92))
    if protocol == L4["tcp"]:
        segment = struct.pack("!HHIIBBHHH", sport, dport, 0x01020304, 0x05060708,
                              0x50, 0x18, 1024, 0, 0) + payload
        at = 16
    else:
        segment = struct.pack("!HHHH", sport, dport, 8 + len(payload), 0) + payload
        at = 6
    total = checksum(pseudo(src, dst, protocol, len(segment)) + segment) or 0xFFFF
    if not summed:
        total = 0
    return segment[:at] + struct.pack("!H", total) + segment[at + 2:]


def icmp(src, dst, error, inside, ttl):
    _, kind, code, word = error
    body = struct.pack("!BBHI", kind, code, 0, word) + inside
    cover = pseudo(src, dst, ICMP[6], len(body)) if src.version == 6 else b""
    body = body[:2] + struct.pack("!H", checksum(cover + body)) + body[4:]
    return ip(src, dst, ICMP[src.version], body, ttl)


class Host:
    """A namespace to send from, and to watch what comes to its eth0."""

    def __init__(self, path):
        self.path = path
        self.watch = {}
        enter(path)
        for version, ethertype in ETH_P.items():
            s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ethertype))
            s.bind(("eth0", ethertype))
            self.watch[version] = s
        enter(HOME_PATH)

    def send(self, packet, dst):
        enter(self.path)
        family = socket.AF_INET if dst.version == 4 else socket.AF_INET6
        with socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW) as s:
            s.sendto(packet, (str(dst), 0))
        enter(HOME_PATH)

    def drain(self):
        for s in self.watch.values():
            while select.select([s], [], [], 0)[0]:
                s.recv(65535)

    def receive(self, version, mark):
        """The next ICMP error from outside whose inner packet has the mark."""
        end = time.monotonic() + 5
        s = self.watch[version]
        while select.select([s], [], [], max(0, end - time.monotonic()))[0]:
            packet, where = s.recvfrom(65535)
            at = 9 if version == 4 else 6
            if where[2] != socket.PACKET_OUTGOING and packet[at] == ICMP[version] and \
                    mark in packet:
                return packet
        return None


def difference(got, want):
    if got is None:
        return "nothing came"
    if got == want:
        return "exact"
    for at, (a, b) in enumerate(zip(got, want)):
        if a != b:
            return f"differs at byte {at}: got {got.hex()} wanted {want.hex()}"
    return f"has {len(got)} bytes instead of {len(want)}"


def exchange(name, sender, receiver, sent, dst, want):
    receiver.drain()
    sender.send(sent, dst)
    # The IPv4 identification, or flow label, of the inner packet.
    mark = b"\x12\x34" if dst.version == 4 else b"\x60\x01\x23\x45"
    print(f"{name}\t{difference(receiver.receive(dst.version, mark), want)}", flush=True)


def shapes(version, protocol):
    """How much of the inner packet an error carries, and what is special about it."""
    yield "8 bytes", 8, {}
    yield "all of it", 4096, {}
    if version == 4:
        yield "with options", 4096, {"options": b"\x01\x01\x01\x00"}
    if version == 4 and protocol == "udp":
        yield "without a checksum", 4096, {"summed": False}
    if protocol == "tcp":
        yield "17 bytes, half a checksum", 17, {}


def inner(src, sport, dst, dport, protocol, size, options=b"", summed=True):
    segment = l4(src, sport, dst, dport, protocol, summed)
    length = len(segment)
    if size % 2:
        # Half a checksum says nothing, and is left as it is.
        segment = segment[:size - 1] + b"\x5a"
    return ip(src, dst, protocol, segment[:size], 61, options, length)


def main():
    global HOME_PATH
    prefix = sys.argv[1]
    HOME_PATH = f"{prefix}client"
    hosts = {name: Host(prefix + name) for name in
             ("client", "router", "d1", "d2", "d3", "n1", "n2")}
    routers = {4: ipaddress.ip_address("192.0.2.1"), 6: ipaddress.ip_address("2001:db8:c::1")}
    last = {f"{p}{n}": s for p in ("10.0.0.", "10.1.0.", "2001:db8:a::", "2001:db8:b::")
            for n, s in ((11, "d1"), (12, "d2"), (13, "d3"), (21, "n1"), (22, "n2"))}

    for conn in json.load(sys.stdin):
        client, vip, server = (ipaddress.ip_address(conn[k])
                               for k in ("client", "address", "server"))
        cport, vport, sport = (conn[k] for k in ("client_port", "port", "server_port"))
        nat = conn["mode"] == "nat"
        version = client.version
        protocol = L4[conn["protocol"]]
        host = hosts[last[conn["server"]]]
        router = routers[version]
        title = f"{conn['mode'].upper()}, IPv{version}, {conn['protocol'].upper()}"

        for turn, (shape, size, extra) in enumerate(shapes(version, conn["protocol"])):
            error = ERRORS[version][turn % 4]
            # A router by the client tells the server of an answer. One router, the
            # director, is on the way.
            theirs = inner(vip, vport, client, cport, protocol, size, **extra)
            ours = inner(server, sport, client, cport, protocol, size, **extra) if nat else theirs
            exchange(f"{title}, to the server: {error[0]}, {shape}", hosts["router"], host,
                     icmp(router, vip, error, theirs, 64), vip,
                     icmp(router, server if nat else vip, error, ours, 63))
            if not nat:
                continue
            # The server tells the client of a request; two routers are on the way.
            theirs = inner(client, cport, server, sport, protocol, size, **extra)
            ours = inner(client, cport, vip, vport, protocol, size, **extra)
            error = ERRORS[version][(turn + 1) % 4]
            exchange(f"{title}, to the client: {error[0]}, {shape}", host, hosts["client"],
                     icmp(server, client, error, theirs, 64), client,
                     icmp(vip, client, error, ours, 62))
            if turn:
                continue
            # Nothing is known of the neighbouring port.
            theirs = inner(client, cport ^ 1, server, sport, protocol, size, **extra)
            exchange(f"{title}, to the client, of no connection: untouched", host,
                     hosts["client"], icmp(server, client, error, theirs, 64), client,
                     icmp(server, client, error, theirs, 62))


main()
