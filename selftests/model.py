# SPDX-License-Identifier: GPL-2.0
# Random steps against a model, for test-model.sh: packets, edits and listings in
# any order, and after each step everything that is listed and every packet that
# left the director is what the model says. The model is that of the manual: which
# server a scheduler chooses, what each packet makes of a connection, what is
# counted where. Where the director is free to choose, it may do what is allowed.
#
#   model.py SPEC DIRECTOR WIRE STEPS SEED
#
# SPEC is include/shunt.yaml; the director's link ends in the namespace WIRE, where
# this is the router with all clients, and all servers.
import collections
import itertools
import os
import random
import sys
import time
import traceback

import netlink
import raw

VIP = "198.51.100.1"
ROUTER = 1
NUMBERS = range(11, 17)
STATES = {6: ("syn", "established", "closing", "closed"), 17: ("one-way", "answered")}
ALL_STATES = STATES[6] + STATES[17]
INACTIVE = "closing", "closed"
LONG, SHORT = 3600, 1
CROWD = 40
DETERMINISTIC = "rr", "wrr", "lc", "wlc", "sed", "nq", "fo", "ovf"
HASHED = "sh", "dh", "maglev", "sticky"
SCHEDULERS = DETERMINISTIC * 2 + HASHED + ("random", "p2c")
KEEP, RESET, REHASH = 0, 1, 2
LOADS = "lc", "wlc", "sed", "nq", "ovf"


class Mismatch(Exception):
    pass


def wanted(what, got, want):
    if got != want:
        raise Mismatch(f"{what}\n  expected: {want}\n  got:      {got}")


class Server:
    def __init__(self, service, number, weight):
        self.service, self.number, self.weight = service, number, weight
        self.address = f"10.0.0.{number}"
        self.removed = False
        self.credit = 0
        self.states = collections.Counter()
        self.stats = collections.Counter()
        # SYNs that may still count as connections, and until when.
        self.awaited, self.awaited_until = 0, 0
        # Removed, and perhaps freed: added again it may begin anew.
        self.may_be_gone = False

    def conns(self):
        return sum(self.states.values())

    def inactive(self):
        return sum(self.states[state] for state in INACTIVE)

    def __str__(self):
        return f"{self.address} weight {self.weight}{' removed' if self.removed else ''}"


class Conn:
    def __init__(self, service, client, port, server, state):
        self.service, self.client, self.port = service, client, port
        self.server, self.state = server, state
        self.fins, self.resets = set(), set()
        self.known = False      # where the server stands
        self.seq = {"client": 0, "server": 0}
        self.seen = 0

    def __str__(self):
        return f"{self.service.name} {self.client}:{self.port} {self.state} on {self.server}"


class Service:
    def __init__(self, name, protocol, port, mode, limited=False):
        self.name, self.protocol, self.port, self.mode = name, protocol, port, mode
        self.limited = limited
        self.inside = port if mode == "dsr" else port + 1
        self.scheduler = "rr"
        self.on_remove = KEEP if protocol == 6 else REHASH
        self.midstream = 0
        self.limit = 0
        self.cursor = 0
        self.servers = []       # those configured, in order
        self.leaving = {}       # removed ones, by number
        self.gone = collections.Counter()       # counters of those freed
        self.drops = collections.Counter()
        self.recycled = 0
        self.chosen = {}        # by hashing, since the last change
        self.halves = []        # SYNs in DSR

    def everyone(self):
        return self.servers + list(self.leaving.values())

    def published(self):
        for server in self.everyone():
            server.credit = 0
        self.chosen.clear()

    def pool(self):
        return [server for server in self.servers if server.weight]

    def load(self, server, awaited):
        active = server.conns() - server.inactive() + awaited
        if self.scheduler in ("lc", "wlc"):
            return active * 256 + server.inactive()
        if self.scheduler == "sed":
            return active + 1
        return active + 1 if active else 0

    def by_load(self, awaited):
        """The one choice, with so many SYNs awaited of each server."""
        best = None
        for server in self.pool():
            weight = 1 if self.scheduler == "lc" else server.weight
            if self.scheduler == "ovf":
                if server.conns() - server.inactive() + awaited[server] < weight and \
                        (not best or weight > best[1]):
                    best = server, weight, 0
                continue
            load = self.load(server, awaited[server])
            if best:
                mine, other = load * best[1], best[2] * weight
            if not best or mine < other or mine == other and weight > best[1]:
                best = server, weight, load
        return best[0] if best else None

    def by_turn(self):
        turn, pool = self.cursor, self.pool()
        self.cursor += 1
        return pool[turn % len(pool)] if pool else None

    def by_credit(self):
        best = None
        for server in self.pool():
            server.credit += server.weight
            if not best or server.credit > best.credit:
                best = server
        if best:
            best.credit -= sum(server.weight for server in self.pool())
        return best

    def choices(self, client, port, begins):
        """Whom the scheduler may choose now; to ask is to choose."""
        pool = self.pool()
        if self.limited:
            # While it is pressed the hash chooses, else the scheduler; of ovf all may be full.
            return set(pool) | ({None} if self.scheduler == "ovf" or not pool else set())
        if self.scheduler == "rr":
            return {self.by_turn()}
        if self.scheduler == "wrr":
            return {self.by_credit()}
        if self.scheduler == "fo":
            return {max(pool, key=lambda s: s.weight, default=None)}
        if self.scheduler in LOADS:
            now = time.monotonic()
            ranges = [range(s.awaited + 1 if now < s.awaited_until else 1) for s in pool]
            return {self.by_load(dict(zip(pool, counts)))
                    for counts in itertools.product(*ranges)}
        if self.scheduler in ("maglev", "sticky") and not begins and self.protocol == 6:
            # In mid-stream the table before the last change is asked first.
            return set(self.servers) if pool else set(self.servers) | {None}
        key = self.key(client, port)
        return {self.chosen[key]} if key in self.chosen else set(pool) or {None}

    def key(self, client, port):
        """What is hashed."""
        return {"sh": client, "dh": None}.get(self.scheduler, (client, port))

    def note_choice(self, client, port, begins, server):
        by_table = self.scheduler in ("maglev", "sticky") and (begins or self.protocol == 17)
        if not self.limited and (by_table or self.scheduler in ("sh", "dh")):
            self.chosen[self.key(client, port)] = server


class Model:
    """The director as it should be, and the one there is."""

    def __init__(self, spec, director, wire, seed):
        self.random = random.Random(seed)
        raw.enter(director)
        self.family = netlink.Family(netlink.Spec(spec))
        self.port = raw.Port(wire, "eth0", 2, ROUTER)
        self.director = raw.Director({"front": self.port})
        self.conns = {}
        self.decoded = {}
        self.next_port = 1024
        self.history = collections.deque(maxlen=20)
        self.services = [Service("dsr", 6, 80, "dsr"), Service("nat", 6, 8080, "nat"),
                         Service("small", 6, 8090, "nat", limited=True),
                         Service("udp", 17, 5300, "nat")]
        self.must("flush")
        for service in self.services:
            self.must("service-add", name=service.name, protocol=service.protocol, address=VIP,
                      port=service.port, mode=int(service.mode == "nat"),
                      timeouts=self.timeouts(service))
            for number in list(NUMBERS)[:5]:
                self.add_server(service, number, self.random.randint(1, 5))

    @staticmethod
    def timeouts(service, short=None):
        return {state.replace("-", "_"): SHORT if state == short else LONG
                for state in STATES[service.protocol]}

    def must(self, command, /, **values):
        return self.family.must(command, **values)

    # Packets.

    def exchange(self, *packets):
        """Each is (number of the sender's MAC, packet); what came of them, in order."""
        got = []
        sent = [("front", {"sender": raw.mac(number)}, packet) for number, packet in packets]
        for _, number, packet in self.director.exchange(sent):
            source, target = (".".join(map(str, packet[at:at + 4])) for at in (12, 16))
            ports = int.from_bytes(packet[20:22], "big"), int.from_bytes(packet[22:24], "big")
            if packet[9] == 1:
                got.append((number, "icmp", source, target))
            else:
                got.append((number, packet[9], source, target) + ports)
        return got

    def from_client(self, service, client, port, flags, seq=0, ack=0, data=b""):
        if service.protocol == 17:
            return ROUTER, raw.udp(client, port, VIP, service.port, data or b"x")
        return ROUTER, raw.tcp(client, port, VIP, service.port, flags, seq, ack, data)

    @staticmethod
    def to_server(service, client, port, server):
        target = VIP if service.mode == "dsr" else server.address
        return (server.number, service.protocol, client, target, port, service.inside)

    def from_server(self, conn, flags, data=b""):
        service, server = conn.service, conn.server
        seq, ack = conn.seq["server"], conn.seq["client"]
        if service.protocol == 17:
            packet = raw.udp(server.address, service.inside, conn.client, conn.port, data or b"y")
        else:
            packet = raw.tcp(server.address, service.inside, conn.client, conn.port, flags, seq,
                             ack, data)
        return server.number, packet

    @staticmethod
    def to_client(service, client, port):
        return (ROUTER, service.protocol, VIP, client, service.port, port)

    def refused(self, service, client, port, reason, got):
        service.drops[reason] += 1
        if service.protocol == 17:
            wanted("a refusal", [one[:2] + one[3:] for one in got], [(ROUTER, "icmp", client)])
        else:
            wanted("a refusal", got, [self.to_client(service, client, port)])

    @staticmethod
    def passed(server, packet, back=False):
        prefix = "return-" if back else ""
        server.stats[prefix + "packets"] += 1
        server.stats[prefix + "bytes"] += len(packet[1])

    # Connections.

    def new_client(self):
        self.next_port = self.next_port + 1 if self.next_port < 65000 else 1024
        return f"192.0.2.{self.random.randint(10, 250)}", self.next_port

    def make(self, service, client, port, server, state):
        conn = Conn(service, client, port, server, state)
        self.conns[service.name, client, port] = conn
        server.states[state] += 1
        server.stats["total-connections"] += 1
        conn.seen = time.monotonic()
        return conn

    def become(self, conn, state):
        conn.server.states[conn.state] -= 1
        conn.server.states[state] += 1
        conn.state = state

    def forget(self, conn):
        del self.conns[conn.service.name, conn.client, conn.port]
        server = conn.server
        server.states[conn.state] -= 1
        if server.removed and not server.conns():
            server.may_be_gone = True

    def by_marks(self, conn):
        if conn.resets or len(conn.fins) == 2:
            return "closed"
        return "closing" if conn.fins else "established"

    def note(self, conn, side, flags):
        """What a packet of one side makes of the state."""
        if conn.service.protocol == 17:
            if side == "server":
                self.become(conn, "answered")
            return
        if "R" in flags:
            conn.resets.add(side)
            self.become(conn, "closed")
            return
        if "S" in flags:
            conn.known |= side == "server"
            return
        conn.resets.discard(side)
        if "F" in flags:
            conn.fins.add(side)
        complete = side == "client" and (conn.service.mode == "dsr" or conn.known)
        if conn.state != "syn" or "F" in flags or complete:
            self.become(conn, self.by_marks(conn))
        conn.known |= side == "server"

    def open(self, service, client, port, packet, state, begins, old=None):
        """A packet that a server has to be chosen for. The connection made of it, or the
        server of a SYN in DSR, or None."""
        full = service.limit and sum(s.conns() for s in service.everyone()) - \
            bool(old) >= service.limit
        legal = service.choices(client, port, begins)
        got = self.exchange(packet)
        server = next((s for s in service.servers if got and s.number == got[0][0]), None)
        if server is None and full and legal != {None} and not got:
            if old:
                self.forget(old)
            service.drops["limit"] += 1
            return None
        if server not in legal:
            raise Mismatch(f"{service.name}, {service.scheduler}, chose {server} for "
                           f"{client}:{port}; expected {' or '.join(map(str, legal))} of "
                           f"{', '.join(map(str, service.servers))}")
        if server is None:
            self.refused(service, client, port, "no-server", got)
            return None
        service.note_choice(client, port, begins, server)
        wanted("what goes to the server", got, [self.to_server(service, client, port, server)])
        self.passed(server, packet)
        if old:
            self.forget(old)
        if service.mode == "dsr" and begins:
            server.awaited += 1
            server.awaited_until = time.monotonic() + 1.3
            return server
        if full:
            self.take_place(service)
        return self.make(service, client, port, server, state)

    def take_place(self, service):
        """One that could be spared has gone: which is the director's choice."""
        listed = {(c["client"], c["client-port"]) for c in self.listed("conn-get")
                  if c["service"] == service.name}
        gone = [c for c in self.conns.values() if c.service is service and
                (netlink.encode({"type": "binary"}, c.client), c.port) not in listed]
        wanted(f"connections of {service.name} that gave way", len(gone), 1)
        if gone[0].state not in ("syn", "closing", "closed"):
            raise Mismatch(f"{gone[0]} had to give way")
        self.forget(gone[0])
        service.recycled += 1

    def carry(self, conn, flags, data=b""):
        """A client's packet of a connection. Its server may be no more."""
        service, server = conn.service, conn.server
        packet = self.from_client(service, conn.client, conn.port, flags, conn.seq["client"],
                                  conn.seq["server"], data)
        if server.removed and service.on_remove == REHASH and "R" not in flags:
            seq = dict(conn.seq)
            made = self.open(service, conn.client, conn.port, packet,
                             "syn" if service.protocol == 6 else "one-way", False, old=conn)
            if made:
                made.seq = seq
                if "F" in flags:
                    made.fins.add("client")
                    self.become(made, "closing")
                made.seq["client"] += len(data) + ("F" in flags)
            return
        got = self.exchange(packet)
        if server.removed and service.on_remove == RESET and "R" not in flags:
            self.forget(conn)
            self.refused(service, conn.client, conn.port, "server-removed", got)
            return
        wanted("a client's packet", got, [self.to_server(service, conn.client, conn.port, server)])
        self.passed(server, packet)
        conn.seen = time.monotonic()
        self.note(conn, "client", flags)
        conn.seq["client"] += len(data) + ("F" in flags)

    def answer(self, conn, flags, data=b""):
        packet = self.from_server(conn, flags, data)
        got = self.exchange(packet)
        wanted("a server's packet", got, [self.to_client(conn.service, conn.client, conn.port)])
        self.passed(conn.server, packet, True)
        conn.seen = time.monotonic()
        self.note(conn, "server", flags)
        conn.seq["server"] += len(data) + ("F" in flags or "S" in flags)

    # Steps. Each returns what it did, or None if there is nothing to do it with.

    def some(self, *states, mode=None, protocol=6):
        found = [c for c in self.conns.values() if c.service.protocol == protocol and
                 (not states or c.state in states) and (not mode or c.service.mode == mode)]
        return self.random.choice(found) if found else None

    def a_service(self, *names):
        return self.random.choice([s for s in self.services if not names or s.name in names])

    def begin(self, service, client, port, old=None):
        isn = self.random.getrandbits(32)
        packet = self.from_client(service, client, port, "S", isn)
        made = self.open(service, client, port, packet, "syn", True, old=old)
        if isinstance(made, Server):
            made = Conn(service, client, port, made, None)
            service.halves.append(made)
        if made:
            made.seq = {"client": (isn + 1) % (1 << 32), "server": self.random.getrandbits(31)}
        return made

    def complete(self, conn):
        """The rest of a handshake."""
        if conn.service.mode == "nat":
            self.answer(conn, "SA")
            self.carry(conn, "A")
            return
        service, server = conn.service, conn.server
        service.halves.remove(conn)
        packet = self.from_client(service, conn.client, conn.port, "A", conn.seq["client"],
                                  conn.seq["server"])
        got = self.exchange(packet)
        wanted("the ACK after a SYN", got,
               [self.to_server(service, conn.client, conn.port, server)])
        self.passed(server, packet)
        server.awaited = max(server.awaited - 1, 0)
        made = self.make(service, conn.client, conn.port, server, "established")
        made.seq = conn.seq

    def step_connect(self):
        service = self.a_service("dsr", "nat", "small")
        conn = self.begin(service, *self.new_client())
        if conn:
            self.complete(conn)
        return f"connect {conn or service.name + ' in vain'}"

    def step_half(self):
        service = self.a_service("dsr", "nat", "small")
        if len(service.halves) >= 4:
            return None
        return f"SYN {self.begin(service, *self.new_client()) or service.name + ' in vain'}"

    def step_complete(self):
        halves = self.services[0].halves
        conn = self.random.choice(halves) if halves and self.random.random() < .5 else \
            self.some("syn", mode="nat")
        if not conn or conn.server.removed or conn.known:
            return None
        self.complete(conn)
        return f"complete {conn}"

    def step_reset_half(self):
        halves = self.services[0].halves
        if not halves:
            return None
        conn = halves.pop(self.random.randrange(len(halves)))
        packet = self.from_client(conn.service, conn.client, conn.port, "R", conn.seq["client"])
        wanted("a RST after a SYN", self.exchange(packet),
               [self.to_server(conn.service, conn.client, conn.port, conn.server)])
        self.passed(conn.server, packet)
        return f"RST after SYN {conn}"

    def step_data(self):
        conn = self.some("syn", "established", "closing")
        if not conn or "client" in conn.fins:
            return None
        was = str(conn)
        self.carry(conn, "A", bytes(self.random.randint(0, 100)))
        return f"data {was}"

    def step_answer(self):
        conn = self.some("syn", "established", "closing", mode="nat")
        if not conn or "server" in conn.fins:
            return None
        was = str(conn)
        self.answer(conn, "A", bytes(self.random.randint(0, 100)))
        return f"answer {was}"

    def step_client_fin(self):
        conn = self.some("established", "closing")
        if not conn or "client" in conn.fins:
            return None
        was = str(conn)
        self.carry(conn, "FA")
        return f"client's FIN {was}"

    def step_server_fin(self):
        conn = self.some("established", "closing", mode="nat")
        if not conn or "server" in conn.fins:
            return None
        was = str(conn)
        self.answer(conn, "FA")
        return f"server's FIN {was}"

    def step_reset(self):
        conn = self.some()
        if not conn:
            return None
        was = str(conn)
        if conn.service.mode == "nat" and self.random.random() < .5:
            self.answer(conn, "RA")
            return f"server's RST {was}"
        self.carry(conn, "RA")
        return f"client's RST {was}"

    def step_reopen(self):
        conn = self.some("closing", "closed")
        if not conn:
            return None
        was = str(conn)
        made = self.begin(conn.service, conn.client, conn.port, old=conn)
        if made:
            self.complete(made)
        return f"SYN again {was}"

    def step_stray(self):
        service = self.a_service("dsr", "nat")
        client, port = self.new_client()
        seq = self.random.getrandbits(32)
        packet = self.from_client(service, client, port, "A", seq, 1)
        if service.midstream:
            made = self.open(service, client, port, packet, "syn", False)
            if made:
                made.seq["client"] = seq
                made.seq["server"] = 1
            return f"stray {made or service.name + ' in vain'}"
        self.refused(service, client, port, "no-connection", self.exchange(packet))
        return f"stray {service.name}"

    def step_datagram(self):
        service = self.services[3]
        conn = self.some(protocol=17) if self.random.random() < .6 else None
        if conn:
            was = str(conn)
            self.carry(conn, "", b"again")
            return f"datagram {was}"
        client, port = self.new_client()
        packet = self.from_client(service, client, port, "", data=b"new")
        return f"datagram {self.open(service, client, port, packet, 'one-way', False)}"

    def step_udp_answer(self):
        conn = self.some(protocol=17)
        if conn:
            self.answer(conn, "", b"answer")
        return conn and f"answer {conn}"

    def add_server(self, service, number, weight):
        self.must("server-add", service=service.name, address=f"10.0.0.{number}",
                  port=service.inside, weight=weight)
        server = service.leaving.pop(number, None)
        listed = [one for one in self.listed("server-get") if one["service"] == service.name]
        numbers = [one["address"][3] for one in listed]
        mine = listed[numbers.index(number)]
        if server and server.may_be_gone and \
                mine["stats"]["total-connections"] != server.stats["total-connections"]:
            service.gone += server.stats
            server = None
        if not server:
            server = Server(service, number, weight)
            wanted("the place of a new server", numbers[-1], number)
        server.weight, server.removed, server.may_be_gone = weight, False, False
        service.servers.append(server)
        # One that was there all the time has its old place.
        wanted("the others' order", [n for n in numbers if n != number],
               [s.number for s in service.servers[:-1]])
        service.servers.sort(key=lambda s: numbers.index(s.number))
        service.published()

    def step_server_add(self):
        service = self.a_service()
        there = {s.number for s in service.servers}
        number = self.random.choice(NUMBERS)
        if number in there:
            return None
        weight = self.random.randint(0, 5)
        self.add_server(service, number, weight)
        return f"server add {service.name} {number} weight {weight}"

    def step_server_del(self):
        service = self.a_service()
        if len(service.servers) <= self.random.choice((0, 2, 2, 2, 2, 2)):
            return None
        server = self.random.choice(service.servers)
        self.must("server-del", service=service.name, address=server.address, port=service.inside)
        service.servers.remove(server)
        service.leaving[server.number] = server
        server.removed, server.may_be_gone = True, not server.conns()
        # What was chosen for a SYN is as if it had not been.
        service.halves = [half for half in service.halves if half.server is not server]
        service.published()
        return f"server del {service.name} {server}"

    def step_weight(self):
        service = self.a_service()
        if not service.servers:
            return None
        server = self.random.choice(service.servers)
        server.weight = self.random.choice((0, 0, 1, 1, 2, 3, 4, 5))
        self.must("server-set", service=service.name, address=server.address, port=service.inside,
                  weight=server.weight)
        service.published()
        return f"server set {service.name} {server}"

    def step_scheduler(self):
        service = self.a_service()
        service.scheduler = self.random.choice(SCHEDULERS)
        more = dict(table_size=251) if service.scheduler in ("maglev", "sticky") else {}
        self.must("service-set", name=service.name, scheduler=service.scheduler, **more)
        service.published()
        return f"service set {service.name} scheduler {service.scheduler}"

    def step_policy(self):
        service = self.a_service()
        service.on_remove = self.random.choice((KEEP, RESET, REHASH))
        change = dict(on_remove=service.on_remove)
        if service.protocol == 6:
            service.midstream = change["midstream"] = self.random.choice((0, 0, 1))
        self.must("service-set", name=service.name, **change)
        return f"service set {service.name} {change}"

    def step_limit(self):
        service = self.services[2]
        service.limit = self.random.randint(0, 9)
        self.must("service-set", name=service.name, limit=service.limit)
        return f"service set {service.name} limit {service.limit}"

    def step_delete(self):
        if not self.conns:
            return None
        conn = self.random.choice(list(self.conns.values()))
        answer = self.must("conn-del", service=conn.service.name, client=conn.client,
                           client_port=conn.port)
        wanted("connections deleted", self.decode("conn", answer.messages[0][2])["deleted"], 1)
        self.forget(conn)
        return f"conn del {conn}"

    def step_expire(self):
        conn = self.some(*INACTIVE) or self.some() or self.some(protocol=17)
        if not conn:
            return None
        service, state = conn.service, conn.state
        self.must("service-set", name=service.name, timeouts=self.timeouts(service, state))
        for one in [c for c in self.conns.values() if c.service is service and c.state == state]:
            self.forget(one)
        end = time.monotonic() + 15
        while True:
            try:
                self.check(dict.fromkeys(STATES[service.protocol], LONG) | {state: SHORT}, service)
                break
            except Mismatch:
                if time.monotonic() > end:
                    raise
            os.sched_yield()
        self.must("service-set", name=service.name, timeouts=self.timeouts(service))
        return f"expire {service.name} {state}"

    # What is listed.

    def decode(self, kind, data):
        key = kind, data
        if key not in self.decoded:
            if len(self.decoded) > 5000:
                self.decoded.clear()
            told = netlink.decode(self.family.spec.sets[kind], data)
            for name, value in told.items():
                if isinstance(value, bytes) and name in ("service", "name", "reason", "scheduler"):
                    told[name] = value[:-1].decode()
            self.decoded[key] = told
        return self.decoded[key]

    def listed(self, command):
        kind = command.partition("-")[0]
        return [self.decode(kind, one[2]) for one in self.must(command).messages]

    def check_servers(self):
        listed = iter(self.listed("server-get"))
        for service in self.services:
            for server in service.servers:
                one = next(listed, None)
                stats = {key: one["stats"][key] for key in one["stats"]} if one else {}
                want = {key: server.stats[key] for key in stats} | \
                    ({"connections": server.conns()} if stats else {})
                wanted(f"server {server} of {service.name}: its name, weight and counters",
                       one and (one["service"], one["address"][3], one["weight"], stats),
                       (service.name, server.number, server.weight, want))
                wanted(f"server {server} of {service.name}: states", one["states"],
                       {state: server.states[state] for state in STATES[service.protocol]})
        wanted("another server", next(listed, None), None)

    def check_services(self, timeouts, changed):
        for service, one in itertools.zip_longest(self.services, self.listed("service-get")):
            everyone = service.everyone()
            stats = sum((s.stats for s in everyone), collections.Counter()) + service.gone
            stats["connections"] = sum(s.conns() for s in everyone)
            wanted(f"service {service.name}: its counters", one["stats"],
                   {key: stats[key] for key in one["stats"]})
            wanted(f"service {service.name}: states", one["states"],
                   {state: sum(s.states[state] for s in everyone)
                    for state in STATES[service.protocol]})
            wanted(f"service {service.name}: settings",
                   [one[key] for key in ("name", "scheduler", "on-remove", "limit", "recycled",
                                         "stateless")],
                   [service.name, service.scheduler, service.on_remove, service.limit,
                    service.recycled, 0])
            wanted(f"service {service.name}: timeouts", one["timeouts"],
                   timeouts if service is changed else
                   dict.fromkeys(STATES[service.protocol], LONG))

    def check_conns(self):
        before = time.monotonic()
        got = {}
        listed = self.listed("conn-get")
        now = time.monotonic()
        for one in listed:
            client = ".".join(map(str, one["client"]))
            key = one["service"], client, one["client-port"]
            if key in got:
                raise Mismatch(f"the connection {key} is listed twice")
            got[key] = (one["server"][3], one["server-port"], one["mode"],
                        ALL_STATES[one["state"]])
            conn = self.conns.get(key)
            if conn and not before - conn.seen - 2.5 <= LONG - one["expires"] <= \
                    now - conn.seen + 1.5:
                raise Mismatch(f"{conn} was seen {now - conn.seen:.1f} s ago, and is to expire in "
                               f"{one['expires']} s of {LONG}")
        want = {key: (c.server.number, c.service.inside, int(c.service.mode == "nat"), c.state)
                for key, c in self.conns.items()}
        if got != want:
            wanted("connections listed, where they differ",
                   {key: got.get(key) for key in got.keys() | want if got.get(key) != want.get(key)},
                   {key: want.get(key) for key in got.keys() | want if got.get(key) != want.get(key)})

    def check(self, timeouts=None, changed=None):
        self.check_conns()
        self.check_servers()
        self.check_services(timeouts, changed)
        got = {(one["service"], one["reason"]): one["count"] for one in self.listed("drop-get")
               if one["count"]}
        wanted("drops", got, {(service.name, reason): count for service in self.services
                              for reason, count in service.drops.items() if count})
        wanted("connections in all", self.listed("limit-get")[0]["connections"], len(self.conns))

    STEPS = {
        "connect": 20, "data": 20, "answer": 9, "client_fin": 5, "server_fin": 5, "reset": 4,
        "half": 5, "complete": 5, "reset_half": 2, "reopen": 4, "stray": 3, "datagram": 9,
        "udp_answer": 5, "weight": 6, "server_add": 3, "server_del": 3, "scheduler": 2,
        "policy": 1, "limit": 1, "delete": 3, "expire": .2,
    }

    def step(self):
        names = list(self.STEPS)
        while True:
            name = self.random.choices(names, self.STEPS.values())[0]
            if len(self.conns) > CROWD and name in ("connect", "half", "stray", "datagram"):
                name = "delete"
            self.history.append(f"{name} ...")
            done = getattr(self, "step_" + name)()
            self.history.pop()
            if done:
                self.history.append(done)
                return name


def main():
    spec, director, wire, steps, seed = sys.argv[1:]
    os.sched_setaffinity(0, {0})
    model = Model(spec, director, wire, int(seed))
    counts = collections.Counter()
    number = 0
    start = time.monotonic()
    try:
        model.check()
        for number in range(1, int(steps) + 1):
            counts[model.step()] += 1
            model.check()
    except Exception as error:
        print(f"seed {seed}, step {number}: "
              f"{error if isinstance(error, Mismatch) else traceback.format_exc()}")
        print("the last steps:", *model.history, sep="\n  ")
        sys.exit(1)
    print(f"seed {seed}: {number} steps in {time.monotonic() - start:.0f} s:",
          ", ".join(f"{name} {count}" for name, count in counts.most_common()))
    if set(counts) != set(model.STEPS) and number >= 2000:
        sys.exit(f"no step of these: {set(model.STEPS) - set(counts)}")


if __name__ == "__main__":
    main()
