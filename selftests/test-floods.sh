#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Floods from forged senders: of SYNs, to DSR and to NAT, of datagrams, resets,
# stray ACKs and fragments. A thousand connections that were there before, half
# of them idle, live through each; clients that come during it and after it are
# served; what the flood leaves in memory is bounded, and it is all counted.
#
# A million SYNs go to DSR, ten million with --all; fewer on the debug kernel.
#
#    The network of net.sh. The packets are made by bench/kmod and come in by the
#    director's eth0. What shunt sends on of them ends where it enters the
#    segments, before any server.
# kernels: 6.12
# vm-options: --timeout 1800
# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"

case $SHUNT_KERNEL in
debug) readonly SYNS=20000 SOME=10000 LIVE=100 PATIENCE=120 ;;
*) readonly SYNS=$((${SHUNT_TEST_ALL:+9}+1))000000 SOME=100000 LIVE=1000 PATIENCE=30 ;;
esac
# What half-open connections in NAT may be at most, in this guest.
readonly HALF_OPEN_MAX=262144

# field SERVICE FIELD
field() {
	shunt -j service show "$1" | jq -r ".[0][\"$2\"]"
}

overall() {
	shunt -j limit | jq ".$1"
}

# dropped REASON: so far.
dropped() {
	drop_counts | jq ".[\"$1\"] // 0"
}

# objects: connections that the slabs hold, those that wait to be freed, too.
objects() {
	# What lies ready for the next one on some processor counts as held.
	tee /sys/kernel/slab/shunt_ipv*/shrink <<<1 >/dev/null
	awk '/^shunt_ipv[46]_/ { sum += $2 } END { print sum + 0 }' /proc/slabinfo
}

# chunks COUNT: as many packets as the generator makes at a time, or more.
chunks() {
	echo $((($1 + 63) / 64 * 64))
}

# flood COUNT WORDS...: in the background; $flooding is the process.
flood() {
	in_ns director sh -c 'echo "send dev=eth0 random=1 $*" >/proc/shunt_bench' sh \
		"count=$(chunks "$1")" "${@:2}" &
	flooding=$!
}

is_flooding() {
	kill -0 "$flooding" 2>/dev/null
}

# honest DESCRIPTION: clients of all services, until the flood has ended, and once
# more.
honest() {
	local got n=0 wrong=()

	while is_flooding || [[ $n -eq 0 ]]; do
		got=$(for name in "${asked[@]}"; do ask_one "$name"; done | tally)
		[[ $got =~ ^[dn][123]=[0-9]+( [dn][123]=[0-9]+)*$ ]] || wrong+=("$got")
		n=$((n + 1))
	done
	wait "$flooding"
	is "$1: new clients are served meanwhile" "${wrong[*]}" ""
	note "$1: asked $n times meanwhile"
}

# ask_one KIND
ask_one() {
	case $1 in
	web) requests 1 "http://$VIP4/" ;;
	web6) requests 1 "http://[$VIP6]/" ;;
	nat) requests 1 "http://$VIP4:8080/" ;;
	dns) datagrams 1 "$VIP4" 53 ;;
	esac | sed 's/=1$//'
	echo
}

# unharmed DESCRIPTION: the connections from before.
unharmed() {
	is "$1: DSR connections live" "$(ask dsr)" "$was_dsr"
	is "$1: NAT connections live" "$(ask nat)" "$was_nat"
}

tcp() {
	echo "family=4 protocol=tcp src=0.0.0.0,0 dst=$VIP4,$1 flags=$2"
}

insmod_shunt
insmod "$SHUNT_TOP/build/$(uname -r)-bench/shunt_bench.ko"
at_exit rmmod shunt_bench
topo_up
for segment in rack back; do
	in_ns $segment nft -f - <<-END
	table netdev sink {
		chain flood {
			type filter hook ingress device director priority 0;
			ip saddr 32.0.0.0/3 drop
			ip daddr 32.0.0.0/3 drop
		}
	}
	END
done
# Nothing of a flood that passes the director is routed anywhere.
in_ns director ip route add blackhole 32.0.0.0/3
servers_up
services_up
ulimit -n $((LIVE + 200))
dial dsr "$VIP4" 80 $((LIVE / 2))
dial nat "$VIP4" 8080 $((LIVE / 2))
was_dsr=$(ask dsr)
was_nat=$(ask nat)
is "so many connections" "$(shunt -j status | jq .connections)" "$LIVE"
asked=(web web6 nat dns)

note "SYNs, DSR"
before=$(field web connections)
flood "$SYNS" "$(tcp 80 0x02)"
honest "SYNs, DSR"
note "SYNs, DSR: $(</proc/shunt_bench), $(overall syns_forgotten) forgotten"
check "SYNs, DSR: make no connection" [ "$(field web connections)" -lt $((before + 1000)) ]
check "SYNs, DSR: those forgotten are counted" [ "$(overall syns_forgotten)" -gt 0 ]
check "SYNs, DSR: all were forwarded" [ "$(field web packets)" -ge "$SYNS" ]
is "SYNs, DSR: none was dropped" "$(drops)" ""
unharmed "SYNs, DSR"
is "SYNs, DSR: new clients are served" "$(ask_one web | tr -d '123\n')" d

note "SYNs, NAT"
flood "$SOME" "$(tcp 8080 0x02)"
honest "SYNs, NAT"
waiting() {
	shunt -j service show nat | jq '.[0].states.syn'
}
check "SYNs, NAT: those that wait are bounded" [ "$(waiting)" -le $HALF_OPEN_MAX ]
is "SYNs, NAT: with those recycled, they are all" \
	$(($(waiting) + $(overall half_open_recycled) >= SOME - SOME / 100)) 1
unharmed "SYNs, NAT"
is "SYNs, NAT: none was dropped" "$(drops)" ""
shunt service set nat timeout syn 1
none_waits() {
	[[ $(waiting) -eq 0 ]]
}
check "SYNs, NAT: they expire" wait_until $PATIENCE none_waits
shunt service set nat timeout syn 60

note "datagrams"
shunt limit connections $((LIVE + SOME / 10))
flood "$SOME" "family=4 protocol=udp src=0.0.0.0,0 dst=$VIP4,53"
asked=(web web6 dns)
honest "datagrams"
check "datagrams: have connections up to the limit" \
	[ "$(overall connections)" -le $((LIVE + SOME / 10 + 2)) ]
check "datagrams: beyond it they go without" [ "$(overall stateless)" -ge $((SOME / 2)) ]
is "datagrams: none was dropped" "$(drops)" ""
shunt limit connections default
shunt conn del service dns >/dev/null
asked=(web web6 nat dns)

note "resets"
before=$(dropped no-connection)
flood "$SOME" "$(tcp 80 0x04)"
honest "resets"
flood "$SOME" "$(tcp 8080 0x14)"
honest "resets, NAT"
check "resets: are counted" \
	[ $(($(dropped no-connection) - before)) -ge $((2 * SOME)) ]

# SYNs may have been forgotten shortly before, so those to DSR are sent on.
note "stray ACKs"
before=$(overall connections)
flood "$SOME" "$(tcp 80 0x10)"
honest "stray ACKs, DSR"
flood "$SOME" "$(tcp 8080 0x10)"
honest "stray ACKs, NAT"
check "stray ACKs: make no connection" [ "$(overall connections)" -lt $((before + 1000)) ]

note "fragments"
in_ns director sh -c 'echo 2 >/proc/sys/net/ipv4/ipfrag_time'
flood "$SOME" "family=4 protocol=udp src=0.0.0.0,0 dst=$VIP4,53 fragment=1"
asked=(web web6 nat dns)
honest "fragments"
memory=$(in_ns director sed -n 's/^FRAG:.* memory //p' /proc/net/sockstat)
# The kernel looks before it adds a fragment.
check "fragments: what waits is bounded" \
	[ "$memory" -le $(($(in_ns director cat /proc/sys/net/ipv4/ipfrag_high_thresh) + 65536)) ]
fits_again() {
	[[ $(datagrams 1 "$VIP4" 53 -s 3000 -w 1000) == d?=1 ]]
}
check "fragments: those of new clients fit again" wait_until $PATIENCE fits_again

note "at the end"
unharmed "all floods"
is "no packet was dropped but what belonged to nobody" \
	"$(drops | tr ' ' '\n' | sed 's/=.*//' | grep -vx 'no-connection\|fragment' || :)" ""
hang_up dsr
hang_up nat
shunt flush
freed() {
	[[ $(objects) -eq 0 ]]
}
check "all memory of connections is free" wait_until $PATIENCE freed
