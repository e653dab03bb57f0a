#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# One allocation in a hundred fails of those that the module makes, or has made
# for it, while it carries packets: of real requests and datagrams, of connections
# from before, and of very many new clients. That costs packets, no more of them
# than allocations failed, and each of them is counted with one reason; no
# connection is lost, changes its server or is counted wrongly. And one in two fails
# while it looks at its servers' neighbours: that costs nothing.
#
#    The network of net.sh. The new clients' packets are made by bench/kmod and come
#    in by the director's eth0. What shunt sends on of them ends where it enters the
#    segments. What comes in for it, from clients and from NAT servers, is counted
#    where it enters the director.
# only: debug
# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/faults.sh
. "$(dirname "$0")/faults.sh"

# New clients at a time; how many times allocations may fail.
readonly MANY=3200 FAILURES=1000000
readonly LIVE=10 PATIENCE=60

# begin_failing [PERCENT], count_failed, end_failing: how many failed is then in $failed.
begin_failing() {
	fault times $FAILURES
	fault probability "${1-1}"
}

count_failed() {
	local kind

	failed=0
	for kind in "${FAULT_KINDS[@]}"; do
		failed=$((failed + FAILURES - $(<"$faults/$kind/times")))
	done
}

end_failing() {
	fault probability 0
	count_failed
}

# new_clients FIRST SERVICE: MANY of them, the first with this number.
new_clients() {
	local protocol=udp port=53 flags=0

	case $2 in
	dnat) port=5353 ;;
	nat) protocol=tcp port=8080 flags=0x02 ;;
	esac
	in_ns director sh -c 'echo "send dev=eth0 family=4 $*" >/proc/shunt_bench' sh \
		"protocol=$protocol src=20.0.0.0,0 dst=$VIP4,$port flags=$flags first=$1 count=$MANY"
}

# nft_count NAMESPACE NAME: packets.
nft_count() {
	nft_counters "$1" | awk -v name="$2" '$2 == name { print $3 }'
}

# What came in, what was forwarded, and what was not, so far.
came() {
	echo $(($(nft_count director asked) + $(nft_count director answered)))
}

forwarded() {
	shunt -j service show | jq 'map(.packets, (.servers[].return_packets)) | add'
}

not_forwarded() {
	drop_counts | jq 'add'
}

# kept: the real client's connections that are established, and their servers.
kept() {
	shunt -j conn show client 192.0.2.10 |
		jq -r '.[] | select(.state == "established") |
			"\(.service) \(.client_port) \(.server)"' | sort
}

counts_agree() {
	local connections

	connections=$(shunt -j status | jq .connections)
	[[ $connections -eq $(shunt -j conn show | jq length) &&
		$connections -eq $(shunt -j service show | jq 'map(.servers[].connections) | add') ]]
}

# links_have_failed COUNT: so many allocations, while links are looked at and used.
links_have_failed() {
	in_ns director ip route add blackhole 203.0.113.0/24
	in_ns director ip route del blackhole 203.0.113.0/24
	ask dsr >"$WORK/asked"
	count_failed
	[[ $failed -ge $1 ]]
}

now() {
	echo "$(came) $(forwarded) $(not_forwarded)"
}

# all_counted DESCRIPTION: since $before, which is what "now" said.
all_counted() {
	local came forwarded lost

	read -r came forwarded lost <<<"$before"
	came=$(($(came) - came)) forwarded=$(($(forwarded) - forwarded))
	lost=$(($(not_forwarded) - lost))
	note "$1: $came packets, of which $lost were not forwarded; $failed allocations failed"
	is "$1: each packet is forwarded, or counted with one reason" $((forwarded + lost)) "$came"
	check "$1: some were not forwarded" [ "$lost" -gt 0 ]
	check "$1: no more than allocations failed" [ "$lost" -le "$failed" ]
}

# many DESCRIPTION SERVICE SEGMENT FIRST: new clients alone, of which each is
# forwarded once, and has a connection, or is counted.
many() {
	local made sunk before

	before=$(now)
	made=$(shunt -j service show "$2" | jq '.[0].total_connections')
	sunk=$(nft_count "$3" sunk)
	begin_failing
	new_clients "$4" "$2"
	end_failing
	all_counted "$1"
	made=$(($(shunt -j service show "$2" | jq '.[0].total_connections') - made))
	check "$1: most have a connection" [ $made -ge $((MANY * 9 / 10)) ]
	# A connection that is made lasts, should its first packet be lost after all.
	check "$1: no packet went without one" [ $(($(nft_count "$3" sunk) - sunk)) -le $made ]
	is "$1: what was forwarded has left" $(($(nft_count "$3" sunk) - sunk)) \
		$((MANY - $(not_forwarded) + ${before##* }))
}

faults_up
insmod_shunt
insmod "$SHUNT_TOP/build/$(uname -r)-bench/shunt_bench.ko"
at_exit rmmod shunt_bench
topo_up
for segment in rack back; do
	in_ns $segment nft -f - <<-END
	table netdev sink {
		counter sunk { }
		chain flood {
			type filter hook ingress device director priority 0;
			ip saddr 20.0.0.0/8 counter name sunk drop
		}
	}
	END
done
in_ns director nft -f - <<-END
table netdev seen {
	counter asked { }
	counter answered { }
	chain eth0 {
		type filter hook ingress device eth0 priority 0;
		ip daddr $VIP4 meta l4proto { tcp, udp } counter name asked
	}
	chain eth1 {
		type filter hook ingress device eth1 priority 0;
		ip saddr { 10.1.0.21, 10.1.0.22 } meta l4proto { tcp, udp } counter name answered
	}
}
END
servers_up
services_up
read -ra module < <(module_span)
only "${module[@]}"
dial dsr "$VIP4" 80 $LIVE
dial nat "$VIP4" 8080 $LIVE
was_dsr=$(ask dsr)
was_nat=$(ask nat)
was=$(kept)
is "so many connections" "$(wc -l <<<"$was")" $((2 * LIVE))

note "new clients"
many "datagrams, DSR" dns rack 0
many "datagrams, NAT" dnat back 0
many "SYNs, NAT" nat back 0

note "real ones, beside them"
before=$(now)
begin_failing
new_clients $MANY dns &
web=$(requests 20 "http://$VIP4/")
nat=$(requests 20 "http://$VIP4:8080/")
dns=$(datagrams 20 "$VIP4" 53 -w 500)
dnat=$(datagrams 20 "$VIP4" 5353 -w 500)
is "DSR connections live meanwhile" "$(ask dsr)" "$was_dsr"
is "NAT connections live meanwhile" "$(ask nat)" "$was_nat"
wait $!
end_failing
all_counted "all together"
like "requests, DSR: are all answered" "$web" '^d1=[0-9]+ d2=[0-9]+ d3=[0-9]+$'
like "requests, NAT: are all answered" "$nat" '^n1=[0-9]+ n2=[0-9]+$'
note "datagrams: $dns, NAT: $dnat"
check "datagrams: most are answered" \
	[ "$(tr ' ' '\n' <<<"$dns $dnat" | awk -F= '/^[dn]/ { sum += $2 } END { print sum + 0 }')" -ge 30 ]

note "links"
begin_failing 50
check "many fail while links are looked at" wait_until $PATIENCE links_have_failed 100
end_failing
is "DSR connections live meanwhile, too" "$(<"$WORK/asked")" "$was_dsr"
is "nothing was lost but for memory" \
	"$(drops | tr ' ' '\n' | sed 's/=.*//' | grep -vx 'no-memory\|no-route\|not-sent' || :)" ""

note "afterwards"
is "no connection is lost, or has changed its server" \
	"$(comm -23 <(echo "$was") <(kept))" ""
is "DSR connections live" "$(ask dsr)" "$was_dsr"
is "NAT connections live" "$(ask nat)" "$was_nat"
before=$(not_forwarded)
like "new clients are served" "$(requests 3 "http://$VIP4/") $(requests 2 "http://$VIP4:8080/")" \
	'^d1=1 d2=1 d3=1 n1=1 n2=1$'
is "and nothing is lost any more" "$(not_forwarded)" "$before"
check "all counts of connections agree" wait_until $PATIENCE counts_agree
