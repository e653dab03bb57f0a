# SPDX-License-Identifier: GPL-2.0
# Random steps against a model, for test-model.sh: packets, edits and listings in
# any order, and after each step everything that is listed and every packet that
# left the director is what the model says. The model is that of the manual: which
# server a scheduler chooses (services.py), what each packet makes of a connection,
# what becomes of servers and connections, what is counted where. Where the director
# is free to choose, it may do what is allowed; what it does later is waited for.
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
from servers import NUMBERS, ServerSteps
from services import (Conn, DETERMINISTIC, DROP, HASHED, INACTIVE, KEEP, Mismatch, REHASH, REJECT,
                      RESET, ROWS, SEED, Server, Service, STATES, TABLES, VIP, wanted)

ROUTER = 1
ALL_STATES = STATES[6] + STATES[17]
LONG, SHORT = 3600, 1
CROWD = 40
SCHEDULERS = DETERMINISTIC * 2 + HASHED + ("random", "p2c")
CLIENTS = 60


class Model(ServerSteps):
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
                self.add_server(service, number, weight=self.random.randint(1, 5))

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
        if reason == "no-server" and service.on_empty == DROP:
            wanted("no answer", got, [])
        elif service.protocol == 17:
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
        return f"192.0.2.{self.random.randrange(10, 10 + CLIENTS)}", self.next_port

    def make(self, service, client, port, server, state):
        conn = Conn(service, client, port, server, state)
        self.conns[service.name, client, port] = conn
        server.count(state, 1)
        server.stats["total-connections"] += 1
        conn.seen = time.monotonic()
        return conn

    def become(self, conn, state):
        was, conn.state = conn.state, state
        conn.server.states[was] -= 1
        conn.server.count(state, 1)
        if was == "syn" and state == "established":
            conn.service.remember(conn.client, conn.server)

    def forget(self, conn):
        del self.conns[conn.service.name, conn.client, conn.port]
        server = conn.server
        server.count(conn.state, -1)
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
        found = service.remembered(client)
        legal = {found} if found else service.choices(client, port, begins)
        start = time.monotonic()
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
        if not found:
            service.note_choice(client, port, begins, server)
        if not found and begins and service.persist:
            service.note(client, server)
        if service.protocol == 17:
            service.remember(client, server)
        wanted("what goes to the server", got, [self.to_server(service, client, port, server)])
        self.passed(server, packet)
        if old:
            self.forget(old)
        if service.mode == "dsr" and begins:
            server.awaited += 1
            server.awaited_until = time.monotonic() + 1.3
            server.handshake = start
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
        if server.in_trouble() and service.on_remove == REHASH and "R" not in flags:
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
        if server.in_trouble() and service.on_remove == RESET and "R" not in flags:
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

    def begin(self, service, client, port, old=None, isn=None):
        isn = self.random.getrandbits(32) if isn is None else isn
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
        service.remember(conn.client, server)
        server.awaited, server.handshake = max(server.awaited - 1, 0), None
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
        if not conn or conn.known:
            return None
        if conn in halves and conn.server.down:
            halves.remove(conn)
            return self.stray(conn.service, conn.client, conn.port, conn.seq["client"])
        self.complete(conn)
        return f"complete {conn}"

    def step_syn_again(self):
        conn = self.some("syn")
        if not conn:
            return None
        was, isn = str(conn), (conn.seq["client"] - 1) % (1 << 32)
        if conn.server.in_trouble():
            self.begin(conn.service, conn.client, conn.port, old=conn, isn=isn)
        else:
            packet = self.from_client(conn.service, conn.client, conn.port, "S", isn)
            wanted("the same SYN", self.exchange(packet),
                   [self.to_server(conn.service, conn.client, conn.port, conn.server)])
            self.passed(conn.server, packet)
            conn.seen = time.monotonic()
        return f"the same SYN {was}"

    def step_reset_half(self):
        halves = self.services[0].halves
        if not halves:
            return None
        conn = halves.pop(self.random.randrange(len(halves)))
        packet = self.from_client(conn.service, conn.client, conn.port, "R", conn.seq["client"])
        if conn.server.down:
            conn.service.drops["no-connection"] += 1
            wanted("a RST of no connection", self.exchange(packet), [])
            return f"RST of no connection {conn}"
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
        return self.stray(service, *self.new_client())

    def stray(self, service, client, port, seq=None):
        """A packet in mid-stream without a connection."""
        seq = self.random.getrandbits(32) if seq is None else seq
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

    def step_policy(self):
        service = self.a_service()
        service.on_remove = self.random.choice((KEEP, RESET, REHASH))
        service.on_empty = self.random.choice((REJECT, REJECT, DROP))
        change = dict(on_remove=service.on_remove, on_empty=service.on_empty)
        if service.protocol == 6:
            service.midstream = change["midstream"] = self.random.choice((0, 0, 1))
        self.must("service-set", name=service.name, **change)
        return f"service set {service.name} {change}"

    def step_limit(self):
        service = self.services[2]
        service.limit = self.random.randint(0, 9)
        self.must("service-set", name=service.name, limit=service.limit)
        return f"service set {service.name} limit {service.limit}"

    def step_scheduler(self):
        service = self.a_service()
        service.scheduler = self.random.choice(SCHEDULERS)
        more = dict(table_size=ROWS) if service.scheduler in TABLES else {}
        if service.scheduler in HASHED:
            more["seed"] = SEED
        self.must("service-set", name=service.name, scheduler=service.scheduler, **more)
        service.published()
        return f"service set {service.name} scheduler {service.scheduler}"

    def step_persist(self):
        service = self.a_service("dsr", "nat", "udp")
        service.set_persist(self.random.choice((0, LONG, LONG // 2)),
                            self.random.choice((service.prefix, 29, 32)))
        change = dict(persist=service.persist, persist_prefix=service.prefix)
        self.must("service-set", name=service.name, **change)
        return f"service set {service.name} {change}"

    def step_forget(self):
        """Clients that are remembered: all of a service, or one."""
        service = self.random.choice([s for s in self.services if s.persist] or [None])
        if not service:
            return None
        what, gone = dict(service=service.name), list(service.entries)
        if gone and self.random.random() < .8:
            what["client"] = self.random.choice(gone)
            gone = [what["client"]]
        answer = self.must("persist-del", **what)
        wanted("clients forgotten", self.decode("persist", answer.messages[0][2])["deleted"],
               len(gone))
        service.forget(gone)
        return f"persist del {what}"

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
                                         "stateless", "on-empty", "persist",
                                         "persist-prefix")],
                   [service.name, service.scheduler, service.on_remove, service.limit,
                    service.recycled, 0, service.on_empty, service.persist, service.prefix])
            wanted(f"service {service.name}: timeouts", one["timeouts"],
                   timeouts if service is changed else
                   dict.fromkeys(STATES[service.protocol], LONG))

    @staticmethod
    def check_age(what, age, before, now):
        # On a busy machine a packet may have waited, and its stamp be of a clock that
        # lags behind. How exact ages are is for test-timeouts.
        if not before - what.seen - 8 <= age <= now - what.seen + 8:
            raise Mismatch(f"{what} was seen {now - what.seen:.1f} s ago, and {age} s are told")

    def check_persist(self):
        before = time.monotonic()
        got, listed = {}, self.listed("persist-get")
        now = time.monotonic()
        services = {service.name: service for service in self.services}
        for one in listed:
            service, client = services[one["service"]], ".".join(map(str, one["client"]))
            got[service.name, client] = one["server"][3], one["server-port"], one["prefix"]
            entry = service.entries.get(client)
            if entry:
                self.check_age(entry, entry.seconds - one["expires"], before, now)
        want = {(service.name, client): (entry.server.number, service.inside, service.prefix)
                for service in self.services for client, entry in service.entries.items()}
        wanted("clients that are remembered, where they differ",
               sorted(set(got.items()) - set(want.items())),
               sorted(set(want.items()) - set(got.items())))
        wanted("clients listed", len(listed), len(want))
        return len(want)

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
            if conn:
                self.check_age(conn, LONG - one["expires"], before, now)
        want = {key: (c.server.number, c.service.inside, int(c.service.mode == "nat"), c.state)
                for key, c in self.conns.items()}
        if got != want:
            wanted("connections listed, where they differ",
                   {key: got.get(key) for key in got.keys() | want if got.get(key) != want.get(key)},
                   {key: want.get(key) for key in got.keys() | want if got.get(key) != want.get(key)})

    def check(self, timeouts=None, changed=None):
        self.settle()
        self.check_conns()
        self.check_servers()
        self.check_services(timeouts, changed)
        got = {(one["service"], one["reason"]): one["count"] for one in self.listed("drop-get")
               if one["count"]}
        wanted("drops", got, {(service.name, reason): count for service in self.services
                              for reason, count in service.drops.items() if count})
        limit = self.listed("limit-get")[0]
        wanted("connections and clients in all",
               [limit[key] for key in ("connections", "persist-entries", "persist-beyond")],
               [len(self.conns), self.check_persist(), 0])

    STEPS = {
        "connect": 20, "data": 20, "answer": 9, "client_fin": 5, "server_fin": 5, "reset": 4,
        "half": 5, "complete": 5, "reset_half": 2, "reopen": 4, "stray": 3, "datagram": 9,
        "udp_answer": 5, "weight": 6, "server_add": 3, "server_del": 2, "scheduler": 2,
        "policy": 1, "limit": 1, "delete": 3, "expire": .2, "syn_again": 2, "state": 4,
        "backup": 2, "upper_limit": 3, "drain": 1, "cut": .2, "persist": 1, "forget": 1,
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
    if set(counts) != set(model.STEPS) and number >= 10000:
        sys.exit(f"no step of these: {set(model.STEPS) - set(counts)}")


if __name__ == "__main__":
    main()
