#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Forwarding itself: each of DSR and NAT, IPv4 and IPv6, TCP and UDP, with real
# requests. Round robin is exact. Each counter of the module equals what
# nftables counts at the client and at each server, where rules take packets
# only with the addresses, ports and TTL that the mode promises, and anything
# else is counted as stray. Answers pass the director in NAT and never in DSR.
# Checksums are computed and verified in software; one that is absent stays
# absent, a wrong one stays wrong. Conntrack sees nothing of all this.
# kernels: 6.1 6.12
# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"

readonly COUNT=12
declare -A vip=([ipv4]=$VIP4 [ipv6]=$VIP6)
declare -A servers=([dsr]=${DSR_SERVERS[*]} [nat]=${NAT_SERVERS[*]})
declare -A host=([ipv4]=$VIP4 [ipv6]="[$VIP6]")
declare -A client=([ipv4]=192.0.2.10 [ipv6]=2001:db8:c::10)
declare -A net=([dsr-ipv4]=10.0.0. [dsr-ipv6]=2001:db8:a:: [nat-ipv4]=10.1.0. [nat-ipv6]=2001:db8:b::)
declare -A number=([d1]=11 [d2]=12 [d3]=13 [n1]=21 [n2]=22)
declare -A outside=([dsr-tcp]=80 [nat-tcp]=8080 [dsr-udp]=53 [nat-udp]=5353)
declare -A inside=([tcp]=80 [udp]=53)
declare -A keyword=([ipv4]=ip [ipv6]=ip6)
declare -A hops=([ipv4]=ttl [ipv6]=hoplimit)
# A packet starts with 64: router and director take one each on the way to a
# server; on the way back the director takes one in NAT only.
readonly TO_SERVER=62
declare -A to_client=([dsr]=63 [nat]=62)

# each FUNCTION: call it with NAME MODE FAMILY PROTOCOL of each service.
each() {
	local mode family protocol

	for mode in dsr nat; do
		for family in ipv4 ipv6; do
			for protocol in tcp udp; do
				"$@" "$mode-$family-$protocol" "$mode" "$family" "$protocol"
			done
		done
	done
}

# However slow the machine, only what has been seen to end expires.
declare -A long=([tcp]="timeout syn 3600 timeout closing 3600"
	[udp]="timeout one-way 3600 timeout answered 3600")

configure() {
	local name=$1 mode=$2 family=$3 protocol=$4 open='' close='' server

	[[ $family == ipv4 ]] || open=[ close=]
	# shellcheck disable=SC2086 # words
	shunt service add "$name" "$protocol" \
		"$open${vip[$family]}$close:${outside[$mode-$protocol]}" mode "$mode" ${long[$protocol]}
	for server in ${servers[$mode]}; do
		shunt server add "$name" \
			"$open${net[$mode-$family]}${number[$server]}$close:${inside[$protocol]}"
	done
}

# Rules for the client; for each service one per direction.
client_rules() {
	local ip=${keyword[$4]} ttl=${hops[$4]} port=${outside[$3-$5]}

	case $1 in
	counters) echo "counter $2-out { }; counter $2-in { };" ;;
	out) echo "$ip daddr ${vip[$4]} $5 dport $port counter name $2-out" ;;
	in) echo "$ip saddr ${vip[$4]} $5 sport $port $ip $ttl ${to_client[$3]} counter name $2-in accept" ;;
	esac
}

# The same for a server, $here.
server_rules() {
	local ip=${keyword[$4]} ttl=${hops[$4]} own=${vip[$4]}

	[[ $here == ${3:0:1}* ]] || return 0
	[[ $3 == dsr ]] || own=${net[$3-$4]}${number[$here]}
	case $1 in
	counters) echo "counter $2-in { }; counter $2-out { };" ;;
	in) echo "$ip saddr ${client[$4]} $ip daddr $own $5 dport ${inside[$5]} $ip $ttl $TO_SERVER counter name $2-in accept" ;;
	out) echo "$ip saddr $own $ip daddr ${client[$4]} $5 sport ${inside[$5]} counter name $2-out" ;;
	esac
}

# For the director: answers that enter it from either side.
director_rules() {
	local ip=${keyword[$4]} base=${net[$3-$4]} from=${vip[$4]} port=${outside[$3-$5]}

	if [[ $3 == nat ]]; then
		from="{ ${base}21, ${base}22 }"
		port=${inside[$5]}
	fi
	case $1 in
	counters) echo "counter $2-back { };" ;;
	rules) echo "$ip saddr $from $5 sport $port counter name $2-back" ;;
	esac
}

# count_at NAMESPACE RULES
count_at() {
	here=$1
	in_ns "$1" nft -f - <<-END
	table inet count {
		counter stray { }
		counter no-checksum { }
		$(each "$2" counters)
		chain in {
			type filter hook input priority 0
			udp checksum 0 counter name no-checksum
			$(each "$2" in)
			meta l4proto { tcp, udp } counter name stray
		}
		chain out {
			type filter hook output priority 0
			$(each "$2" out)
		}
	}
	END
}

count_at_director() {
	in_ns director nft -f - <<-END
	table inet count {
		$(each director_rules counters)
		chain early {
			type filter hook prerouting priority -300
			$(each director_rules rules)
		}
		chain conntrack {
			type filter hook prerouting priority 0
			ct state new
		}
	}
	END
}

# Read all counters into packets and bytes, by namespace and counter.
declare -A packets bytes
read_counts() {
	local place name p b commands=()

	for place in "${everyone[@]}" director; do
		commands+=(+ nft_counters "$place")
	done
	together "${commands[@]:1}" >"$WORK/counts"
	while read -r place name p b; do
		packets[$place/$name]=$p
		bytes[$place/$name]=$b
	done <"$WORK/counts"
}

# What the module ought to say of a service, by the counts of the others.
expected() {
	local name=$1 mode=$2 family=$3 server back share
	local -a all

	read -ra all <<<"${servers[$mode]}"
	share=$((COUNT / ${#all[@]}))
	echo "$name $COUNT ${packets[client/$name-out]} ${bytes[client/$name-out]}"
	for server in "${all[@]}"; do
		back="0 0"
		[[ $mode == dsr ]] ||
			back="${packets[$server/$name-out]} ${bytes[$server/$name-out]}"
		echo "$name ${net[$mode-$family]}${number[$server]} $share" \
			"${packets[$server/$name-in]} ${bytes[$server/$name-in]} $back"
	done
}

said() {
	shunt -j service show | jq -r '.[] | .name as $name |
		"\($name) \(.total_connections) \(.packets) \(.bytes)",
		(.servers[] | "\($name) \(.address) \(.total_connections) \(.packets) \(.bytes) \(.return_packets) \(.return_bytes)")'
}

counts_agree() {
	read_counts
	[[ "$(each expected)" == "$(said)" ]]
}

traffic() {
	local name=$1 mode=$2 family=$3 protocol=$4 want="d1=4 d2=4 d3=4" got

	[[ $mode == dsr ]] || want="n1=6 n2=6"
	if [[ $protocol == tcp ]]; then
		got=$(requests $COUNT "http://${host[$family]}:${outside[$mode-tcp]}/")
	else
		got=$(datagrams $COUNT "${vip[$family]}" "${outside[$mode-udp]}" -s 333)
	fi
	is "$name: rr over the servers" "$got" "$want"
}

check_counts() {
	local name=$1 mode=$2 protocol=$4 server sum=0 octets=0 least=$COUNT

	# A TCP connection takes SYN, ACK, request and FIN at least.
	[[ $protocol == udp ]] || least=$((4 * COUNT))
	is "$name: the counters are those of client and servers" \
		"$(grep "^$name " <<<"$said")" "$(expected "$@")"
	for server in ${servers[$mode]}; do
		sum=$((sum + packets[$server/$name-in]))
		octets=$((octets + bytes[$server/$name-in]))
	done
	is "$name: what the client sent is what the servers got" "$sum packets, $octets bytes" \
		"${packets[client/$name-out]} packets, ${bytes[client/$name-out]} bytes"
	check "$name: and is as much as $COUNT requests take" \
		[ "${packets[client/$name-out]}" -ge $least ]
	sum=0
	for server in ${servers[$mode]}; do
		sum=$((sum + packets[$server/$name-out]))
	done
	is "$name: the client got all answers" "${packets[client/$name-in]}" "$sum"
	# The fast hook takes them before netfilter's chains could count them.
	[[ $mode == nat && -z ${SHUNT_TEST_ATTACH-} ]] || sum=0
	is "$name: $sum answers passed the director" "${packets[director/$name-back]}" "$sum"
}

# sum COUNTER NAMESPACE...
sum() {
	local counter=$1 place total=0

	shift
	for place; do
		total=$((total + packets[$place/$counter]))
	done
	echo "$total"
}

setup() {
	local name commands=()

	for name in "${DSR_SERVERS[@]}" "${NAT_SERVERS[@]}"; do
		commands+=(count_at "$name" server_rules +)
	done
	together "${commands[@]}" count_at client client_rules + count_at_director + each configure
}

# Without the offload a sender computes its checksums, and a receiver verifies.
compute_checksums() {
	local name commands=()

	for name in "${everyone[@]}"; do
		commands+=(+ in_ns "$name" ethtool -K eth0 tx off)
	done
	together "${commands[@]:1}" >/dev/null
}

everyone=(client "${DSR_SERVERS[@]}" "${NAT_SERVERS[@]}")
insmod_shunt
topo_up
modprobe -a nf_conntrack nft_ct
together servers_up + compute_checksums + setup

note "requests"
each traffic
wait_until 20 counts_agree || :
said=$(said)
each check_counts
is "no packet had other addresses or another TTL" "$(sum stray "${everyone[@]}")" 0
is "no UDP packet had lost its checksum" "$(sum no-checksum "${everyone[@]}")" 0


note "who the server sees"
is "DSR: the client and the VIP" "$(in_ns client curl -s "http://$VIP4/client")" \
	"192.0.2.10 $VIP4"
is "DSR, IPv6: the client and the VIP" "$(in_ns client curl -s "http://[$VIP6]/client")" \
	"2001:db8:c::10 $VIP6"
like "NAT: the client and its own address" \
	"$(in_ns client curl -s "http://$VIP4:8080/client")" "^192\.0\.2\.10 10\.1\.0\.2[12]$"
like "NAT, IPv6: the client and its own address" \
	"$(in_ns client curl -s "http://[$VIP6]:8080/client")" "^2001:db8:c::10 2001:db8:b::2[12]$"

note "UDP without a checksum"
is "DSR: the datagrams are answered" "$(datagrams 6 "$VIP4" 53 -z)" "d1=2 d2=2 d3=2"
is "NAT: the datagrams are answered" "$(datagrams 6 "$VIP4" 5353 -z)" "n1=3 n2=3"
read_counts
is "DSR: they came without one" "$(sum no-checksum "${DSR_SERVERS[@]}")" 6
is "NAT: they came without one" "$(sum no-checksum "${NAT_SERVERS[@]}")" 6

# snmp PROTOCOL FIELD NAMESPACE...: the sum of a field of /proc/net/snmp.
snmp() {
	local protocol=$1 field=$2 place

	shift 2
	for place; do
		in_ns "$place" cat /proc/net/snmp
	done | awk -v row="$protocol:" -v field="$field" '
		$1 == row && $2 !~ /^[0-9-]/ { for (i = 2; i <= NF; i++) if ($i == field) at = i }
		$1 == row && $2 ~ /^[0-9-]/ { sum += $at }
		END { print sum + 0 }'
}

note "wrong checksums, made by the router"
in_ns router nft -f - <<-END
table ip spoil {
	chain forward {
		type filter hook forward priority 0
		ip daddr $VIP4 udp dport 5353 udp checksum set 0x1234
		ip daddr $VIP4 tcp dport 8080 tcp checksum set 0x1234
	}
}
END
before=$(sum nat-ipv4-udp-in "${NAT_SERVERS[@]}")
is "UDP: no answer" "$(datagrams 3 "$VIP4" 5353 -w 100)" "timeout=3"
is "TCP: no answer" "$(requests 1 "http://$VIP4:8080/" --connect-timeout 0.5)" "error-28=1"
is "UDP: the servers saw the wrong checksums" "$(snmp Udp InCsumErrors "${NAT_SERVERS[@]}")" 3
check "TCP: the servers saw the wrong checksum" \
	[ "$(snmp Tcp InCsumErrors "${NAT_SERVERS[@]}")" -ge 1 ]
read_counts
is "UDP: they got them" "$(sum nat-ipv4-udp-in "${NAT_SERVERS[@]}")" $((before + 3))
in_ns router nft delete table ip spoil
is "there were no wrong ones before" "$(snmp Udp InCsumErrors client "${DSR_SERVERS[@]}")$(
	snmp Tcp InCsumErrors client "${DSR_SERVERS[@]}")" 00

note "what is left"
is "no packet of a service was dropped" "$(drops)" ""
is "conntrack has nothing" \
	"$(in_ns director cat /proc/sys/net/netfilter/nf_conntrack_count)" 0
datagrams 1 10.1.0.21 53 >/dev/null
is "though it sees what is not balanced" \
	"$(in_ns director cat /proc/sys/net/netfilter/nf_conntrack_count)" 1
# TCP over NAT is seen to end on both sides, and is forgotten soon. The others
# stay: configure() has given them time.
others_are_left() {
	[[ $(shunt -j service show | jq -c 'map([.name, .connections])') == "$1" ]]
}
check "finished connections leave the table" wait_until 60 others_are_left \
	'[["dsr-ipv4-tcp",13],["dsr-ipv4-udp",18],["dsr-ipv6-tcp",13],["dsr-ipv6-udp",12],["nat-ipv4-tcp",1],["nat-ipv4-udp",21],["nat-ipv6-tcp",0],["nat-ipv6-udp",12]]'
