# SPDX-License-Identifier: GPL-2.0
# What the manual promises to be the same on all directors, told once more: whom the
# schedulers that hash choose, from the servers, the seed and the client alone. By
# SipHash-2-4 (Aumasson, Bernstein 2012) and Maglev (Eisenbud et al., NSDI 2016).
#
# Run by itself it prints what the module's own test of the same, rows_same_checks(), wants.
import ipaddress
import struct

MASK = (1 << 64) - 1
BY_SEED = (0x7368756e74, 1), (0x7368756e74, 2)
# So often a hash that meets a server that is out is hashed again.
PROBES = 256


def rotate(word, by):
    return (word << by | word >> 64 - by) & MASK


def siphash(data, key):
    v = [word ^ number for word, number in zip(key * 2, (
        0x736f6d6570736575, 0x646f72616e646f6d, 0x6c7967656e657261, 0x7465646279746573))]

    def rounds(n):
        for _ in range(n):
            v[0] = (v[0] + v[1]) & MASK
            v[1] = rotate(v[1], 13) ^ v[0]
            v[0] = rotate(v[0], 32)
            v[2] = (v[2] + v[3]) & MASK
            v[3] = rotate(v[3], 16) ^ v[2]
            v[0] = (v[0] + v[3]) & MASK
            v[3] = rotate(v[3], 21) ^ v[0]
            v[2] = (v[2] + v[1]) & MASK
            v[1] = rotate(v[1], 17) ^ v[2]
            v[2] = rotate(v[2], 32)

    rest = len(data) % 8
    last = data[len(data) - rest:] + bytes(7 - rest) + bytes([len(data) % 256])
    for word, in struct.iter_unpack("<Q", data[:len(data) - rest] + last):
        v[3] ^= word
        rounds(2)
        v[0] ^= word
    v[2] ^= 0xff
    rounds(4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def key_of(seed):
    return tuple(siphash(seed.encode(), key) for key in BY_SEED)


def halves(address):
    """Of an address, as numbers; an IPv4 one has its 32 bits before all others."""
    packed = ipaddress.ip_address(address).packed
    return struct.unpack(">QQ", packed.ljust(16, b"\0"))


def client_hash(key, address, port):
    address = ipaddress.ip_address(address)
    if address.version == 4:
        return siphash(struct.pack("<II", int(address), port), key) & 0xffffffff
    return siphash(struct.pack("<QQQ", *halves(address), port), key) & 0xffffffff


def rehash(number):
    """jhash of one word (Jenkins 2006, lookup3)."""
    a = b = 0xdeadbeef + 4
    a, c = (a + number) & 0xffffffff, b

    def mix(x, y, by):
        return (x ^ y) - (y << by | y >> 32 - by) & 0xffffffff

    c = mix(c, b, 14)
    a = mix(a, c, 11)
    b = mix(b, a, 25)
    c = mix(c, b, 16)
    a = mix(a, c, 4)
    b = mix(b, a, 14)
    return mix(c, b, 24)


def scale(number, size):
    return number * size >> 32


def in_order(servers):
    """Servers are (address, port, weight), the number of a port 0 if there is none."""
    return sorted(servers, key=lambda one: (halves(one[0]), one[1]))


def by_weight(servers):
    """As many rows for each as its weight says, as if there were a table."""
    return [one for one in in_order(servers) for _ in range(one[2])]


def choose(rows, number, usable):
    """Whom a hash chooses, of those that are usable, or None."""
    if not usable:
        return None
    for _ in range(PROBES):
        one = rows[scale(number, len(rows))]
        if one in usable:
            return one
        number = rehash(number)
    usable = by_weight(usable)
    return usable[scale(number, len(usable))]


def table(servers, size, key):
    """Who has which row of Maglev's table."""
    servers = in_order(servers)
    whole = sum(weight for _, _, weight in servers)
    shares = [size * weight // whole for _, _, weight in servers]
    for i in range(size - sum(shares)):
        shares[i] += 1
    orders = []
    for address, port, _ in servers:
        word = siphash(struct.pack("<QQQ", *halves(address), 1 << 32 | port), key)
        orders.append([(word & 0xffffffff) % size, (word >> 32) % (size - 1) + 1])
    rows = [None] * size
    while any(shares):
        for i, order in enumerate(orders):
            if not shares[i]:
                continue
            while rows[order[0]] is not None:
                order[0] = (order[0] + order[1]) % size
            rows[order[0]] = servers[i]
            shares[i] -= 1
    return rows


def main():
    key = key_of("golden")
    for family, first, client in (("IPv4", "10.0.0.1", "192.0.2.1"),
                                  ("IPv6", "2001:db8::1", "2001:db8:1::2:3")):
        servers = [(ipaddress.ip_address(first) + i, 80, 1 + i) for i in range(10)]
        total = 0
        for row in table(servers, 8191, key):
            total = (total * 31 + servers.index(row)) & 0xffffffff
        print(f"{family}: rows {total:#010x}, client {client_hash(key, client, 1024):#010x}")


if __name__ == "__main__":
    main()
