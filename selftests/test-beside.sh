#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# shunt beside what else may be on a director, each with real requests through
# it and through shunt: conntrack with a stateful firewall, of which balanced
# packets are no part; nftables NAT for other traffic; flowtables on the same
# devices; ip_vs with other services; a VRF. Then packet by packet, where the
# frame matters: VLANs over one device, a macvlan, and bridges, on which only
# what is for the director itself is balanced, whatever br_netfilter shows.
#
#    The network of net.sh. For the second part, a namespace "lab" like the
#    director, on a wire whose end is in raw.py.
# kernels: 6.12
# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/raw.sh
. "$(dirname "$0")/raw.sh"

readonly IPVS4=198.51.100.2
readonly NF=/proc/sys/net/netfilter

cat >"$WORK/cases.py" <<'END'
import itertools

client_ports = itertools.count(20000)

def lab(address="10.0.0.2", tag=None, **ports):
    """The lab by its ports, each as (MAC of the director, MAC of the sender)."""
    return Director({name: Port(PREFIX + "wire", name, *ends) for name, ends in ports.items()},
                    address, tag)

def flows(servers=(11, 21)):
    for server in servers:
        for family in FAMILIES:
            yield Flow(server, family, UDP, next(client_ports))

def through(world, way, how, ports, hosts=None):
    """Requests, and answers in NAT: sent by the port of the link with the frame
    that it wants, and due by a port under another name, maybe. The port that a
    VLAN's frames are seen by has its tag in the name."""
    for flow in flows():
        def results():
            sent, due = flow.up(*flow.request())
            yield "request", world.compare(
                [(ports["front"][0], how.get("front", {}), p) for _, p in sent],
                [(ports[a][1], b, p) for a, b, p in due])
            if flow.mode == "nat":
                sent, due = flow.down(*flow.answer())
                yield "answer", world.compare(
                    [(ports["back"][0], how.get("back", {}), p) for _, p in sent],
                    [(ports[a][1], b, p) for a, b, p in due])
        yield every(f"{way}, {flow}", results())

def vlans():
    world = lab(tag=10, trunk=(2, 1))
    yield from through(world, "VLANs", {"front": {"tag": 10}, "back": {"tag": 20}},
                       {"front": ("trunk", "trunk.10"), "back": ("trunk", "trunk.20")})
    # The same frames, where nobody is: the parent device is no way in.
    flow = Flow(11, 4, UDP, next(client_ports))
    yield "VLANs: another tag is nobody's", world.compare(
        [("trunk", {"tag": 30}, flow.request()[0])], []), "exact"

def macvlans():
    world = lab(trunk=(2, 1))
    yield from through(world, "macvlan", {"back": {"to": mac(3)}},
                       {"front": ("trunk", "trunk"), "back": ("trunk", "trunk")})

def bridge():
    # The director's own address is the bridge's; 2 is its MAC. Host 77 is behind
    # the other port.
    world = lab(here=(2, 1), there=(2, 77))
    for family in FAMILIES:
        learn = udp(RACK[family] % 77, 9, RACK[family] % 1, 9)
        # Otherwise a bridge sends to all ports.
        yield f"bridge, IPv{family}: its hosts talk", world.compare(
            [("there", {"to": mac(1)}, learn)] + [
                ("here", {"to": mac(77), "sender": mac(n)}, learn) for n in (1, 11, 21)],
            [("here", 1, learn)] + [("there", 77, learn)] * 3), "exact"
    yield from through(world, "bridge: for the director", {"back": {"to": mac(2)}},
                       {"front": ("here", "here"), "back": ("here", "here")})
    for flow in flows():
        sent, _ = flow.request()
        other = Flow(flow.number, flow.family, TCP, next(client_ports))
        def results():
            yield "UDP", world.compare([("here", {"to": mac(77)}, sent)], [("there", 77, sent)])
            for flags in "S", "A", "R":
                packet, _ = other.request(flags, 1000, 1)
                yield flags, world.compare([("here", {"to": mac(77)}, packet)], [("there", 77, packet)])
            yield "TTL 1", world.compare([("here", {"to": mac(77)}, flow.request(ttl=1)[0])],
                                         [("there", 77, flow.request(ttl=1)[0])])
            if flow.mode == "nat":
                packet, _ = flow.answer()
                yield "an answer", world.compare([("here", {"to": mac(77)}, packet)], [("there", 77, packet)])
            packets = fragments(flow.request(bytes(3000))[0], 1232)
            got = world.exchange([("here", {"to": mac(77)}, p) for p in packets])
            yield "fragments", differences(
                [(a, b, p) for a, b in {one[:2] for one in got} for p in whole(q for _, _, q in got)],
                [("there", 77, whole(packets)[0])])
            error = too_big("192.0.2.1" if flow.family == 4 else "2001:db8:c::1", flow.vip, 1280,
                            flow.answer()[1])
            yield "an error", world.compare([("here", {"to": mac(77)}, error)], [("there", 77, error)])
        yield every(f"bridge: for others, {flow}", results())
END

# served DESCRIPTION: everything is, by everybody, and who asks is told so.
served() {
	local client=192.0.2.10 client6=2001:db8:c::10

	is "$1: DSR" "$(requests 3 http://$VIP4/) $(requests 3 "http://[$VIP6]/") $(datagrams 3 $VIP4 53)" \
		"d1=1 d2=1 d3=1 d1=1 d2=1 d3=1 d1=1 d2=1 d3=1"
	is "$1: NAT" "$(requests 2 http://$VIP4:8080/) $(requests 2 "http://[$VIP6]:8080/") $(
		datagrams 2 $VIP4 5353)" "n1=1 n2=1 n1=1 n2=1 n1=1 n2=1"
	is "$1: in fragments" "$(datagrams 3 $VIP4 53 -s 4000) $(datagrams 2 $VIP4 5353 -s 4000)" \
		"d1=1 d2=1 d3=1 n1=1 n2=1"
	like "$1: the servers see the client" "$(in_ns client curl -s "http://$VIP4/client" \
		"http://$VIP4:8080/client" "http://[$VIP6]:8080/client" | paste -sd ' ')" \
		"^$client $VIP4 $client 10.1.0.2[12] $client6 2001:db8:b::2[12]$"
}

# tracked: how many connections to services conntrack has.
tracked() {
	in_ns director cat /proc/net/nf_conntrack | grep -cE \
		"dst=($VIP4|2001:0db8:000f:0000:0000:0000:0000:0001) .* dport=(80|8080|53|5353) " || :
}

# asked ADDRESS...: who asked, as nginx says.
asked() {
	in_ns "${FROM-client}" curl -s --connect-timeout 5 "$1" | cut -d ' ' -f 1
}

insmod_shunt
topo_up
together servers_up + services_up
served "alone"

note "conntrack and a stateful firewall"
modprobe -a nf_conntrack nft_ct
# As distributions recommend it: what no rule allows is dropped.
in_ns director nft -f - <<-END
table inet firewall {
	chain early {
		type filter hook prerouting priority -150
		ct state invalid counter drop
	}
	chain input {
		type filter hook input priority 0; policy drop
		ct state established,related accept
		icmp type echo-request accept
		icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert } accept
	}
	chain forward {
		type filter hook forward priority 0; policy drop
		ct state established,related accept
		ip saddr 192.0.2.0/24 ip daddr 10.1.0.21 tcp dport 80 ct state new accept
	}
}
END
served "a firewall"
is "conntrack has nothing of it" "$(in_ns director cat $NF/nf_conntrack_count) $(tracked)" "0 0"
is "but of what the firewall lets through" \
	"$(requests 2 http://10.1.0.21/) $(in_ns director cat $NF/nf_conntrack_count)" "n1=2 2"
is "and what it does not, is not let through" "$(requests 1 http://10.1.0.22/ --connect-timeout 0.5)" \
	"error-28=1"
dial held $VIP4 80
dial held-nat $VIP4 8080
in_ns director nft add rule inet firewall early meta l4proto '{ tcp, udp }' ct state untracked counter
like "connections stay as rules come" "$(ask held) $(ask held-nat)" "^d[123]=1 n[12]=1$"
hang_up held
hang_up held-nat
in_ns director nft flush ruleset

note "NAT of other traffic by nftables"
modprobe -a nft_nat nft_masq nft_chain_nat
in_ns director nft -f - <<-END
table inet nat {
	chain pre {
		type nat hook prerouting priority -100
		ip daddr 10.0.0.2 tcp dport 2222 dnat ip to 10.1.0.22:80
		ip daddr $VIP4 tcp dport 2222 dnat ip to 10.1.0.22:80
		ip6 daddr $VIP6 tcp dport 2222 dnat ip6 to [2001:db8:b::22]:80
	}
	chain post {
		type nat hook postrouting priority 100
		oifname { eth0, eth1 } meta nfproto ipv4 masquerade
		oifname { eth0, eth1 } meta nfproto ipv6 masquerade
	}
}
END
served "masquerading"
is "conntrack has nothing of it" "$(tracked)" 0
is "a NAT server as a client is masqueraded" "$(FROM=n1 asked http://10.0.0.13/client)" 10.0.0.2
is "other ports of the VIP are its rules'" "$(requests 1 http://$VIP4:2222/) $(
	requests 1 "http://[$VIP6]:2222/") $(requests 1 http://10.0.0.2:2222/)" "n2=1 n2=1 n2=1"
is "and masqueraded, too" "$(asked http://$VIP4:2222/client)" 10.1.0.1
served "and again"
in_ns director nft flush ruleset

note "a flowtable"
modprobe -a nft_flow_offload nf_flow_table_inet
in_ns director nft -f - <<-END
table inet fast {
	flowtable ft {
		hook ingress priority 0
		devices = { eth0, eth1 }
	}
	counter slow { }
	chain forward {
		type filter hook forward priority 0
		counter name slow
		meta l4proto tcp flow add @ft
	}
}
END
head -c 4M /dev/urandom >"$WORK/www/file"
served "a flowtable"
# fetch DESCRIPTION URL
fetch() {
	# shellcheck disable=SC2016 # expanded by the inner shell
	check "$1" in_ns client bash -c 'set -o pipefail; curl -s --max-time 60 "$0" | cmp - "$1"' \
		"$2" "$WORK/www/file"
}
in_ns director nft reset counters >/dev/null
fetch "4 MB by the flowtable" http://10.1.0.21/file
slow=$(nft_counters director | awk '{ print $3 }')
check "of which but a few packets took the slow path: $slow" [ "$slow" -lt 100 ]
fetch "4 MB by DSR" "http://$VIP4/file"
fetch "4 MB by NAT" "http://$VIP4:8080/file"
is "the flowtable and its chain saw nothing of these" \
	"$(nft_counters director | awk '{ print $3 }') $(tracked)" "$slow 0"
served "and again"
in_ns director nft flush ruleset

# While a socket wants to know when packets came, all are stamped: with a time far
# off by the clock by which fq sends.
note "fq, and packets that are stamped"
modprobe sch_fq
spawn director python3 -c 'import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, 29, 1)
time.sleep(600)'
stamper=$spawned
for device in eth0 eth1; do
	in_ns director tc qdisc replace dev $device root fq
done
served "fq"
for device in eth0 eth1; do
	is "fq on $device kept and dropped nothing" "$(in_ns director tc -s qdisc show dev $device |
		grep -oE 'dropped [0-9]+|horizon_[a-z]+ [0-9]+$' | grep -v ' 0$' || :)" ""
	in_ns director tc qdisc del dev $device root
done
kill "$stamper"

note "ip_vs"
modprobe -a ip_vs ip_vs_rr
topo_vip $IPVS4/32
topo_batch director <<-END
	addr add $IPVS4/32 dev lo
	addr add $VIP4/32 dev lo
END
in_ns director ipvsadm -R <<-END
	-A -t $IPVS4:80 -s rr
	-a -t $IPVS4:80 -r 10.0.0.11:80 -g
	-a -t $IPVS4:80 -r 10.0.0.12:80 -g
	-A -t $IPVS4:8080 -s rr
	-a -t $IPVS4:8080 -r 10.1.0.21:80 -m
	-a -t $IPVS4:8080 -r 10.1.0.22:80 -m
	-A -u $IPVS4:5353 -s rr
	-a -u $IPVS4:5353 -r 10.1.0.21:53 -m
	-A -t $VIP4:81 -s rr
	-a -t $VIP4:81 -r 10.1.0.22:80 -m
END
served "ip_vs"
is "its own services" "$(requests 4 http://$IPVS4/) $(requests 4 http://$IPVS4:8080/) $(
	datagrams 2 $IPVS4 5353)" "d1=2 d2=2 n1=2 n2=2 n1=2"
is "another port of a shared VIP" "$(requests 2 http://$VIP4:81/)" "n2=2"
requests 20 http://$IPVS4:8080/ >"$WORK/theirs" &
theirs=$!
is "both at once" "$(requests 20 http://$VIP4:8080/)" "n1=10 n2=10"
wait "$theirs"
is "and the other" "$(<"$WORK/theirs")" "n1=10 n2=10"
in_ns director ipvsadm -C
topo_batch director <<-END
	addr del $IPVS4/32 dev lo
	addr del $VIP4/32 dev lo
END

note "a VRF"
modprobe vrf
shunt flush
# Addresses and routes move to the table of the VRF, and main has none left.
topo_batch director <<-END
	link add red type vrf table 10
	link set red up
	link set eth0 master red
	link set eth1 master red
	addr replace 10.0.0.2/24 dev eth0
	addr replace 10.1.0.1/24 dev eth1
	addr replace 2001:db8:a::2/64 dev eth0 nodad
	addr replace 2001:db8:b::1/64 dev eth1 nodad
	route add default via 10.0.0.1 table 10
	route add default via 2001:db8:a::1 dev eth0 table 10
END
is "the main table knows no way" "$(in_ns director ip route get 10.0.0.11 2>&1 | grep -c dev || :)" 0
services_up
# All have to be found first.
is "all servers are up" "$(shunt -j server show | jq -r '.[].state' | tally)" "up=15"
served "a VRF"
is "nothing was dropped in all this" "$(drops)" ""
shunt flush

# lab IP-COMMANDS...: a director of this kind, with these services. The commands
# of standard input make its devices.
lab() {
	local words

	ip netns add "${NS_PREFIX}lab"
	topo_batch lab ipv4/conf/all/forwarding=1 ipv6/conf/all/forwarding=1 \
		ipv4/conf/all/send_redirects=0 ipv4/conf/default/send_redirects=0
	while read -ra words; do
		in_ns lab "$SHUNT" "${words[@]}"
	done < <(python3 -IS "$RAW_PY" services | grep -E '^serv(ice|er) add [a-z]*[46]-(11|21) ')
}

# neighbours FRONT BACK: as for the director, but by these devices.
neighbours() {
	python3 -IS "$RAW_PY" links | sed -E "/^link/d; s/eth0/$1/; s/eth1/$2/; /::31|\.31/d"
}

# addresses FRONT BACK
addresses() {
	topo_device "$1" 10.0.0.2 2001:db8:a::2
	[[ $1 == "$2" ]] || echo "link set $2 up"
	echo "addr add 10.1.0.1/24 dev $2"
	echo "addr add 2001:db8:b::1/64 dev $2 nodad"
	topo_routes 10.0.0.1 2001:db8:a::1 default
	neighbours "$1" "$2"
}

# on_wire PYTHON: the cases of that.
on_wire() {
	coproc RAW { exec python3 -IS "$RAW_PY" "$NS_PREFIX" "$WORK/cases.py"; }
	local sender=$RAW_PID ready

	read -r -t 60 ready <&"${RAW[0]}"
	is "the sender of packets" "$ready" ready
	cases "$1"
	echo "sys.exit()" >&"${RAW[1]}"
	wait "$sender"
	is "nothing was dropped" "$(in_ns lab "$SHUNT" -j drops | jq 'map(.count) | add')" "${2-0}"
	ip netns del "${NS_PREFIX}lab"
}

ip netns add "${NS_PREFIX}wire"
in_ns wire sh -c 'echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6'

note "VLANs over one device"
lab < <(
	echo "link add eth0 type veth peer trunk netns ${NS_PREFIX}wire"
	echo "link set eth0 address 02:00:00:00:00:02 up"
	echo "link add link eth0 name eth0.10 type vlan id 10"
	echo "link add link eth0 name eth0.20 address 02:00:00:00:00:02 type vlan id 20"
	addresses eth0.10 eth0.20
)
in_ns wire ip link set trunk up
on_wire "vlans()"

note "a macvlan for the servers' side"
modprobe macvlan
lab < <(
	echo "link add eth0 type veth peer trunk netns ${NS_PREFIX}wire"
	echo "link set eth0 address 02:00:00:00:00:02 up"
	echo "link add link eth0 name mac0 address 02:00:00:00:00:03 type macvlan mode bridge"
	addresses eth0 mac0
)
in_ns wire ip link set trunk up
on_wire "macvlans()"

for filter in 0 1; do
	if [[ $filter == 1 ]]; then
		note "a bridge, with br_netfilter"
		modprobe br_netfilter
	else
		note "a bridge"
	fi
	lab < <(
		echo "link add p0 type veth peer here netns ${NS_PREFIX}wire"
		echo "link add p1 type veth peer there netns ${NS_PREFIX}wire"
		echo "link add br0 address 02:00:00:00:00:02 type bridge forward_delay 0 mcast_snooping 0"
		echo "link set p0 up master br0"
		echo "link set p1 up master br0"
		addresses br0 br0
	)
	[[ $filter == 0 ]] || topo_batch lab bridge/bridge-nf-call-iptables=1 \
		bridge/bridge-nf-call-ip6tables=1 </dev/null
	in_ns wire ip link set here up
	in_ns wire ip link set there up
	on_wire "bridge()"
done
