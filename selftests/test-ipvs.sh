#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The same requests through ip_vs and through shunt, on one director: the same
# share of servers answers the same, servers and client see the same packets,
# and both count the same. Where the two differ, on purpose:
#
#   - ip_vs takes packets that the host would deliver to itself, so its VIPs
#     must be local addresses. shunt's need not be, and here are not.
#   - Where no server can take a connection, ip_vs answers a TCP client with
#     ICMP port unreachable, as for UDP. shunt sends the reset of a closed port.
#   - The first server of rr is the one added first, and in ip_vs the one added
#     last. So frames are compared whatever their order.
#   - A segment in mid-stream that belongs to no connection is left to the host
#     by ip_vs, whose TCP resets it. shunt resets it and counts it.
#
# The VIPs of ip_vs, 198.51.100.2 and 2001:db8:f::2, are routed as the others.
# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"

readonly IPVS4=198.51.100.2 IPVS6=2001:db8:f::2
readonly DSR=(10.0.0.11 10.0.0.12 10.0.0.13) DSR6=(2001:db8:a::11 2001:db8:a::12 2001:db8:a::13)
readonly NAT=(10.1.0.21 10.1.0.22) NAT6=(2001:db8:b::21 2001:db8:b::22)

# both NAME tcp|udp PORT MODE SERVER-PORT SERVER...: a service in each.
both() {
	local name=$1 protocol=$2 port=$3 mode=$4 inside=$5 ours=$VIP4 theirs=$IPVS4 how=-g server

	shift 5
	[[ $mode == dsr ]] || how=-m
	[[ $1 != *:* ]] || ours=[$VIP6] theirs=[$IPVS6]
	shunt service add "$name" "$protocol" "$ours:$port" mode "$mode"
	echo "-A -${protocol:0:1} $theirs:$port -s rr" >>"$WORK/ipvs"
	for server; do
		[[ $server != *:* ]] || server=[$server]
		shunt server add "$name" "$server:$inside"
		echo "-a -${protocol:0:1} $theirs:$port -r $server:$inside $how" >>"$WORK/ipvs"
	done
}

configure() {
	both web tcp 80 dsr 80 "${DSR[@]}"
	both nat tcp 8080 nat 80 "${NAT[@]}"
	both web6 tcp 80 dsr 80 "${DSR6[@]}"
	both nat6 tcp 8080 nat 80 "${NAT6[@]}"
	both dns udp 53 dsr 53 "${DSR[@]}"
	both dnat udp 5353 nat 53 "${NAT[@]}"
	both dns6 udp 53 dsr 53 "${DSR6[@]}"
	both dnat6 udp 5353 nat 53 "${NAT6[@]}"
	in_ns director ipvsadm -R <"$WORK/ipvs"
}

# Checksums that travel are complete.
compute_checksums() {
	local name commands=()

	for name in client "${DSR_SERVERS[@]}" "${NAT_SERVERS[@]}"; do
		commands+=(+ in_ns "$name" ethtool -K eth0 tx off)
	done
	together "${commands[@]:1}" >/dev/null
}

# same DESCRIPTION COMMAND...: it says the same through both. VIP4 and VIP6 in
# its words stand for the addresses.
same() {
	local what=$1 ours theirs
	local -a words=("${@:2}")

	words=("${words[@]//VIP4/$VIP4}")
	ours=$("${words[@]//VIP6/$VIP6}") || :
	words=("${@:2}")
	words=("${words[@]//VIP4/$IPVS4}")
	theirs=$("${words[@]//VIP6/$IPVS6}") || :
	is "$what: $ours" "$ours" "$theirs"
	answered+=" $ours"
}

# status URL: what the client sees of it, besides the content.
status() {
	in_ns client curl -s -o /dev/null --connect-timeout 5 \
		-w '%{exitcode} %{http_code} %{size_header} %{size_download}' "$1" || :
}

# Count each side's packets at the client.
count() {
	in_ns client nft -f - <<-END
	table inet count {
		$(for name in ours theirs; do
			for port in tcp-80 tcp-8080 udp-53 udp-5353; do
				echo "counter $name-$port-in { }; counter $name-$port-out { };"
			done
		done)
		chain in {
			type filter hook input priority 0
			$(rules in saddr sport)
		}
		chain out {
			type filter hook output priority 0
			$(rules out daddr dport)
		}
	}
	END
}

# rules WAY ADDRESS PORT
rules() {
	local port

	for port in tcp-80 tcp-8080 udp-53 udp-5353; do
		echo "ip $2 $VIP4 ${port%-*} $3 ${port#*-} counter name ours-$port-$1"
		echo "ip6 $2 $VIP6 ${port%-*} $3 ${port#*-} counter name ours-$port-$1"
		echo "ip $2 $IPVS4 ${port%-*} $3 ${port#*-} counter name theirs-$port-$1"
		echo "ip6 $2 $IPVS6 ${port%-*} $3 ${port#*-} counter name theirs-$port-$1"
	done
}

# What the client counted of one side, by its name: for each kind of service
# packets and bytes out, and in where the director sees the answers.
counted() {
	nft_counters client | awk -v side="$1" '
		{ packets[$2] = $3; bytes[$2] = $4 }
		function one(port, back, name) {
			name = side "-" port
			print port, packets[name "-out"], bytes[name "-out"],
			      back ? packets[name "-in"] " " bytes[name "-in"] : "0 0"
		}
		END { one("tcp-80"); one("tcp-8080", 1); one("udp-53"); one("udp-5353", 1) }'
}

# What shunt, and what ip_vs, says of the same.
shunt_says() {
	shunt -j service show | jq -r 'group_by([.protocol, .port])[] |
		"\(.[0].protocol)-\(.[0].port) \(map(.packets) | add) \(map(.bytes) | add) \(
		[.[].servers[].return_packets] | add) \([.[].servers[].return_bytes] | add)"'
}

ipvs_says() {
	in_ns director ipvsadm -Ln --stats --exact | awk '
		$1 == "TCP" || $1 == "UDP" {
			port = $2
			sub(/.*:/, "", port)
			name = tolower($1) "-" port
			inp[name] += $4; outp[name] += $5; inb[name] += $6; outb[name] += $7
		}
		END { for (name in inp) print name, inp[name], inb[name], outp[name], outb[name] }' |
		sort -t - -k 1,1 -k 2,2n
}

# Connections of each server, ever made, in the order of configuration.
shunt_shares() {
	shunt -j service show | jq -r '.[].servers[] | .total_connections' | paste -sd ' '
}

ipvs_shares() {
	# By the list of what was configured, since ip_vs lists in its own order.
	in_ns director ipvsadm -Ln --stats --exact | awk '
		NR == FNR { if ($1 == "-a") order[++n] = $2 " " $3 " " $5; next }
		$1 == "TCP" || $1 == "UDP" { service = "-" tolower(substr($1, 1, 1)) " " $2 }
		$1 == "->" && $2 ~ /[0-9]$/ { made[service " " $2] = $3 }
		END { for (i = 1; i <= n; i++) print made[order[i]] }' "$WORK/ipvs" - | paste -sd ' '
}

# watch NAMESPACE FILTER: begin to write what comes to its eth0.
watch() {
	local file=$WORK/watch-$1

	spawn "$1" tcpdump -i eth0 -Q in -n -U --immediate-mode -w "$file" "$2" 2>"$file.log"
	watchers+=("$spawned")
	wait_until 20 grep -q "listening on" "$file.log"
}

# seen NAMESPACE: the frames that came, MACs and all, sorted, with 0 in place of
# what two runs cannot have in common: the VIP, the client's port, IP's
# identification and flow label, TCP's numbers and times. A checksum becomes 1
# if it is right.
seen() {
	tcpdump -n -xx -r "$WORK/watch-$1" 2>/dev/null | awk '
		function flush() { if (hex != "") print hex; hex = "" }
		/^\t0x/ { for (i = 2; i <= NF; i++) hex = hex $i; next }
		{ flush() }
		END { flush() }' | python3 -c '
import ipaddress, sys

vips = [ipaddress.ip_address(a).packed for a in sys.argv[1:]]

def total(data):
    data += b"\0" * (len(data) % 2)
    n = sum(int.from_bytes(data[i:i + 2], "big") for i in range(0, len(data), 2))
    while n >> 16:
        n = (n & 0xffff) + (n >> 16)
    return n

for line in sys.stdin:
    frame = bytearray.fromhex(line)
    ip = frame[14:]
    if ip[0] >> 4 == 4:
        size, protocol, at, width = (ip[0] & 15) * 4, ip[9], 12, 4
        ip = ip[:int.from_bytes(ip[2:4], "big")]
        right = total(bytes(ip[:size])) == 0xffff
        ip[4:6], ip[10:12] = b"\0\0", bytes([0, right])
    else:
        size, protocol, at, width = 40, ip[6], 8, 16
        ip = ip[:40 + int.from_bytes(ip[4:6], "big")]
        ip[1:4] = b"\0\0\0"
    l4 = ip[size:]
    cover = bytes(ip[at:at + 2 * width]) + bytes([0, protocol]) + len(l4).to_bytes(2, "big")
    right = total(cover + bytes(l4)) == 0xffff
    for way in 0, 1:
        where = at + way * width
        if bytes(ip[where:where + width]) in vips:
            ip[where:where + width] = b"\0" * width
    # The client is the one whose port is the larger.
    port = 0 if l4[:2] > l4[2:4] else 2
    l4[port:port + 2] = b"\0\0"
    where = 16 if protocol == 6 else 6
    l4[where:where + 2] = bytes([0, right])
    if protocol == 6:
        l4[4:12] = b"\0" * 8
        i = 20
        while i < (l4[12] >> 4) * 4 and l4[i]:
            if l4[i] == 8:
                l4[i + 2:i + 10] = b"\0" * 8
            i += 1 if l4[i] == 1 else l4[i + 1]
    name = ("tcp" if protocol == 6 else "udp") + str(ip[0] >> 4)
    print(name, frame[:14].hex(), ip[:size].hex(), l4.hex())
' $VIP4 $VIP6 $IPVS4 $IPVS6 | sort
}

# frames SIDE IPV4 IPV6: requests of every kind, and what came where.
frames() {
	local syn="tcp[tcpflags] & tcp-syn != 0" place

	watchers=()
	watch d1 "udp or $syn"
	watch n1 "udp or $syn"
	watch client "src port 5353 or (src port 8080 and $syn)"
	{
		six "$2" 53
		six "$3" 53
		requests 6 "http://$2/"
		six "$2" 5353
		six "$3" 5353
		requests 6 "http://$2:8080/"
	} >"$WORK/answers-$1"
	# What was answered has come.
	kill "${watchers[@]}"
	wait "${watchers[@]}" || :
	for place in d1 n1 client; do
		seen $place >"$WORK/$1-$place"
	done
}

# six ADDRESS PORT: datagrams of the same content, for whoever gets them.
six() {
	local _

	for _ in 1 2 3 4 5 6; do
		datagrams 1 "$1" "$2"
	done
}

insmod_shunt
modprobe -a ip_vs ip_vs_rr
topo_up
topo_vip $IPVS4/32 $IPVS6/128
topo_batch director <<-END
	addr add $IPVS4/32 dev lo
	addr add $IPVS6/128 dev lo nodad
END
together servers_up + configure + compute_checksums + count

note "who answers, and what"
answered=
same "DSR, TCP" requests 12 http://VIP4/
same "NAT, TCP" requests 12 http://VIP4:8080/
same "DSR, TCP, IPv6" requests 12 "http://[VIP6]/"
same "NAT, TCP, IPv6" requests 12 "http://[VIP6]:8080/"
same "DSR, UDP" datagrams 12 VIP4 53 -s 500
same "NAT, UDP" datagrams 12 VIP4 5353 -s 500
same "DSR, UDP, IPv6" datagrams 12 VIP6 53 -s 500
same "NAT, UDP, IPv6" datagrams 12 VIP6 5353 -s 500
dsr="d1=4 d2=4 d3=4"
nat="n1=6 n2=6"
is "which is what it should be" "$answered" " $dsr $nat $dsr $nat $dsr $nat $dsr $nat"
# 6.1's ip_vs brings what it tells up to date every other second.
same_shares() {
	[[ "$(shunt_shares)" == "$(ipvs_shares)" ]]
}
wait_until 20 same_shares || :
is "each server had its share of connections, as both say" "$(shunt_shares)" "$(ipvs_shares)"

agree() {
	[[ "$(shunt_says)" == "$(counted ours)" && "$(ipvs_says)" == "$(counted theirs)" ]]
}
wait_until 20 agree || :
is "shunt counted what the client did" "$(shunt_says)" "$(counted ours)"
is "ip_vs counted what the client did" "$(ipvs_says)" "$(counted theirs)"
is "of UDP, both counted the same" "$(shunt_says | grep udp)" "$(ipvs_says | grep udp)"

same "what the client sees: a page" status http://VIP4/
same "what the client sees: an error page" status http://VIP4:8080/none

note "packets at the servers and at the client"
frames ours $VIP4 $VIP6
frames theirs $IPVS4 $IPVS6
declare -A wanted=([d1]=2 [n1]=3 [client]=6)
for name in d1 n1 client; do
	for kind in udp4 udp6 tcp4; do
		is "$name, $kind: the same frames came" "$(grep "^$kind" "$WORK/ours-$name")" \
			"$(grep "^$kind" "$WORK/theirs-$name")"
		is "$name, $kind: so many" "$(grep -c "^$kind" "$WORK/ours-$name")" "${wanted[$name]}"
	done
done
note "answers through shunt: $(tr '\n' ' ' <"$WORK/answers-ours")"
note "answers through ip_vs: $(tr '\n' ' ' <"$WORK/answers-theirs")"
is "nothing was dropped" "$(drops)" ""

note "no server"
shunt service add none tcp $VIP4:82
shunt service add none-udp udp $VIP4:82
in_ns director ipvsadm -R <<-END
	-A -t $IPVS4:82 -s rr
	-A -u $IPVS4:82 -s rr
END
same "a TCP client" requests 1 http://VIP4:82/
same "a UDP client" datagrams 1 VIP4 82
