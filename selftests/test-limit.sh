#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The maximum of connections, of a service and of a namespace: those that are
# there live on, whatever the maximum is set to. A new one takes the place of one
# that is over or idle without an answer; where there is none, DSR goes on
# without a connection, always to the same server, and NAT refuses it with a
# count. When there is room again, what went without a connection gets one.
# kernels: 6.12
# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"

# field SERVICE FIELD
field() {
	shunt -j service show "$1" | jq -r ".[0][\"$2\"]"
}

# overall FIELD
overall() {
	shunt -j limit | jq ".$1"
}

is_at_least() {
	[[ $("${@:2}") -ge $1 ]]
}

# is_quick: it is less than 9 s since $began.
is_quick() {
	((${EPOCHREALTIME/[.,]/} - began < 9000000))
}

# held SERVICE: its connections in the table.
held() {
	shunt -j conn show service "$1" | jq length
}

insmod_shunt
topo_up
servers_up
services_up
for name in web dns; do
	shunt server set $name 10.0.0.12 weight 2
	shunt service set $name scheduler wrr
done
counted_before=$(drop_counts)

note "a service's limit, DSR"
shunt service set web limit 2
dial a $VIP4 80
dial b $VIP4 80
was="$(ask a) $(ask b)"
is "two connections" "$(held web) $(field web stateless)" "2 0"
home_of=()
for name in c d e f; do
	dial $name $VIP4 80
	before=$(ask $name)
	like "$name: is served" "$before" "^d[123]=1$"
	is "$name: again, by the same" "$(ask $name)" "$before"
	home_of+=("$before")
done
is "the table has no more" "$(held web)" 2
check "their packets are counted" is_at_least 16 field web stateless
is "and told of all" "$(overall stateless)" "$(field web stateless)"
is "the first two are where they were" "$(ask a) $(ask b)" "$was"
is "other services are not concerned" "$(datagrams 4 $VIP4 53), $(requests 3 "http://[$VIP6]/")" \
	"d1=1 d2=2 d3=1, d1=1 d2=1 d3=1"
is "nothing was dropped" "$(drops)" ""
shunt service set web limit none
is "without a limit they go on" "$(for name in c d e f; do ask $name; echo; done)" \
	"$(printf '%s\n' "${home_of[@]}")"
is "and have connections now" "$(held web)" 6
for name in c d e f; do
	is "$name: is established" "$(ask $name >/dev/null; shunt -j conn show service web |
		jq -r 'map(.state) | unique | join(" ")')" established
done
shunt service set web limit 1
is "a limit below ends nothing" "$(held web) $(ask a) $(ask b)" "6 $was"
shunt service set web limit none
is "nothing was dropped, still" "$(drops)" ""

note "a service's limit, UDP"
# answered PORT...: who answers a datagram from each of these ports, in order.
answered() {
	local port

	for port; do
		in_ns client "$SHUNT_TOP/build/udp" ask -p "$port" 1 $VIP4 53
	done | xargs
}
mapfile -t ports < <(seq 7001 7012)
# One that is idle for 10 s would give its place to them.
for _ in 1 2 3 4 5; do
	shunt service set dns limit none
	shunt conn del service dns >/dev/null
	shunt service set dns limit 1
	stateless=$(field dns stateless)
	began=${EPOCHREALTIME/[.,]/}
	answered 7000 >/dev/null
	before=$(answered "${ports[@]}")
	is_quick && break
done
is "UDP: twelve clients have no connection" \
	"$(held dns) $(($(field dns stateless) - stateless))" "1 12"
shunt service set dns limit none
# They had a connection with whoever's turn it was then.
is "UDP: with room they are where they were" "$(answered "${ports[@]}")" "$before"
is "UDP: and have connections" "$(held dns)" 13
shunt conn del service dns >/dev/null

note "a service's limit, NAT"
shunt service set nat limit 2 timeout closed 60
dial n1 $VIP4 8080
dial n2 $VIP4 8080
was="$(ask n1) $(ask n2)"
is "a third is refused" "$(requests 1 "http://$VIP4:8080/" --connect-timeout 0.5)" "error-28=1"
like "that is counted" "$(drops)" "^limit=[1-9]$"
is "for the service" "$(shunt -j drops | jq -r '.[] | select(.reason == "limit" and .count > 0) | .service')" nat
is "the two are where they were" "$(ask n1) $(ask n2)" "$was"
hang_up n1
closed() {
	[[ $(shunt -j service show nat | jq '.[0].states.closed') -eq 1 ]]
}
check "one ends" wait_until 20 closed
shunt service set web limit 1
# What one service looked for in vain was not looked for by others, for a while.
like "its place is taken at once, though another service has none to spare" \
	"$(in_ns client curl -s --connect-timeout 0.5 "http://$VIP4/" "http://$VIP4:8080/" | xargs)" \
	"^d[123] n[12]$"
shunt service set web limit none
is "that is counted, too" "$(field nat recycled) $(overall recycled)" "1 1"
is "the other is where it was" "$(ask n2)" "${was#* }"
shunt service set nat limit none

note "the limit of all"
has_room() {
	[[ $(overall connections) -le $1 ]]
}
hang_up n2
shunt conn del service nat >/dev/null
shunt conn del service dns >/dev/null
shunt conn del service web6 >/dev/null
now=$(overall connections)
was=$(ask a)
shunt limit connections $((now + 3))
is "it is told" "$(overall limit)" $((now + 3))
for _ in 1 2 3 4 5; do
	shunt conn del service dns >/dev/null
	began=${EPOCHREALTIME/[.,]/}
	before=$(overall stateless)
	datagrams 3 $VIP4 53 >/dev/null
	first="$(overall connections) $(overall stateless)"
	stateless=$(field dns stateless)
	next=$(datagrams 8 $VIP4 53)
	is_quick && break
done
is "datagrams have connections up to it" "$first" "$((now + 3)) $before"
like "the next have none, and are served" "$next" "^d[123]=[0-9]( d[123]=[0-9])*$"
is "they are counted" "$(($(overall stateless) - before)) $(($(field dns stateless) - stateless))" "8 8"
like "TCP is served" "$(requests 3 http://$VIP4/)" "^d[123]="
is "the table is full, no more" "$(overall connections)" $((now + 3))
is "who is in it is where he was" "$(ask a) $(ask c)" "$was ${home_of[0]}"
recycles() {
	datagrams 1 $VIP4 53 >/dev/null
	[[ $(field dns recycled) -ge 1 ]]
}
check "one without an answer gives its place after a while" wait_until 30 recycles
shunt limit connections default
check "by default there is room" is_at_least 65536 overall limit
like "for all" "$(datagrams 4 $VIP4 53)" "^d[123]="
is "nothing but NAT's was dropped" "$(drops | sed 's/=.*//')" limit
