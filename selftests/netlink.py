# SPDX-License-Identifier: GPL-2.0
# The checks of test-netlink.sh, in the director's namespace: speaks to the
# module as a program does that gets it wrong. What the family takes and gives
# is read from include/shunt.yaml, so nothing is left out when it grows.
#
#   netlink.py SPEC requests          right ones, wrong ones and random ones
#   netlink.py SPEC replies           of the configuration there is
#   netlink.py SPEC abandon COMMAND   listings half read; the command makes
#                                     connections to the service "six"
#   netlink.py SPEC parallel          listings while the configuration changes
#   netlink.py SPEC load COUNT        so many services (test-json.sh)
#
# Prints a line for each check: "ok" or "not ok", a tab, what was checked, a
# tab, and what was found.
import os
import random
import select
import socket
import struct
import subprocess
import sys
import time

import yaml

NLMSG_ERROR, NLMSG_DONE = 2, 3
REQUEST, MULTI, ACK, DUMP_INTR, DUMP = 1, 2, 4, 0x10, 0x300
CAPPED, ACK_TLVS = 0x100, 0x200
GENL_CTRL, GETFAMILY, GETPOLICY = 0x10, 3, 10
NESTED, NET_BYTEORDER = 0x8000, 0x4000
ERR_MSG, ERR_OFFS, ERR_COOKIE, ERR_POLICY, ERR_MISS_TYPE = 1, 2, 3, 4, 5
ROUNDS = 1000
SIZES = {"u8": 1, "u16": 2, "u32": 4, "u64": 8}


def report(what, good, found=""):
    found = str(found).replace("\t", " ").replace("\n", " ")
    print(f"{'ok' if good else 'not ok'}\t{what}\t{found}", flush=True)


def attr(kind, payload, length=None):
    length = 4 + len(payload) if length is None else length
    return struct.pack("=HH", length, kind) + payload + bytes(-len(payload) % 4)


def split(data):
    """Attributes one after the other, as (type with flags, payload, padding)."""
    while data:
        if len(data) < 4:
            raise ValueError("bytes left over")
        length, kind = struct.unpack("=HH", data[:4])
        if length < 4 or length > len(data):
            raise ValueError("bad attribute length")
        end = (length + 3) & ~3
        yield kind, data[4:length], data[length:end]
        data = data[end:]


class Refused(Exception):
    pass


class Answer:
    def __init__(self):
        self.error = None
        self.message = None
        self.offset = None
        self.missing = None
        self.torn = False
        self.messages = []

    def __str__(self):
        return f"error {self.error}, said {self.message!r}"


class Spec:
    def __init__(self, path):
        with open(path) as file:
            tree = yaml.safe_load(file)
        self.constants = {d["name"]: d["value"] for d in tree["definitions"] if d["type"] == "const"}
        self.enums = {d["name"]: len(d["entries"]) for d in tree["definitions"] if d["type"] == "enum"}
        self.sets = {}
        for one in tree["attribute-sets"]:
            self.sets[one["name"]] = {
                a["name"]: dict(a, number=i) for i, a in enumerate(one["attributes"], 1)}
        for one in tree["attribute-sets"]:
            if "subset-of" in one:
                whole = self.sets[one["subset-of"]]
                self.sets[one["name"]] = {a["name"]: whole[a["name"]] for a in one["attributes"]}
        for one in self.sets.values():
            for attribute in one.values():
                if attribute["type"] == "nest":
                    attribute["nested"] = self.sets[attribute["nested-attributes"]]
        self.commands = {}
        for i, op in enumerate(tree["operations"]["list"], 1):
            if "event" in op:
                continue
            how = "dump" if "dump" in op else "do"
            self.commands[op["name"]] = {
                "number": i, "how": how, "set": self.sets[op["attribute-set"]],
                "admin": "uns-admin-perm" in op.get("flags", []),
                # A command that takes nothing says so by a pad, which is refused.
                "takes": [a for a in op[how].get("request", {}).get("attributes", []) if a != "pad"],
                "gives": op[how].get("reply", {}).get("attributes", [])}


class Family:
    number = None

    def __init__(self, spec):
        self.spec = spec
        self.sequence = 0
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 16)
        self.socket.bind((0, 0))
        for option in (10, 11, 12):  # CAP_ACK, EXT_ACK, GET_STRICT_CHK
            self.socket.setsockopt(270, option, 1)
        self.socket.settimeout(30)
        if Family.number is None:
            answer = self.ask(GENL_CTRL, GETFAMILY, REQUEST | ACK, attr(2, b"shunt\0"))
            if answer.error:
                sys.exit("netlink.py: there is no family shunt")
            Family.control = answer.messages[0][2]
            Family.number = next(struct.unpack("=H", p)[0] for k, p, _ in split(Family.control)
                                 if k == 1)

    def send(self, family, command, flags, attributes=b"", version=1, reserved=0, length=None):
        self.sequence += 1
        size = 20 + len(attributes) if length is None else length
        self.socket.send(struct.pack("=IHHIIBBH", size, family, flags, self.sequence, 0,
                                     command, version, reserved) + attributes)

    def receive(self, answer):
        """One datagram of an answer; true when it was the last."""
        data = self.socket.recv(1 << 17)
        while data:
            size, kind, flags, sequence = struct.unpack("=IHHI", data[:12])
            one, data = data[16:size], data[(size + 3) & ~3:]
            if sequence != self.sequence:
                continue
            answer.torn |= bool(flags & DUMP_INTR)
            if kind in (NLMSG_ERROR, NLMSG_DONE):
                self.read_end(kind, flags, one, answer)
                return True
            answer.messages.append((kind, one[:4], one[4:]))
        return False

    def read_end(self, kind, flags, one, answer):
        answer.error = -struct.unpack("=i", one[:4])[0]
        if not flags & ACK_TLVS:
            return
        at = 4 if kind == NLMSG_DONE else 20
        if kind == NLMSG_ERROR and not flags & CAPPED:
            at += (struct.unpack("=I", one[4:8])[0] + 3 & ~3) - 16
        for number, payload, _ in split(one[at:]):
            if number == ERR_MSG:
                answer.message = payload.rstrip(b"\0").decode()
            elif number == ERR_OFFS:
                answer.offset = struct.unpack("=I", payload)[0]
            elif number == ERR_MISS_TYPE:
                answer.missing = struct.unpack("=I", payload)[0]

    def ask(self, family, command, flags, attributes=b"", **more):
        answer = Answer()
        self.send(family, command, flags, attributes, **more)
        while not self.receive(answer):
            pass
        return answer

    def command(self, name, attributes=b"", **more):
        command = self.spec.commands[name]
        flags = REQUEST | (DUMP if command["how"] == "dump" else ACK)
        return self.ask(Family.number, command["number"], flags, attributes, **more)

    def must(self, name, /, **values):
        answer = self.command(name, self.build(name, values))
        if answer.error:
            raise Refused(f"{name} {values}: {answer}")
        return answer

    def build(self, name, values):
        attributes = self.spec.commands[name]["set"]
        return b"".join(self.one(attributes[key.replace("_", "-")], value)
                        for key, value in values.items())

    @staticmethod
    def one(attribute, value, flags=0):
        if attribute["type"] == "nest":
            flags |= NESTED
        if not isinstance(value, bytes):
            value = encode(attribute, value)
        return attr(attribute["number"] | flags, value)


def encode(attribute, value):
    kind = attribute["type"]
    if kind == "nest":
        return b"".join(Family.one(attribute["nested"][key.replace("_", "-")], one)
                        for key, one in value.items())
    if kind == "string":
        return value.encode() + b"\0"
    if kind == "binary":
        return socket.inet_pton(socket.AF_INET6 if ":" in value else socket.AF_INET, value)
    return value.to_bytes(SIZES[kind], "big" if "byte-order" in attribute else sys.byteorder)


# What requests are made of: a base that is there, and for each command requests
# that succeed, one for each protocol where that makes a difference. Those that
# change something change nothing else.
BASE = [
    ("service-add", dict(name="bare", protocol=17, address="198.51.100.1", port=53)),
    ("service-add", dict(name="web", protocol=6, address="198.51.100.1", port=80)),
    ("service-add", dict(name="six", protocol=17, address="2001:db8:f::1", port=53, mode=1,
                         scheduler="maglev", persist=60, persist_group="shop")),
    ("server-add", dict(service="web", address="10.0.0.11")),
    ("server-add", dict(service="web", address="10.1.0.21", port=8080, mode=1, weight=3)),
    ("server-add", dict(service="six", address="2001:db8:b::21", port=5353)),
]
TCP_SETTINGS = dict(
    scheduler="maglev", table_size=251, hash=1, seed="rack-7", mode=1, timeouts=dict(syn=61, established=2, closing=121, closed=2678400),
    on_expire=1, on_remove=2, on_empty=1, midstream=1, limit=7,
    persist=2678400, persist_prefix=24, persist_group="shop")
UDP_SETTINGS = dict(
    scheduler="sh", seed="", mode=1, timeouts=dict(one_way=1, answered=301),
    on_remove=1, on_empty=1, packet=1, limit=8, persist=0, persist_prefix=1, persist_group="")
SERVER_SETTINGS = dict(
    mode=1, state=2, backup=1, upper_limit=9, lower_limit=3, slow_start=60)
FILTER = {"service": "web", "client": "192.0.2.10", "client-port": 1,
          "server": "10.0.0.11", "server-port": 80}
CLIENT = {"service": "six", "group": "shop", "client": "2001:db8:c::10", "prefix": 128}
GOOD = {
    "service-add": [
        dict(name="new", protocol=6, address="198.51.100.9", port=443, **TCP_SETTINGS),
        dict(name="new", protocol=17, address="198.51.100.9", port=443, **UDP_SETTINGS)],
    "service-set": [dict(name="web", **TCP_SETTINGS), dict(name="bare", **UDP_SETTINGS)],
    "service-del": [dict(name="web")],
    "service-get": [dict(name="web")],
    "server-add": [dict(service="web", address="10.1.0.22", port=81, weight=2, **SERVER_SETTINGS)],
    "server-set": [dict(service="web", address="10.1.0.21", port=8080, weight=9,
                        **SERVER_SETTINGS)],
    "server-drain": [dict(service="web", address="10.1.0.21", port=8080, drain_timeout=60,
                          drain_then=0)],
    "server-del": [dict(service="web", address="10.1.0.21", port=8080)],
    "server-get": [dict(service="web")],
    "conn-get": [FILTER], "conn-del": [FILTER],
    "persist-get": [CLIENT], "persist-del": [CLIENT],
    "drop-get": [{}], "status-get": [{}], "flush": [{}],
    "limit-get": [{}], "limit-set": [dict(limit=70000, persist=20000)],
    "attach": [dict(name="eth1")], "detach": [dict(name="eth0")],
}
# Left out, these have a meaning of their own; all others must be there.
# Without the scheduler that hashes, what it hashes by is refused.
SETTINGS = {"mode", "timeouts", "on-expire", "on-remove", "on-empty",
            "midstream", "packet", "limit", "table-size", "hash", "seed", "persist",
            "persist-prefix", "persist-group"}
OPTIONAL = {
    "service-add": SETTINGS, "service-set": SETTINGS,
    "service-get": {"name"}, "server-get": {"service"},
    # Without its port this server is not found, or is another.
    # A lower limit needs an upper one.
    "server-add": {"port", "mode", "weight", "state", "backup", "lower-limit", "slow-start"},
    "server-set": {"mode", "weight", "state", "backup", "lower-limit", "slow-start"},
    "server-drain": {"drain-timeout", "drain-then"},
    "server-del": set(),
    "conn-get": set(FILTER), "conn-del": set(FILTER),
    "persist-get": set(CLIENT), "persist-del": set(CLIENT), "limit-set": {"limit", "persist"},
}
# What only services of one protocol have, by its number.
OF_PROTOCOL = {
    6: {"on-expire", "midstream", "syn", "established", "closing", "closed"},
    17: {"packet", "one-way", "answered"},
}
# What says what a service matches; matching() tries it.
MATCHING = {"address", "port", "match", "fwmark", "family"}
# And of schedulers that hash.
OF_TABLES = {"table-size", "hash", "seed"}
# Commands that change what is not in the configuration.
ELSEWHERE = {"conn-del", "persist-del"}


def configure(family):
    family.must("flush")
    for name in ("eth0", "eth1"):
        family.command("detach", family.build("detach", dict(name=name)))
    family.must("attach", name="eth0")
    family.must("limit-set", limit=0, persist=0)
    for name, values in BASE:
        family.must(name, **values)


def configured(family, message):
    """A server as it is configured, without what becomes of it by itself."""
    passing = {family.spec.sets["server"][key]["number"] for key in ("drained", "drain-timeout")}
    return [(number, payload) for number, payload, _ in split(message[2]) if number not in passing]


def state(family):
    devices = family.spec.sets["status"]["devices"]["number"]
    status = family.must("status-get").messages[0][2]
    return [m[2] for m in family.must("service-get").messages] + \
        [configured(family, m) for m in family.must("server-get").messages] + \
        [payload for number, payload, _ in split(status) if number == devices] + \
        [parse(family, "limit-get", family.must("limit-get").messages[0])[key]
         for key in ("limit", "persist")]


def limits(attribute, spec):
    """The smallest and the largest value of a number."""
    checks = attribute.get("checks", {})
    if "enum" in attribute:
        return 0, spec.enums[attribute["enum"]] - 1
    top = checks.get("max", (1 << 8 * SIZES[attribute["type"]]) - 1)
    bottom = checks.get("min", 0)
    return spec.constants.get(bottom, bottom), spec.constants.get(top, top)


def bad_nests(attribute, value, spec):
    """The same, for what is in a nest that was good."""
    whole = encode(attribute, value)
    for key, one in value.items():
        inner = attribute["nested"][key.replace("_", "-")]
        rest = encode(attribute, {k: v for k, v in value.items() if k != key})
        for what, payload in bad_values(inner, spec):
            yield f"{key}: {what}", rest + attr(inner["number"], payload)
        payload = encode(inner, one)
        yield f"{key} flagged as nested", rest + attr(inner["number"] | NESTED, payload)
        yield f"{key} longer than the nest", rest + attr(inner["number"], payload, 200)
        yield f"{key} shorter than its header", rest + attr(inner["number"], payload, 3)
        yield f"{key} twice, first wrong", attr(inner["number"], bytes(4)) + whole
        yield f"{key} twice, then wrong", whole + attr(inner["number"], bytes(4))
    for key, inner in attribute["nested"].items():
        if key.replace("-", "_") not in value:
            yield f"{key}, of the other protocol", whole + Family.one(inner, 5)
            yield f"{key} alone, of the other protocol", Family.one(inner, 5)
    for number in (0, len(attribute["nested"]) + 1, 100, 0x3FFF):
        yield f"an attribute {number}", whole + attr(number, (5).to_bytes(4, sys.byteorder))
    for size in (1, 2, 3):
        yield f"{size} bytes at the end", whole + bytes(size)
        yield f"{size} bytes", bytes(size)


def bad_values(attribute, spec):
    """Payloads that an attribute must not have, each with what is wrong."""
    kind = attribute["type"]
    checks = attribute.get("checks", {})
    if kind == "string":
        longest = spec.constants[checks["max-len"]]
        yield "empty", b""
        # An empty seed is none, and so is an empty group for a service.
        if attribute["name"] not in ("seed", "persist-group"):
            yield "only the NUL", b"\0"
        yield "no NUL", b"web"
        yield "no NUL at full length", b"a" * longest
        yield "one too long", b"a" * (longest + 1) + b"\0"
        yield "very long", b"a" * 4000 + b"\0"
        yield "one too long, no NUL", b"a" * (longest + 1)
        yield "a slash", b"a/b\0"
        yield "a blank", b"a b\0"
        yield "no ASCII", "ä".encode() + b"\0"
        yield "a control character", b"a\n\0"
    elif kind == "binary":
        for size in (0, 1, 3, 5, 8, 15, 17, 64, 4000):
            yield f"{size} bytes", b"\x0a" * size
    elif kind in SIZES:
        good = SIZES[kind]
        for size in sorted({0, 1, 2, 3, 4, 5, 8, 64} - {good}):
            yield f"{size} bytes", b"\1" + bytes(size - 1) if size else b""
        if "enum" in attribute:
            top = spec.enums[attribute["enum"]]
            for number in (top, 0x100, 0xFFFFFFFF):
                yield f"value {number}", number.to_bytes(good, sys.byteorder)
        bottom, top = limits(attribute, spec)
        for number in {bottom - 1, top + 1, top << 8, (1 << 8 * good) - 1}:
            if "enum" not in attribute and not bottom <= number <= top and 0 <= number < 1 << 8 * good:
                yield f"value {number}", number.to_bytes(good, sys.byteorder)
    if attribute["name"] == "port":
        yield "value 0", bytes(2)
    if attribute["name"] == "protocol":
        for number in (0, 1, 16, 18, 58, 132, 254):
            yield f"value {number}", bytes([number])
    if attribute["name"] == "scheduler":
        yield "unknown", b"none\0"
    if attribute["name"] == "address":
        for word in ("0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255", "::", "::1",
                     "ff02::1", "::ffff:10.0.0.1", "fe80::1"):
            yield f"value {word}", encode(attribute, word)


def mutations(spec, name, request):
    """Requests that must be refused, each with what is wrong."""
    command = spec.commands[name]
    attributes = command["set"]
    request = {key.replace("_", "-"): value for key, value in request.items()}
    good = {key: Family.one(attributes[key], value) for key, value in request.items()}
    whole = b"".join(good.values())
    if name in ELSEWHERE:
        yield "nothing", b""
    for key, value in request.items():
        attribute = attributes[key]
        others = [v for k, v in good.items() if k != key]

        def instead(one, others=others):
            return b"".join(others) + one
        if key not in OPTIONAL.get(name, ()):
            yield f"{key} missing", instead(b"")
        nest = attribute["type"] == "nest"
        flag = NESTED if nest else 0
        for what, payload in bad_nests(attribute, value, spec) if nest else bad_values(attribute, spec):
            yield f"{key}: {what}", instead(attr(attribute["number"] | flag, payload))
            # Of two that are the same, a wrong one is wrong wherever it stands.
            if "enum" in attribute or "checks" in attribute and attribute["type"] in SIZES:
                yield f"{key} twice, first {what}", attr(attribute["number"], payload) + whole
                yield f"{key} twice, then {what}", whole + attr(attribute["number"], payload)
        payload = encode(attribute, value)
        yield f"{key} {'not ' if nest else ''}flagged as nested", \
            instead(attr(attribute["number"] | NESTED ^ flag, payload))
        yield f"{key} longer than the message", instead(attr(attribute["number"], payload, 200))
        yield f"{key} shorter than its header", instead(attr(attribute["number"], payload, 3))
    for key, attribute in attributes.items():
        elsewhere = "match" in command["takes"] and key in MATCHING
        if key in command["takes"] and key not in request and not elsewhere:
            yield f"{key}, of the other protocol", whole + Family.one(attribute, 0)
        if key not in command["takes"]:
            payload = bytes(SIZES.get(attribute["type"], 4))
            yield f"{key}, which it does not take", whole + attr(attribute["number"], payload)
    top = len(attributes)
    for number in (0, top + 1, top + 100, 0x3FFF):
        yield f"an attribute {number}", whole + attr(number, bytes(4))
    for size in (1, 2, 3):
        yield f"{size} bytes at the end", whole + bytes(size)


def mutate(family):
    spec = family.spec
    before = state(family)
    for name, request in ((name, request) for name in spec.commands for request in GOOD[name]):
        wrong, tried = [], 0
        for what, payload in mutations(spec, name, request):
            answer = family.command(name, payload)
            tried += 1
            if not answer.error:
                wrong.append(f"{what}: done")
            elif not answer.message:
                wrong.append(f"{what}: {answer}")
            if state(family) != before:
                wrong.append(f"{what}: changed something")
                configure(family)
                before = state(family)
        report(f"{called(name, request)}: each of {tried} wrong requests is refused with a sentence, and changes nothing",
               tried and not wrong, f"{len(wrong)} wrong: {'; '.join(wrong[:12])}")


def accept(family):
    """The good requests are good, so that the wrong ones are wrong for one reason only."""
    spec = family.spec
    report("the specification and this test know the same commands",
           set(spec.commands) == set(GOOD), set(spec.commands) ^ set(GOOD))
    for name, command in spec.commands.items():
        elsewhere = MATCHING if "match" in command["takes"] else set()
        report(f"{name}: the requests tried have all it takes",
               set(command["takes"]) - elsewhere ==
               {k.replace("_", "-") for one in GOOD[name] for k in one} - elsewhere, GOOD[name])
        for request in GOOD[name]:
            accept_one(family, name, request)
    configure(family)


def called(name, request):
    """What a check of a request says of it."""
    one = {"timeouts" in request: "tcp" if "on_expire" in request else "udp"}.get(True)
    return f"{name}, {one}" if one else name


def accept_one(family, name, request):
    changes = family.spec.commands[name]["admin"] and name not in ELSEWHERE
    configure(family)
    before = state(family)
    answer = family.command(name, family.build(name, request))
    report(f"{called(name, request)}: with all it takes it is done", answer.error == 0, answer)
    changed = state(family) != before
    report(f"{called(name, request)}: {'changes' if changes else 'leaves'} the configuration",
           changed == changes, changed)
    for key in request:
        if key.replace("_", "-") not in OPTIONAL.get(name, ()):
            continue
        configure(family)
        rest = {k: v for k, v in request.items() if k != key}
        answer = family.command(name, family.build(name, rest))
        # Without mode nat the port does not fit.
        good = answer.error == 0 or (name, key) == ("server-add", "mode") and answer.message
        report(f"{called(name, request)}: {key} may be left out", good, answer)


def service(family, name):
    """What is told of a service: numbers as numbers, nests as dictionaries."""
    return decode(family.spec.sets["service"],
                  family.must("service-get", name=name).messages[0][2])


def decode(attributes, data):
    told = {}
    by_number = {a["number"]: a for a in attributes.values()}
    for number, payload, _ in split(data):
        attribute = by_number[number & 0x3FFF]
        if attribute["type"] == "nest":
            payload = decode(attribute["nested"], payload)
        elif attribute["type"] in SIZES:
            payload = int.from_bytes(payload, "big" if "byte-order" in attribute else sys.byteorder)
        told[attribute["name"]] = payload
    return told


def settings(family):
    """Each setting of a service: its default, each end of its range, alone and kept."""
    spec = family.spec
    configure(family)
    defaults = {
        "web": {"timeouts": {"syn": 60, "established": 8100, "closing": 120, "closed": 10},
                "on-expire": 0, "on-remove": 0, "on-empty": 0, "midstream": 0, "limit": 0,
                "persist": 0},
        "bare": {"timeouts": {"one-way": 300, "answered": 300},
                 "on-remove": 2, "on-empty": 0, "packet": 0, "limit": 0},
        "six": {"table-size": 65537, "hash": 0},
    }
    for name, wanted in defaults.items():
        told = service(family, name)
        report(f"the defaults of {name}", {k: told.get(k) for k in wanted} == wanted and
               not OF_PROTOCOL[23 - told["protocol"]] & set(told), told)
        for key, value in wanted.items():
            attribute = spec.sets["service"][key]
            ends = [(key, attribute)] if key != "timeouts" else \
                [(inner, attribute["nested"][inner]) for inner in value]
            wrong = []
            for inner, number in ends:
                for end in limits(number, spec):
                    before = service(family, name)
                    given = {inner: end} if inner == key else {key: {inner: end}}
                    answer = family.command("service-set", family.build(
                        "service-set", dict(given, name=name)))
                    after = service(family, name)
                    if key == "on-remove" and end == 3:
                        # The default of one protocol has a name.
                        before[key] = value
                    elif inner == key:
                        before[key] = end
                    else:
                        before[key][inner] = end
                    if answer.error or after != before:
                        wrong.append(f"{inner} {end}: {answer}, {after}")
            report(f"{name}: {key} takes each end of its range, and nothing else changes",
                   not wrong, wrong)
    configure(family)


def matching(family):
    """What a service matches: as listed, and each wrong way to say it."""
    def entry(address, *ports):
        return dict(zip(("address", "first_port", "last_port"), (address,) + ports))

    def build(command, entries, /, **more):
        attribute = family.spec.sets["service"]["match"]
        return family.build(command, more) + b"".join(Family.one(attribute, e) for e in entries)

    new = dict(name="new", protocol=255)
    right = [
        [entry("198.51.100.9", 80)], [entry("198.51.100.9", 80, 80)], [entry("198.51.100.9")],
        [entry("198.51.100.9", 1, 65535), entry("198.51.100.8", 5)],
        [entry("2001:db8:f::9", 7, 8), entry("2001:db8:f::9", 7)],
        [entry("198.51.100.9", n) for n in range(1, 65)],
    ]
    wrong = []
    configure(family)
    for entries in right:
        answer = family.command("service-add", build("service-add", entries, **new))
        listed = 0 if answer.error else len([kind for m in family.must("service-get", name="new").messages
                                             for kind, _, _ in split(m[2]) if kind & 0x3FFF ==
                                             family.spec.sets["service"]["match"]["number"]])
        if listed != len(entries):
            wrong.append(f"{entries}: {answer}, {listed} listed")
        family.must("service-del", name="new")
    report("each way to say what a service matches is taken, and listed", not wrong, wrong)

    before = state(family)
    one = [entry("198.51.100.9", 80)]
    cases = [
        ("nothing", build("service-add", [], **new)),
        ("a nest without an address", build("service-add", [dict(first_port=80)], **new)),
        ("an empty nest", build("service-add", [{}], **new)),
        ("a last port alone", build("service-add", [dict(address="198.51.100.9", last_port=8)], **new)),
        ("port 0", build("service-add", [entry("198.51.100.9", 0)], **new)),
        ("from port 0", build("service-add", [entry("198.51.100.9", 0, 65535)], **new)),
        ("reversed", build("service-add", [entry("198.51.100.9", 9, 8)], **new)),
        ("of two families", build("service-add", one + [entry("2001:db8::9", 80)], **new)),
        ("no host's address", build("service-add", one + [entry("224.0.0.1", 80)], **new)),
        ("65 of them", build("service-add", [entry("198.51.100.9", n) for n in range(1, 66)], **new)),
        ("the same twice", build("service-add", one + one, **new)),
        ("the second is another's", build("service-add", one + [entry("198.51.100.1", 80)], **new)),
        ("an address, too", build("service-add", one, address="198.51.100.9", port=81, **new)),
        ("an address without a port", build("service-add", [], address="198.51.100.9", **new)),
        ("a port without an address", build("service-add", [], port=80, **new)),
        ("a mark, too", build("service-add", one, fwmark=1, **new)),
        ("mark 0", build("service-add", [], fwmark=0, **new)),
        ("a family that is none", build("service-add", [], fwmark=1, family=2, **new)),
        ("the other family", build("service-add", one, family=1, **new)),
        ("set to a mark", build("service-set", [], name="web", fwmark=1)),
        ("set to another family", build("service-set", [entry("2001:db8::9", 80)], name="web")),
        ("set to a server's address", build("service-set", [entry("10.0.0.11", 80)], name="web")),
    ]
    for what, payload in cases:
        command = "service-set" if what.startswith("set") else "service-add"
        answer = family.command(command, payload)
        report(f"{what}: refused with a sentence, and nothing changes",
               answer.error and answer.message and state(family) == before, answer)
    payload = build("service-add", one + [entry("198.51.100.1", 80)], **new)
    answer = family.command("service-add", payload)
    report("of several the one at fault is pointed at", answer.offset ==
           20 + len(payload) - len(build("service-add", one)), f"{answer}, {answer.offset}")
    configure(family)


def flagged(family):
    """The flag of a byte order changes no number, and what is given twice is taken once."""
    wrong, tried = [], 0
    for request in GOOD["service-set"]:
        name = request["name"]
        for key, value in request.items():
            attribute = family.spec.sets["service"][key.replace("_", "-")]
            if not isinstance(value, int) and key != "timeouts":
                continue
            pairs = [(attribute, value)] if key != "timeouts" else \
                [(attribute["nested"][k.replace("_", "-")], v) for k, v in value.items()]
            for inner, number in pairs:
                other = 0 if inner is attribute else 7
                for what, payload in (
                        ("flagged", Family.one(inner, number, NET_BYTEORDER)),
                        ("twice", Family.one(inner, other) + Family.one(inner, number))):
                    configure(family)
                    before = service(family, name)
                    if inner is not attribute:
                        payload = attr(attribute["number"] | NESTED, payload)
                    answer = family.command("service-set", family.build(
                        "service-set", dict(name=name)) + payload)
                    after = service(family, name)
                    wanted = before if answer.error else dict(before)
                    if not answer.error and inner is attribute:
                        wanted[attribute["name"]] = number
                    elif not answer.error:
                        wanted["timeouts"] = dict(before["timeouts"], **{inner["name"]: number})
                    tried += 1
                    if after != wanted or answer.error and not answer.message:
                        wrong.append(f"{inner['name']} {what}: {answer}, {after}")
    report(f"settings with the flag of a byte order, and those given twice: {tried}",
           tried > 20 and not wrong, wrong)
    configure(family)
    # Two nests: the last one counts, as of all attributes.
    attribute = family.spec.sets["service"]["timeouts"]
    answer = family.command("service-set", family.build("service-set", dict(name="web")) +
                            Family.one(attribute, dict(syn=5, closed=6)) +
                            Family.one(attribute, dict(closing=7)))
    got = service(family, "web")["timeouts"]
    report("of two nests the last one counts", answer.error == 0 and
           got == {"syn": 60, "established": 8100, "closing": 7, "closed": 10}, f"{answer}, {got}")
    before = state(family)
    answer = family.command("service-set", family.build("service-set", dict(name="web")) +
                            Family.one(attribute, {}))
    report("an empty nest changes nothing", answer.error == 0 and state(family) == before, answer)
    family.must("server-add", service="bare", address="10.0.0.11")
    before = state(family)
    answer = family.command("service-set", family.build(
        "service-set", dict(name="bare", packet=1, timeouts=dict(one_way=5), on_empty=1)))
    report("packet does not change while there is a server, nor does what came with it",
           answer.error and answer.message and state(family) == before, answer)
    answer = family.command("service-set", family.build(
        "service-set", dict(name="bare", packet=0, on_empty=1)))
    report("to say what it is already is no change", answer.error == 0 and
           service(family, "bare")["on-empty"] == 1, answer)
    configure(family)


def twice(family):
    """The core of netlink takes the last of several attributes."""
    family.must("service-set", name="web", scheduler="wrr")
    payload = family.build("service-set", dict(name="web", scheduler="rr")) + \
        family.build("service-set", dict(scheduler="wlc"))
    answer = family.command("service-set", payload)
    services = [parse(family, "service-get", m) for m in family.must("service-get").messages]
    got = next(s["scheduler"] for s in services if s["name"] == b"web\0")
    report("of an attribute given twice the last one counts", answer.error == 0 and got == b"wlc\0",
           f"{answer}, {got}")
    number = family.spec.sets["server"]["weight"]["number"]
    payload = family.build("server-set", dict(service="web", address="10.0.0.11")) + \
        attr(number, (7).to_bytes(4, sys.byteorder)) + attr(number, (1 << 20).to_bytes(4, sys.byteorder))
    before = state(family)
    answer = family.command("server-set", payload)
    report("and each must be in range", answer.error and answer.message and state(family) == before,
           answer)
    payload = family.build("server-set", dict(service="web", address="10.0.0.11")) + \
        attr(number | NET_BYTEORDER, (5).to_bytes(4, sys.byteorder))
    answer = family.command("server-set", payload)
    servers = [parse(family, "server-get", m) for m in family.must("server-get").messages]
    got = [struct.unpack("=I", s["weight"])[0] for s in servers if s["port"] == b"\0\x50"]
    report("the flag of a byte order changes no number", answer.error == 0 and got == [5] or
           answer.error and answer.message, f"{answer}, {got}")
    configure(family)


def headers(family):
    """Requests whose attributes are not even looked at."""
    spec = family.spec
    before = state(family)
    wrong = []
    for name, command in spec.commands.items():
        other = REQUEST | (ACK if command["how"] == "dump" else DUMP)
        cases = {
            "a dump of what does, or the reverse": dict(flags=other),
            "unknown flags": dict(flags=(REQUEST | ACK | 0x0080)),
            "a reserved field that is set": dict(reserved=0x5EED),
        }
        for what, more in cases.items():
            flags = more.pop("flags", REQUEST | (DUMP if command["how"] == "dump" else ACK))
            answer = family.ask(Family.number, command["number"], flags,
                                family.build(name, GOOD[name][0]), **more)
            if not answer.error or state(family) != before:
                wrong.append(f"{name} with {what}: {answer}")
                configure(family)
                before = state(family)
    report("wrong headers are refused", not wrong, "; ".join(wrong[:12]))
    top = len(spec.commands)
    answers = [family.ask(Family.number, n, REQUEST | ACK) for n in (0, top + 1, 255)]
    report("unknown commands are refused", all(a.error for a in answers), [str(a) for a in answers])
    answers = []
    for length in (16, 18, 19):
        family.socket.send(struct.pack("=IHHII", length, Family.number, REQUEST | ACK,
                                       family.sequence + 1, 0) + bytes(length - 16))
        family.sequence += 1
        answer = Answer()
        while not family.receive(answer):
            pass
        answers.append(answer)
    report("messages without a whole header are refused", all(a.error for a in answers),
           [str(a) for a in answers])


def pointing(family):
    """The offset in a refusal is that of the attribute at fault."""
    cases = [
        ("service-add", "name", dict(name="web", protocol=6, address="198.51.100.9", port=1)),
        ("service-add", "address", dict(name="x", protocol=6, address="198.51.100.1", port=80)),
        ("service-add", "protocol", dict(name="x", protocol=1, address="198.51.100.9", port=80)),
        ("service-add", "scheduler", dict(name="x", protocol=6, address="198.51.100.9", port=80,
                                          scheduler="no")),
        ("service-set", "name", dict(scheduler="rr", name="none")),
        ("service-del", "name", dict(name="none")),
        ("service-get", "name", dict(name="none")),
        ("service-set", "on-expire", dict(on_empty=1, on_expire=1, name="bare")),
        ("service-set", "midstream", dict(name="bare", midstream=1)),
        ("service-set", "packet", dict(packet=1, name="web")),
        ("service-set", "timeouts", dict(name="web", timeouts=dict(syn=5, one_way=5))),
        ("service-set", "timeouts", dict(timeouts=dict(one_way=5, closed=5), name="bare")),
        ("service-set", "timeouts", dict(name="web", timeouts=dict(syn=5, closed=0))),
        ("service-set", "on-remove", dict(name="web", on_remove=4)),
        ("service-add", "packet", dict(name="x", protocol=6, address="198.51.100.9", port=1,
                                       packet=0)),
        ("server-add", "service", dict(address="10.0.0.12", service="none")),
        ("server-add", "address", dict(service="web", address="10.0.0.11")),
        ("server-add", "address", dict(service="web", address="2001:db8:a::11")),
        ("server-add", "port", dict(service="web", address="10.0.0.12", port=81)),
        ("server-add", "weight", dict(service="web", address="10.0.0.12", weight=65536)),
        ("server-set", "address", dict(weight=1, service="web", address="10.0.0.12")),
        ("server-add", "state", dict(service="web", address="10.0.0.12", state=1)),
        ("server-set", "lower-limit", dict(service="web", address="10.0.0.11", lower_limit=2)),
        ("server-set", "lower-limit", dict(service="web", lower_limit=2, address="10.0.0.11",
                                           upper_limit=1)),
        ("server-drain", "address", dict(service="web", address="10.0.0.12")),
        ("server-drain", "drain-timeout", dict(service="web", address="10.0.0.11",
                                               drain_timeout=0)),
        ("server-drain", "drain-then", dict(service="web", address="10.0.0.11", drain_then=3)),
        ("server-get", "service", dict(service="none")),
        ("attach", "name", dict(name="none")),
        ("detach", "name", dict(name="eth1")),
        ("conn-get", "service", dict(service="none")),
        ("conn-del", "service", dict(service="none")),
        ("conn-del", "client", dict(service="web", client=b"12345")),
    ]
    for name, key, values in cases:
        payload = family.build(name, values)
        number = family.spec.commands[name]["set"][key]["number"]
        at = 20
        for kind, one, padding in split(payload):
            if kind & 0x3FFF == number:
                break
            at += 4 + len(one) + len(padding)
        answer = family.command(name, payload)
        # Into a nest, if that is where it is; and at the end of a listing Linux 6.1
        # tells no offset.
        good = answer.offset == at or \
            key == "timeouts" and answer.offset and at <= answer.offset < at + 4 + len(one) or \
            answer.offset is None and family.spec.commands[name]["how"] == "dump"
        report(f"{name} points at the {key}", answer.error and answer.message and good,
               f"{answer}, offset {answer.offset}, wanted {at}")


def parse(family, name, message):
    numbers = {a["number"]: key for key, a in family.spec.commands[name]["set"].items()}
    return {numbers[kind & 0x3FFF]: payload for kind, payload, _ in split(message[2])}


def flaws(spec, attributes, gives, data, absent=frozenset()):
    """
    What is wrong with the attributes of a reply, or of a nest in it, from which
    those that do not apply are absent.
    """
    gives = set(gives) - absent
    numbers = {a["number"]: a for a in attributes.values()}
    seen = set()
    for kind, payload, padding in split(data):
        number, flags = kind & 0x3FFF, kind & 0xC000
        attribute = numbers.get(number)
        if not attribute or (attribute["type"] != "pad" and attribute["name"] not in gives):
            yield f"attribute {number} is not of this reply"
            continue
        name, type_ = attribute["name"], attribute["type"]
        if any(padding):
            yield f"{name}: padding {padding.hex()}"
        if flags != (NESTED if type_ == "nest" else 0):
            yield f"{name}: flags {flags:#x}"
        if type_ == "pad":
            if payload:
                yield "a pad with a payload"
            continue
        if name in seen and not attribute.get("multi-attr"):
            yield f"{name} twice"
        seen.add(name)
        if type_ == "string" and (payload[-1:] != b"\0" or b"\0" in payload[:-1]):
            yield f"{name}: string {payload!r}"
        elif type_ == "binary" and len(payload) not in (4, 16):
            yield f"{name}: address of {len(payload)} bytes"
        elif type_ in SIZES and len(payload) != SIZES[type_]:
            yield f"{name}: {len(payload)} bytes"
        elif type_ == "nest":
            nested = spec.sets[attribute["nested-attributes"]]
            yield from flaws(spec, nested, set(nested) - {"pad"}, payload, absent)
        elif "enum" in attribute and struct.unpack("=I", payload)[0] >= spec.enums[attribute["enum"]]:
            yield f"{name}: value {payload.hex()}"
    for name in gives - seen:
        yield f"{name} is missing"


def lacks(service):
    """What a service's protocols, scheduler and kind have nothing to say of."""
    hashes = service["scheduler"] == b"maglev\0"
    return OF_PROTOCOL.get(23 - service["protocol"][0], set()) | \
        (set() if hashes else OF_TABLES) | \
        ({"fwmark"} if "match" in service else {"address", "port", "match"})


def absent_from(command, services, told):
    """What a reply has nothing to say of."""
    if command == "persist-get":
        return {"service", "server-port"} if "group" in told else {"group"}
    owner = services.get(told.get({"service-get": "name", "server-get": "service"}.get(command)))
    return lacks(owner) if owner else frozenset()


def replies(family):
    """Nothing in a reply but what the specification says, to the byte."""
    spec = family.spec
    services = {s["name"]: s for s in
                (parse(family, "service-get", m) for m in family.must("service-get").messages)}
    protocols = {s["protocol"][0] for s in services.values()}
    report("there are services of each protocol and both", protocols == {6, 17, 255}, protocols)
    for name, command in spec.commands.items():
        if not command["gives"]:
            continue
        # One that changes something is to find nothing.
        answer = family.command(name, family.build(name, {"client": "192.0.2.99"})
                                if name in ELSEWHERE else b"")
        wrong = []
        for kind, header, data in answer.messages:
            if kind != Family.number or header != struct.pack("=BBH", command["number"], 1, 0):
                wrong.append(f"header {kind} {header.hex()}")
            wrong += flaws(spec, command["set"], command["gives"], data,
                           absent_from(name, services, decode(command["set"], data)))
        report(f"{name}: each of its {'many ' if len(answer.messages) > 1 else ''}replies is exact",
               answer.messages and not answer.error and not wrong, "; ".join(wrong[:12]) or answer)
    report("a command that deletes tells how many it deleted",
           parse(family, "conn-del", family.must("conn-del", client="192.0.2.99").messages[0]) ==
           {"deleted": bytes(4)})
    clients = [parse(family, "persist-get", m) for m in family.must("persist-get").messages]
    report("clients of a service and of a group were among them",
           {"group" in c for c in clients} == {False, True}, clients)
    conns = [parse(family, "conn-get", m) for m in family.must("conn-get").messages]
    kinds = {(len(c["client"]), c["protocol"][0], c["mode"][0]) for c in conns}
    report("connections of all kinds were among them",
           kinds == {(l, p, m) for l in (4, 16) for p in (6, 17) for m in (0, 1)}, kinds)
    report("the addresses of each are of one length",
           all(len(c["client"]) == len(c["address"]) == len(c["server"]) for c in conns))


def control(family):
    """What the kernel tells others of the family."""
    spec = family.spec
    told = {kind & 0x3FFF: payload for kind, payload, _ in split(Family.control)}
    version, = struct.unpack("=I", told[3])
    report("the family is of version 1 and has no header", version == 1 and
           struct.unpack("=I", told[4])[0] == 0, told[3].hex() + told[4].hex())
    operations = {}
    for _, one, _ in split(told[6]):
        op = {k & 0x3FFF: struct.unpack("=I", p)[0] for k, p, _ in split(one)}
        operations[op[1]] = op[2]
    report("it has the commands of the specification",
           set(operations) == {c["number"] for c in spec.commands.values()}, operations)
    wrong = [name for name, c in spec.commands.items()
             if bool(operations[c["number"]] & 0x10) != c["admin"] or
             bool(operations[c["number"]] & 2) != (c["how"] == "do") or
             bool(operations[c["number"]] & 4) != (c["how"] == "dump")]
    report("those that change something ask for the privilege, the others do not", not wrong, wrong)
    groups = [p for _, one, _ in split(told[7]) for k, p, _ in split(one) if k == 1]
    report("it has a group for events", groups == [b"events\0"], groups)
    answer = family.ask(GENL_CTRL, GETPOLICY, REQUEST | DUMP, attr(1, struct.pack("=H", Family.number)))
    report("its policies can be listed", answer.error == 0 and len(answer.messages) > 20,
           f"{answer}, {len(answer.messages)} messages")


def soup(family):
    """Random attributes with random contents, many of them nearly right."""
    spec = family.spec
    seed = int(os.environ.get("SHUNT_TEST_SEED", "1"))
    pick = random.Random(seed)
    words = [b"web\0", b"six\0", b"new\0", b"rr\0", b"wlc\0", bytes(4), b"\1\0\0\0", b"\0\x50",
             b"\x1f\x90", b"\6", b"\x11", bytes([10, 0, 0, 11]), bytes([10, 1, 0, 21]),
             bytes([198, 51, 100, 9]), socket.inet_pton(socket.AF_INET6, "2001:db8:b::22")]
    wrong, errors, done = [], 0, 0
    before = state(family)
    for i in range(ROUNDS):
        name = pick.choice([n for n in spec.commands if n != "flush"])
        payload = b""
        for _ in range(pick.randrange(8)):
            kind = pick.randrange(16) | pick.choice((0, 0, 0, 0, NESTED, NET_BYTEORDER))
            body = pick.choice(words) if pick.random() < 0.9 else pick.randbytes(pick.randrange(40))
            if kind & NESTED:
                body = b"".join(attr(pick.randrange(8), pick.choice(words)) for _ in range(pick.randrange(4)))
            payload += attr(kind, body)
        if pick.random() < 0.5:
            payload = family.build(name, pick.choice(GOOD[name])) + payload
        answer = family.command(name, payload)
        now = state(family)
        if answer.error:
            errors += 1
            if not answer.message:
                wrong.append(f"request {i}, {name} {payload.hex()}: {answer}")
            if now != before:
                wrong.append(f"request {i}, {name} {payload.hex()}: refused, and changed something")
        else:
            done += 1
        before = now
    report(f"{ROUNDS} random requests (seed {seed}): whatever is refused is told and changes nothing",
           not wrong and errors > ROUNDS / 4 and done > ROUNDS / 40, f"{errors} refused, {done} done; {wrong[:5]}")
    configure(family)


def add_many(family, count):
    for i in range(count):
        family.must("service-add", name=f"many-{i}", protocol=17, mode=1,
                    address=f"198.51.{101 + i // 250}.{i % 250 + 1}", port=1000 + i)
        family.must("server-add", service=f"many-{i}", address="10.1.0.21")


def load(family, count):
    """Services with five servers each, DSR and NAT."""
    for i in range(count):
        port = 1000 + i
        family.must("service-add", name=f"many-{i}", protocol=6, address="198.51.100.1", port=port)
        for last in (11, 12, 13):
            family.must("server-add", service=f"many-{i}", address=f"10.0.0.{last}")
        for last in (21, 22):
            family.must("server-add", service=f"many-{i}", address=f"10.1.0.{last}", port=port, mode=1)


def half_read(spec, name):
    """A family whose dump has begun and is far from its end."""
    family = Family(spec)
    family.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    command = spec.commands[name]
    family.send(Family.number, command["number"], REQUEST | DUMP)
    answer = Answer()
    if family.receive(answer) or not answer.messages:
        sys.exit(f"netlink.py: {name} does not span several reads")
    return family


def references():
    with open("/sys/module/shunt/refcnt") as file:
        return int(file.read())


def unload():
    return subprocess.run(["rmmod", "shunt"], stderr=subprocess.PIPE, text=True)


def abandon(family):
    spec = family.spec
    for name in ("service-get", "server-get", "conn-get"):
        configure(family)
        add_many(family, 400)
        if name == "conn-get":
            subprocess.run(sys.argv[3:], check=True, stdout=subprocess.DEVNULL)
        for _ in range(20):
            half_read(spec, name).socket.close()
        reader = half_read(spec, name)
        report(f"{name}, half read, holds the module", references() == 1, references())
        refused = unload()
        report(f"{name}, half read: the module cannot be removed",
               refused.returncode and "in use" in refused.stderr, refused)
        family.must("flush")
        answer = Answer()
        try:
            while not reader.receive(answer):
                pass
            report(f"{name} goes on to its end when all has gone", answer.error == 0 and
                   (answer.torn or name == "conn-get"), f"{answer} {answer.torn}")
        except ValueError as error:
            report(f"{name} goes on to its end when all has gone", False, error)
        reader.socket.close()
        report("and lets go of the module", references() == 0, references())


def reader(spec, seconds, fixed):
    """Lists for so long, and on until it has had some: prints how often, how often
    torn, and what was wrong."""
    family = Family(spec)
    end = time.monotonic() + seconds
    dumps = torn = 0
    wrong = set()
    while time.monotonic() < end or \
            (dumps <= 10 or not torn) and time.monotonic() < end + PATIENCE:
        for name, key in (("service-get", "name"), ("server-get", "service")):
            answer = family.command(name)
            dumps += 1
            torn += answer.torn
            names = [parse(family, name, m)[key].rstrip(b"\0").decode() for m in answer.messages]
            if answer.error:
                wrong.add(f"{name}: {answer}")
            if not answer.torn:
                if name == "service-get" and len(names) != len(set(names)):
                    wrong.add(f"{name} lists one twice")
                if not fixed <= set(names):
                    wrong.add(f"{name} lacks {sorted(fixed - set(names))[:3]}")
        if family.command("conn-get").error:
            wrong.add("conn-get fails")
    print(dumps, torn, "; ".join(sorted(wrong)), sep="\t")


# Seconds more for a machine that stands still.
PATIENCE = 52


def parallel(family, seconds, count):
    add_many(family, 200)
    fixed = {f"many-{i}" for i in range(200)}
    readers = []
    for _ in range(count):
        in_end, out_end = os.pipe()
        if os.fork() == 0:
            os.dup2(out_end, 1)
            reader(family.spec, seconds, fixed)
            sys.stdout.flush()
            os._exit(0)
        os.close(out_end)
        readers.append(os.fdopen(in_end))
    end = time.monotonic() + seconds
    changes = 0
    # The readers need changes to be torn by, for as long as they go on.
    while time.monotonic() < end or changes <= 10 or \
            any(not select.select([one], [], [], 0)[0] for one in readers):
        i = changes % 7
        family.must("service-add", name=f"new-{i}", protocol=6, mode=1, address="198.51.100.2",
                    port=100 + i)
        for last in range(1, 20):
            family.must("server-add", service=f"new-{i}", address=f"10.1.0.{last + 100}")
        family.must("service-set", name="many-7", scheduler="wlc")
        family.must("server-set", service="many-9", address="10.1.0.21", port=1009, weight=5)
        family.must("service-del", name=f"new-{i}")
        changes += 1
    dumps, torn, wrong = 0, 0, []
    for one in readers:
        words = one.read().rstrip("\n").split("\t")
        if len(words) != 3:
            wrong.append("a reader died")
            continue
        dumps, torn = dumps + int(words[0]), torn + int(words[1])
        wrong += [words[2]] if words[2] else []
    for _ in readers:
        if os.wait()[1]:
            wrong.append("a reader failed")
    report(f"{count} readers during changes: what is not marked as torn is whole",
           not wrong and dumps > 10 and changes > 10,
           f"{dumps} dumps, {torn} torn, {changes} changes, wrong: {wrong}")
    report("dumps torn by a change say so", torn > 0, f"{torn} of {dumps}")
    answers = [family.command(name) for name in ("service-get", "server-get")]
    report("in the quiet none is torn", not any(a.torn or a.error for a in answers))
    configure(family)


def main():
    spec = Spec(sys.argv[1])
    family = Family(spec)
    part = sys.argv[2]
    if part == "requests":
        configure(family)
        for check in (accept, settings, matching, mutate, twice, flagged, headers, pointing, control, soup):
            check(family)
    elif part == "replies":
        replies(family)
    elif part == "abandon":
        abandon(family)
    elif part == "load":
        load(family, int(sys.argv[3]))
    elif part == "parallel":
        parallel(family, 8, 4)
    else:
        sys.exit("netlink.py: which part?")


if __name__ == "__main__":
    main()
