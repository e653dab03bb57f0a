#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# vm-options: --timeout 1500
# The fast hook: what "attach" takes and refuses; that packets of known
# connections do go by it, and no others; marks of netdev ingress; transfers, by their hashes, with GRO,
# VLANs, taps, mirrors and XDP on the device; and devices, services, namespaces
# and the module that come and go under traffic. That everything else works as
# without it, is what test-ingress-again.sh shows.
# kernels: 6.12
#
#    The network of net.sh, and a VLAN, 5, between router and director:
#
#    router eth1.5 10.5.0.1 ───── rack ───── 10.5.0.2 eth0.5 director
#                                            VIP 198.51.100.5 by the VLAN
# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"

readonly VIP_VLAN=198.51.100.5
readonly SIZE=3000000
declare -A host=([4]=$VIP4 [6]="[$VIP6]") bare=([4]=$VIP4 [6]=$VIP6)
declare -A sink=([dsr]=9000 [nat]=9001)

devices() {
	shunt -j status | jq -r '"\(.devices | join(" ")) \(.hooked)"'
}

refusals() {
	is "at first nothing is attached" "$(devices)" " false"
	refused "no device" 1 "'nic9': there is no device of this name" shunt attach nic9
	refused "no device to be detached" 1 "'nic9': there is no device of this name" shunt detach nic9
	refused "loopback" 1 "'lo': no packet of a client comes in by loopback" shunt attach lo
	refused "one that is not attached" 1 "'eth0': this device is not attached" shunt detach eth0
	in_ns director ip link add br7 type bridge
	in_ns director ip link add port7 type veth peer port8
	in_ns director ip link set port7 master br7
	refused "a bridge's port" 1 "'port7': this is a port of a bridge, bond or team" shunt attach port7
	check "but the bridge" shunt attach br7
	is "is attached, without a service" "$(devices)" "br7 false"
	check "and detached" shunt detach br7
	in_ns director ip link del br7
	in_ns director ip link del port7
	check "a device" shunt attach eth1
	check "and another" shunt attach eth0
	refused "one twice" 1 "'eth0': this device is attached already" shunt attach eth0
	is "both are told of" "$(devices)" "eth1 eth0 false"
	is "in text, too" "$(shunt status | awk '$1 == "devices"' | xargs)" "devices eth1 eth0"
	refused "without privilege" 1 "needs CAP_NET_ADMIN" \
		in_ns director setpriv --reuid 65534 --clear-groups "$SHUNT" detach eth0
}

# devices that come, are renamed and go: nobody's traffic.
names() {
	in_ns director ip link add one type dummy
	in_ns director ip link property add dev one altname the-first-device-of-all
	shunt attach one
	in_ns director ip link set one name two
	is "a rename is followed" "$(devices)" "eth1 eth0 two true"
	refused "the old name is no device's" 1 "'one': there is no device" shunt detach one
	check "the new one is" shunt detach two
	in_ns director ip link property add dev two altname second
	check "another of its names will do" shunt attach second
	is "and it goes by the first" "$(devices)" "eth1 eth0 two true"
	in_ns director ip link del two
	is "a removed device is detached" "$(devices)" "eth1 eth0 true"
	in_ns director ip link add three type dummy
	shunt attach three
	in_ns director ip link set three netns "${NS_PREFIX}router"
	is "so is one that left" "$(devices)" "eth1 eth0 true"
	is "and not attached where it went" \
		"$(in_ns router "$SHUNT" -j status | jq -c .devices)" "[]"
	in_ns router ip link set three netns "${NS_PREFIX}director"
	is "nor when it comes back" "$(devices)" "eth1 eth0 true"
	in_ns director ip link del three
}

# What of the services passes by prerouting, where the fast hook's does not:
# SYNs, other TCP packets, UDP; by the device.
seen() {
	in_ns director nft -f - <<-END
	table inet seen
	delete table inet seen
	table inet seen {
		counter begins { }
		counter goes-on { }
		counter datagrams { }
		counter leaves { }
		chain post {
			type filter hook postrouting priority 0
			meta l4proto udp counter name leaves
		}
		chain pre {
			type filter hook prerouting priority -300
			tcp flags & (syn | ack) == syn counter name begins accept
			tcp dport { 80, 8080, 9000, 9001 } counter name goes-on
			tcp sport { 80, 9000 } counter name goes-on
			udp dport { 53, 5353 } counter name datagrams
			udp sport 53 counter name datagrams
		}
	}
	END
}

# "syn=1 tcp=0 udp=0"
what_was_seen() {
	nft_counters director | awk '{ n[$2] = $3 }
		END { printf "syn=%s tcp=%s udp=%s", n["begins"], n["goes-on"], n["datagrams"] }'
}

# Requests to NAT, of which the general hook sees what begins them, and what goes on
# only while the last changes of routes are still being heard of.
fast_requests() {
	seen
	[[ $(requests 4 "http://$VIP4:8080/") == "n1=2 n2=2" &&
		$(what_was_seen) == "syn=4 tcp=0 udp=0" ]]
}

# How many segments behind a SYN went the general way: for each DSR connection the
# ACK that makes it, and what came in one batch with that.
readonly BEGINNING=4
general() {
	what_was_seen | sed 's/.* tcp=\([0-9]*\) .*/\1/'
}

# A connection's packets are not seen at prerouting; only what makes one in NAT is.
taken() {
	local family

	for family in 4 6; do
		seen
		is "DSR, IPv$family: requests" "$(requests 6 "http://${host[$family]}/")" "d1=2 d2=2 d3=2"
		is "none of their packets went the general way" "$(what_was_seen)" "syn=0 tcp=0 udp=0"
		seen
		is "NAT, IPv$family: requests" "$(requests 6 "http://${host[$family]}:8080/")" "n1=3 n2=3"
		is "SYNs went the general way, and no more, nor the servers' answers" \
			"$(what_was_seen)" "syn=6 tcp=0 udp=0"
		seen
		is "DSR, IPv$family: four datagrams from each socket" \
			"$(datagrams 3 "${bare[$family]}" 53 -k 4)" "d1=4 d2=4 d3=4"
		is "none went the general way" "$(what_was_seen)" "syn=0 tcp=0 udp=0"
		seen
		is "NAT, IPv$family: four datagrams from each socket" \
			"$(datagrams 2 "${bare[$family]}" 5353 -k 4)" "n1=4 n2=4"
		is "the first of each went the general way" "$(what_was_seen)" "syn=0 tcp=0 udp=2"
		is "it and the first answer passed postrouting, and no more" \
			"$(nft_counters director | awk '$2 == "leaves" { print $3 }')" 4
	done
	is "nothing was dropped" "$(drops)" ""
}

# Each packet counts once, whichever way it went.
counted_once() {
	local before after

	in_ns client nft 'add table inet out
		add counter inet out sent
		add chain inet out out { type filter hook output priority 0; }
		add rule inet out out ip daddr '$VIP4' tcp dport 80 counter name sent'
	before=$(shunt -j service show web | jq -c '.[0] | [.packets, .bytes]')
	requests 9 "http://$VIP4/" >/dev/null
	same() {
		after=$(shunt -j service show web | jq -c '.[0] | [.packets, .bytes]')
		[[ $(jq -nc "$after as \$a | $before as \$b | [\$a[0] - \$b[0], \$a[1] - \$b[1]]") == \
			"$(in_ns client nft -j list counter inet out sent |
				jq -c '.nftables[1].counter | [.packets, .bytes]')" ]]
	}
	check "the module counts what the client sent" wait_until 20 same
	in_ns client nft delete table inet out
}

# What netdev ingress marked before, by a service that goes by its mark.
marked() {
	local family number
	local -A vip=([4]=198.51.100.2 [6]=2001:db8:f::2) url=([4]=198.51.100.2 [6]="[2001:db8:f::2]")
	local -A rack=([4]=10.0.0. [6]=2001:db8:a::)

	topo_vip "${vip[4]}/32" "${vip[6]}/128"
	in_ns director nft -f - <<-END
	table netdev marks {
		chain arriving {
			type filter hook ingress device eth0 priority 0
			ip daddr ${vip[4]} meta mark set 7
			ip6 daddr ${vip[6]} meta mark set 7
		}
	}
	END
	for family in 4 6; do
		shunt service add marked tcp,udp fwmark 7 family "ipv$family"
		for number in 11 12 13; do
			shunt server add marked "${rack[$family]}$number"
		done
		seen
		is "marked at ingress, IPv$family: requests" \
			"$(requests 3 "http://${url[$family]}/")" "d1=1 d2=1 d3=1"
		is "marked at ingress, IPv$family: datagrams" \
			"$(datagrams 3 "${vip[$family]}" 53 -k 2)" "d1=2 d2=2 d3=2"
		is "none went the general way" "$(what_was_seen)" "syn=0 tcp=0 udp=0"
		shunt service del marked
	done
	in_ns director nft delete table netdev marks
}

# transfer WHAT [FAMILY...]: files up and down, by DSR and NAT.
transfer() {
	local what=$1 family mode port

	shift
	for family in "${@:-4}"; do
		for mode in dsr nat; do
			port=80
			[[ $mode == dsr ]] || port=8080
			is "$what: a file up, ${mode^^}, IPv$family" "$(in_ns client socat -t 60 -b 65536 - \
				"TCP:${host[$family]}:${sink[$mode]}" <"$WORK/www/file")" "$hash"
			is "$what: a file down" "$(in_ns client curl -s "http://${host[$family]}:$port/file" |
				sha256sum)" "$hash"
		done
	done
}

sinks() {
	local name

	for name in d1 n1; do
		spawn $name socat -t 60 -b 65536 TCP6-LISTEN:9000,ipv6only=0,fork,reuseaddr SYSTEM:sha256sum
		disown
	done
	shunt service add sink tcp "$VIP4:9000"
	shunt server add sink 10.0.0.11
	shunt service add sink6 tcp "[$VIP6]:9000"
	shunt server add sink6 2001:db8:a::11
	shunt service add nsink tcp "$VIP4:9001" mode nat
	shunt server add nsink 10.1.0.21:9000
	shunt service add nsink6 tcp "[$VIP6]:9001" mode nat
	shunt server add nsink6 "[2001:db8:b::21]:9000"
	shunt service add dns6 udp "[$VIP6]:53"
	shunt service add dnat6 udp "[$VIP6]:5353" mode nat
	for name in 11 12 13; do
		shunt server add dns6 "2001:db8:a::$name"
	done
	for name in 21 22; do
		shunt server add dnat6 "[2001:db8:b::$name]:53"
	done
}

all_up() {
	[[ $(shunt -j server show | jq 'map(select(.state != "up")) | length') -eq 0 ]] &&
		[[ $(in_ns director ip neigh show nud reachable | grep -c '^10\.0\.0\.1[123] ') -eq 3 ]]
}

# bytes_tapped FILE: of TCP payload to the sink.
bytes_tapped() {
	tcpdump -nn -q -r "$1" 'tcp dst port 9000' 2>/dev/null | awk '{ sum += $NF } END { print sum + 0 }'
}

# tap NAME DEVICE FILTER: a capture on the director into $WORK/NAME.
tap() {
	spawn director tcpdump -i "$2" -nn -s 128 -B 16384 -U -w "$WORK/$1" "$3" 2>"$WORK/$1.err"
	tap=$spawned
	wait_until 20 grep -q "listening on" "$WORK/$1.err"
}

untap() {
	kill -INT "$tap"
	wait "$tap" || :
}

# What a tap sees came in unchanged, though others change it behind its back.
taps() {
	seen
	tap in eth0 "tcp dst port 9000 and ether dst $(mac)"
	transfer "a tap"
	untap
	check "it saw all of it" test "$(bytes_tapped "$WORK/in")" -ge $SIZE
	is "as it came: its TTL, and no other" "$(tcpdump -nnv -r "$WORK/in" 2>/dev/null |
		grep -o 'ttl [0-9]*' | sort -u)" "ttl 63"
	check "and it went by the fast hook all the same" [ "$(general)" -le $((2 * BEGINNING)) ]
}

# tc comes before: what it mirrors is a copy that shares the data.
mirror() {
	in_ns director ip link add mirror type dummy
	in_ns director ip link set mirror up
	in_ns director tc qdisc add dev eth0 clsact
	in_ns director tc filter add dev eth0 ingress matchall action mirred egress mirror dev mirror
	tap mirrored mirror "tcp dst port 9000"
	transfer "a mirror"
	untap
	check "it got all of it" test "$(bytes_tapped "$WORK/mirrored")" -ge $SIZE
	is "as it came" "$(tcpdump -nnv -r "$WORK/mirrored" 2>/dev/null |
		grep -o 'ttl [0-9]*' | sort -u)" "ttl 63"
	in_ns director tc qdisc del dev eth0 clsact
	in_ns director ip link del mirror
}

# A program that lets all pass, as long as the process lives.
xdp() {
	local mode output

	for mode in 0 2; do
		output=$WORK/xdp-$mode
		spawn director python3 -c '
import ctypes, os, socket, struct, sys, time
libc = ctypes.CDLL(None, use_errno=True)
def bpf(command, attributes):
    buffer = ctypes.create_string_buffer(attributes, 128)
    fd = libc.syscall(321, command, buffer, 128)
    if fd < 0:
        sys.exit("command %d: %s" % (command, os.strerror(ctypes.get_errno())))
    return fd
code = ctypes.create_string_buffer(struct.pack("=BBhiBBhi", 0xb7, 0, 0, 2, 0x95, 0, 0, 0), 16)
gpl = ctypes.create_string_buffer(b"GPL")
program = bpf(5, struct.pack("=IIQQ", 6, 2, ctypes.addressof(code), ctypes.addressof(gpl)))
link = bpf(28, struct.pack("=IIII", program, socket.if_nametoindex("eth0"), 37, int(sys.argv[1])))
print("attached", flush=True)
time.sleep(1000)' $mode >"$output" 2>&1
		if wait_until 10 grep -q attached "$output"; then
			transfer "XDP, mode $mode"
			kill "$spawned"
			wait "$spawned" || :
		else
			skip "XDP, mode $mode" "$(tail -n 1 "$output")"
		fi
	done
}

gro() {
	local device

	for device in eth0 eth1; do
		in_ns director ethtool -K $device gro on rx-udp-gro-forwarding on
	done
	# Single packets on the wire, or there would be nothing to aggregate.
	in_ns client ethtool -K eth0 tso off gso off >/dev/null
	in_ns n1 ethtool -K eth0 tso off gso off >/dev/null
	seen
	transfer "GRO" 4 6
	check "GRO: by the fast hook" [ "$(general)" -le $((4 * BEGINNING)) ]
	for device in eth0 eth1; do
		in_ns director ethtool -K $device gro off rx-udp-gro-forwarding off
	done
	in_ns client ethtool -K eth0 tso on gso on >/dev/null
	in_ns n1 ethtool -K eth0 tso on gso on >/dev/null
}

# Packets of a VLAN are the VLAN device's, not those of the one below.
vlan() {
	in_ns router ip -b - <<-END
	link add link eth1 name eth1.5 type vlan id 5
	link set eth1.5 up
	addr add 10.5.0.1/24 dev eth1.5
	route add $VIP_VLAN via 10.5.0.2
	END
	in_ns director ip -b - <<-END
	link add link eth0 name eth0.5 type vlan id 5
	link set eth0.5 up
	addr add 10.5.0.2/24 dev eth0.5
	END
	shunt service add vlan tcp $VIP_VLAN:8080 mode nat
	shunt server add vlan 10.1.0.21:80
	seen
	is "VLAN, hook on the device below: requests" "$(requests 4 "http://$VIP_VLAN:8080/")" "n1=4"
	like "they go the general way" "$(what_was_seen)" "syn=4 tcp=[1-9]"
	check "the VLAN's device is attached" shunt attach eth0.5
	seen
	is "VLAN, its own hook: requests" "$(requests 4 "http://$VIP_VLAN:8080/")" "n1=4"
	is "they go the fast way" "$(what_was_seen)" "syn=4 tcp=0 udp=0"
	is "VLAN: a file" "$(in_ns client curl -s "http://$VIP_VLAN:8080/file" | sha256sum)" "$hash"
}

# The MAC of the director's eth0.
mac() {
	in_ns director ip -j link show eth0 | jq -r '.[0].address'
}

counters() {
	shunt -j service show web | jq -c '.[0] | [.packets, .bytes]'
}

counters_are() {
	[[ $(counters) == "$1" ]]
}

# What was sent before has gone through the director, whose queues keep order.
barrier() {
	in_ns router ping -c 1 -W 5 10.0.0.2 >/dev/null
}

# frames CLIENT-PORT KIND...: an ACK of that connection each, from the router,
# with something about it.
frames() {
	in_ns router python3 -IS -c '
import socket, struct, sys
director, port, vip = bytes.fromhex(sys.argv[1].replace(":", "")), int(sys.argv[2]), sys.argv[3]
def total(data):
    n = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while n >> 16:
        n = (n & 0xffff) + (n >> 16)
    return n ^ 0xffff
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
wire.bind(("eth1", 0))
src, dst = socket.inet_aton("192.0.2.10"), socket.inet_aton(vip)
for kind in sys.argv[4:]:
    first = {"version": 0x55, "header": 0x44}.get(kind, 0x45)
    ip = struct.pack("!BBHHHBBH", first, 0, 80 if kind == "long" else 40, 7, 0,
                     1 if kind == "hops" else 64, 6, 0) + src + dst
    ip = ip[:10] + struct.pack("!H", total(ip) ^ (kind == "sum")) + ip[12:]
    tcp = struct.pack("!HHIIBBHHH", port, 80, 1, 1, 0x50, 0x10, 1000, 0, 0)
    tcp = tcp[:16] + struct.pack("!H", total(src + dst + struct.pack("!HH", 6, 20) + tcp)) + tcp[18:]
    to = {"other": b"\2\0\0\0\0\x99", "broadcast": b"\xff" * 6,
          "multicast": b"\1\0\x5e\0\0\1"}.get(kind, director)
    tag = b"\x81\0\0\6" if kind == "tagged" else b""
    frame = to + b"\2\0\0\0\0\x77" + tag + b"\x08\0" + ip + tcp
    wire.send(frame + bytes(60 - len(frame)))
' "$(mac)" "$1" "$VIP4" "${@:2}"
}

# What is not a service's, or not this host's.
others() {
	local port before

	server_up director
	is "the director's own services answer" \
		"$(requests 4 http://10.0.0.2/) $(requests 4 http://10.1.0.1:8080/)" "director=4 director=4"
	is "so do servers, asked directly" "$(requests 4 http://10.1.0.21/) $(datagrams 2 10.1.0.22 53)" \
		"n1=4 n2=2"
	is "and the director's router" "$(in_ns client ping -c 2 -i 0.01 10.0.0.2 | grep -o ' 0% packet loss')" \
		" 0% packet loss"

	dial flow "$VIP4" 80
	like "a connection" "$(ask flow)" "^d[123]=1$"
	counted "before"
	port=$(shunt -j conn show service web |
		jq 'map(select(.state == "established"))[0].client_port')
	before=$(counters)
	frames "$port" other broadcast multicast tagged sum long version header
	barrier
	is "what is for others, or broken, is not forwarded" "$(counters)" "$before"
	counted "nor counted"
	frames "$port" hops
	barrier
	counted "one hop too many: once" ttl=1
	frames "$port" good
	check "a good one, padded, is forwarded without its padding" wait_until 20 counters_are \
		"$(jq -c '[.[0] + 1, .[1] + 40]' <<<"$before")"
	hang_up flow
}

# A client that is not there, so that nothing answers it.
readonly STRANGER=192.0.2.77

# begin PACKET...: sends these from the router, as "tcp:PORT-TO-PORT:FLAGS:SEQ",
# "udp:PORT-TO-PORT", each with ":BYTES" of payload and ":TTL" if not 0 and 64; and
# with "-df" behind the protocol what must not be cut.
begin() {
	in_ns router python3 -IS -c '
import socket, struct, sys
director, src, dst = bytes.fromhex(sys.argv[1].replace(":", "")), *map(socket.inet_aton, sys.argv[2:4])
def total(data):
    n = sum(struct.unpack("!%dH" % (len(data) // 2), data + bytes(len(data) % 2)))
    while n >> 16:
        n = (n & 0xffff) + (n >> 16)
    return n ^ 0xffff
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
wire.bind(("eth1", 0))
for packet in sys.argv[4:]:
    kind, ports, *rest = packet.split(":")
    kind, _, df = kind.partition("-")
    sport, dport = map(int, ports.split("-to-"))
    flags, seq = (rest.pop(0), int(rest.pop(0))) if kind == "tcp" else ("", 0)
    size, ttl = (list(map(int, rest)) + [0, 64][len(rest):])
    size -= size % 2
    if kind == "tcp":
        number = 6
        bits = sum(1 << "FSRPA".index(flag) for flag in flags)
        l4 = struct.pack("!HHIIBBHHH", sport, dport, seq, 1, 0x50, bits, 1000, 0, 0)
    else:
        number = 17
        l4 = struct.pack("!HHHH", sport, dport, 8 + size, 0)
    l4 += bytes(size)
    sum_at = 16 if kind == "tcp" else 6
    check = total(src + dst + struct.pack("!HH", number, len(l4)) + l4)
    l4 = l4[:sum_at] + struct.pack("!H", check) + l4[sum_at + 2:]
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(l4), 7, 0x4000 if df else 0,
                     ttl, number, 0) + src + dst
    ip = ip[:10] + struct.pack("!H", total(ip)) + ip[12:]
    frame = director + b"\2\0\0\0\0\x77" + b"\x08\0" + ip + l4
    wire.send(frame + bytes(max(0, 60 - len(frame))))
' "$(mac)" $STRANGER "$VIP4" "$@"
}

# Services for all that the fast hook decides about a new connection, and for all
# that it leaves: no server, one that is this host, both modes, one packet after
# the other, no room, a link that is too narrow.
strange_services() {
	local protocol

	for protocol in tcp udp; do
		printf '%s\n' "service add plain-$protocol $protocol $VIP4:7001" \
			"service add none-$protocol $protocol $VIP4:7002" \
			"service add rest-$protocol $protocol $VIP4:7003" \
			"service add both-$protocol $protocol $VIP4:7004" \
			"service add self-$protocol $protocol $VIP4:7005" \
			"service add full-$protocol $protocol $VIP4:7006 limit 2" \
			"service add wide-$protocol $protocol $VIP4:7007" \
			"service add nat-$protocol $protocol $VIP4:7008 mode nat" \
			"server add plain-$protocol 10.0.0.11" "server add plain-$protocol 10.0.0.12" \
			"server add rest-$protocol 10.0.0.11 weight 0" \
			"server add both-$protocol 10.0.0.11" \
			"server add both-$protocol 10.1.0.21:9999 mode nat" \
			"server add self-$protocol 10.0.0.2" \
			"server add full-$protocol 10.0.0.11" "server add full-$protocol 10.0.0.12" \
			"server add wide-$protocol 10.1.0.21" "server add wide-$protocol 10.0.0.12" \
			"server add nat-$protocol 10.1.0.21:9999"
	done
	printf '%s\n' "service add single udp $VIP4:7009 packet on" \
		"server add single 10.0.0.11" "server add single 10.0.0.12" \
		"service add rehash tcp $VIP4:7010 midstream rehash" \
		"server add rehash 10.0.0.11" "server add rehash 10.0.0.12"
}

strange_packets() {
	local to i

	for to in 7001 7002 7003 7004 7005 7006 7007 7008 7010; do
		for i in 1 2 3 4; do
			# A SYN, the same again, and what follows it.
			echo tcp:$((to + i))-to-$to:S:1000 tcp:$((to + i))-to-$to:S:1000 \
				tcp:$((to + i))-to-$to:A:1001 tcp:$((to + i))-to-$to:PA:1001:100
			# SYNs that go no further, by themselves or by the client's will.
			echo tcp:$((to + 10 + i))-to-$to:S:5 tcp:$((to + 20 + i))-to-$to:S:5 \
				tcp:$((to + 20 + i))-to-$to:R:6 tcp:$((to + 20 + i))-to-$to:A:6
			# Strays; a hop too many; too large for one of the links.
			echo tcp:$((to + 30 + i))-to-$to:A:7 tcp:$((to + 40 + i))-to-$to:F:7 \
				tcp:$((to + 50 + i))-to-$to:S:8:0:1 tcp:$((to + 60 + i))-to-$to:S:9 \
				tcp:$((to + 60 + i))-to-$to:A:10:0:1 tcp-df:$((to + 70 + i))-to-$to:S:9:1400 \
				tcp-df:$((to + 80 + i))-to-$to:S:9 tcp-df:$((to + 80 + i))-to-$to:A:10:1400
		done
	done
	for to in 7001 7002 7003 7004 7005 7006 7007 7008 7009; do
		for i in 1 2 3 4; do
			echo udp:$((to + i))-to-$to udp:$((to + i))-to-$to:100 \
				udp:$((to + 10 + i))-to-$to:0:1 udp:$((to + 20 + i))-to-$to:1400 \
				udp-df:$((to + 30 + i))-to-$to:1400
		done
	done
}

limits() {
	shunt -j limit | jq -c '[.stateless, .recycled, .half_open_recycled, .syns_forgotten]'
}

none_down() {
	[[ $(shunt -j server show | jq 'map(select(.state != "up")) | length') -eq 0 ]]
}

# strangers: all these packets, to services that were not there before; prints
# whatever the module counts of them.
strangers() {
	local before packets

	shunt flush
	strange_services | shunt -b -
	wait_until 20 none_down >&2 || echo "a server is down"
	mapfile -t packets < <(strange_packets | tr ' ' '\n')
	before=$(limits)
	begin "${packets[@]}"
	barrier
	shunt -j service show | jq -c '.[]'
	shunt -j drops | jq -c '.[] | select(.service != "") | [.service, .reason, .count]'
	jq -nc "$(limits) as \$now | $before as \$was | [range(4) | \$now[.] - \$was[.]]"
}

# What is left to the general hook is as if the fast one were not there, and what
# is not, counts the same.
either_way() {
	local name

	for name in d1 d2 d3 n1; do
		in_ns $name nft -f - <<-END
		table inet strangers { chain pre { type filter hook prerouting priority -300; ip saddr $STRANGER drop; }; }
		END
	done
	in_ns router ip route add blackhole $STRANGER
	in_ns director ip link set eth1 mtu 1280
	in_ns director ip addr add $VIP4/32 dev lo
	shunt detach eth0
	strangers >"$WORK/general"
	shunt attach eth0
	strangers >"$WORK/fast"
	check "connections were made, and packets dropped" grep -q '"mtu"' "$WORK/general"
	is "new connections count the same by either hook" \
		"$(diff "$WORK/general" "$WORK/fast")" ""
	in_ns director ip addr del $VIP4/32 dev lo
	in_ns director ip link set eth1 mtu 1500
	in_ns router ip route del blackhole $STRANGER
	for name in d1 d2 d3 n1; do
		in_ns $name nft delete table inet strangers
	done
	shunt flush
	services_up
	check "all servers are up again" wait_until 20 all_up
}

# pull NAME URL: transfer after transfer until $WORK/NAME.stop is there; leaves
# the hashes. What ends a connection ends a transfer, for better or worse.
pull() {
	until [[ -e $WORK/$1.stop || ! -e /run/netns/${NS_PREFIX}client ]]; do
		in_ns client curl -s "$2" 2>/dev/null | sha256sum || :
	done >"$WORK/$1.hashes"
}

start_pulling() {
	rm -f "$WORK"/*.stop
	pulling=()
	pull down "http://$VIP4:8080/file" &
	pulling+=($!)
	pull down6 "http://[$VIP6]/file" &
	pulling+=($!)
}

stop_pulling() {
	touch "$WORK/down.stop" "$WORK/down6.stop"
	wait "${pulling[@]}" || :
}

has_pulled() {
	[[ $(grep -c . "$WORK/down.hashes") -ge $1 && $(grep -c . "$WORK/down6.hashes") -ge $1 ]]
}

under_traffic() {
	local i j

	start_pulling
	for ((i = 0; i < 5; i++)); do
		for ((j = 0; j < 40; j++)); do
			printf '%s\n' "detach eth0" "detach eth1" "attach eth1" "attach eth0"
		done | shunt -b -
	done
	check "transfers go on while devices are attached and detached" wait_until 60 has_pulled 2
	stop_pulling
	is "and are whole" "$(sort -u "$WORK/down.hashes" "$WORK/down6.hashes")" "$hash"

	start_pulling
	for ((i = 0; i < 10; i++)); do
		printf '%s\n' "service add more tcp $VIP4:7000 mode nat" \
			"server add more 10.1.0.22" "service del more"
	done | shunt -b -
	in_ns director ip link del eth0.5
	is "a device that is removed under traffic is detached" "$(devices)" "eth1 eth0 true"
	stop_pulling
	is "transfers by others are whole" "$(sort -u "$WORK/down.hashes" "$WORK/down6.hashes")" "$hash"

	start_pulling
	for ((i = 0; i < 2; i++)); do
		shunt flush
		is "without a service there is no hook, but the devices stay" "$(devices)" "eth1 eth0 false"
		services_up
		is "the first service brings it back" "$(devices)" "eth1 eth0 true"
	done
	stop_pulling
	check "requests, by the fast hook" wait_until 60 fast_requests

	start_pulling
	wait_until 60 has_pulled 1 || :
	check "the module goes under traffic" rmmod shunt
	stop_pulling
	insmod_shunt
	is "and comes back without devices" "$(devices)" " false"
	shunt attach eth0
	shunt attach eth1
	services_up
	wait_until 20 all_up
	start_pulling
	check "traffic again" wait_until 60 has_pulled 1
	check "the namespaces go while it flows" topo_down
	stop_pulling
	check "the module is not held by them" rmmod shunt
}

topo_up
insmod_shunt
together servers_up
head -c $SIZE /dev/urandom >"$WORK/www/file"
hash=$(sha256sum <"$WORK/www/file")

note "what is attached"
refusals
services_up
sinks
check "all servers are up" wait_until 20 all_up
names

note "what goes by it"
taken
counted_once
marked
transfer "both ways" 4 6

note "in company"
taps
mirror
xdp
gro
vlan

note "what does not"
others
either_way

note "under traffic"
under_traffic
