#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# ICMP errors find their way. An error about a packet of a connection comes to
# the side that sent the packet, and in NAT it is about the packet as that side
# knows it: both addresses, ports and all checksums, however little of the
# packet the error carries (icmp.py compares byte for byte). So path MTU
# discovery works through the director in both directions, and with the
# director as the narrow place; a closed port is told; and the director answers
# for a TTL that runs out, like every router.
# kernels: 6.1 6.12
# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"

readonly NARROW=1300

# path_mtu NAMESPACE TO: what it has learnt, or nothing.
path_mtu() {
	in_ns "$1" ip route get "$2" "${@:3}" | grep -o 'mtu [0-9]*' || :
}

forget_mtu() {
	in_ns "$1" ip route flush cache
	in_ns "$1" ip -6 route flush cache
}

configure() {
	shunt service add web tcp $VIP4:80
	shunt server add web 10.0.0.11
	shunt service add web6 tcp "[$VIP6]:80"
	shunt server add web6 2001:db8:a::11
	shunt service add dns udp $VIP4:53
	shunt server add dns 10.0.0.11
	shunt service add dns6 udp "[$VIP6]:53"
	shunt server add dns6 2001:db8:a::11
	shunt service add nat tcp $VIP4:8080 mode nat
	shunt server add nat 10.1.0.21:80
	shunt service add nat6 tcp "[$VIP6]:8080" mode nat
	shunt server add nat6 "[2001:db8:b::21]:80"
	shunt service add dnat udp $VIP4:5353 mode nat
	shunt server add dnat 10.1.0.21:53
	shunt service add dnat6 udp "[$VIP6]:5353" mode nat
	shunt server add dnat6 "[2001:db8:b::21]:53"
	shunt service add sink tcp $VIP4:9000
	shunt server add sink 10.0.0.11
	shunt service add sink6 tcp "[$VIP6]:9000"
	shunt server add sink6 2001:db8:a::11
	shunt service add nsink tcp $VIP4:9001 mode nat
	shunt server add nsink 10.1.0.21:9000
	shunt service add nsink6 tcp "[$VIP6]:9001" mode nat
	shunt server add nsink6 "[2001:db8:b::21]:9000"
	# Nothing listens there.
	shunt service add shut udp $VIP4:9 mode nat
	shunt server add shut 10.1.0.21
	shunt service add shut6 udp "[$VIP6]:9" mode nat
	shunt server add shut6 2001:db8:b::21
}

# Hosts limit how often they send errors; here all errors are wanted.
limits() {
	local name

	echo 10000 | tee /proc/sys/net/ipv4/icmp_msgs_per_sec >/proc/sys/net/ipv4/icmp_msgs_burst
	for name in router director n1; do
		topo_batch "$name" ipv4/icmp_ratelimit=0 ipv6/icmp/ratelimit=0 </dev/null
	done
}

insmod_shunt
topo_up
together servers_up d1 n1 + configure + limits

note "errors about connections, byte for byte"
for port in 80 8080; do
	dial four-$port $VIP4 $port
	dial six-$port $VIP6 $port
done
for port in 53 5353; do
	datagrams 1 $VIP4 $port >/dev/null
	datagrams 1 $VIP6 $port >/dev/null
done
is "there are eight connections" "$(shunt -j conn show | jq length)" 8
shunt -j conn show | python3 "$(dirname "$0")/icmp.py" "/run/netns/$NS_PREFIX" >"$WORK/errors" ||
	fail "the errors were sent" "$(cat "$WORK/errors")"
while IFS=$'\t' read -r what result; do
	is "$what" "$result" exact
done <"$WORK/errors"
is "so many errors" "$(wc -l <"$WORK/errors")" 43
for name in four-80 four-8080 six-80 six-8080; do
	like "$name: the connection is none the worse" "$(ask $name)" "^[dn]1=1$"
	hang_up $name
done
is "nothing was dropped" "$(drops)" ""

note "a closed port"
is "NAT: a UDP client is told" "$(datagrams 2 $VIP4 9)" "ECONNREFUSED=2"
is "NAT, IPv6: a UDP client is told" "$(datagrams 2 $VIP6 9)" "ECONNREFUSED=2"

note "a narrow link at the client"
head -c 500K /dev/urandom >"$WORK/www/file"
for name in d1 n1 client; do
	forget_mtu $name
done
# narrow DEVICE NAMESPACE MTU
narrow() {
	in_ns "$1" ip link set "$2" mtu "$3"
}

# fetch NAME URL: the whole file, in spite of it.
fetch() {
	# shellcheck disable=SC2016 # expanded by the inner shell
	check "$1: a download arrives" in_ns client bash -c \
		'set -o pipefail; curl -s --max-time 20 "$0" | cmp - "$1"' "$2" "$WORK/www/file"
}

narrow router eth0 $NARROW
fetch "DSR" "http://$VIP4/file"
is "DSR: the server knows why" "$(path_mtu d1 192.0.2.10 from $VIP4)" "mtu $NARROW"
fetch "DSR, IPv6" "http://[$VIP6]/file"
is "DSR, IPv6: the server knows why" "$(path_mtu d1 2001:db8:c::10 from $VIP6)" "mtu $NARROW"
fetch "NAT" "http://$VIP4:8080/file"
is "NAT: the server knows why" "$(path_mtu n1 192.0.2.10)" "mtu $NARROW"
fetch "NAT, IPv6" "http://[$VIP6]:8080/file"
is "NAT, IPv6: the server knows why" "$(path_mtu n1 2001:db8:c::10)" "mtu $NARROW"
narrow router eth0 1500
is "nothing was dropped" "$(drops)" ""

note "a narrow link at the server"
# upload NAME ADDRESS PORT: the server answers with the size of what it got.
upload() {
	local name

	# What a server knows of the way back, 6.1 lets it announce as its MSS.
	for name in d1 n1 client; do
		forget_mtu $name
	done
	is "$1: an upload arrives" "$(in_ns client socat -t 20 - "TCP:$2:$3" <"$WORK/www/file")" \
		$((500 << 10))
}

for name in d1 n1; do
	in_ns $name socat -t 20 TCP6-LISTEN:9000,ipv6only=0,fork,reuseaddr SYSTEM:"wc -c" &
	disown
	listening() { in_ns "$1" ss -Htln "sport = :9000" | grep -q .; }
	wait_until 20 listening $name
done
narrow director eth0 $NARROW
upload "DSR" "$VIP4" 9000
is "DSR: the client knows why" "$(path_mtu client $VIP4)" "mtu $NARROW"
upload "DSR, IPv6" "[$VIP6]" 9000
is "DSR, IPv6: the client knows why" "$(path_mtu client $VIP6)" "mtu $NARROW"
narrow director eth0 1500
narrow director eth1 $NARROW
upload "NAT" "$VIP4" 9001
is "NAT: the client knows why" "$(path_mtu client $VIP4)" "mtu $NARROW"
upload "NAT, IPv6" "[$VIP6]" 9001
is "NAT, IPv6: the client knows why" "$(path_mtu client $VIP6)" "mtu $NARROW"
narrow director eth1 1500
like "such packets are counted" "$(drops)" "^mtu=[1-9][0-9]*$"
before=$(drops)

note "a TTL that runs out"
in_ns client nft -f - <<-END
table inet count {
	counter four { }
	counter six { }
	chain in {
		type filter hook input priority 0
		ip saddr 10.0.0.2 icmp type time-exceeded counter name four
		ip6 saddr 2001:db8:a::2 icmpv6 type time-exceeded counter name six
	}
	chain out {
		type route hook output priority 0
		ip daddr $VIP4 ip ttl set 2
		ip6 daddr $VIP6 ip6 hoplimit set 2
	}
}
END
for port in 53 5353; do
	datagrams 1 $VIP4 $port -w 100 >/dev/null
	datagrams 1 $VIP6 $port -w 100 >/dev/null
done
is "the director tells the sender" "$(nft_counters client | awk '{ print $2, $3 }' | paste -sd ' ')" \
	"four 2 six 2"
is "and counts it" "$(drops)" "ttl=4 $before"
in_ns client nft flush ruleset
in_ns client nft -f - <<-END
table inet more {
	chain out {
		type route hook output priority 0
		ip daddr $VIP4 ip ttl set 3
		ip6 daddr $VIP6 ip6 hoplimit set 3
	}
}
END
is "one more is enough" "$(for port in 53 5353; do
	datagrams 1 $VIP4 $port
	datagrams 1 $VIP6 $port
done | sed 's/=1/ /g')" "d1 d1 n1 n1 "
