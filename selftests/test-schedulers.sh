#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# All schedulers with real traffic: whom new connections go to, that those there
# are stay when the scheduler or the servers change, and what is refused. Then
# two directors that were configured in different order: with maglev they choose
# the same server for new connections and for what is in mid-stream, and when the
# way to the service moves from one to the other, under established connections
# and while servers are drained or full, none breaks; nor when the router spreads
# the packets over both, and the paths change.
#
#    The network of net.sh with a second director, .3 of the rack:
#
#    rack
#   ─────┬──────────────┬───────── d1, d2, d3
#        │ .2           │ .3
#   ┌────┴─────┐   ┌────┴──────┐
#   │ director │   │ director2 │   the router sends the VIPs to either or both
#   └──────────┘   └───────────┘
# kernels: 6.12
# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"

# ways FIRST SECOND: the router spreads the VIPs over the directors by these weights
# from now on; by none with 0.
ways() {
	local four=() six=() host=1 weight

	for weight; do
		host=$((host + 1))
		[[ $weight -gt 0 ]] || continue
		four+=(nexthop via "10.0.0.$host" weight "$weight")
		six+=(nexthop via "2001:db8:a::$host" weight "$weight")
	done
	in_ns router ip route replace "$VIP4/32" "${four[@]}"
	in_ns router ip -6 route replace "$VIP6/128" "${six[@]}"
}

# by_weight COUNT ANSWERS: these are as many, and shared 3:2:1. Of such shares, fewer
# than one in a million has a chi-square of 28; equal ones of 600 have 133.
by_weight() {
	# shellcheck disable=SC2016 # awk's
	awk -v count="$1" '{
			for (i = 1; i <= NF; i++) {
				split($i, answer, "=")
				got[answer[1]] = answer[2]
				all += answer[2]
			}
			for (i = 1; i <= 3; i++)
				chi += (got["d" i] - count * (4 - i) / 6) ^ 2 / (count * (4 - i) / 6)
		}
		END { print $0 ": chi-square " chi; exit !(all == count && chi < 28) }' <<<"$2"
}

# homes PORT: who answers each of the clients, in order.
homes() {
	printf "url = http://$VIP4:$1/
interface = %s
connect-timeout = 5
next
" "${clients[@]}" |
		sed '$d' | in_ns client curl -s -K -
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

# held SERVICE: the connections of each director.
held() {
	echo "$(shunt -j conn show service "$1" | jq length) $(shunt2 -j conn show service "$1" | jq length)"
}

# anew: of the web service, all servers are as they were at first, nobody remembers
# what was, and the first director has the VIPs.
anew() {
	local director

	for director in shunt shunt2; do
		$director conn del service web >/dev/null
		$director server del web 10.0.0.11
		$director server del web 10.0.0.12
		$director server del web 10.0.0.13
		printf "server add web 10.0.0.%s weight %s\n" 11 3 12 4 13 5 | $director -b -
	done
	changed=$SECONDS
	ways 1 0
}

# another_change: what changes from now on is not part of what changed before, which is a
# matter of time.
another_change() {
	# shellcheck disable=SC2317 # called by wait_until
	is_later() {
		((SECONDS > changed + 10))
	}
	wait_until 30 is_later
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
	check "$scheduler: 3:2:1" by_weight 600 "$(datagrams 600 $VIP4 53)"
done
for scheduler in sh dh; do
	shunt service set dns scheduler $scheduler
	shunt conn del service dns >/dev/null
	like "$scheduler: a client has one server" "$(datagrams 12 $VIP4 53)" "^d[123]=12$"
done
shunt service set dns scheduler maglev hash source
like "maglev, hash source: so it has" "$(datagrams 12 $VIP4 53)" "^d[123]=12$"
mapfile -t clients < <(seq -f 192.0.2.%g 21 220)
printf 'addr add %s/24 dev eth0\n' "${clients[@]}" | topo_batch client
for number in 11 12 13; do
	shunt server set web 10.0.0.$number weight $((14 - number))
done
shunt service set web scheduler sh seed s
check "sh: clients are shared 3:2:1" by_weight ${#clients[@]} "$(homes 80 | tally)"
for number in 11 12 13; do
	shunt server set web 10.0.0.$number weight 1
done

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
	$director service add web6 tcp "[$VIP6]:80" scheduler maglev midstream rehash
done
# At once, as a change that is one.
for service in dns web; do
	printf "server add $service 10.0.0.%s weight %s\n" 11 3 12 4 13 5 | shunt -b -
	printf "server add $service 10.0.0.%s weight %s\n" 12 4 13 5 11 3 | shunt2 -b -
done
printf "server add web6 2001:db8:a::%s weight %s\n" 11 3 12 4 13 5 | shunt -b -
printf "server add web6 2001:db8:a::%s weight %s\n" 12 4 13 5 11 3 | shunt2 -b -
changed=$SECONDS
mapfile -t ports < <(seq 10001 10040)
ways 1 0
first=$(chosen "${ports[@]}")
note "$first"
ways 0 1
is "contract 6: they agree on new connections" "$(chosen "${ports[@]}")" "$first"
is "which each of them has made" "$(shunt -j status | jq .connections) $(
	)$(shunt2 -j status | jq .connections)" "40 40"
forget
shunt service set dns seed other
ways 1 0
check "another seed is another table" [ "$(chosen "${ports[@]}")" != "$first" ]
shunt2 service set dns seed other
forget
ways 0 1
second=$(chosen "${ports[@]}")
ways 1 0
is "contract 6: the same seed is the same table" "$(chosen "${ports[@]}")" "$second"

dial flows $VIP4 80 40
was=$(ask flows)
like "connections by the first director" "$was" "d1=.*d2=.*d3="
ways 0 1
is "contract 6: in mid-stream, by the second" "$(ask flows)" "$was"
is "which has them all now" "$(held web)" "40 40"
shunt2 conn del service web >/dev/null
another_change
for director in shunt shunt2; do
	$director server drain web 10.0.0.12 "then" stay
done
is "contract 6: while a server drains they find it" "$(ask flows)" "$was"
like "and it takes no new ones" "$(requests 12 http://$VIP4/)" "^(d1=[0-9]+)?( ?d3=[0-9]+)?$"
shunt conn del service web >/dev/null
ways 1 0
is "contract 6: and back, by the first" "$(ask flows)" "$was"
hang_up flows

note "two directors, a change, and another one"
# By the client's address, so that it can be asked before what will become of it.
for director in shunt shunt2; do
	$director service set web hash source seed s
done
anew
mapfile -t first < <(homes 80)
declare -A asked=([d1]=0 [d2]=0 [d3]=0)
dialled_clients=()
for i in "${!clients[@]}"; do
	from=${first[i]}
	((asked[$from] < 6)) || continue
	asked[$from]=$((asked[$from] + 1))
	in_ns client ip route replace default via 192.0.2.1 src "${clients[i]}"
	dial "of ${clients[i]}" $VIP4 80
	dialled_clients+=("${clients[i]}")
done
all_asked() {
	local client

	for client in "${dialled_clients[@]}"; do
		ask "of $client"
		echo
	done | xargs
}
was=$(all_asked)
is "of each server" "$(tr ' ' '\n' <<<"$was" | tally)" "d1=1=6 d2=1=6 d3=1=6"
another_change
for director in shunt shunt2; do
	$director server drain web 10.0.0.12 "then" stay
done
changed=$SECONDS
ways 0 1
is "contract 6: a server drains" "$(all_asked)" "$was"
# What moves twice, to d3 and on, is remembered as that of d3.
mapfile -t second < <(homes 80)
for i in "${!clients[@]}"; do
	[[ ${first[i]} == d2 && ${second[i]} == d3 && ${dialled["of ${clients[i]}"]-} ]] || continue
	hang_up "of ${clients[i]}"
	for at in "${!dialled_clients[@]}"; do
		[[ ${dialled_clients[at]} != "${clients[i]}" ]] || unset "dialled_clients[at]"
	done
done
was=$(all_asked)
like "of each server, yet" "$(tr ' ' '\n' <<<"$was" | tally)" "d1=1=6 d2=1=[1-6] d3=1=6"
another_change
for director in shunt shunt2; do
	$director server set web 10.0.0.13 weight 0
done
shunt conn del service web >/dev/null
ways 1 0
is "contract 6: and later another one" "$(all_asked)" "$was"
is "as the first one has them all" "$(shunt -j conn show service web | jq length)" \
	${#dialled_clients[@]}
for client in "${dialled_clients[@]}"; do
	hang_up "of $client"
done
in_ns client ip route replace default via 192.0.2.1
for director in shunt shunt2; do
	$director service set web hash source-port
done

note "two directors, full servers"
anew
dial flows $VIP4 80 40
was=$(ask flows)
for director in shunt shunt2; do
	for number in 11 12 13; do
		$director server set web 10.0.0.$number upper-limit 2
	done
done
ways 0 1
is "contract 6: in mid-stream they find servers that are full" "$(ask flows)" "$was"
is "as all are" "$(requests 3 http://$VIP4/)" "error-7=3"
hang_up flows
anew

note "two directors at once"
printf '' | topo_batch router ipv4/fib_multipath_hash_policy=1 ipv6/fib_multipath_hash_policy=1
for service in web web6; do
	address=$VIP4
	[[ $service == web ]] || address=$VIP6
	ways 1 1
	dial flows "$address" 80 40
	was=$(ask flows)
	like "$service: all servers have some" "$was" "d1=.*d2=.*d3="
	held $service >"$WORK/held"
	note "$service: $(cat "$WORK/held")"
	# shellcheck disable=SC2016 # awk's
	check "$service: both directors carry some" awk '{ exit !($1 && $2 && $1 + $2 == 40) }' "$WORK/held"
	for paths in "1 5" "5 1" "0 1" "1 1" "1 0" "1 1"; do
		# shellcheck disable=SC2086 # two words
		ways $paths
		is "contract 6: $service: paths $paths: all stay" "$(ask flows)" "$was"
	done
	is "$service: each has carried all of them" "$(held $service)" "40 40"
	hang_up flows
done
ways 1 0

note "SYNs that nothing is remembered of"
for director in shunt shunt2; do
	$director service add beyond tcp $VIP4:8080 scheduler maglev midstream rehash
	printf 'server add beyond 10.0.0.%s weight %s\n' 11 3 12 4 13 5 | $director -b -
	$director limit connections 1
done
ways 1 0
dial beyond $VIP4 8080 12
was=$(ask beyond)
ways 0 1
is "contract 8: beyond the limit they agree, too" "$(ask beyond)" "$was"
hang_up beyond
