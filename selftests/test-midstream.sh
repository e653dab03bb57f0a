#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Packets in mid-stream that belong to no connection, and what is sent back when
# there is nothing else to do. With midstream reset the client gets a RST, with
# rehash a server is chosen; so programs do not notice that the director forgot
# their connections, had all its services removed, or was loaded anew. What is
# rejected has a limit per second, what is counted has none.
# kernels: 6.12
# vm-options: --timeout 900
# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/peers.sh
. "$(dirname "$0")/peers.sh"

# told SERVICE: its midstream.
told() {
	shunt -j service show "$1" | jq -r '.[0].midstream'
}

# midstream MODE FAMILY PORT
midstream() {
	local service=$1$2 what="${1^^}, IPv$2" flags

	is "$what: midstream is reset" "$(told "$service")" reset
	begin "$2" "$3"
	goes "$what, midstream reset: ACK" "client R +0" "c('A')"
	goes "$what, midstream reset: RST" nothing "c('R')"
	goes "$what, midstream reset: FIN" "client R +0" "c('FA')"
	is "$what, midstream reset: no connection" "$(conn)" ""
	counted "$what, midstream reset" no-connection=3
	shunt service set "$service" midstream rehash
	is "$what: midstream is rehash" "$(told "$service")" rehash
	for flags in R RA; do
		begin "$2" "$3"
		goes "$what, midstream rehash: $flags" nothing "c('$flags')"
		is "$what, midstream rehash: $flags makes no connection" "$(conn)" ""
	done
	counted "$what, midstream rehash" no-connection=2
	for flags in PA FA; do
		begin "$2" "$3"
		home=$(peer "c('$flags', b'data')")
		like "$what, midstream rehash: $flags reaches a server" "$home" "^[dn][123]$"
		goes "$what, midstream rehash: the next one, too" "$home" "c('A')"
		like "$what, midstream rehash: one connection" "$(conn)" "^[a-z]+ $home$"
		goes "$what, midstream rehash: the answer" client "s('A')"
	done
	counted "$what, midstream rehash, data"
	shunt service set "$service" midstream reset
}

# Programs, with the only server there can be.
survivors() {
	local version name names=(sock-dsr4 sock-nat4 sock-dsr6 sock-nat6)

	# survive HOW: each goes on, both ways.
	survive() {
		for name in "${names[@]}"; do
			goes "midstream rehash, $1: $name: the client's data" "$1" "say('$name', 'c', '$1')"
			goes "midstream rehash, $1: $name: the server's" answer "say('$name', 's', 'answer')"
		done
	}
	sock_services() {
		for version in 4 6; do
			serve sock-dsr$version tcp $version 9000 dsr d1 -- midstream rehash
			serve sock-nat$version tcp $version 9001 nat n1:9000 -- midstream rehash
		done
	}

	peer "listen(9000)" >/dev/null
	sock_services
	for version in 4 6; do
		peer "connect('sock-dsr$version', $version, 9000)" >/dev/null
		peer "connect('sock-nat$version', $version, 9001)" >/dev/null
	done
	survive start
	is "conn del" "$(for name in "${names[@]}"; do
		shunt conn del service "$name"
	done | sort -u)" "1 connection deleted"
	survive del
	is "they are listed again" "$(shunt -j conn show | jq -r 'map(.service) | sort | join(" ")')" \
		"sock-dsr4 sock-dsr6 sock-nat4 sock-nat6"
	shunt flush
	sock_services
	survive flush
	rmmod shunt
	insmod_shunt
	sock_services
	survive reload
	is "nothing was dropped" "$(drops)" ""
	for name in "${names[@]}"; do
		shunt service set "$name" midstream reset
		shunt conn del service "$name" >/dev/null
		peer "pairs['$name']['c'].send(b'more')" >/dev/null
		goes "midstream reset: $name: the client reads a reset" ECONNRESET "fate('$name', 'c')"
	done
	shunt flush
}

# More than the limit by far, in whatever time the machine takes.
rejections() {
	local took got most

	in_ns client nft -f - <<-END
	table inet flood {
		counter resets { }
		chain in {
			type filter hook prerouting priority -310
			ip saddr $VIP4 tcp sport 83 tcp flags rst counter name resets
		}
	}
	END
	serve flood tcp 4 83 dsr d1
	took=$(peer "flood(83, 20000)")
	got=$(nft_counters client | awk '{ print $3 }')
	note "20000 packets in $took s were answered by $got resets"
	check "contract 10: all were counted" \
		[ "$(shunt -j drops | jq '[.[] | select(.service == "flood") | .count] | add')" -eq 20000 ]
	check "rejections: as many as allowed at least" [ "$got" -ge 1000 ]
	# The module counts per second of its clock: a time of N and a bit touches N + 2.
	most=$(((${took%.*} + 2) * 1000))
	check "rejections: no more than 1000 per second" [ "$got" -le $most ]
	if [[ $most -lt 20000 ]]; then
		pass "rejections: that was more than allowed"
	else
		skip "rejections: that was more than allowed" "this machine sends no more"
	fi
	in_ns client nft delete table inet flood
	shunt service del flood
	is "contract 10: what was counted stays counted when the service goes" \
		"$(shunt -j drops | jq '[.[] | select(.reason == "no-connection") | .count] | add')" 20000
}

insmod_shunt
topo_up
peers_up
for version in 4 6; do
	serve dsr$version tcp $version 80 dsr d1 d2 d3
	serve nat$version tcp $version 8080 nat n1:80 n2:80
done
for version in 4 6; do
	midstream dsr $version 80
	midstream nat $version 8080
done
shunt flush
rmmod shunt
insmod_shunt

note "programs"
survivors

note "many rejections"
rmmod shunt
insmod_shunt
rejections
