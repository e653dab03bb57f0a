# SPDX-License-Identifier: GPL-2.0
# What model.py does to servers, and what then becomes of them: they come and go, take
# connections or not, are full, drain and have drained.
import os
import time

from services import (DOWN, DRAIN, Mismatch, REMOVE, Server, STATES, STAY, TAKE_DOWN, UP, wanted)

NUMBERS = range(11, 17)
# Seconds after a SYN in DSR for which its server has not drained.
HANDSHAKE = 3
# Of a drain that ends, and of all that the director does later.
DEADLINE, PATIENCE = 1, 10


class ServerSteps:
    """Of the model, what is about servers."""

    def change(self, command, server, **settings):
        self.must(command, service=server.service.name, address=server.address,
                  port=server.service.inside, **settings)

    def add_server(self, service, number, weight, state=UP, backup=0, upper_limit=0,
                   lower_limit=0):
        settings = dict(weight=weight, state=state, backup=backup, upper_limit=upper_limit,
                        lower_limit=lower_limit)
        self.change("server-add", Server(service, number, weight), **settings)
        server = service.leaving.pop(number, None)
        listed = [one for one in self.listed("server-get") if one["service"] == service.name]
        numbers = [one["address"][3] for one in listed]
        mine = listed[numbers.index(number)]
        # Nobody waits for it to be freed: what it had counted tells whether it was.
        if server and server.may_be_gone and any(server.stats.values()) and \
                not any(mine["stats"].values()):
            service.gone += server.stats
            server = None
        if not server:
            server = Server(service, number, weight)
            wanted("the place of a new server", numbers[-1], number)
        server.weight, server.removed, server.may_be_gone = weight, False, False
        server.backup = bool(backup)
        server.set_state(state)
        server.set_limits(upper_limit, lower_limit)
        service.servers.append(server)
        # One that was there all the time has its old place.
        wanted("the others' order", [n for n in numbers if n != number],
               [s.number for s in service.servers[:-1]])
        service.servers.sort(key=lambda s: numbers.index(s.number))
        service.published()

    def step_server_add(self):
        service = self.a_service()
        number = self.random.choice(NUMBERS)
        if number in {s.number for s in service.servers}:
            return None
        settings = dict(weight=self.random.randint(0, 5))
        if self.random.random() < .3:
            settings |= dict(backup=1) if self.random.random() < .5 else self.some_limits()
        if self.random.random() < .1:
            settings["state"] = self.random.choice((DRAIN, DOWN))
        self.add_server(service, number, **settings)
        return f"server add {service.name} {number} {settings}"

    def step_server_del(self):
        service = self.a_service()
        if len(service.servers) <= self.random.choice((0, 2, 2, 2, 2, 2)):
            return None
        server = self.random.choice(service.servers)
        self.change("server-del", server)
        service.remove(server)
        return f"server del {service.name} {server}"

    def a_server(self):
        service = self.a_service()
        return self.random.choice(service.servers) if service.servers else None

    def step_weight(self):
        server = self.a_server()
        if not server:
            return None
        server.weight = self.random.choice((0, 0, 1, 1, 2, 3, 4, 5))
        self.change("server-set", server, weight=server.weight)
        server.service.published()
        return f"server set {server.service.name} {server}"

    def step_state(self):
        """Mostly up, so that there are some to choose from."""
        server = self.a_server()
        if not server:
            return None
        off = [s for s in server.service.servers if s.state != UP]
        if len(off) > self.random.randint(0, 2):
            server = self.random.choice(off)
            state = UP
        else:
            state = self.random.choice((UP, DRAIN, DOWN, DOWN))
        self.change("server-set", server, state=state)
        server.set_state(state)
        server.service.published()
        return f"server set {server.service.name} {server}"

    def step_backup(self):
        server = self.a_server()
        if not server:
            return None
        server.backup = not server.backup and self.random.random() < .5
        self.change("server-set", server, backup=int(server.backup))
        server.service.published()
        return f"server set {server.service.name} {server}"

    def some_limits(self):
        upper = self.random.choice((0, 1, 2, 2, 3, 4, 5))
        return dict(upper_limit=upper,
                    lower_limit=self.random.choice((0, self.random.randint(0, upper))))

    def step_upper_limit(self):
        server = self.a_server()
        if not server:
            return None
        limits = self.some_limits()
        self.change("server-set", server, **limits)
        server.set_limits(*limits.values())
        server.service.published()
        return f"server set {server.service.name} {server} {limits}"

    # Drains.

    def drain(self, server, then, **timeout):
        self.change("server-drain", server, drain_then=then, **timeout)
        server.set_state(DRAIN, then)
        server.service.published()

    def step_drain(self):
        server = self.a_server()
        if not server:
            return None
        then = self.random.choice((STAY, REMOVE, TAKE_DOWN))
        self.drain(server, then)
        return f"server drain {server.service.name} {server} then {then}"

    def step_cut(self):
        """A drain whose time is up while there are connections."""
        conns = [conn for conn in self.conns.values() if not conn.server.removed]
        if not conns:
            return None
        server = self.random.choice(conns).server
        service, was, start = server.service, str(server), time.monotonic()
        then = self.random.choice((STAY, REMOVE, TAKE_DOWN))
        self.drain(server, then, drain_timeout=DEADLINE)
        self.await_drained(server, start + DEADLINE)
        cut = [conn for conn in self.conns.values() if conn.server is server]
        for conn in cut:
            self.forget(conn)
        self.drained(server)
        server.down = True
        done = f"server drain {service.name} {was} timeout {DEADLINE} then {then}"
        if service.protocol == 17 or service.limited:
            return done
        conn = self.random.choice(cut)
        return f"{done}, {self.stray(service, conn.client, conn.port)}"

    def await_drained(self, server, not_before):
        """Until it is listed as what its drain makes of it."""
        end = max(time.monotonic(), not_before) + PATIENCE
        while True:
            one = next((one for one in self.listed("server-get")
                        if (one["service"], one["address"][3]) ==
                        (server.service.name, server.number)), None)
            now = time.monotonic()
            if server.then == REMOVE:
                done = not one
            elif server.then == TAKE_DOWN:
                done = one["state"] == DOWN
            else:
                done = one["drained"]
            # The clock has steps of some milliseconds.
            if done and now < not_before - .1:
                raise Mismatch(f"{server} of {server.service.name} has drained "
                               f"{not_before - now:.2f} s too early")
            if done:
                return
            if now > end:
                raise Mismatch(f"{server} of {server.service.name} has not drained; it is listed "
                               f"as {one}")
            os.sched_yield()

    def drained(self, server):
        server.draining = False
        if server.then == REMOVE:
            server.service.remove(server)
        elif server.then == TAKE_DOWN:
            server.set_state(DOWN)

    def settle(self):
        """Waits for what servers come to that have no connection any more."""
        for service in self.services:
            for server in service.servers[:]:
                if server.draining and not server.conns():
                    self.await_drained(server, (server.handshake or -HANDSHAKE) + HANDSHAKE)
                    self.drained(server)

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
                want = {"state": server.state, "backup": server.backup,
                        "upper-limit": server.upper, "lower-limit": server.lower,
                        "full": server.full, "effective-weight": server.weight,
                        "drain-timeout": 0, "drain-then": server.then,
                        "drained": server.state == DRAIN and not server.draining}
                wanted(f"server {server} of {service.name}: what it is",
                       {key: one[key] for key in want}, want)
        wanted("another server", next(listed, None), None)
