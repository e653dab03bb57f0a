# SPDX-License-Identifier: GPL-2.0
# The services of model.py, as the manual has them: what servers they have, whom of
# them they may choose for a packet, and whose clients they remember.
import collections
import itertools
import time

import hashing

STATES = {6: ("syn", "established", "closing", "closed"), 17: ("one-way", "answered")}
INACTIVE = "closing", "closed"
DETERMINISTIC = "rr", "wrr", "lc", "wlc", "sed", "nq", "fo", "ovf"
HASHED = "sh", "dh", "maglev", "sticky"
VIP = "198.51.100.1"
TABLES = "maglev", "sticky"
# What is the same on all directors.
SEED, ROWS = "model", 251
AGREED = "sh", "dh", "maglev"
LOADS = "lc", "wlc", "sed", "nq", "ovf"
KEEP, RESET, REHASH = 0, 1, 2
REJECT, DROP = 0, 1
UP, DRAIN, DOWN = 0, 2, 3
STAY, REMOVE, TAKE_DOWN = 0, 1, 2
# Seconds for which a client in its handshake is given the same server.
NOTED = 60
# Of what wrr owes a server, so that hardly anything is rounded away.
CREDIT_BITS = 20


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
        # When there was one that surely counts, and no ACK since.
        self.handshake = None
        # Removed, and perhaps freed: added again it may begin anew.
        self.may_be_gone = False
        self.backup = False
        self.upper = self.lower = 0
        self.full = False
        self.set_state(UP)

    def set_state(self, state, then=STAY):
        self.state, self.then = state, then
        self.draining, self.down = state == DRAIN, state == DOWN

    def set_limits(self, upper, lower):
        if (upper, lower) != (self.upper, self.lower):
            self.upper, self.lower, self.full = upper, lower, False
            self.review()

    def conns(self):
        return sum(self.states.values())

    def inactive(self):
        return sum(self.states[state] for state in INACTIVE)

    def count(self, state, n):
        self.states[state] += n
        self.review()

    def review(self):
        """Full from the upper limit on, until there are fewer than the lower one."""
        conns = self.conns() - self.inactive() - self.states["syn"]
        if not self.upper:
            self.full = False
        elif not self.full:
            self.full = conns >= self.upper
        elif self.lower:
            self.full = conns >= self.lower
        else:
            self.full = conns * 4 >= self.upper * 3

    def is_on(self):
        return self.weight and self.state == UP

    def in_trouble(self):
        return self.removed or self.down

    def __str__(self):
        words = [self.address, f"weight {self.weight}"]
        words += [("up", "unreachable", "drain", "down")[self.state]] if self.state else []
        words += [word for word in ("removed", "down", "backup", "full") if getattr(self, word)]
        return " ".join(words)


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


class Entry:
    """A client that is remembered."""
    def __init__(self, server, seconds):
        self.server = server
        self.refresh(seconds)

    def refresh(self, seconds):
        self.seconds, self.seen = seconds, time.monotonic()

    def __str__(self):
        return f"a client remembered for {self.server}"


class Service:
    # Of clients in their handshake, of all services, for they are forgotten together:
    # server and time.
    notes = {}

    def __init__(self, name, protocol, port, mode, limited=False):
        self.name, self.protocol, self.port, self.mode = name, protocol, port, mode
        self.limited = limited
        self.inside = port if mode == "dsr" else port + 1
        self.scheduler = "rr"
        self.on_remove = KEEP if protocol == 6 else REHASH
        self.on_empty = REJECT
        self.midstream = 0
        self.limit = 0
        self.cursor = 0
        self.rounds = self.scheduler, [0, 0]    # of the last change: how many turns
        self.servers = []       # those configured, in order
        self.leaving = {}       # removed ones, by number
        self.gone = collections.Counter()       # counters of those freed
        self.drops = collections.Counter()
        self.recycled = 0
        self.chosen = collections.defaultdict(list)     # by hashing, since the last change
        self.halves = []        # SYNs in DSR
        self.persist, self.prefix = 0, 32
        self.entries = {}       # of clients that are remembered

    def everyone(self):
        return self.servers + list(self.leaving.values())

    def published(self):
        """What is owed is as much of a round as before; who takes no connection has left."""
        now = self.scheduler, [sum(s.weight for s in pool) for pool in self.pools()]
        scheduler, rounds = self.rounds
        for server in self.everyone():
            if server.removed or not server.is_on() or scheduler != self.scheduler:
                server.credit = 0
        for pool, new, old in zip(self.pools(), now[1], rounds):
            for server in pool:
                # Cut off at the point, as C does it.
                size = min(abs(server.credit), old << CREDIT_BITS) * new // old if old else 0
                server.credit = size if server.credit > 0 else -size
        self.rounds = now
        self.chosen.clear()

    def remove(self, server):
        if self.persist:
            self.notes.clear()
        self.servers.remove(server)
        self.leaving[server.number] = server
        server.removed, server.may_be_gone = True, not server.conns()
        server.draining = False
        # What was chosen for a SYN is as if it had not been.
        self.halves = [half for half in self.halves if half.server is not server]
        self.entries = {client: entry for client, entry in self.entries.items()
                        if entry.server.number != server.number}
        self.published()

    def pools(self):
        """The servers that take connections, and those that do when they cannot."""
        servers = [server for server in self.servers if server.is_on()]
        return [[server for server in servers if server.backup == backup]
                for backup in (False, True)]

    def usable(self):
        """Those of the pool that is to serve."""
        first, backups = [[server for server in pool if not server.full]
                          for pool in self.pools()]
        return first or backups

    def load(self, server, awaited):
        active = server.conns() - server.inactive() + awaited
        if self.scheduler in ("lc", "wlc"):
            return active * 256 + server.inactive()
        if self.scheduler == "sed":
            return active + 1
        return active + 1 if active else 0

    def by_load(self, pool, awaited):
        """The one choice, with so many SYNs awaited of each server."""
        best = None
        for server in pool:
            weight = 1 if self.scheduler == "lc" else server.weight
            if server.full:
                continue
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

    def by_loads(self):
        """The choices for all numbers of SYNs that may be awaited."""
        pools, now = self.pools(), time.monotonic()
        servers = pools[0] + pools[1]
        ranges = [range(s.awaited + 1 if now < s.awaited_until else 1) for s in servers]
        for counts in itertools.product(*ranges):
            awaited = dict(zip(servers, counts))
            yield self.by_load(pools[0], awaited) or self.by_load(pools[1], awaited)

    def by_turn(self, pool):
        usable = [server for server in pool if not server.full]
        if not usable:
            return None
        turn = self.cursor
        self.cursor += 1
        server = pool[turn % len(pool)]
        return usable[turn // len(pool) % len(usable)] if server.full else server

    def by_credit(self, pool):
        usable = [server for server in pool if not server.full]
        best = None
        for server in usable:
            server.credit += server.weight << CREDIT_BITS
            if not best or server.credit > best.credit:
                best = server
        if best:
            best.credit -= sum(server.weight << CREDIT_BITS for server in usable)
        return best

    def by_hash(self, client, port):
        """Whom all directors choose."""
        key = hashing.key_of(SEED)
        for backups, pool in enumerate(self.pools()):
            found = {(server.address, self.inside, server.weight): server for server in pool}
            usable = [one for one, server in found.items() if not server.full]
            if not usable:
                continue
            if self.scheduler == "maglev":
                number = hashing.client_hash(key, client, port)
            else:
                number = hashing.client_hash(key, client if self.scheduler == "sh" else VIP, 0)
            if self.scheduler == "maglev" and not backups:
                rows = hashing.table(found, ROWS, key)
            else:
                rows = hashing.by_weight(found)
            return found[hashing.choose(rows, number, usable)]
        return None

    def choices(self, client, port, begins):
        """Whom the scheduler may choose now; to ask is to choose."""
        usable = self.usable()
        by_table = self.scheduler in TABLES and not begins and self.protocol == 6
        if self.scheduler in AGREED and not by_table:
            return {self.by_hash(client, port)}
        if self.limited:
            # The hash may have to choose, which does not ask whether a server overflows.
            more = self.pools()[1] + [None] if self.scheduler == "ovf" else []
            return set(usable + [one for one in more if not one or not one.full]) or {None}
        if self.scheduler in ("rr", "wrr"):
            choose = self.by_turn if self.scheduler == "rr" else self.by_credit
            first, backups = self.pools()
            return {choose(first) or choose(backups)}
        if self.scheduler == "fo":
            return {max(usable, key=lambda s: s.weight, default=None)}
        if self.scheduler in LOADS:
            return set(self.by_loads())
        if by_table:
            # In mid-stream whoever had the row before may be asked first.
            return {s for s in self.servers if not s.down} | set(usable or [None])
        # A hash finds servers in an order of its own, of which the first is taken.
        past = self.chosen[client, port]
        return {one for one in usable
                if not any(one in among and one is not best and best in usable
                           for among, best in past)} or {None}

    def note_choice(self, client, port, begins, server):
        by_table = self.scheduler == "sticky" and (begins or self.protocol == 17)
        if not self.limited and by_table:
            past, choice = self.chosen[client, port], (set(self.usable()), server)
            if choice not in past:
                past.append(choice)

    # Persistence.

    def client_of(self, client):
        """The bits of an address that count."""
        parts = list(map(int, client.split(".")))
        parts[3] &= 0xff << 32 - self.prefix
        return ".".join(map(str, parts))

    def remembered(self, client):
        """Whom the client is given whatever the scheduler says."""
        if not self.persist:
            return None
        key, serving = self.client_of(client), self.usable()
        entry = self.entries.get(key)
        if entry and entry.server in serving:
            return entry.server
        server, when = self.notes.get((self.name, key), (None, 0))
        if server not in serving:
            return None
        # Its second is all that is known of a note.
        while NOTED - 1 < time.monotonic() - when < NOTED + 2:
            time.sleep(.1)
        return server if time.monotonic() - when < NOTED else None

    def note(self, client, server):
        self.notes[self.name, self.client_of(client)] = server, time.monotonic()

    def remember(self, client, server):
        """A client has a new connection."""
        if not self.persist:
            return
        key = self.client_of(client)
        entry = self.entries.get(key)
        if entry and (entry.server is server or entry.server in self.usable()):
            entry.refresh(self.persist)
        elif not server.removed:
            self.entries[key] = Entry(server, self.persist)
        self.notes.pop((self.name, key), None)

    def forget(self, clients):
        for client in clients:
            del self.entries[client]
        self.notes.clear()

    def set_persist(self, seconds, prefix):
        if self.persist and (not seconds or prefix != self.prefix):
            self.forget(list(self.entries))
        self.persist, self.prefix = seconds, prefix
