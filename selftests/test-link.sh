#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The way to the servers changes under the director: a server changes its MAC,
# goes and comes back; the director's device goes down, is deleted, is a VLAN;
# a route moves. Traffic follows by itself, and nothing is held that has to go.
# What could never be reached by DSR is refused when it is configured.
# kernels: 6.12
# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"

# state ADDRESS: in all services that have this server. Only the first service
# used to notice that it was gone.
state() {
	shunt -j server show | jq -r --arg address "$1" \
		'[.[] | select(.address == $address) | .state] | unique | join(" ")'
}

state_is() {
	[[ $(state "$1") == "$2" ]]
}

# becomes ADDRESS STATE: within the time that the neighbour table needs.
becomes() {
	check "$1 becomes $2" wait_until 20 state_is "$1" "$2"
}

# Neighbours are confirmed and given up within a second instead of a minute.
impatient() {
	local family path all=()

	for family in 4 6; do
		path=ipv$family/neigh/$1
		all+=("$path/base_reachable_time_ms=1000" "$path/retrans_time_ms=200"
			"$path/delay_first_probe_time=1")
	done
	topo_batch director "${all[@]}" </dev/null
}

configure() {
	local number

	shunt service add web tcp $VIP4:80
	shunt service add dns udp $VIP4:53
	shunt service add dns6 udp "[$VIP6]:53"
	for number in 11 12 13; do
		shunt server add web 10.0.0.$number
		shunt server add dns 10.0.0.$number
		shunt server add dns6 2001:db8:a::$number
	done
	shunt service add nat tcp $VIP4:8080 mode nat
	shunt server add nat 10.1.0.21:80
	shunt service add flood udp $VIP4:5353
	shunt server add flood 10.0.0.11
	shunt service add flood6 udp "[$VIP6]:5353"
	shunt server add flood6 2001:db8:a::11
}

insmod_shunt
topo_up
together servers_up + configure + impatient eth0

note "what DSR cannot reach"
topo_batch director <<-END
	route add 10.9.0.1 via 10.1.0.21
	route add 2001:db8:9::1 via 2001:db8:b::21
	route add unreachable 10.9.0.2
END
# cannot WORDS COMMAND...: refused with these words, and it stays unconfigured.
cannot() {
	refused "refused: $2 $3 $4 $5" 1 "$1" shunt "${@:2}"
}

cannot "behind a gateway; use mode nat" server add web 10.9.0.1
cannot "behind a gateway; use mode nat" server add dns6 2001:db8:9::1
cannot "use mode nat to change the port" server set nat 10.1.0.21:80 mode dsr
cannot "there is no route" server add web 10.9.0.2
cannot "the director itself" server add web 10.0.0.2
cannot "the director itself" server add dns6 2001:db8:a::2
cannot "use mode nat to change the port" server add web 10.0.0.11:8080
cannot "virtual address" server add web $VIP4
is "the servers are as they were" "$(shunt -j status | jq .servers)" 12

note "a neighbour that is not resolved yet"
# As many datagrams as servers; each is sent once and has to arrive.
for round in 1 2 3; do
	in_ns director ip neigh flush dev eth0
	is "after a flush, round $round: the first packets arrive" \
		"$(datagrams 3 $VIP4 53) $(datagrams 3 $VIP6 53)" "d1=1 d2=1 d3=1 d1=1 d2=1 d3=1"
done
is "no packet was dropped" "$(drops)" ""

note "a server with a new MAC"
topo_batch d1 ipv4/conf/eth0/arp_notify=1 ipv6/conf/eth0/ndisc_notify=1 <<-END
	link set eth0 address 02:00:00:00:00:d1
END
all_answer() {
	[[ $(datagrams 3 $VIP4 53 -w 500) == "d1=1 d2=1 d3=1" &&
	   $(datagrams 3 $VIP6 53 -w 500) == "d1=1 d2=1 d3=1" ]]
}
check "traffic follows" wait_until 20 all_answer
is "and stays" "$(datagrams 6 $VIP4 53) $(datagrams 6 $VIP6 53)" "d1=2 d2=2 d3=2 d1=2 d2=2 d3=2"
is "it is the new one that is used" "$(in_ns director ip -br neigh show 10.0.0.11 | awk '{ print $3 }')" \
	"02:00:00:00:00:d1"

note "a server that goes away"
# By turns, so each server has one.
for name in 1 2 3; do
	dial held-$name $VIP4 80
	[[ $(ask held-$name) != d2=1 ]] || on_d2=held-$name
done
topo_batch rack <<-END
	link set d2 down
END
becomes 10.0.0.12 unreachable
becomes 2001:db8:a::12 unreachable
is "the others are up" "$(state 10.0.0.11) $(state 10.0.0.13)" "up up"
is "new connections go to them" "$(requests 6 http://$VIP4/)" "d1=3 d3=3"
is "IPv6: new connections go to them" "$(datagrams 6 $VIP6 53)" "d1=3 d3=3"
is "nothing else was counted" "$(drops)" ""
# It stays failed, and does not look as if it was being asked.
in_ns director sysctl -qw net.ipv4.neigh.eth0.mcast_solicit=0
failed() {
	[[ $(in_ns director ip neigh show 10.0.0.12) == *FAILED* ]]
}
check "its neighbour entry says so" wait_until 20 failed
of_web() {
	shunt -j server show web | jq -r '.[] | select(.address == "10.0.0.12") | .state'
}
for round in 1 2 3; do
	shunt server set web 10.0.0.12 mode nat
	is "in NAT that does not matter, round $round" "$(of_web)" up
	is "back in DSR it does, at once" \
		"$(shunt server set web 10.0.0.12 mode dsr && of_web)" unreachable
done
in_ns director sysctl -qw net.ipv4.neigh.eth0.mcast_solicit=3
is "a connection that it has" "$(ask "$on_d2")" "lost=1"
like "is waited for, and its packets are counted" "$(drops)" "^unreachable=[1-9][0-9]*$"
topo_batch rack <<-END
	link set d2 up
END
becomes 10.0.0.12 up
becomes 2001:db8:a::12 up
is "it takes connections again" "$(requests 3 http://$VIP4/) $(datagrams 3 $VIP6 53)" \
	"d1=1 d2=1 d3=1 d1=1 d2=1 d3=1"

note "a NAT server's route"
topo_batch n1 <<<"addr add 10.9.0.1/32 dev lo"
topo_batch n2 <<<"addr add 10.9.0.1/32 dev lo"
shunt service add moving tcp $VIP4:81 mode nat
shunt server add moving 10.9.0.1:80
is "one way" "$(requests 2 http://$VIP4:81/)" "n1=2"
topo_batch director <<<"route replace 10.9.0.1 via 10.1.0.22"
is "the other way, at once" "$(requests 2 http://$VIP4:81/)" "n2=2"
topo_batch director <<<"route del 10.9.0.1"
topo_batch director <<<"route add unreachable 10.9.0.1"
was=$(drops)
is "no way" "$(requests 1 http://$VIP4:81/ --connect-timeout 0.5)" "error-28=1"
like "which is counted" "$(drops)" "^$was no-route=[1-9]$"
shunt service del moving

note "the way of a NAT connection that goes on"
# Who answers two datagrams of one connection: one that finds its way, and one
# that goes by what is known of it.
answers() {
	echo "$(datagrams 1 $VIP4 55 -p 4055 -k 2 -w 1000)" \
		"$(datagrams 1 $VIP6 55 -p 4055 -k 2 -w 1000)"
}
# by_the_same DESCRIPTION ANSWERS
by_the_same() {
	is "$1" "$(answers)" "$2"
	is "$1, by the same connections" "$(shunt -j service show | \
		jq -c 'map(select(.name | startswith("stays")) | .total_connections)')" "[1,1]"
}
for name in n1 n2; do
	topo_batch $name ipv4/conf/eth0/arp_notify=1 ipv6/conf/eth0/ndisc_notify=1 <<-END
		addr add 10.9.0.3/32 dev lo
		addr add 2001:db8:9::3/128 dev lo nodad
	END
done
topo_batch director <<-END
	route add 10.9.0.3 via 10.1.0.21
	route add 2001:db8:9::3 via 2001:db8:b::21
END
shunt service add stays4 udp $VIP4:55 mode nat
shunt service add stays6 udp "[$VIP6]:55" mode nat
shunt server add stays4 10.9.0.3:53
shunt server add stays6 "[2001:db8:9::3]:53"
by_the_same "one way" "n1=2 n1=2"
topo_batch director <<-END
	route replace 10.9.0.3 via 10.1.0.22
	route replace 2001:db8:9::3 via 2001:db8:b::22
END
by_the_same "the other way, at once" "n2=2 n2=2"
in_ns director ip neigh flush dev eth1
by_the_same "its neighbour forgotten" "n2=2 n2=2"
topo_batch n2 <<<"link set eth0 address 02:00:00:00:00:b2"
topo_batch n2 <<<"route replace default via 10.1.0.1"
topo_batch n2 <<<"route replace default via 2001:db8:b::1"
known_again() {
	[[ $(answers) == "n2=2 n2=2" ]]
}
check "its neighbour with another MAC" wait_until 20 known_again
topo_batch director <<-END
	route add 10.9.0.3 via 10.1.0.21 table 9
	route add 2001:db8:9::3 via 2001:db8:b::21 table 9
	rule add to 10.9.0.3 lookup 9
END
in_ns director ip -6 rule add to 2001:db8:9::3 lookup 9
by_the_same "another table, at once" "n1=2 n1=2"
in_ns director ip rule del to 10.9.0.3 lookup 9
in_ns director ip -6 rule del to 2001:db8:9::3 lookup 9
by_the_same "the rule goes, at once" "n2=2 n2=2"
was=$(drop_counts | jq '."no-route"')
topo_batch director <<-END
	route add unreachable 192.0.2.10
	route add unreachable 2001:db8:c::10
END
by_the_same "no way back" "timeout=2 timeout=2"
is "which is counted" "$(drop_counts | jq '."no-route"')" $((was + 4))
topo_batch director <<-END
	route del unreachable 192.0.2.10
	route del unreachable 2001:db8:c::10
END
by_the_same "a way back, at once" "n2=2 n2=2"
topo_batch director <<<"link set eth1 down"
topo_batch director <<<"link set eth1 up"
topo_batch director <<-END
	addr replace 2001:db8:b::1/64 dev eth1 nodad
	route replace 10.9.0.3 via 10.1.0.22
	route replace 2001:db8:9::3 via 2001:db8:b::22
END
check "its device down and up" wait_until 20 known_again
shunt service del stays4
shunt service del stays6

note "the way of NAT connections that begin"
# Who answers a client, and then another, of both families.
begins() {
	echo "$(datagrams 2 $VIP4 55) $(FROM=router datagrams 1 $VIP4 55 -w 1000)" \
		"$(datagrams 2 $VIP6 55) $(FROM=router datagrams 1 $VIP6 55 -w 1000)"
}
shunt service add begins4 udp $VIP4:55 mode nat
shunt service add begins6 udp "[$VIP6]:55" mode nat
shunt server add begins4 10.1.0.21:53
shunt server add begins6 "[2001:db8:b::21]:53"
is "all one way" "$(begins)" "n1=2 n1=1 n1=2 n1=1"
in_ns director ip xfrm policy add src 10.0.0.1 dst 10.1.0.21 dir out action block
is "one is IPsec's, which IPv4 asks" "$(begins)" "n1=2 timeout=1 n1=2 n1=1"
in_ns director ip xfrm policy flush
is "all one way again" "$(begins)" "n1=2 n1=1 n1=2 n1=1"
topo_batch director <<-END
	route add unreachable 10.1.0.21 table 9
	route add unreachable 2001:db8:b::21 table 9
	rule add from 10.0.0.1 lookup 9
END
in_ns director ip -6 rule add from 2001:db8:a::1 lookup 9
is "one by another table" "$(begins)" "n1=2 timeout=1 n1=2 timeout=1"
in_ns director ip rule del from 10.0.0.1 lookup 9
in_ns director ip -6 rule del from 2001:db8:a::1 lookup 9
shunt service del begins4
shunt service del begins6

note "a VLAN"
topo_batch director <<-END
	link add link eth0 name eth0.7 type vlan id 7
	link set eth0.7 up
	addr add 10.0.7.2/24 dev eth0.7
END
topo_batch d3 <<-END
	link add link eth0 name eth0.7 type vlan id 7
	link set eth0.7 up
	addr add 10.0.7.13/24 dev eth0.7
END
in_ns d3 nft -f - <<-END
table inet count {
	counter by-vlan { }
	counter without { }
	chain in {
		type filter hook input priority 0
		ip daddr $VIP4 udp dport 54 iifname eth0.7 counter name by-vlan
		ip daddr $VIP4 udp dport 54 iifname eth0 counter name without
	}
}
END
shunt service add tagged udp $VIP4:54
shunt server add tagged 10.0.7.13
# Nothing listens there, and the server says so itself.
is "its packets arrive" "$(datagrams 3 $VIP4 54)" "ECONNREFUSED=3"
is "with the tag" "$(nft_counters d3 | awk '{ print $2, $3 }' | paste -sd ' ')" "by-vlan 3 without 0"
check "the VLAN can be deleted" in_ns director timeout 10 ip link del eth0.7
becomes 10.0.7.13 unreachable
shunt service del tagged

note "the director's own device"
flood() {
	while :; do
		datagrams 100 "$1" 5353 -w 1
	done >/dev/null 2>&1
}
flood $VIP4 &
floods=($!)
flood $VIP6 &
floods+=($!)

# The addresses and routes that are lost with a link.
restore() {
	topo_batch director ipv4/conf/all/forwarding=1 <<-END
		link set eth0 up
		addr replace 10.0.0.2/24 dev eth0
		addr replace 2001:db8:a::2/64 dev eth0 nodad
		route replace default via 10.0.0.1
		route replace default via 2001:db8:a::1
	END
}

topo_batch director <<<"link set eth0 down"
becomes 10.0.0.11 unreachable
becomes 2001:db8:a::11 unreachable
restore
becomes 10.0.0.11 up
becomes 2001:db8:a::11 up
check "traffic goes on" wait_until 20 all_answer

# The new device has the old one's MAC, or the router would not find it for long.
mac=$(in_ns director ip -j link show eth0 | jq -r '.[0].address')
# Held by anything, it would not go, and the kernel's complaint fails the run.
check "it can be deleted at once" in_ns director timeout 10 ip link del eth0
becomes 10.0.0.11 unreachable
ip link add eth0 address "$mac" netns "${NS_PREFIX}director" \
	type veth peer director netns "${NS_PREFIX}rack"
topo_batch rack <<<"link set director up master br0"
impatient eth0
restore
becomes 10.0.0.11 up
becomes 2001:db8:a::11 up
check "traffic goes on" wait_until 20 all_answer
kill "${floods[@]}"
is "all servers take part" "$(datagrams 6 $VIP4 53) $(datagrams 6 $VIP6 53)" \
	"d1=2 d2=2 d3=2 d1=2 d2=2 d3=2"
