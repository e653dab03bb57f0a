#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Who gets a new connection: rr goes by turns whatever the weights, wrr exactly
# and evenly by them, wlc by what each server already holds. Weight 0 takes no
# new connection and keeps the old ones; a change of scheduler leaves them be.
# Where no server can take it, and for a segment of no connection, the client
# is told at once, and each such packet is counted under its reason.
# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"

# weights SERVICE D1 D2 D3
weights() {
	shunt server set "$1" 10.0.0.11 weight "$2"
	shunt server set "$1" 10.0.0.12 weight "$3"
	shunt server set "$1" 10.0.0.13 weight "$4"
}

# uneven D1 D2 D3: what is wrong with the answers of standard input, one a
# line, if these are the shares: more than one's share in a round's length,
# wherever it begins, or three in a row.
uneven() {
	awk -v d1="$1" -v d2="$2" -v d3="$3" '
		BEGIN { share["d1"] = d1; share["d2"] = d2; share["d3"] = d3; round = d1 + d2 + d3 }
		{
			who[NR] = $1
			count[$1]++
			if (NR > round)
				count[who[NR - round]]--
			if (count[$1] > share[$1])
				print NR ": " $1 " has " count[$1] " of the last " round
			if (NR > 2 && $1 == who[NR - 1] && $1 == who[NR - 2])
				print NR ": the third of " $1 " in a row"
		}'
}

# connections SERVICE: how many each server has, as "1 2 3".
connections() {
	shunt -j service show "$1" | jq -r '.[0].servers | map(.connections) | join(" ")'
}

# The same as the servers see it.
established() {
	local name

	for name in "${DSR_SERVERS[@]}"; do
		in_ns "$name" ss -Htn state established "sport = :80" | wc -l
	done | paste -sd ' '
}

# refusal NAME URL: a client is refused. What is counted tells that it does not have
# to ask twice.
refusal() {
	is "$1: a TCP client is refused" "$(in_ns client curl -s -o /dev/null --connect-timeout 5 \
		-w '%{exitcode}' "$2" || :)" 7
}

insmod_shunt
topo_up
servers_up "${DSR_SERVERS[@]}" n1

shunt service add dns udp $VIP4:53
shunt service add web tcp $VIP4:80
for number in 11 12 13; do
	shunt server add dns 10.0.0.$number
	shunt server add web 10.0.0.$number
done

note "rr"
weights dns 9 1 5
is "rr: weights do not matter" "$(datagrams 12 $VIP4 53)" "d1=4 d2=4 d3=4"
weights dns 9 0 5
is "rr: but 0 does" "$(datagrams 12 $VIP4 53)" "d1=6 d3=6"

note "wrr"
shunt service set dns scheduler wrr
weights dns 3 2 1
in_ns client "$SHUNT_TOP/build/udp" ask 60 $VIP4 53 >"$WORK/answers"
is "wrr: exactly by weight" "$(tally <"$WORK/answers")" "d1=30 d2=20 d3=10"
is "wrr: evenly" "$(uneven 3 2 1 <"$WORK/answers")" ""
weights dns 0 2 1
is "wrr: 0 takes none" "$(datagrams 6 $VIP4 53)" "d2=4 d3=2"
# What a server owed under old weights, of which one request shows the worst.
weights dns 65535 65535 1
datagrams 1 $VIP4 53 >/dev/null
weights dns 1 1 1
is "wrr: new weights hold at once" "$(datagrams 12 $VIP4 53)" "d1=4 d2=4 d3=4"
# Each change began a round anew, and the heaviest server had all.
weights dns 30 20 10
for try in {1..12}; do
	shunt server set dns 10.0.0.11 weight $((30 + try % 2))
	in_ns client "$SHUNT_TOP/build/udp" ask 1 $VIP4 53
done >"$WORK/answers"
is "wrr: weights that change all the time hold, too" "$(tally <"$WORK/answers")" "d1=6 d2=4 d3=2"

note "wlc"
shunt service set web scheduler wlc
weights web 1 2 0
dial one $VIP4 80
is "wlc: a first connection goes to the heavier of two idle servers" "$(established)" "0 1 0"
dial rest $VIP4 80 29
is "wlc: thirty connections are shared out by weight" "$(established)" "10 20 0"
is "wlc: as the module counts" "$(connections web)" "10 20 0"
weights web 1 2 3
is "wlc: an idle server catches up" "$(requests 30 http://$VIP4/)" "d3=30"
weights web 1 2 1

note "connections that are there"
was=$(ask rest)
like "each answers" "$was" "^d1=1?[09] d2=1?[09]$"
weights web 0 0 1
is "weight 0 keeps them" "$(ask rest)" "$was"
is "and takes no other" "$(requests 6 http://$VIP4/)" "d3=6"
for scheduler in rr wrr lc wlc sed nq fo ovf random p2c; do
	shunt service set web scheduler $scheduler
	is "scheduler $scheduler keeps them" "$(ask rest)" "$was"
done
is "all are counted still" "$(connections web | cut -d ' ' -f 1-2)" "10 20"
hang_up one
hang_up rest

note "no server"
is "nothing was dropped so far" "$(drops)" ""
weights web 0 0 0
weights dns 0 0 0
shunt service add web6 tcp "[$VIP6]:80"
shunt service add dns6 udp "[$VIP6]:53" scheduler wrr
shunt service add nat tcp $VIP4:8080 mode nat scheduler wlc
shunt server add nat 10.1.0.21:80 weight 0
refusal "all weights 0" "http://$VIP4/"
refusal "no server, IPv6" "http://[$VIP6]/"
refusal "NAT, weight 0" "http://$VIP4:8080/"
is "a UDP client is refused" "$(datagrams 2 $VIP4 53)" "ECONNREFUSED=2"
is "a UDP client is refused, IPv6" "$(datagrams 2 $VIP6 53)" "ECONNREFUSED=2"
is "each packet is counted" "$(drops)" "no-server=7"

note "segments of no connection"
weights web 1 0 0
shunt server add web6 2001:db8:a::11
shunt server set nat 10.1.0.21:80 weight 1
# forget NAME ADDRESS:PORT MODE SERVER: after this the director knows the
# service's connections no more.
forget() {
	shunt service del "$1"
	shunt service add "$1" tcp "$2" mode "$3"
	shunt server add "$1" "$4"
}

# "lost" would come after ten seconds as well.
at_once() {
	local start=${EPOCHREALTIME/./}

	ask "$1"
	((${EPOCHREALTIME/./} - start < 5000000)) || echo "after a wait"
}

dial dsr $VIP4 80
dial dsr6 $VIP6 80
dial nat $VIP4 8080
is "connections are served" "$(ask dsr) $(ask dsr6) $(ask nat)" "d1=1 d1=1 n1=1"
forget web $VIP4:80 dsr 10.0.0.11
forget web6 "[$VIP6]:80" dsr 2001:db8:a::11
forget nat $VIP4:8080 nat 10.1.0.21:80
for name in dsr dsr6 nat; do
	is "$name: one that the director does not know is reset" "$(at_once $name)" "lost=1"
done
is "each segment is counted" "$(drops)" "no-server=7 no-connection=3"
