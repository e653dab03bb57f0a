#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Many MB up and down, through DSR and NAT, over IPv4 and IPv6, arrive as they
# were sent, whoever segments them and whoever computes the checksums:
#
#   tso    the sender leaves both to its device, and the director gets packets
#          far larger than the MTU; the last link does the work; 64 MB
#   gro    the sender does both, and the director's devices merge what comes in;
#          64 MB, and 32 MB over IPv6
#   none   nothing but whole packets of at most the MTU anywhere; 64 MB, and 4 MB
#          over IPv6
#
# On 6.1 it is 32 MB over IPv4 with larger packets, and 4 MB else.
#
# Receivers never merge and always verify in software. The module's counters
# are those of packets on the wire, whatever size the director handled them in.
# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"

declare -A host=([ipv4]=$VIP4 [ipv6]="[$VIP6]")
declare -A server=([dsr-ipv4]=10.0.0.11 [dsr-ipv6]="[2001:db8:a::11]" [nat-ipv4]=10.1.0.21 [nat-ipv6]="[2001:db8:b::21]")
declare -A place=([dsr]=d1 [nat]=n1)
declare -A web=([dsr]=80 [nat]=8080)
declare -A sink=([dsr]=9000 [nat]=9001)
declare -A udp=([dsr]=53 [nat]=5353)
declare -A megabytes=([tso-ipv4]=64 [tso-ipv6]=64 [gro-ipv4]=64 [gro-ipv6]=32 [none-ipv4]=64 [none-ipv6]=4)
if [[ $SHUNT_KERNEL == 6.1 ]]; then
	megabytes=([tso-ipv4]=32 [tso-ipv6]=4 [gro-ipv4]=32 [gro-ipv6]=4 [none-ipv4]=4 [none-ipv6]=4)
fi

# Everything that the bulk passes, as NAMESPACE/DEVICE. The last links are
# those over which a receiver gets it.
links=(client/eth0 router/eth0 router/eth1 rack/router rack/director rack/d1 d1/eth0
	director/eth0 director/eth1 back/director back/n1 n1/eth0)
last_links=(router/eth0 rack/d1 back/n1)

# offload FEATURES LINK...: as "tso on gso off".
offload() {
	local link commands=() features

	read -ra features <<<"$1"
	shift
	for link; do
		commands+=(+ in_ns "${link%/*}" ethtool -K "${link#*/}" "${features[@]}")
	done
	together "${commands[@]:1}" >/dev/null
}

setting() {
	local off="tx off tso off gso off tx-udp-segmentation off"

	case $1 in
	tso)
		offload "tx on tso on gso on tx-udp-segmentation on gro off" "${links[@]}"
		offload "$off" "${last_links[@]}"
		;;
	gro)
		offload "$off gro off" "${links[@]}"
		offload "gro on gso on" director/eth0 director/eth1
		;;
	none) offload "$off gro off" "${links[@]}" ;;
	esac
}

# Packets as receivers count them, and what is large when it comes to the director.
count() {
	in_ns "$1" nft -f - <<-END
	table inet count {
		counter in { }
		chain in {
			type filter hook input priority 0
			meta l4proto { tcp, udp } counter name in
		}
	}
	END
}

count_large() {
	in_ns director nft -f - <<-END
	table inet count {
		counter large { }
		chain early {
			type filter hook prerouting priority -300
			meta length > 1500 meta l4proto { tcp, udp } counter name large
		}
	}
	END
}

declare -A packets bytes
read_counts() {
	local at name p b

	while read -r at name p b; do
		packets[$at/$name]=$p
		bytes[$at/$name]=$b
	done < <(together nft_counters client + nft_counters director + nft_counters d1 + nft_counters n1)
}

reset_counts() {
	local at

	for at in client director d1 n1; do
		in_ns "$at" nft reset counters >/dev/null
	done
}

# What the module counted to all servers of one mode, and from them.
said() {
	shunt -j server show | jq -r --arg mode "$1" '[.[] | select(.mode == $mode)] |
		"\(map(.packets) | add) \(map(.bytes) | add) \(map(.return_packets) | add) \(map(.return_bytes) | add)"'
}

# upload NAME HOST PORT MB: the server compares, and answers by how much it got.
upload() {
	is "$1" "$(in_ns client socat -t 60 -b 262144 - "TCP:$2:$3" <"$WORK/www/$4")" "got $4 MB"
}

download() {
	# shellcheck disable=SC2016 # expanded by the inner shell
	check "$1" in_ns client bash -c 'set -o pipefail; curl -s "$0" | cmp - "$1"' \
		"http://$2:$3/$4" "$WORK/www/$4"
}

# retransmitted NAMESPACE...: TCP segments sent again.
retransmitted() {
	local at

	for at; do
		in_ns "$at" cat /proc/net/snmp
	done | awk '/^Tcp: [0-9]/ { sum += $13 } END { print sum + 0 }'
}

# transfers SETTING MODE: both ways, both families.
transfers() {
	local how=$1 mode=$2 name=${2^^} mb family address

	for family in ipv4 ipv6; do
		mb=${megabytes[$how-$family]}
		address=${host[$family]}
		upload "$how, $name, $family: $mb MB up" "$address" "${sink[$mode]}" "$mb"
		# Of a download over DSR, the director sees no more than ACKs.
		[[ $mode == dsr && $how-$family != tso-ipv4 ]] ||
			download "$how, $name, $family: $mb MB down" "$address" "${web[$mode]}" "$mb"
		address=${address#[} address=${address%]}
		is "$how, $name, $family: datagrams of every kind of size" \
			"$(for size in 1 1401 1440; do
				datagrams 5 "$address" "${udp[$mode]}" -s $size
			done)" "$(printf "${place[$mode]}=5%.0s" 1 2 3)"
	done
}

# The module's counts against the receivers', of everything since the last call.
declare -A before
compare() {
	local how=$1 mode=$2 name=${2^^} now want at=${place[$2]}
	# Of so many there are 720 in a MB.
	local least=$(((megabytes[$how-ipv4] + megabytes[$how-ipv6]) * 690))
	local -a a b

	counts_agree() {
		read_counts
		now=$(said "$mode")
		read -ra a <<<"$now"
		read -ra b <<<"${before[$mode]-0 0 0 0}"
		now="$((a[0] - b[0])) packets, $((a[1] - b[1])) bytes"
		want="${packets[$at/in]} packets, ${bytes[$at/in]} bytes"
		if [[ $mode == nat ]]; then
			now+="; back $((a[2] - b[2])) packets, $((a[3] - b[3])) bytes"
			want+="; back ${packets[client/in]} packets, ${bytes[client/in]} bytes"
		fi
		[[ $now == "$want" ]]
	}
	wait_until 20 counts_agree || :
	is "$how, $name: the module counted what was on the wire" "$now" "$want"
	before[$mode]=${a[*]}
	check "$how, $name: and that is as much as it takes" \
		[ "${packets[$at/in]}" -gt $least ]
}

# What is uploaded has to be one of the files.
sink() {
	cat >"$WORK/sink" <<-END
	#!/bin/sh
	said=\$(cmp - $WORK/www/64 2>&1) && echo got 64 MB && exit
	case \$said in
	$(for mb in 32 4; do
		echo "*\"EOF on - after byte $((mb << 20)),\"*) echo got $mb MB ;;"
	done)
	*) echo "\$said" ;;
	esac
	END
	chmod +x "$WORK/sink"
}

# listen NAMESPACE PORT
listen() {
	in_ns "$1" socat -t 60 -b 262144 TCP6-LISTEN:"$2",ipv6only=0,fork,reuseaddr SYSTEM:"$WORK/sink" &
	disown
}

configure() {
	local mode family

	for mode in dsr nat; do
		for family in ipv4 ipv6; do
			shunt service add "web-$mode-$family" tcp "${host[$family]}:${web[$mode]}" mode $mode
			shunt server add "web-$mode-$family" "${server[$mode-$family]}:80"
			shunt service add "up-$mode-$family" tcp "${host[$family]}:${sink[$mode]}" mode $mode
			shunt server add "up-$mode-$family" "${server[$mode-$family]}:${sink[$mode]}"
			shunt service add "udp-$mode-$family" udp "${host[$family]}:${udp[$mode]}" mode $mode
			shunt server add "udp-$mode-$family" "${server[$mode-$family]}:53"
		done
	done
}

insmod_shunt
topo_up
together servers_up d1 n1 + configure + count client + count d1 + count n1 + count_large
# The small ones are the beginning of the large one.
head -c 64M /dev/urandom >"$WORK/www/64"
for mb in 32 4; do
	head -c ${mb}M "$WORK/www/64" >"$WORK/www/$mb"
done
# Receivers queue here; that they keep up is not what is tested.
echo 20000 >/proc/sys/net/core/netdev_max_backlog
sink
listen d1 9000
listen n1 9001

sent=0
for how in tso gro none; do
	setting $how
	for mode in dsr nat; do
		reset_counts
		transfers $how $mode
		compare $how $mode
		sent=$((sent + packets[${place[$mode]}/in] + packets[client/in]))
		case $how-${packets[director/large]} in
		none-0) pass "$how, ${mode^^}: the director got no large packets" ;;
		none-*) fail "$how, ${mode^^}: the director got no large packets" ;;
		*) check "$how, ${mode^^}: the director got large packets" \
			[ "${packets[director/large]}" -gt 100 ] ;;
		esac
	done
done

again=$(retransmitted client d1 n1)
note "$again of $sent segments were sent again"
# On a busy machine a receiver is late now and then.
check "not even one segment in twenty was sent again" [ "$again" -lt $((sent / 20)) ]
is "no packet was dropped" "$(drops)" ""
