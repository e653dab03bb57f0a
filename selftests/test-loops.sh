#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Ways that lead back. The VIP cannot be its own server; two directors that are
# each other's servers pass a packet until its TTL has run out and no longer,
# count it, and go on serving everybody else. A server may be on the director
# itself: in NAT always, in DSR if the director has the virtual address, too,
# like every DSR server; what cannot work is refused when it is configured.
#
#    The network of net.sh with a second director, .3 of the rack:
#
#    rack
#   ─────┬──────────────┬─────────
#        │ .2           │ .3
#   ┌────┴─────┐   ┌────┴──────┐
#   │ director │   │ director2 │    each is the server of the other for port
#   └──────────┘   └───────────┘    7 in DSR, and for 198.51.100.7 and .8 in NAT
# kernels: 6.12
# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"

readonly NAT4=198.51.100.7 NAT4B=198.51.100.8 NAT6=2001:db8:f::7 NAT6B=2001:db8:f::8
declare -A host=([4]=$VIP4 [6]="[$VIP6]") nat=([4]=$NAT4 [6]="[$NAT6]")

second_director() {
	topo_director2
	topo_routes 10.0.0.2 2001:db8:a::2 $NAT4/32 $NAT6/128 | topo_batch director2
	topo_routes 10.0.0.3 2001:db8:a::3 $NAT4B/32 $NAT6B/128 | topo_batch director
	topo_routes 10.0.0.2 2001:db8:a::2 $NAT4/32 $NAT6/128 | topo_batch router
}

# drops_of DIRECTOR: all counts, by reason.
drops_of() {
	in_ns "$1" "$SHUNT" -j drops | jq -r 'group_by(.reason) |
		map("\(.[0].reason)=\(map(.count) | add)" | select(endswith("=0") | not)) | join(" ")'
}

# ended: TTLs that ran out, at either.
ended() {
	{
		drops_of director
		drops_of director2
	} | sed -n 's/.*ttl=\([0-9]*\).*/\1/p' | awk '{ sum += $1 } END { print sum + 0 }'
}

# What comes to a director of the loops, and what the client is told of it.
count_at() {
	in_ns "$1" nft -f - <<-END
	table inet count {
		counter in { }
		chain early {
			type filter hook prerouting priority -300
			ip daddr { $VIP4, $NAT4, $NAT4B } meta l4proto { tcp, udp } th dport 7 counter name in
			ip6 daddr { $VIP6, $NAT6, $NAT6B } meta l4proto { tcp, udp } th dport 7 counter name in
		}
	}
	END
}

count_answers() {
	in_ns client nft -f - <<-END
	table inet count {
		counter expired { }
		chain in {
			type filter hook input priority 0
			icmp type time-exceeded counter name expired
			icmpv6 type time-exceeded counter name expired
		}
	}
	END
}

# looped: packets that came to either director since the last call.
looped() {
	local at

	for at in director director2; do
		in_ns "$at" nft reset counters | awk '/packets/ { print $2 }'
	done | awk '{ sum += $1 } END { print sum }'
}

answers() {
	nft_counters client | awk '{ print $3 }'
}

told() {
	[[ $(answers) -ge $1 ]]
}

# loops DESCRIPTION PROTOCOL ADDRESS: one packet of TTL 64, of which the router
# takes one and each director one.
loops() {
	local before before_drops

	before=$(answers)
	before_drops=$(ended)
	looped >/dev/null
	if [[ $2 == udp ]]; then
		datagrams 1 "$(tr -d '[]' <<<"$3")" 7 -w 100 >/dev/null
	else
		in_ns client socat -u /dev/null "TCP:$3:7,connect-timeout=0.3" 2>/dev/null || :
	fi
	check "$1: the client is told" wait_until 20 told $((before + 1))
	is "$1: it came 63 times" "$(looped)" 63
	is "$1: it is counted, once" "$(ended)" $((before_drops + 1))
}

insmod_shunt
topo_up
second_director
together servers_up d1 d2 n1 director + count_at director + count_at director2 + count_answers
# What is told here is told for each packet.
for name in director director2; do
	topo_batch $name ipv4/icmp_ratelimit=0 ipv6/icmp/ratelimit=0 ipv4/conf/all/send_redirects=0 \
		ipv4/conf/eth0/send_redirects=0 </dev/null
done

note "the VIP as its own server"
for family in 4 6; do
	shunt service add "web$family" tcp "${host[$family]}:80"
	shunt service add "nat$family" tcp "${host[$family]}:8080" mode nat
	refused "DSR, IPv$family: refused" 1 "virtual address" shunt server add "web$family" "${host[$family]}"
	refused "NAT, IPv$family: refused" 1 "virtual address" \
		shunt server add "nat$family" "${host[$family]}:8080"
	refused "NAT, IPv$family: refused, at another port, too" 1 "virtual address" \
		shunt server add "nat$family" "${host[$family]}:80"
done
is "no service has a server" "$(shunt -j status | jq .servers)" 0

note "two directors, each the server of the other"
for family in 4 6; do
	for protocol in tcp udp; do
		shunt service add "loop-$protocol$family" $protocol "${host[$family]}:7"
		shunt2 service add "loop-$protocol$family" $protocol "${host[$family]}:7"
	done
	# The directors of a pair, with another VIP each.
	shunt service add "loop-nat$family" udp "${nat[$family]}:7" mode nat
	shunt2 service add "loop-nat$family" udp "$([[ $family == 4 ]] && echo $NAT4B || echo "[$NAT6B]"):7" mode nat
done
shunt server add loop-tcp4 10.0.0.3
shunt server add loop-udp4 10.0.0.3
shunt server add loop-tcp6 2001:db8:a::3
shunt server add loop-udp6 2001:db8:a::3
shunt server add loop-nat4 $NAT4B:7
shunt server add loop-nat6 "[$NAT6B]:7"
shunt2 server add loop-tcp4 10.0.0.2
shunt2 server add loop-udp4 10.0.0.2
shunt2 server add loop-tcp6 2001:db8:a::2
shunt2 server add loop-udp6 2001:db8:a::2
shunt2 server add loop-nat4 $NAT4:7
shunt2 server add loop-nat6 "[$NAT6]:7"
for family in 4 6; do
	for name in udp tcp; do
		loops "DSR, IPv$family, ${name^^}" $name "${host[$family]}"
	done
	loops "NAT, IPv$family" udp "${nat[$family]}"
done
like "as TTLs that ran out" "$(drops_of director) $(drops_of director2)" "^(ttl=[0-9]+ ?)+$"

# A hundred more at a time, and the other services beside them.
shunt server add web4 10.0.0.11
shunt server add nat4 10.1.0.21:80
looped >/dev/null
datagrams 100 $VIP4 7 -w 1 >/dev/null &
flood=$!
is "others are served meanwhile" "$(requests 5 http://$VIP4/) $(requests 5 http://$VIP4:8080/)" "d1=5 n1=5"
wait "$flood"
all_looped() {
	sum=$((sum + $(looped)))
	[[ $sum -ge 6300 ]]
}
sum=0
wait_until 20 all_looped || :
datagrams 1 $VIP4 7 -w 100 >/dev/null
is "a hundred come 6300 times, and one more 63 times" "$((sum + $(looped)))" 6363
is "then there is silence" "$(looped)" 0
for name in tcp4 udp4 tcp6 udp6 nat4 nat6; do
	shunt service del loop-$name
	shunt2 service del loop-$name
done

note "a DSR server on the director, which lacks the VIP"
words="is an address of the director itself; in DSR it serves only if it has the VIP, too"
for family in 4 6; do
	shunt service add "dns$family" udp "${host[$family]}:53"
done
refused "TCP: refused" 1 "$words" shunt server add web4 10.0.0.2
refused "UDP: refused" 1 "$words" shunt server add dns4 10.0.0.2
refused "by its other address: refused" 1 "$words" shunt server add web4 10.1.0.1
refused "TCP, IPv6: refused" 1 "$words" shunt server add web6 2001:db8:a::2
refused "UDP, IPv6: refused" 1 "$words" shunt server add dns6 2001:db8:a::2
is "the servers are as they were" "$(shunt -j server show web4 | jq -c 'map(.address)')" '["10.0.0.11"]'

note "a DSR server on the director, which has the VIP"
topo_batch director <<-END
	addr add $VIP4/32 dev lo
	addr add $VIP6/128 dev lo nodad
END
shunt server add web4 10.0.0.2
shunt server add dns4 10.0.0.2
shunt server add web6 2001:db8:a::2
shunt server add dns6 2001:db8:a::2
shunt server add web6 2001:db8:a::11
is "it answers in turn" "$(requests 6 http://$VIP4/)" "d1=3 director=3"
is "IPv6" "$(requests 6 "http://[$VIP6]/")" "d1=3 director=3"
is "UDP" "$(datagrams 3 $VIP4 53) $(datagrams 3 $VIP6 53)" "director=3 director=3"
is "UDP, in fragments" "$(datagrams 3 $VIP4 53 -s 4000) $(datagrams 3 $VIP6 53 -s 4000)" \
	"director=3 director=3"
head -c 1M /dev/urandom >"$WORK/www/file"
shunt server set web4 10.0.0.11 weight 0
shunt server set web6 2001:db8:a::11 weight 0
for family in 4 6; do
	# shellcheck disable=SC2016 # expanded by the inner shell
	check "IPv$family: 1 MB" in_ns client bash -c 'set -o pipefail; curl -s --max-time 30 "$0" | cmp - "$1"' \
		"http://${host[$family]}/file" "$WORK/www/file"
done
is "it sees the client" "$(in_ns client curl -s "http://$VIP4/client")" "192.0.2.10 $VIP4"
is "and its connections are listed" "$(shunt -j conn show server 10.0.0.2 | jq -r '.[].service' | sort -u |
	paste -sd ' ')" "dns4 web4"
is "and counted" "$(shunt -j server show dns4 | jq -c 'map([.address, .packets])')" '[["10.0.0.2",6]]'
topo_batch director <<-END
	addr del $VIP4/32 dev lo
	addr del $VIP6/128 dev lo
END

note "a NAT server on the director"
for family in 4 6; do
	shunt service add "dnat$family" udp "${host[$family]}:5353" mode nat
done
shunt server add nat4 10.1.0.1:80
shunt server add nat6 "[2001:db8:b::1]:80"
shunt server add dnat4 10.1.0.1:53
shunt server add dnat6 "[2001:db8:b::1]:53"
is "it answers in turn" "$(requests 6 http://$VIP4:8080/)" "director=3 n1=3"
is "IPv6" "$(requests 3 "http://[$VIP6]:8080/")" "director=3"
is "UDP" "$(datagrams 3 $VIP4 5353) $(datagrams 3 $VIP6 5353)" "director=3 director=3"
is "UDP, in fragments" "$(datagrams 3 $VIP4 5353 -s 4000) $(datagrams 3 $VIP6 5353 -s 4000)" \
	"director=3 director=3"
shunt server set nat4 10.1.0.21:80 weight 0
for family in 4 6; do
	# shellcheck disable=SC2016 # expanded by the inner shell
	check "IPv$family: 1 MB" in_ns client bash -c 'set -o pipefail; curl -s --max-time 30 "$0" | cmp - "$1"' \
		"http://${host[$family]}:8080/file" "$WORK/www/file"
done
is "it sees the client" "$(in_ns client curl -s "http://$VIP4:8080/client")" "192.0.2.10 10.1.0.1"
like "nothing but TTLs was dropped in all this" "$(drops_of director)" "^ttl=[0-9]+$"
