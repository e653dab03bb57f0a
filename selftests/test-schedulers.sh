#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# All schedulers with real traffic: whom new connections go to, that those there
# are stay when the scheduler or the servers change, and what is refused. Then
# two directors that were configured in different order: with maglev they choose
# the same server for new connections and for what is in mid-stream, and when the
# way to the service moves from one to the other, under established connections
# and while a server is drained, none breaks.
#
#    The network of net.sh with a second director, .3 of the rack:
#
#    rack
#   ─────┬──────────────┬───────── d1, d2, d3
#        │ .2           │ .3
#   ┌────┴─────┐   ┌────┴──────┐
#   │ director │   │ director2 │   the router sends the VIP to one of them
#   └──────────┘   └───────────┘
# kernels: 6.12
# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"

# way NUMBER: the router sends the VIP to this host of the rack from now on.
way() {
	in_ns router ip route replace "$VIP4/32" via "10.0.0.$1"
}

# weights D1 D2 D3: of the UDP service.
weights() {
	shunt server set dns 10.0.0.11 weight "$1"
	shunt server set dns 10.0.0.12 weight "$2"
	shunt server set dns 10.0.0.13 weight "$3"
}

# chosen PORT...: who answers a datagram from each of these ports, in order.
chosen() {
	# shellcheck disable=SC2016 # expanded by the inner shell
	in_ns client bash -c 'for port in "${@:2}"; do
			"$0" ask -p "$port" 1 "$1" 53
		done' "$SHUNT_TOP/build/udp" "$VIP4" "$@" | xargs
}

# forget: no director has a connection any more.
forget() {
	shunt conn del service dns >/dev/null
	shunt2 conn del service dns >/dev/null
}

# setting SERVICE KEY: as JSON tells it.
setting() {
	shunt -j service show "$1" | jq -r ".[0].\"$2\""
}

insmod_shunt
topo_up
servers_up "${DSR_SERVERS[@]}"
shunt service add web tcp $VIP4:80
shunt service add dns udp $VIP4:53
for number in 11 12 13; do
	shunt server add web 10.0.0.$number
	shunt server add dns 10.0.0.$number
done

note "new connections"
weights 3 2 1
for scheduler in lc wlc sed nq fo ovf; do
	shunt service set dns scheduler $scheduler
	shunt conn del service dns >/dev/null
	case $scheduler in
	lc) wanted="d1=2 d2=2 d3=2" ;;
	fo) wanted="d1=6" ;;
	*) wanted="d1=3 d2=2 d3=1" ;;
	esac
	is "$scheduler" "$(datagrams 6 $VIP4 53)" "$wanted"
done
is "ovf: when all are full, nobody takes more" "$(datagrams 2 $VIP4 53)" "ECONNREFUSED=2"
weights 4 2 1
is "ovf: until one has room" "$(datagrams 2 $VIP4 53)" "ECONNREFUSED=1 d1=1"
weights 3 2 1
for scheduler in random p2c maglev sticky; do
	shunt service set dns scheduler $scheduler
	shunt conn del service dns >/dev/null
	datagrams 60 $VIP4 53 >"$WORK/answers"
	note "$scheduler: $(cat "$WORK/answers")"
	# Of a fair one, fewer than one in a million fails.
	# shellcheck disable=SC2016 # awk's
	check "$scheduler: the heaviest has about half" awk -F '[ =]' \
		'{ exit !($2 >= 11 && $2 <= 49 && $4 && $2 + $4 + $6 == 60) }' "$WORK/answers"
done
for scheduler in sh dh; do
	shunt service set dns scheduler $scheduler
	shunt conn del service dns >/dev/null
	like "$scheduler: a client has one server" "$(datagrams 12 $VIP4 53)" "^d[123]=12$"
done
shunt service set dns scheduler maglev hash source
like "maglev, hash source: so it has" "$(datagrams 12 $VIP4 53)" "^d[123]=12$"

note "connections that are there"
dial rest $VIP4 80 12
was=$(ask rest)
for scheduler in sh dh lc sed nq fo ovf random p2c maglev sticky maglev; do
	shunt service set web scheduler $scheduler
	shunt server set web 10.0.0.11 weight 5
	is "scheduler $scheduler keeps them" "$(ask rest)" "$was"
	shunt server set web 10.0.0.11 weight 1
done
shunt service set web table-size 251 seed s hash source
is "so does another table" "$(ask rest)" "$was"
hang_up rest

note "what is refused"
no="a table-size is a prime number from 251 to 131071, such as 1009, 8191, 65537 or 131071"
refused "a size that is no prime" 1 "'65536': $no" shunt service set web table-size 65536
refused "a square of one" 1 "'63001': $no" shunt service set web table-size 63001
refused "one too small" 2 "'241' is not a table-size" shunt service set web table-size 241
no="table-size is for the schedulers maglev and sticky; the others have no table"
refused "a table for rr" 1 "'251': $no" shunt service set web scheduler rr table-size 251
no="hash is for the schedulers maglev and sticky; sh hashes the source address, dh the destination"
refused "hash for sh" 1 "'source': $no" shunt service set web hash source scheduler sh
no="seed is for the schedulers sh, dh, maglev and sticky; the others hash nothing"
refused "a seed for a new service with rr" 1 "'x': $no" \
	shunt service add other tcp $VIP4:81 seed x
is "nothing has changed" "$(setting web scheduler) $(setting web table-size) $(
	)$(setting web hash) $(setting web seed)" "maglev 251 source s"
shunt service set web table-size 65537 seed none hash source-port
is "no seed" "$(setting web seed)" ""

note "two directors"
topo_director2
shunt flush
for director in shunt shunt2; do
	$director service add dns udp $VIP4:53 scheduler maglev
	$director service add web tcp $VIP4:80 scheduler maglev midstream rehash
	$director service add beyond tcp $VIP4:8080 scheduler maglev midstream rehash
done
# At once, as a change that is one.
for service in dns web beyond; do
	printf "server add $service 10.0.0.%s weight %s\n" 11 3 12 4 13 5 | shunt -b -
	printf "server add $service 10.0.0.%s weight %s\n" 12 4 13 5 11 3 | shunt2 -b -
done
mapfile -t ports < <(seq 10001 10040)
way 2
first=$(chosen "${ports[@]}")
note "$first"
way 3
is "contract 6: they agree on new connections" "$(chosen "${ports[@]}")" "$first"
is "which each of them has made" "$(shunt -j status | jq .connections) $(
	)$(shunt2 -j status | jq .connections)" "40 40"
forget
shunt service set dns seed other
way 2
check "another seed is another table" [ "$(chosen "${ports[@]}")" != "$first" ]
shunt2 service set dns seed other
forget
way 3
second=$(chosen "${ports[@]}")
way 2
is "contract 6: the same seed is the same table" "$(chosen "${ports[@]}")" "$second"

dial flows $VIP4 80 40
was=$(ask flows)
like "connections by the first director" "$was" "d1=.*d2=.*d3="
way 3
is "contract 6: in mid-stream, by the second" "$(ask flows)" "$was"
is "which has them all now" "$(shunt2 -j status | jq .connections)" 80
shunt2 conn del service web >/dev/null
for director in shunt shunt2; do
	$director server set web 10.0.0.12 weight 0
done
is "contract 6: while a server is drained they find it" "$(ask flows)" "$was"
like "and it takes no new ones" "$(requests 12 http://$VIP4/)" "^(d1=[0-9]+)?( ?d3=[0-9]+)?$"
shunt conn del service web >/dev/null
way 2
is "contract 6: and back, by the first" "$(ask flows)" "$was"
hang_up flows

note "SYNs that nothing is remembered of"
for director in shunt shunt2; do
	$director limit connections 1
done
way 2
dial beyond $VIP4 8080 12
was=$(ask beyond)
way 3
is "contract 8: beyond the limit they agree, too" "$(ask beyond)" "$was"
hang_up beyond
