#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Narrow links. With one anywhere on the way, transfers in both directions and
# large datagrams come through, in DSR and NAT, IPv4 and IPv6, since who sends
# too much is told: the owner of a DSR connection, too, by routers that know the
# VIP only. What the director tells a client comes from the VIP, about the
# packet that the client sent; nothing of it depends on how the packet is
# forwarded, and as many are told as by any router. A buffer of 64 kB is not a
# packet of 64 kB.
#
#    client ─── router ─── rack ─── director ─── back ─── n1, n2
#         client     rack      (d1, d2, d3)   back      └─ inner ─── deep
#                                                              behind
#
#    The network of net.sh and what hangs behind its back segment, 10.2.0.0/24
#    and 2001:db8:d::/64. Besides the DSR servers in the rack, n2 is one at the
#    back, whose answers pass the director as they would any router; n1 and deep
#    are NAT servers. All announce segments of 1460 bytes, whatever their links.
# kernels: 6.12
# vm-options: --timeout 900
# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/raw.sh
. "$(dirname "$0")/raw.sh"

readonly POOL4=198.51.100.2 POOL6=2001:db8:f::2
declare -A vip=([4]=$VIP4 [6]=$VIP6) host=([4]=$VIP4 [6]="[$VIP6]") pool=([4]=$POOL4 [6]="[$POOL6]")
declare -A client=([4]=192.0.2.10 [6]=2001:db8:c::10)
# Each server's ports of the VIP, for HTTP, for datagrams, and for uploads.
declare -A web=([d1]=80 [n1]=81 [n2]=8080 [deep]=82)
declare -A udp=([d1]=53 [n1]=54 [n2]=5353 [deep]=55)
declare -A sink=([d1]=9000 [n1]=9001 [n2]=9002 [deep]=9003)
declare -A mode=([d1]=dsr [n1]=nat [n2]=dsr [deep]=nat)
# shellcheck disable=SC2034 # by a name that is put together
declare -A address4=([d1]=10.0.0.11 [n1]=10.1.0.21 [n2]=10.1.0.22 [deep]=10.2.0.2)
# shellcheck disable=SC2034
declare -A address6=([d1]=2001:db8:a::11 [n1]=2001:db8:b::21 [n2]=2001:db8:b::22 [deep]=2001:db8:d::2)
# The devices of a link, and who has to learn of it to serve or to ask whom.
declare -A devices=(
	[client]="client/eth0 router/eth0"
	[rack]="router/eth1 rack/router rack/director director/eth0 rack/d1 d1/eth0"
	[back]="director/eth1 back/director back/n1 n1/eth0 back/n2 n2/eth0"
	[behind]="inner/eth1 deep/eth0")
declare -A learns=([client-d1]=d1 [client-n1]=n1 [rack-n1]=n1 [rack-n2]=n2
	[back-n1]=client [back-n2]=client [behind-deep]=client)

cat >"$WORK/cases.py" <<'END'
import itertools

world = Director({"front": Port(PREFIX + "rack", "director", 2, 1),
                  "back": Port(PREFIX + "back", "director", 3, 21)})
client_ports = itertools.count(20000)
ME = {4: "10.1.0.1", 6: "2001:db8:b::1"}

def flows():
    for server in 21, 31:
        for family in FAMILIES:
            for protocol in TCP, UDP:
                flow = Flow(server, family, protocol, next(client_ports))
                if protocol == TCP:
                    world.exchange(flow.up(*flow.request("S", 1000))[0])
                    if server == 21:
                        world.exchange(flow.down(*flow.answer("SA", 5000, 1001))[0])
                    world.exchange(flow.up(*flow.request("A", 1001, 5001))[0])
                else:
                    world.exchange(flow.up(*flow.request())[0])
                yield flow

def content(flow, size, **how):
    """Of a packet of that size."""
    headers = (20 if flow.family == 4 else 40) + (20 if flow.protocol == TCP else 8) + \
        len(how.get("options", b"")) + sum(len(rest) + 1 for _, rest in how.get("chain", ()))
    data = bytes(range(256)) * 8
    return ("PA", 1001, 5001, data[:size - headers]) if flow.protocol == TCP else \
        (data[:size - headers],)

def shapes(flow):
    if flow.family == 4:
        yield "plain", {"df": True}
        yield "with options", {"df": True, "options": bytes((1, 1, 1, 0))}
        yield "with a tag of service", {"df": True, "tos": 0x10}
    else:
        yield "plain", {}
        yield "with options", {"chain": [(OPTIONS, extension(OPTIONS))]}

def told(mtu):
    """One byte more than fits, on the way to the server."""
    for flow in flows():
        def results():
            for name, how in shapes(flow):
                sent, due = flow.request(*content(flow, mtu, **how), **how)
                yield f"{name}, fits", world.compare(*flow.up(sent, due))
                sent, _ = flow.request(*content(flow, mtu + 1, **how), **how)
                got = [(a, b, anonymous(p)) for a, b, p in world.exchange(flow.up(sent, sent)[0])]
                want = said_too_big(flow.vip, flow.client, mtu, sent)
                if how.get("tos"):
                    want = with_sum(want[:1] + bytes((0xD0,)) + want[2:])
                yield f"{name}, does not", differences(got, [("front", 1, anonymous(want))])
        yield every(f"{flow}, MTU {mtu}: what the client is told", results())

def told_server(mtu):
    """On the way to the client. The server knows the director by its address."""
    for flow in flows():
        if flow.mode != "nat":
            continue
        def results():
            for name, how in shapes(flow):
                sent, due = flow.answer(*content(flow, mtu, **how), **how)
                yield f"{name}, fits", world.compare(*flow.down(sent, due))
                sent, _ = flow.answer(*content(flow, mtu + 1, **how), **how)
                got = [(a, b, anonymous(p)) for a, b, p in world.exchange(flow.down(sent, sent)[0])]
                want = said_too_big(ME[flow.family], flow.server, mtu, sent)
                if how.get("tos"):
                    want = with_sum(want[:1] + bytes((0xD0,)) + want[2:])
                yield f"{name}, does not", differences(got, [("back", flow.number, anonymous(want))])
        yield every(f"{flow}, MTU {mtu}: what the server is told", results())

def rate(mtu, count=40):
    """As often as by the kernel's own forwarding, to a host that is no server."""
    for family in FAMILIES:
        how = {"df": True} if family == 4 else {}
        plain = udp(CLIENT[family], 9, BACK[family] % 31, 9, bytes(mtu), **how)
        by_kernel = len(world.exchange([("front", plain)] * count))
        for server in 21, 31:
            flow = Flow(server, family, UDP, next(client_ports))
            sent, _ = flow.request(bytes(mtu), **how)
            by_shunt = len(world.exchange([("front", sent)] * count))
            yield f"{flow}: of {count} are answered", by_shunt, by_kernel
        yield f"IPv{family}: which is so many", by_kernel, count
END

reasons() {
	shunt -j drops | jq -r 'group_by(.reason) | map("\(.[0].reason)=\(map(.count) | add)" |
		select(endswith("=0") | not)) | join(" ")'
}

# The hosts behind the back segment.
behind() {
	local p=$NS_PREFIX

	ip -b - <<-END
	netns add ${p}inner
	netns add ${p}deep
	link add eth0 netns ${p}inner type veth peer inner netns ${p}back
	link add eth1 netns ${p}inner type veth peer eth0 netns ${p}deep
	END
	in_ns back ip link set inner up master br0
	{
		topo_device eth0 10.1.0.9 2001:db8:b::9
		topo_device eth1 10.2.0.1 2001:db8:d::1
		topo_routes 10.1.0.1 2001:db8:b::1 default
	} | topo_batch inner ipv4/conf/all/forwarding=1 ipv6/conf/all/forwarding=1
	{
		topo_device lo
		topo_device eth0 10.2.0.2 2001:db8:d::2
		topo_routes 10.2.0.1 2001:db8:d::1 default
	} | topo_batch deep
	topo_routes 10.1.0.9 2001:db8:b::9 10.2.0.0/24 2001:db8:d::/64 | topo_batch director
	topo_batch n2 ipv4/conf/all/arp_ignore=1 ipv4/conf/all/arp_announce=2 <<-END
		addr add $VIP4/32 dev lo
		addr add $VIP6/128 dev lo nodad
	END
}

# announce NAMESPACE: segments for whole frames of 1500 bytes.
announce() {
	local gateway4 gateway6

	read -r _ _ gateway4 _ < <(in_ns "$1" ip -4 route show default)
	read -r _ _ gateway6 _ < <(in_ns "$1" ip -6 route show default)
	topo_batch "$1" <<-END
		route replace default via $gateway4 advmss 1460
		route replace default via $gateway6 advmss 1440
	END
}

configure() {
	local name family server number

	for name in "${!web[@]}"; do
		for family in 4 6; do
			server="address${family}[$name]"
			server=${!server}
			[[ $family == 4 ]] || server=[$server]
			shunt service add "web$family-$name" tcp "${host[$family]}:${web[$name]}" mode "${mode[$name]}"
			shunt service add "udp$family-$name" udp "${host[$family]}:${udp[$name]}" mode "${mode[$name]}"
			shunt service add "sink$family-$name" tcp "${host[$family]}:${sink[$name]}" mode "${mode[$name]}"
			if [[ ${mode[$name]} == dsr ]]; then
				shunt server add "web$family-$name" "$server"
				shunt server add "udp$family-$name" "$server"
				shunt server add "sink$family-$name" "$server"
			else
				shunt server add "web$family-$name" "$server:80"
				shunt server add "udp$family-$name" "$server:53"
				shunt server add "sink$family-$name" "$server:${sink[$name]}"
			fi
		done
	done
	for family in 4 6; do
		shunt service add "pool$family" tcp "${pool[$family]}:80"
	done
	for number in 11 12 13; do
		shunt server add pool4 10.0.0.$number
		shunt server add pool6 2001:db8:a::$number
	done
}

# Hosts limit how often they send errors; here all errors are wanted.
limits() {
	local name

	for name in router director inner; do
		topo_batch "$name" ipv4/icmp_ratelimit=0 ipv6/icmp/ratelimit=0 </dev/null
	done
}

# listen NAMESPACE: who uploads is told the sum of what came.
listen() {
	in_ns "$1" socat -t 60 -b 65536 "TCP6-LISTEN:${sink[$1]},ipv6only=0,fork,reuseaddr" SYSTEM:sha256sum &
	disown
	listening() { in_ns "$1" ss -Htln "sport = :${sink[$1]}" | grep -q .; }
	wait_until 20 listening "$1"
}

# narrow PLACE MTU
narrow() {
	local device commands=()

	for device in ${devices[$1]}; do
		commands+=(+ in_ns "${device%/*}" ip link set "${device#*/}" mtu "$2")
	done
	together "${commands[@]:1}"
}

# forget_mtu NAMESPACE...
forget_mtu() {
	local name commands=()

	for name; do
		commands+=(+ in_ns "$name" ip route flush cache + in_ns "$name" ip -6 route flush cache)
	done
	together "${commands[@]:1}"
}

# path_mtu NAMESPACE TO...: what it has learnt, or nothing.
path_mtu() {
	in_ns "$1" ip route get "${@:2}" | grep -o 'mtu [0-9]*' || :
}

# learnt PLACE SERVER FAMILY: what whoever had to learn it knows of the way.
learnt() {
	local who=${learns[$1-$2]-}

	case $who-${mode[$2]} in
	-*) echo nobody needs to ;;
	client-*) path_mtu client "${vip[$3]}" ;;
	*-dsr) path_mtu "$who" "${client[$3]}" from "${vip[$3]}" ;;
	*) path_mtu "$who" "${client[$3]}" ;;
	esac
}

# transfer PLACE SERVER FAMILY: the sum of what was downloaded, of what was
# uploaded, who answers large datagrams after those that were lost, and what was
# learnt of it all.
transfer() {
	local where=${host[$3]}

	{
		in_ns client curl -s --max-time 30 "http://$where:${web[$2]}/file" | sha256sum
		in_ns client socat -t 30 -b 65536 - "TCP:$where:${sink[$2]}" <"$WORK/www/file"
		in_ns client "$SHUNT_TOP/build/udp" ask -k 3 -w 300 -s 1450 1 "${vip[$3]}" "${udp[$2]}" \
			>/dev/null
		in_ns client "$SHUNT_TOP/build/udp" ask -w 20000 -s 1450 1 "${vip[$3]}" "${udp[$2]}"
		learnt "$@"
	} 2>&1 | tr -d '\n' >"$WORK/transfer$3"
}

# through PLACE MTU SERVER...: with a narrow link there.
through() {
	local place=$1 mtu=$2 server family want

	narrow "$place" "$mtu"
	for server in "${@:3}"; do
		forget_mtu client "$server"
		together transfer "$place" "$server" 4 + transfer "$place" "$server" 6 || :
		want="mtu $mtu"
		[[ ${learns[$place-$server]-} ]] || want="nobody needs to"
		for family in 4 6; do
			is "$mtu bytes at $place, $server (${mode[$server]^^}), IPv$family: all comes through" \
				"$(<"$WORK/transfer$family")" "$sum  -$sum  -$server$want"
		done
	done
	narrow "$place" 1500
}

insmod_shunt
topo_up
behind
topo_vip $POOL4/32 $POOL6/128
together servers_up d1 d2 d3 n1 n2 deep + configure + limits
for name in client d1 d2 d3 n1 n2 deep; do
	announce $name
done
for name in d1 n1 n2 deep; do
	listen $name
done
head -c 8M /dev/urandom >"$WORK/www/large"
head -c 1M "$WORK/www/large" >"$WORK/www/file"
sum=$(sha256sum <"$WORK/www/file" | cut -d ' ' -f 1)

note "buffers of 64 kB"
in_ns client nft -f - <<-END
table inet count {
	counter told { }
	chain in {
		type filter hook input priority 0
		icmp type destination-unreachable counter name told
		icmpv6 type packet-too-big counter name told
	}
}
END
in_ns director nft -f - <<-END
table inet count {
	counter large { }
	chain early {
		type filter hook prerouting priority -300
		meta length > 20000 meta l4proto tcp counter name large
	}
}
END
large=$(sha256sum <"$WORK/www/large")
for name in d1 n1 n2; do
	for family in 4 6; do
		is "$name (${mode[$name]^^}), IPv$family: 8 MB" "$(in_ns client socat -t 30 -b 262144 - \
			"TCP:${host[$family]}:${sink[$name]}" <"$WORK/www/large")" "$large"
	done
done
check "the director got buffers far above the MTU" \
	[ "$(nft_counters director | awk '{ print $3 }')" -ge 6 ]
is "the client was told nothing" "$(nft_counters client)" "client told 0 0"
is "nothing was dropped" "$(reasons)" ""

note "narrow links"
for mtu in 1280 1400; do
	through client $mtu d1 n1
	through rack $mtu d1 n1 n2
	through back $mtu n1 n2
	through behind $mtu deep
done
like "the director told, and counted" "$(reasons)" "^mtu=[1-9][0-9]*$"

# Only the director knows which of them has the VIP's connection.
note "who owns a connection learns"
narrow client 1300
for family in 4 6; do
	for name in d1 d2 d3; do
		for number in 11 12 13; do
			case $family-$number in
			4-1"${name#d}") shunt server set pool4 10.0.0.$number weight 1 ;;
			4-*) shunt server set pool4 10.0.0.$number weight 0 ;;
			6-1"${name#d}") shunt server set pool6 2001:db8:a::$number weight 1 ;;
			6-*) shunt server set pool6 2001:db8:a::$number weight 0 ;;
			esac
		done
		forget_mtu d1 d2 d3
		is "$name, IPv$family: a download" "$(in_ns client curl -s --max-time 30 \
			"http://${pool[$family]}:80/file" | sha256sum)" "$sum  -"
		from=${pool[$family]#[}
		for other in d1 d2 d3; do
			echo "$other: $(path_mtu $other "${client[$family]}" from "${from%]}")"
		done >"$WORK/learnt"
		is "$name, IPv$family: it alone has learnt" "$(grep mtu "$WORK/learnt")" "$name: mtu 1300"
	done
done
narrow client 1500

# shellcheck disable=SC2119 # no sysctl of its own
wire
coproc RAW { exec python3 -IS "$RAW_PY" "$NS_PREFIX" "$WORK/cases.py"; }
sender=$RAW_PID
read -r -t 60 ready <&"${RAW[0]}"
is "the sender of packets" "$ready" ready
topo_batch director ipv4/icmp_ratelimit=1000 ipv6/icmp/ratelimit=1000 </dev/null

note "what the director says, byte for byte"
for mtu in 1280 1400; do
	in_ns director ip link set eth1 mtu $mtu
	cases "told($mtu)"
done
note "and how often"
cases "rate(1400)"
in_ns director ip link set eth1 mtu 1500
for mtu in 1280 1400; do
	in_ns director ip link set eth0 mtu $mtu
	cases "told_server($mtu)"
done
echo "sys.exit()" >&"${RAW[1]}"
wait "$sender"
