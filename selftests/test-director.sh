#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The director as a host among hosts. The module hooks into a namespace while
# that has services and at no other time. Packets of no service pass through
# untouched, but for what every router does. Programs on the director may be
# clients. Its own listeners are never reached through the port of a service,
# whoever asks, whatever the state; those on other ports of the VIP are.
# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"

# hooks DESCRIPTION COUNT [NAMESPACE]: so many hooks of the module are there, as
# the kernel says, if it can, and as the module says of the director.
hooks() {
	local place=${3-director}

	[[ $place != director ]] ||
		is "$1, says the module" "$(shunt -j status | jq .hooked)" "$([[ $2 == 0 ]] && echo false || echo true)"
	if [[ $listable ]]; then
		is "$1" "$(in_ns "$place" nft list hooks | grep -c '\[shunt\]' || :)" "$2"
	else
		skip "$1" "this kernel does not list hooks"
	fi
}

note "hooks"
topo_up
together servers_up + server_up director
listable=
if modprobe nfnetlink_hook 2>/dev/null; then
	listable=y
fi
insmod_shunt
hooks "the module alone has none" 0
shunt service add only tcp $VIP4:80
hooks "with a service it has four" 4
hooks "in no other namespace" 0 client
shunt service del only
hooks "with the last service they go" 0
services_up
hooks "with many services there are no more" 4
shunt flush
hooks "flush takes them away, too" 0
services_up

# capture NAMESPACE DEVICE: begin to write the packets between the hosts below,
# of all protocols but those that end at the director.
capture() {
	local file=$WORK/capture-$1-$2

	spawn "$1" tcpdump -i "$2" -n -U --immediate-mode -w "$file" \
		"(host 192.0.2.10 or host 2001:db8:c::10 or host 10.0.0.13) and
		 (host 10.1.0.21 or host 2001:db8:b::21) and
		 not arp and not (icmp6 and ip6[40] >= 133 and ip6[40] <= 137)" 2>"$file.log"
	captures+=("$spawned")
	wait_until 20 grep -q "listening on" "$file.log"
}

# packets NAMESPACE DEVICE: each a line of hexadecimal digits, sorted.
packets() {
	tcpdump -n -x -r "$WORK/capture-$1-$2" 2>/dev/null | awk '
		function flush() { if (hex != "") print hex; hex = "" }
		/^\t0x/ { for (i = 2; i <= NF; i++) hex = hex $i; next }
		{ flush() }
		END { flush() }' | sort
}

# What a router may do to a packet: the TTL, and with it the checksum of IPv4.
# The packets are printed as they must leave for having come like this.
routed() {
	python3 -c '
import sys
for line in sys.stdin:
    p = bytearray.fromhex(line)
    if p[0] >> 4 == 6:
        p[7] -= 1
    else:
        p[8] -= 1
        p[10:12] = b"\0\0"
        s = sum(int.from_bytes(p[i:i + 2], "big") for i in range(0, (p[0] & 15) * 4, 2))
        while s >> 16:
            s = (s & 0xffff) + (s >> 16)
        p[10:12] = (~s & 0xffff).to_bytes(2, "big")
    print(p.hex())' | sort
}

note "packets of no service"
captures=()
capture director eth0
capture director eth1
is "a NAT server's own address: TCP" "$(requests 2 http://10.1.0.21/)" "n1=2"
is "a NAT server's own address: another port" "$(requests 2 http://10.1.0.21:8080/)" "n1=2"
is "a NAT server's own address: IPv6" "$(requests 2 "http://[2001:db8:b::21]/")" "n1=2"
is "a NAT server's own address: UDP" "$(datagrams 2 10.1.0.21 53)" "n1=2"
is "a NAT server as a client" "$(FROM=n1 requests 2 http://10.0.0.13/)" "d3=2"
is "a closed port" "$(requests 1 http://10.1.0.21:81/)" "error-7=1"
echo "a protocol of its own" | in_ns client socat -u - IP4-SENDTO:10.1.0.21:253
echo "a protocol of its own" | in_ns client socat -u - "IP6-SENDTO:[2001:db8:b::21]:253"
same() {
	[[ "$(packets director eth0 | wc -l)" == "$(packets director eth1 | wc -l)" ]]
}
wait_until 20 same || :
kill "${captures[@]}"
wait "${captures[@]}" || :
{
	# Those that came by eth0, and then those that came by eth1.
	packets director eth0 | grep -E "^4.{23}(c000020a|0a00000d)|^6.{15}20010db8000c" | routed
	packets director eth1 | grep -E "^4.{23}0a010015|^6.{15}20010db8000b" | routed
} | sort >"$WORK/came"
{
	packets director eth1 | grep -E "^4.{23}(c000020a|0a00000d)|^6.{15}20010db8000c"
	packets director eth0 | grep -E "^4.{23}0a010015|^6.{15}20010db8000b"
} | sort >"$WORK/left"
check "there were as many as those requests take" [ "$(wc -l <"$WORK/came")" -ge 75 ]
is "two of another protocol" "$(grep -cE '^4.{17}fd|^6.{11}fd' "$WORK/came")" 2
check "they leave as they came" cmp "$WORK/came" "$WORK/left"
is "the module counted none of them" \
	"$(shunt -j service show | jq -c 'map(.packets, (.servers[] | .packets, .return_packets)) | add')$(drops)" 0

note "a client on the director, where the VIP is no local address"
FROM=director
is "DSR" "$(requests 6 http://$VIP4/)" "d1=2 d2=2 d3=2"
is "DSR, IPv6" "$(requests 6 "http://[$VIP6]/")" "d1=2 d2=2 d3=2"
is "DSR, UDP" "$(datagrams 6 $VIP4 53)" "d1=2 d2=2 d3=2"
is "NAT" "$(requests 4 http://$VIP4:8080/)" "n1=2 n2=2"
is "NAT, IPv6" "$(requests 4 "http://[$VIP6]:8080/")" "n1=2 n2=2"
is "NAT, UDP" "$(datagrams 4 $VIP4 5353)" "n1=2 n2=2"
FROM=client
is "a client elsewhere" "$(requests 3 http://$VIP4/) $(requests 2 http://$VIP4:8080/)" \
	"d1=1 d2=1 d3=1 n1=1 n2=1"
is "all were forwarded" "$(drops)" ""

note "a VIP that is a local address"
topo_batch director <<-END
	addr add $VIP4/32 dev lo
	addr add $VIP6/128 dev lo nodad
END
# Nothing of a service may ever come up to a socket of the director.
in_ns director nft -f - <<-END
table inet count {
	counter up { }
	counter other { }
	chain input {
		type filter hook input priority 0
		iif lo accept
		ip daddr $VIP4 tcp dport { 80, 8080 } counter name up
		ip daddr $VIP4 udp dport { 53, 5353 } counter name up
		ip6 daddr $VIP6 tcp dport { 80, 8080 } counter name up
		ip daddr $VIP4 meta l4proto { tcp, udp } counter name other
	}
}
END
is "a client elsewhere" "$(requests 3 http://$VIP4/) $(requests 2 http://$VIP4:8080/)" \
	"d1=1 d2=1 d3=1 n1=1 n2=1"
is "IPv6" "$(requests 3 "http://[$VIP6]/") $(requests 2 "http://[$VIP6]:8080/")" \
	"d1=1 d2=1 d3=1 n1=1 n2=1"
is "UDP" "$(datagrams 3 $VIP4 53) $(datagrams 2 $VIP4 5353)" "d1=1 d2=1 d3=1 n1=1 n2=1"
FROM=director
is "a client on the director: NAT" "$(requests 4 http://$VIP4:8080/)" "n1=2 n2=2"
is "a client on the director: NAT, IPv6" "$(requests 4 "http://[$VIP6]:8080/")" "n1=2 n2=2"
is "nothing was dropped so far" "$(drops)" ""
# Its requests come from the VIP, which the servers have themselves.
is "a client on the director: DSR cannot" \
	"$(requests 1 http://$VIP4/ --connect-timeout 0.5)" "error-28=1"
like "which is counted" "$(drops)" "^source-is-vip=[1-9]$"
FROM=client

note "where no server may answer, the director's own listener does not either"
for number in 11 12 13; do
	shunt server set web 10.0.0.$number weight 0
	shunt server set dns 10.0.0.$number weight 0
done
is "TCP" "$(requests 2 http://$VIP4/)" "error-7=2"
is "UDP" "$(datagrams 2 $VIP4 53)" "ECONNREFUSED=2"
shunt server set web 10.0.0.11 weight 1
dial lost $VIP4 80
is "a connection" "$(ask lost)" "d1=1"
shunt service del web
shunt service add web tcp $VIP4:80
shunt server add web 10.0.0.11
is "and its next segment when the director forgot it" "$(ask lost)" "lost=1"
hang_up lost
like "these were refused" "$(drops)" "no-server=4 no-connection=1"
is "nothing of the services came up" "$(nft_counters director | grep ' up ')" "director up 0 0"

note "what is no service's"
shunt service del web
shunt service del dns
is "with the service gone, the listener is reached" \
	"$(requests 1 http://$VIP4/) $(datagrams 1 $VIP4 53)" "director=1 director=1"
is "and those of services are not" "$(requests 2 http://$VIP4:8080/)" "n1=1 n2=1"
shunt service add web tcp $VIP4:80
shunt server add web 10.0.0.11
is "another port of a VIP with services" "$(datagrams 1 $VIP4 53)" "director=1"
shunt service add other tcp $VIP4:53
shunt server add other 10.0.0.11
is "UDP on a port whose service is TCP" "$(datagrams 1 $VIP4 53)" "director=1"
