#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What comes to an end while packets flow: the module, a network namespace, a
# service, a device, and a listing that its reader has left half read. Eight
# services, DSR and NAT, TCP and UDP, IPv4 and IPv6, have a client each that
# never stops, on one CPU or the other. Before each blow packets of all eight
# pass; after it whatever went is really gone, and memory comes back.
#
#    The network of net.sh. The director and its devices are removed and made
#    again; without the module it calls the VIP unreachable, so that clients
#    fail at once and no packet goes round between it and the router.
# kernels: 6.1 6.12 debug
# vm-options: --timeout 1800
# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"

readonly QUIET=198.51.100.9
# The debug kernel is ten times as slow, and sees more in a tenth of the rounds;
# an older kernel has to show only that it does the same.
case ${SHUNT_KERNEL-} in
debug) readonly ROUNDS=2 LOADS=3 NAMESPACES=10 CHANGES=10 PATIENCE=300 SOME=5 ;;
6.1) readonly ROUNDS=2 LOADS=5 NAMESPACES=10 CHANGES=30 PATIENCE=60 SOME=20 ;;
*) readonly ROUNDS=3 LOADS=47 NAMESPACES=100 CHANGES=100 PATIENCE=60 SOME=20 ;;
esac
declare -A host=([ipv4]=$VIP4 [ipv6]="[$VIP6]") vip=([ipv4]=$VIP4 [ipv6]=$VIP6)
declare -A port=([dsr-tcp]=80 [nat-tcp]=8080 [dsr-udp]=53 [nat-udp]=5353)

# Requests faster than the command line makes them, and listings half read.
cat >"$WORK/nl.py" <<'END'
import ctypes, itertools, random, socket, struct, subprocess, sys, time

SERVICE_ADD, SERVICE_SET, SERVICE_DEL, SERVICE_GET = 1, 2, 3, 4
SERVER_ADD, SERVER_SET, SERVER_DEL, SERVER_GET, CONN_GET = 5, 6, 7, 8, 9
ACK, DUMP = 5, 0x301
TCP, UDP = 6, 17
DSR, NAT = 0, 1
CLONE_NEWNET = 0x40000000
VIP = {4: "198.51.100.1", 6: "2001:db8:f::1"}

def attr(kind, payload):
    size = 4 + len(payload)
    return struct.pack("=HH", size, kind) + payload + bytes(-size % 4)

def text(kind, word): return attr(kind, word.encode() + b"\0")
def byte(kind, n): return attr(kind, struct.pack("B", n))
def port(kind, n): return attr(kind, struct.pack("!H", n))
def word(kind, n): return attr(kind, struct.pack("=I", n))
def addr(kind, a):
    return attr(kind, socket.inet_pton(socket.AF_INET6 if ":" in a else socket.AF_INET, a))

class Family:
    number = None

    def __init__(self):
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 16)
        if not Family.number:
            self.send(16, 3, 1, text(2, "shunt"))
            for kind, payload in attrs(self.socket.recv(8192)[20:]):
                if kind == 1:
                    Family.number, = struct.unpack("=H", payload)

    def send(self, family, command, flags, payload=b""):
        self.socket.send(struct.pack("=IHHIIBBH", 20 + len(payload), family, flags, 1, 0,
                                     command, 1, 0) + payload)

    def ask(self, command, *parts):
        """0, or the number of the error."""
        self.send(Family.number, command, ACK, b"".join(parts))
        return -struct.unpack_from("=i", self.socket.recv(8192), 16)[0]

    def add_service(self, name, protocol, address, number, mode):
        return self.ask(SERVICE_ADD, text(1, name), byte(2, protocol), addr(3, address),
                        port(4, number), word(6, mode))

    def add_server(self, service, address, number):
        return self.ask(SERVER_ADD, text(1, service), addr(2, address), port(3, number))

def attrs(data):
    while len(data) >= 4:
        size, kind = struct.unpack_from("=HH", data)
        yield kind, data[4:size]
        data = data[(size + 3) & ~3:]

def must(err):
    if err:
        sys.exit("refused: error %d" % err)

# NAME: protocol, VIP, port, mode, servers, their port
SERVICES = {}
for (m, mode), family, (p, protocol) in itertools.product(
        (("dsr", DSR), ("nat", NAT)), (4, 6), (("tcp", TCP), ("udp", UDP))):
    net = {(DSR, 4): "10.0.0.", (DSR, 6): "2001:db8:a::",
           (NAT, 4): "10.1.0.", (NAT, 6): "2001:db8:b::"}[mode, family]
    inside = 80 if protocol == TCP else 53
    outside = {"tcp": (80, 8080), "udp": (53, 5353)}[p][mode]
    SERVICES["%s-ipv%d-%s" % (m, family, p)] = (
        protocol, VIP[family], outside, mode,
        [net + n for n in (("11", "12", "13") if mode == DSR else ("21", "22"))], inside)

def configure_one(nl, name):
    protocol, address, number, mode, servers, inside = SERVICES[name]
    must(nl.add_service(name, protocol, address, number, mode))
    for server in servers:
        must(nl.add_server(name, server, inside))

def configure():
    nl = Family()
    for name in SERVICES:
        configure_one(nl, name)

def fill(count):
    nl = Family()
    for i in range(int(count)):
        must(nl.add_service("fill%d" % i, UDP, VIP[4], 20000 + i, NAT))
        must(nl.add_server("fill%d" % i, "10.1.0.21", 53))

# A request and its answer, by NAT within the namespace.
def use():
    subprocess.run(["ip", "-b", "-"], check=True, text=True,
                   input="link set lo up\naddr add 10.9.0.1/32 dev lo\n"
                         "route add default dev lo\n")
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("10.9.0.1", 53))
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for one in (server, client):
        one.settimeout(10)
    client.connect((VIP[4], 53))
    client.send(b"ping")
    ping, peer = server.recvfrom(16)
    server.sendto(b"pong", peer)
    if client.recv(16) != b"pong":
        sys.exit("no answer")

# So many namespaces, one after the other, each configured, used and left.
def churn(rounds, servers):
    libc = ctypes.CDLL(None)
    for i in range(int(rounds)):
        if libc.unshare(CLONE_NEWNET):
            sys.exit("unshare")
        nl = Family()
        must(nl.add_service("used", UDP, VIP[4], 53, NAT))
        must(nl.add_server("used", "10.9.0.1", 53))
        use()
        must(nl.add_service("four", TCP, VIP[4], 80, NAT))
        must(nl.add_service("six", UDP, VIP[6], 53, NAT))
        for n in range(1, int(servers) + 1):
            must(nl.add_server("four", "10.9.0.%d" % n, 80))
            must(nl.add_server("six", "2001:db8:9::%d" % n, 53))
        # One that goes while it is being removed.
        must(nl.ask(SERVER_DEL, text(1, "four"), addr(2, "10.9.0.1"), port(3, 80)))

def edit(seconds, seed):
    nl, pick = Family(), random.Random(int(seed))
    done = refused = 0
    end = time.monotonic() + float(seconds)
    while time.monotonic() < end:
        name = pick.choice(list(SERVICES))
        protocol, address, number, mode, servers, inside = SERVICES[name]
        key = text(1, name), addr(2, pick.choice(servers)), port(3, inside)
        setting = pick.choice((word(9, pick.randrange(2)) if protocol == TCP else b"",
                               word(10, pick.randrange(3)), word(11, pick.randrange(2)),
                               word(12, pick.randrange(2)) if protocol == TCP else b"",
                               attr(0x8008, word(pick.choice((1, 2, 3, 4) if protocol == TCP
                                                             else (5, 6)),
                                                 pick.randrange(1, 9)))))
        err = pick.choice((
            lambda: nl.ask(SERVICE_SET, text(1, name), setting),
            lambda: nl.ask(SERVICE_SET, text(1, name),
                           text(5, pick.choice(("rr", "wrr", "wlc", "maglev", "sticky")))),
            lambda: nl.ask(SERVICE_SET, text(1, name), word(6, pick.choice((DSR, NAT)))),
            lambda: nl.ask(SERVER_SET, *key, word(5, pick.choice((0, 1, 2, 65535)))),
            lambda: nl.ask(SERVER_SET, *key, word(4, pick.choice((DSR, NAT)))),
            lambda: nl.ask(SERVER_DEL, *key),
            lambda: nl.ask(SERVER_ADD, *key),
            lambda: nl.ask(SERVER_ADD, *key, word(4, mode)),
            lambda: nl.ask(SERVICE_DEL, text(1, name)) if pick.random() < .2 else 0,
            lambda: nl.add_service(name, protocol, address, number, mode)))()
        done += not err
        refused += bool(err)
    print(done, refused)

# Listings of which only the first part is read, until told otherwise.
def hold():
    held = {}
    for name, command in (("service", SERVICE_GET), ("server", SERVER_GET), ("conn", CONN_GET)):
        held[name] = Family()
        held[name].send(Family.number, command, DUMP)
        held[name].socket.recv(4096)
    print("held", flush=True)
    if sys.stdin.readline() != "read\n":
        return
    for name, nl in held.items():
        nl.socket.settimeout(10)
        print(name, finish(nl.socket), end=" ", flush=True)
    print(flush=True)
    sys.stdin.readline()

def finish(sock):
    while True:
        data = sock.recv(65536)
        while data:
            size, kind = struct.unpack_from("=IH", data)
            if kind == 3:
                return struct.unpack_from("=i", data, 16)[0]
            if kind == 2:
                return "error"
            data = data[(size + 3) & ~3:]

globals()[sys.argv[1]](*sys.argv[2:])
END

nl() {
	in_ns director /usr/bin/python3 -IS "$WORK/nl.py" "$@"
}

clients=()

# client CPU COMMAND...: again and again, until clients_down.
client() {
	# shellcheck disable=SC2016 # expanded by the inner shell
	setsid nsenter --net="/run/netns/${NS_PREFIX}client" -- \
		taskset -c "$1" nice -n 10 bash -c 'while :; do "$@"; done' client "${@:2}" \
		>/dev/null 2>&1 &
	disown
	clients+=($!)
}

# In bursts: they leave some of the time to what happens meanwhile.
clients_up() {
	local mode family cpu patient=(--connect-timeout 0.3 -m 1) wait=100

	[[ ${SHUNT_KERNEL-} != debug ]] || patient=(--connect-timeout 3 -m 5) wait=1000

	for mode in dsr nat; do
		for family in ipv4 ipv6; do
			cpu=0
			[[ $mode-$family != dsr-ipv6 && $mode-$family != nat-ipv4 ]] || cpu=1
			client $cpu curl -s -o /dev/null -H 'Connection: close' --rate 10/s \
				"${patient[@]}" "http://${host[$family]}:${port[$mode-tcp]}/?[1-500]"
			client $((1 - cpu)) "$SHUNT_TOP/build/udp" ask -k 10 -d 50 -w $wait 500 \
				"${vip[$family]}" "${port[$mode-udp]}"
		done
	done
}

clients_down() {
	[[ ${#clients[@]} -eq 0 ]] || kill -KILL -- "${clients[@]/#/-}" 2>/dev/null || :
	clients=()
}

# How many packets of each service have passed, as {"NAME":[TO,BACK]}.
passed() {
	shunt -j service show | jq -c 'map({(.name): [.packets, (.servers | map(.return_packets) | add)]}) |
		add'
}

# flowing [PASSED]: succeeds once packets of all eight services have passed
# since, back too in NAT.
flowing() {
	shunt -j service show | jq -e --argjson was "${1-null}" --argjson some $SOME '
		map(select(.name | test("^(dsr|nat)-"))) | length == 8 and
		all(.packets > $some + ($was[.name][0] // 0) and
		    (.mode == "dsr" or (.servers | map(.return_packets) | add) >
			$some + ($was[.name][1] // 0)))'
}

# director_net: addresses and routes, whichever are missing.
director_net() {
	{
		topo_device eth0 10.0.0.2 2001:db8:a::2
		topo_device eth1 10.1.0.1 2001:db8:b::1
		topo_routes 10.0.0.1 2001:db8:a::1 default
		printf 'route add unreachable %s\n' "$VIP4" "$VIP6" "$QUIET"
	} | sed -E 's/^(addr|route) add/\1 replace/' | topo_batch director
	# The neighbours' idea of a device that is new.
	together in_ns router ip neigh flush all + in_ns n1 ip neigh flush all + \
		in_ns n2 ip neigh flush all
}

# director_link DEVICE SEGMENT
director_link() {
	echo "link add $1 netns ${NS_PREFIX}director type veth peer director netns $NS_PREFIX$2" |
		ip -b -
	in_ns "$2" ip link set director up master br0
}

director_up() {
	ip netns add "${NS_PREFIX}director"
	director_link eth0 rack
	director_link eth1 back
	topo_director
	director_net
}

readonly CACHES=(shunt_ipv4_dsr shunt_ipv4_nat shunt_ipv6_dsr shunt_ipv6_nat)

# objects CACHE: how many of them are in use, exactly.
objects() {
	local number

	echo 1 >"/sys/kernel/slab/$1/shrink"
	read -r number _ <"/sys/kernel/slab/$1/objects"
	echo "$number"
}

# at_most NUMBER COMMAND...: what it prints is no more.
at_most() {
	[[ $("${@:2}") -le $1 ]]
}

# namespaces_left NUMBER: there are no more than that. Since 6.12 the last that
# went is freed when another goes, so one is made for that, and may remain.
namespaces_left() {
	ip netns add "${NS_PREFIX}last"
	ip netns del "${NS_PREFIX}last"
	wait_until 3 at_most $(($1 + 1)) objects net_namespace
}

# Kernel memory in KiB that neither process nor cache accounts for.
kernel_memory() {
	local cache

	for cache in /sys/kernel/slab/*kmalloc*/shrink; do
		echo 1 >"$cache"
	done
	awk '/^(SUnreclaim|VmallocUsed|Percpu):/ { sum += $2 } END { print sum }' /proc/meminfo
}

percpu_memory() {
	awk '/^Percpu:/ { print $2 }' /proc/meminfo
}

# How many connections there is memory for. A cache that was merged with others,
# as they may be before Linux 6.5, says nothing.
connections_left() {
	local cache sum=0

	for cache in "${CACHES[@]}"; do
		[[ ! -d /sys/kernel/slab/$cache || -L /sys/kernel/slab/$cache ]] ||
			sum=$((sum + $(objects "$cache")))
	done
	echo "$sum"
}

slabs_gone() {
	local cache

	for cache in "${CACHES[@]}"; do
		[[ -L /sys/kernel/slab/$cache || ! -e /sys/kernel/slab/$cache ]] || return
	done
}

# unload WHEN: rmmod, and nothing of the module is left.
unload() {
	is "$1: nothing holds the module" "$(</sys/module/shunt/refcnt)" 0
	check "$1: rmmod" timeout 60 rmmod shunt
	check "$1: its slabs are gone" slabs_gone
}

# hooks: where shunt is in netfilter, as "ip/prerouting ip/output".
hooks() {
	in_ns director nft list hooks | awk '
		/^family/ { family = $2 }
		$1 == "hook" { hook = $2 }
		/\[shunt\]/ { printf "%s%s/%s", n++ ? " " : "", family, hook }'
}

# hooked WHEN SHOWN WANTED
hooked() {
	is "$1: hooked $2" "$(shunt -j status | jq -r .hooked)" "$2"
	if [[ $nft_hooks ]]; then
		is "$1: hooks" "$(hooks)" "$3"
	else
		skip "$1: hooks" "this kernel does not list hooks"
	fi
}

# The kernel rewrites its own code where packets meet hooks when the first hook of a
# kind comes and when the last one goes. Done hundreds of times under traffic, some
# emulated processor will run what was there before: stale_code() of vm/run. While a
# namespace of its own has such hooks the code stays; other scripts see it change.
hold_hooks() {
	local family

	ip netns add "${NS_PREFIX}hooks"
	for family in ip ip6; do
		cat <<-END
		table $family held {
			chain in { type filter hook prerouting priority 0; }
			chain out { type filter hook output priority 0; }
		}
		END
	done | in_ns hooks nft -f -
}

hold_hooks
insmod_shunt
nft_hooks=
modprobe -q nfnetlink_hook && nft_hooks=y
topo_up
topo_vip "$QUIET"
director_net
servers_up

note "hooks come with the first service and go with the last"
hooked "no service" false ""
all_hooks="ip/prerouting ip/output ip6/prerouting ip6/output"
shunt service add one tcp "$VIP4:80"
hooked "a service" true "$all_hooks"
shunt service add two udp "[$VIP6]:53"
shunt service del one
hooked "another" true "$all_hooks"
shunt service del two
hooked "none again" false ""
shunt service add one tcp "$VIP4:80"
shunt flush
hooked "flushed" false ""
unload "idle"
if grep -q '^nf_reject_ipv4 ' /proc/modules; then
	check "what it depends on goes too" modprobe -r nf_reject_ipv4 nf_reject_ipv6
else
	skip "what it depends on goes too" "this kernel has it built in"
fi

note "rmmod under traffic"
# The in-kernel tests have run, and would again at each load.
use_plain_module
insmod_shunt
clients_up
for ((round = 1; round <= ROUNDS; round++)); do
	nl configure
	check "rmmod $round: packets of all services pass" wait_until $PATIENCE flowing
	unload "rmmod $round"
	insmod_shunt
done
rmmod shunt

# Loaded, packets forwarded, and gone again, whatever is under way.
load_and_unload() {
	local round

	for ((round = 0; round < $1; round++)); do
		insmod "$SHUNT_KO"
		printf '%s\n' "service add one udp $VIP4:53" "server add one 10.0.0.11" | shunt -b -
		wait_until $PATIENCE busy || return
		rmmod shunt || return
	done
}

busy() {
	shunt -j service show | jq -e '.[0].packets > 0'
}

check "$LOADS times more" load_and_unload "$LOADS"

# Commands all the time, whichever end they come to. rmmod either finds that one
# is under way or ends.
# shellcheck disable=SC2016 # expanded by the inner shell
spawn director bash -c 'while :; do
	"$0" service add any udp 198.51.100.9:9
	"$0" flush
done' "$SHUNT" >/dev/null 2>&1
asker=$spawned
disown
unload_among_commands() {
	local round said

	for ((round = 0; round < $1; round++)); do
		insmod "$SHUNT_KO"
		wait_until 20 shunt service show any || :
		until said=$(rmmod shunt 2>&1); do
			[[ $said == *"in use" ]] || return
		done
		[[ ! -d /sys/module/shunt ]] || return
	done
}

check "rmmod among commands" unload_among_commands "$ROUNDS"
kill "$asker"
clients_down
# Hundreds at least came and went in each round.
check "all connections are freed" wait_until 20 at_most 0 connections_left

note "a namespace deleted under traffic"
insmod_shunt
nl configure
namespaces=$(objects net_namespace)
dial dsr "$VIP4" 80 5
dial nat "$VIP6" 8080 5
is "connections are served" "$(ask nat)" "n1=3 n2=2"
clients_up
for ((round = 1; round < ROUNDS; round++)); do
	check "namespace $round: packets of all services pass" wait_until $PATIENCE flowing
	check "namespace $round: deleted" ip netns del "${NS_PREFIX}director"
	check "namespace $round: really gone" wait_until $PATIENCE \
		namespaces_left $((namespaces - 1))
	director_up
	nl configure
done
check "and the next one serves" wait_until $PATIENCE flowing
is "nothing holds the module" "$(</sys/module/shunt/refcnt)" 0
hang_up dsr
hang_up nat

note "services deleted under traffic"
for ((round = 1; round <= ROUNDS; round++)); do
	check "deletion $round: packets of all services pass" wait_until $PATIENCE flowing
	if [[ $round == 2 ]]; then
		for name in {dsr,nat}-ipv{4,6}-{tcp,udp}; do
			shunt service del "$name"
		done
	else
		shunt flush
	fi
	is "deletion $round: nothing is left" \
		"$(shunt -j status | jq -c '[.services, .servers, .connections, .hooked]')" "[0,0,0,false]"
	nl configure
done

note "listings half read"
check "packets of all services pass" wait_until $PATIENCE flowing
nl fill 80
# hold: three listings, of which one message each is read.
hold() {
	coproc HOLD { nl hold; }
	read -r -t 60 said <&"${HOLD[0]}"
	is "$1: three listings hold the module" "$said $(</sys/module/shunt/refcnt)" "held 3"
}

# let_go [read]: after what is left was read.
let_go() {
	if [[ $# -gt 0 ]]; then
		echo read >&"${HOLD[1]}"
		read -r -t 60 said <&"${HOLD[0]}"
	fi
	pid=$HOLD_PID
	eval "exec ${HOLD[1]}>&-"
	wait "$pid"
}

# More of them, whoever answers.
more_connections() {
	in_ns client "$SHUNT_TOP/build/udp" ask -w 0 400 "$VIP4" 53 >/dev/null || :
}

enough_connections() {
	[[ $(shunt -j status | jq .connections) -gt 300 ]]
}

more_connections
check "there are enough connections" wait_until $PATIENCE enough_connections
hold rmmod
refused "rmmod: not while they are held" 1 "in use" rmmod shunt
check "rmmod: nothing has changed" flowing
let_go read
is "rmmod: the listings go on to their end" "$said" "service 0 server 0 conn 0"
hold flush
check "flush: while they are held" shunt flush
let_go read
is "flush: the listings end" "$said" "service 0 server 0 conn 0"
nl configure
nl fill 80
more_connections
check "there are enough connections again" wait_until $PATIENCE enough_connections
hold close
shunt flush
let_go
clients_down
unload "after listings"

note "many namespaces"
insmod_shunt
# The like of it first: per-CPU pages that were once in use are kept for the next.
nl churn "$NAMESPACES" 32
wait_until $PATIENCE namespaces_left "$namespaces" || :
before=$(kernel_memory)
percpu=$(percpu_memory)
check "$NAMESPACES namespaces, each with 3 services and 65 servers" nl churn "$NAMESPACES" 32
check "are really gone" wait_until $PATIENCE namespaces_left "$namespaces"
# A table of each would be 10 MiB, the servers one, their counters a quarter.
check "their memory comes back" wait_until $PATIENCE at_most $((before + 1024)) kernel_memory
check "that of the counters too" wait_until $PATIENCE at_most $((percpu + 128)) percpu_memory
unload "after namespaces"

note "devices under traffic"
insmod_shunt
nl configure
clients_up
for device in eth0 eth1; do
	check "$device: packets of all services pass" wait_until $PATIENCE flowing
	for round in 1 2 3; do
		in_ns director ip link set "$device" down
		in_ns director ip link set "$device" up
	done
	director_net
	shunt flush
	nl configure
	check "$device: they do again after it was down" wait_until $PATIENCE flowing
	check "$device: deleted" in_ns director timeout 60 ip link del "$device"
	if [[ $device == eth0 ]]; then
		director_link eth0 rack
	else
		director_link eth1 back
	fi
	director_net
done

# Neighbours and routes come and go, by turns.
changes() {
	local i

	for ((i = 0; i < CHANGES; i++)); do
		echo "neigh del 10.0.0.$((11 + i % 3)) dev eth0"
		echo "neigh replace 10.0.0.$((11 + i % 3)) dev eth0 lladdr 02:00:00:00:00:01"
		echo "neigh del 10.0.0.$((11 + i % 3)) dev eth0"
		echo "neigh flush dev eth1"
		echo "route add 10.0.0.8/29 via 10.1.0.22"
		echo "route del 10.0.0.8/29"
		echo "route replace blackhole 10.1.0.21"
		echo "route del 10.1.0.21"
		echo "addr del 10.1.0.1/24 dev eth1"
		echo "addr add 10.1.0.1/24 dev eth1"
	done | in_ns director ip -force -b -
}

changes >"$WORK/changes" 2>&1 || note "changes that came too late: $(grep -c RTNETLINK "$WORK/changes")"
was=$(passed)
# Each server is found again without being configured again.
check "both are back: packets of all services pass" wait_until $PATIENCE flowing "$was"
shunt flush

note "any edit at any time"
nl configure
shunt service add quiet-dsr tcp $QUIET:80
shunt service add quiet-nat udp $QUIET:9000 mode nat
for number in 11 12 13; do
	shunt server add quiet-dsr 10.0.0.$number
done
for number in 21 22; do
	shunt server add quiet-nat 10.1.0.$number:53
done
check "packets of all services pass" wait_until $PATIENCE flowing
dial quiet $QUIET 80
together nl edit 10 1 + nl edit 10 2 >"$WORK/edits"
note "edits done and refused: $(paste -sd ' ' "$WORK/edits")"
check "there were many edits" [ "$(awk '{ done += $1 } END { print done }' "$WORK/edits")" -ge 100 ]
is "the connection is still there" "$(ask quiet)" "d1=1"
is "the quiet services are as exact as ever" \
	"$(requests 12 http://$QUIET/), $(datagrams 12 $QUIET 9000)" "d1=4 d2=4 d3=4, n1=6 n2=6"
is "and have counted it" \
	"$(shunt -j service show | jq -c 'map(select(.name | test("quiet")) | .total_connections)')" \
	"[13,12]"
clients_down

# The module's three ways to count connections.
counts() {
	echo "$(shunt -j status | jq .connections)" \
		"$(shunt -j service show | jq 'map(.connections) | add')" \
		"$(shunt -j conn show | jq length)"
}

counts_agree() {
	local counts

	read -ra counts < <(counts)
	[[ ${counts[0]} -gt 0 && ${counts[0]} == "${counts[1]}" && ${counts[0]} == "${counts[2]}" ]]
}

check "all counts of connections agree" wait_until $PATIENCE counts_agree
shunt flush
nl configure
is "the others serve as they did" "$(datagrams 12 $VIP4 53), $(datagrams 12 $VIP6 5353)" \
	"d1=4 d2=4 d3=4, n1=6 n2=6"
hang_up quiet
unload "at the end"
