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
        self.commands = {}
        for i, op in enumerate(tree["operations"]["list"], 1):
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
        if not isinstance(value, bytes):
            value = encode(attribute, value)
        return attr(attribute["number"] | flags, value)


def encode(attribute, value):
    kind = attribute["type"]
    if kind == "string":
        return value.encode() + b"\0"
    if kind == "binary":
        return socket.inet_pton(socket.AF_INET6 if ":" in value else socket.AF_INET, value)
    return value.to_bytes(SIZES[kind], "big" if "byte-order" in attribute else sys.byteorder)


# What requests are made of: a base that is there, and for each command one
# request that succeeds. Those that change something change nothing else.
BASE = [
    ("service-add", dict(name="web", protocol=6, address="198.51.100.1", port=80)),
    ("service-add", dict(name="six", protocol=17, address="2001:db8:f::1", port=53, mode=1)),
    ("server-add", dict(service="web", address="10.0.0.11")),
    ("server-add", dict(service="web", address="10.1.0.21", port=8080, mode=1, weight=3)),
    ("server-add", dict(service="six", address="2001:db8:b::21", port=5353)),
]
GOOD = {
    "service-add": dict(name="new", protocol=6, address="198.51.100.9", port=443,
                        scheduler="wrr", mode=1),
    "service-set": dict(name="web", scheduler="wlc", mode=1),
    "service-del": dict(name="web"),
    "service-get": dict(name="web"),
    "server-add": dict(service="web", address="10.1.0.22", port=81, mode=1, weight=2),
    "server-set": dict(service="web", address="10.1.0.21", port=8080, mode=1, weight=9),
    "server-del": dict(service="web", address="10.1.0.21", port=8080),
    "server-get": dict(service="web"),
    "conn-get": {"service": "web", "client": "192.0.2.10", "client-port": 1,
                 "server": "10.0.0.11", "server-port": 80},
    "drop-get": {}, "status-get": {}, "flush": {},
}
# Left out, these have a meaning of their own; all others must be there.
OPTIONAL = {
    "service-add": {"scheduler", "mode"}, "service-set": {"scheduler", "mode"},
    "service-get": {"name"}, "server-get": {"service"},
    # Without its port this server is not found, or is another.
    "server-add": {"port", "mode", "weight"}, "server-set": {"mode", "weight"},
    "server-del": set(),
    "conn-get": {"service", "client", "client-port", "server", "server-port"},
}


def configure(family):
    family.must("flush")
    for name, values in BASE:
        family.must(name, **values)


def state(family):
    return [m[2] for name in ("service-get", "server-get") for m in family.must(name).messages]


def bad_values(attribute, spec):
    """Payloads that an attribute must not have, each with what is wrong."""
    kind = attribute["type"]
    checks = attribute.get("checks", {})
    if kind == "string":
        longest = spec.constants[checks["max-len"]]
        yield "empty", b""
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
        if "max" in checks:
            top = spec.constants[checks["max"]]
            for number in (top + 1, 0xFFFFFFFF):
                yield f"value {number}", number.to_bytes(good, sys.byteorder)
    if attribute["name"] == "port":
        yield "value 0", bytes(2)
    if attribute["name"] == "protocol":
        for number in (0, 1, 16, 18, 58, 132, 255):
            yield f"value {number}", bytes([number])
    if attribute["name"] == "scheduler":
        yield "unknown", b"none\0"
    if attribute["name"] == "address":
        for word in ("0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255", "::", "::1",
                     "ff02::1", "::ffff:10.0.0.1", "fe80::1"):
            yield f"value {word}", encode(attribute, word)


def mutations(spec, name):
    """Requests that must be refused, each with what is wrong."""
    command = spec.commands[name]
    attributes = command["set"]
    good = {key: Family.one(attributes[key], value) for key, value in GOOD[name].items()}
    whole = b"".join(good.values())
    for key, value in GOOD[name].items():
        attribute = attributes[key]
        others = [v for k, v in good.items() if k != key]

        def instead(one, others=others):
            return b"".join(others) + one
        if key not in OPTIONAL.get(name, ()):
            yield f"{key} missing", instead(b"")
        for what, payload in bad_values(attribute, spec):
            yield f"{key}: {what}", instead(attr(attribute["number"], payload))
        payload = encode(attribute, value)
        yield f"{key} flagged as nested", instead(attr(attribute["number"] | NESTED, payload))
        yield f"{key} longer than the message", instead(attr(attribute["number"], payload, 200))
        yield f"{key} shorter than its header", instead(attr(attribute["number"], payload, 3))
    for key, attribute in attributes.items():
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
    for name in spec.commands:
        wrong, tried = [], 0
        for what, payload in mutations(spec, name):
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
        report(f"{name}: each of {tried} wrong requests is refused with a sentence, and changes nothing",
               tried and not wrong, f"{len(wrong)} wrong: {'; '.join(wrong[:12])}")


def accept(family):
    """The good requests are good, so that the wrong ones are wrong for one reason only."""
    spec = family.spec
    report("the specification and this test know the same commands",
           set(spec.commands) == set(GOOD), set(spec.commands) ^ set(GOOD))
    for name, command in spec.commands.items():
        report(f"{name}: the request tried has all it takes",
               set(command["takes"]) == set(GOOD[name]), GOOD[name])
        configure(family)
        before = state(family)
        answer = family.command(name, family.build(name, GOOD[name]))
        report(f"{name}: with all it takes it is done", answer.error == 0, answer)
        changed = state(family) != before
        report(f"{name}: {'changes' if command['admin'] else 'leaves'} the configuration",
               changed == command["admin"], changed)
        for key in OPTIONAL.get(name, ()):
            configure(family)
            rest = {k: v for k, v in GOOD[name].items() if k != key}
            answer = family.command(name, family.build(name, rest))
            # Without mode nat the port does not fit.
            good = answer.error == 0 or (name, key) == ("server-add", "mode") and answer.message
            report(f"{name}: {key} may be left out", good, answer)
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
                                family.build(name, GOOD[name]), **more)
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
        ("server-add", "service", dict(address="10.0.0.12", service="none")),
        ("server-add", "address", dict(service="web", address="10.0.0.11")),
        ("server-add", "address", dict(service="web", address="2001:db8:a::11")),
        ("server-add", "port", dict(service="web", address="10.0.0.12", port=81)),
        ("server-add", "weight", dict(service="web", address="10.0.0.12", weight=65536)),
        ("server-set", "address", dict(weight=1, service="web", address="10.0.0.12")),
        ("server-get", "service", dict(service="none")),
        ("conn-get", "service", dict(service="none")),
    ]
    for name, key, values in cases:
        payload = family.build(name, values)
        number = family.spec.commands[name]["set"][key]["number"]
        at = 20
        for kind, one, padding in split(payload):
            if kind == number:
                break
            at += 4 + len(one) + len(padding)
        answer = family.command(name, payload)
        # At the end of a listing Linux 6.1 tells no offset.
        good = answer.offset == at or \
            answer.offset is None and family.spec.commands[name]["how"] == "dump"
        report(f"{name} points at the {key}", answer.error and answer.message and good,
               f"{answer}, offset {answer.offset}, wanted {at}")


def parse(family, name, message):
    numbers = {a["number"]: key for key, a in family.spec.commands[name]["set"].items()}
    return {numbers[kind & 0x3FFF]: payload for kind, payload, _ in split(message[2])}


def flaws(spec, attributes, gives, data):
    """What is wrong with the attributes of a reply, or of a nest in it."""
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
        if name in seen:
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
            yield from flaws(spec, nested, set(nested) - {"pad"}, payload)
        elif "enum" in attribute and struct.unpack("=I", payload)[0] >= spec.enums[attribute["enum"]]:
            yield f"{name}: value {payload.hex()}"
    for name in set(gives) - seen:
        yield f"{name} is missing"


def replies(family):
    """Nothing in a reply but what the specification says, to the byte."""
    spec = family.spec
    for name, command in spec.commands.items():
        if not command["gives"]:
            continue
        answer = family.command(name)
        wrong = []
        for kind, header, data in answer.messages:
            if kind != Family.number or header != struct.pack("=BBH", command["number"], 1, 0):
                wrong.append(f"header {kind} {header.hex()}")
            wrong += flaws(spec, command["set"], command["gives"], data)
        report(f"{name}: each of its {'many ' if len(answer.messages) > 1 else ''}replies is exact",
               answer.messages and not answer.error and not wrong, "; ".join(wrong[:12]) or answer)
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
            kind = pick.randrange(13) | pick.choice((0, 0, 0, 0, NESTED, NET_BYTEORDER))
            body = pick.choice(words) if pick.random() < 0.9 else pick.randbytes(pick.randrange(40))
            payload += attr(kind, body)
        if GOOD[name] and pick.random() < 0.5:
            payload = family.build(name, GOOD[name]) + payload
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
    """Lists all the time: prints how often, how often torn, and what was wrong."""
    family = Family(spec)
    end = time.monotonic() + seconds
    dumps = torn = 0
    wrong = set()
    while time.monotonic() < end:
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
    while time.monotonic() < end:
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
        for check in (accept, mutate, twice, headers, pointing, control, soup):
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


main()
