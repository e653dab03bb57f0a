#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# How long connections last without a packet: per service and per state, as
# set, for those that there are at once, and exact to +1 s / -0 s, in listings
# as for packets. Traffic keeps a connection for as long as it comes. With
# on-expire reset both ends, sockets of a client and of a server, are told; by
# default nobody is.
# kernels: 6.12
# vm-options: --timeout 900
# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/peers.sh
. "$(dirname "$0")/peers.sh"

# All different, so that none can be taken for another; and long enough for all
# services to be told before the first is over.
case $SHUNT_KERNEL in
debug) readonly MORE=40 ;;
*) readonly MORE=10 ;;
esac
declare -A short=([syn]=$((11 + MORE)) [established]=$((9 + MORE)) [closing]=$((12 + MORE))
	[closed]=$((13 + MORE)) [one-way]=$((9 + MORE)) [answered]=$((10 + MORE)))
declare -A port_of=([dsr]=80 [nat]=8080 [udp-dsr]=53 [udp-nat]=5353)

# timeouts SERVICE: as JSON.
timeouts() {
	shunt -j service show "$1" | jq -c '.[0].timeouts'
}

# shorten SERVICE STATE...: set these timeouts in one command.
shorten() {
	local name=$1 state words=()

	shift
	for state; do
		words+=(timeout "$state" "${short[$state]}")
	done
	shunt service set "$name" "${words[@]}"
}

# left: how long the flow's connection has, in seconds.
left() {
	shunt -j conn show client "$client" | jq '.[0].expires'
}

# The flows that are watched: port: (state, seconds), and what they are.
watched=''
declare -A title

# leave MODE FAMILY STATE EXPRESSION PACKET: a flow that is brought to the state
# by the expression, and left there with one more packet a little later. The
# time of a packet used to be noted once a second only, so that such a packet
# did not count.
plan=''
leave() {
	local protocol=TCP

	[[ $1 != udp-* ]] || protocol=UDP
	begin "$2" "${port_of[$1]}" $protocol
	title[$sport]="${1^^}, IPv$2, $3"
	peer "[$4]" >/dev/null
	is "${title[$sport]}: the state" "$(conn | cut -d' ' -f1)" "$3"
	plan+="$sport: (0.9, \"$5\"), "
	watched+="$sport: ('$3', ${short[$3]}), "
}

# Made while the timeouts are still long.
leave_all() {
	local mode=$1 version=$2

	if [[ $mode == udp-* ]]; then
		leave "$mode" "$version" one-way "c()" "c()"
		[[ $mode == udp-dsr ]] || leave "$mode" "$version" answered "c(), s()" "c()"
		return
	fi
	[[ $mode == dsr ]] || leave "$mode" "$version" syn "c('S')" "again()"
	leave "$mode" "$version" established "shake()" "c('A')"
	leave "$mode" "$version" closing "shake(), c('FA')" "c('A')"
	if [[ $mode == dsr ]]; then
		leave "$mode" "$version" closed "shake(), c('R')" "again()"
	else
		leave "$mode" "$version" closed "shake(), c('FA'), s('FA')" "c('A')"
		leave "$mode" "$version" established "shake()" "s('A')"
	fi
}

insmod_shunt
topo_up
peers_up
for version in 4 6; do
	serve dsr$version tcp $version 80 dsr d1 d2 d3 -- timeout syn 600 timeout closing 600 \
		timeout closed 600
	serve nat$version tcp $version 8080 nat n1:80 n2:80 -- timeout syn 600 timeout closing 600 \
		timeout closed 600
	serve udp-dsr$version udp $version 53 dsr d1 d2 d3
	serve udp-nat$version udp $version 5353 nat n1:53 n2:53
done

note "contract 7: set and shown"
shunt service add set tcp $VIP4:1
readonly TCP_DEFAULTS='{"syn":60,"established":8100,"closing":120,"closed":10}'
readonly UDP_DEFAULTS='{"one-way":300,"answered":300}'
is "TCP defaults" "$(timeouts set)" "$TCP_DEFAULTS"
is "UDP defaults" "$(timeouts udp-nat4)" "$UDP_DEFAULTS"
shunt service del set
shunt service add set tcp $VIP4:1 timeout closing 7 timeout syn 2678400
is "set with the service, the others as they are" "$(timeouts set)" \
	'{"syn":2678400,"established":8100,"closing":7,"closed":10}'
shunt service set set timeout established 1
is "set later, the others as they are" "$(timeouts set)" \
	'{"syn":2678400,"established":1,"closing":7,"closed":10}'
is "of another service: as they were" "$(timeouts udp-dsr4)" "$UDP_DEFAULTS"
shunt service del set

note "contract 7: each state, in listings"
for mode in dsr nat udp-dsr udp-nat; do
	leave_all $mode 4
	leave_all $mode 6
done
is "every flow has a connection" \
	"$(shunt -j conn show | jq "[.[] | select(.client_port < 20000)] | length")" "${#title[@]}"
# The first time they are overdue.
peer "in_turn({$plan})" >/dev/null
arrived=$(peer "in_turn({$plan})")
is "the last packets arrive" \
	"$(jq -r '.[]' <<<"$arrived" | grep -cE '^(client|[dn][123])$')" "${#title[@]}"
for version in 4 6; do
	shorten dsr$version syn established closing closed
	shorten nat$version syn established closing closed
	shorten udp-dsr$version one-way
	shorten udp-nat$version one-way answered
done
verdict=$(peer "watch({$watched})")
for sport in "${!title[@]}"; do
	is "contract 7: ${title[$sport]}: gone in time" \
		"$(jq -r --arg port "$sport" '.[$port]' <<<"$verdict")" exact
done

note "contract 7: at once"
for service in dsr4 nat6; do
	version=${service: -1}
	begin "$version" "${port_of[${service%?}]}"
	peer "shake()" >/dev/null
	shunt service set $service timeout established 600
	like "$service: longer" "$(left)" "^(59[0-9]|600)$"
	shunt service set $service timeout established 60
	like "$service: shorter" "$(left)" "^(5[0-9]|60)$"
	shunt service set $service timeout closing 30
	like "$service: another state's" "$(left)" "^(5[0-9]|60)$"
done

note "contract 7: for packets"
# leave_short: a flow of each of some services, whose timeout is 6 s.
leave_short() {
	local service mode version

	before='' after='' homes=() watching=()
	for service in dsr4 nat4 dsr6 nat6 udp-dsr4 udp-nat6; do
		mode=${service%?} version=${service: -1}
		if [[ $mode == udp-* ]]; then
			begin "$version" "${port_of[$mode]}" UDP
			shunt service set $service timeout one-way 6
			peer "c()" >/dev/null
			before+="$sport: (5.5, 'c()'), "
			after+="$sport: (7.1, 'c()'), "
		else
			begin "$version" "${port_of[$mode]}"
			shunt service set $service timeout established 6
			peer "shake()" >/dev/null
			before+="$sport: (5.5, \"c('A')\"), "
			after+="$sport: (7.1, \"c('A')\"), "
		fi
		homes+=("$(peer "flow.home")")
		title[$sport]=$service
		watching+=("$sport")
	done
}

# strays: how many packets have found no connection.
strays() {
	drop_counts | jq '."no-connection" // 0'
}

# How many are to: those of four flows, on purpose, and of those that were repeated.
lost=4
for _ in 1 2 3 4 5; do
	was=$(strays)
	leave_short
	arrived=$(peer "in_turn({$before}, 5.9)")
	[[ $arrived == *late* ]] || break
	lost=$((lost + $(strays) - was))
done
later=$(peer "in_turn({$after})")
for i in "${!watching[@]}"; do
	sport=${watching[i]}
	is "contract 7: ${title[$sport]}: there 0.5 s before its time is up" \
		"$(jq -r --arg port "$sport" '.[$port]' <<<"$arrived")" "${homes[i]}"
	found=$(jq -r --arg port "$sport" '.[$port]' <<<"$later")
	if [[ ${title[$sport]} == udp-* ]]; then
		# By turns, so a new connection has another server.
		check "contract 7: ${title[$sport]}: a new one 1.1 s after" \
			[ "$found" != "${homes[i]}" ]
	else
		is "contract 7: ${title[$sport]}: not there 1.1 s after" "$found" "client R +0"
	fi
done

note "traffic keeps a connection"
# kept SERVICE PREPARED EXPRESSION: what the peers say of a flow of this service that is
# kept by this, on a new one as long as they stall.
kept() {
	for _ in 1 2 3 4 5; do
		was=$(strays)
		begin "${1: -1}" "${port_of[${1%?}]}"
		shunt service set "$1" timeout established 600 timeout closing 600
		home=$(peer "shake()")
		[[ ! $2 ]] || peer "$2" >/dev/null
		shunt service set "$1" timeout established 2 timeout closing 2
		said=$(peer "steady(5, 0.5, \"$3\")")
		[[ $said == stalled ]] || break
		lost=$((lost + $(strays) - was))
	done
}

for service in dsr4 nat6; do
	kept $service "" "c('A')"
	# The time left is not that of the defaults.
	like "$service: the client's" "$said" "^$home: (established $home expires [12] ?)+$"
done
kept nat6 "" "s('A')"
like "nat6: the server's" "$said" "^client: (established $home expires [12] ?)+$"
kept nat6 "c('FA')" "s('A')"
like "nat6: the server's, half closed" "$said" "^client: (closing $home expires [12] ?)+$"

note "programs that close one side"
peer "listen(9000)" >/dev/null
for version in 4 6; do
	serve sock-dsr$version tcp $version 9000 dsr d1 -- timeout closing 2 timeout established 3
	serve sock-nat$version tcp $version 9001 nat n1:9000 -- timeout closing 2 \
		timeout established 3
	for port in 9000 9001; do
		for _ in 1 2 3 4 5; do
			was=$(strays)
			peer "connect('half', $version, $port)" >/dev/null
			said=$(peer "half_close('half', 5, 0.3)")
			[[ $said == stalled ]] || break
			lost=$((lost + $(strays) - was))
		done
		is "port $port, IPv$version: the server may go on" "$said" all
	done
done

note "on-expire"
# expire SERVICE DESCRIPTION WANTED SECONDS: what the peers get when the time is up,
# of two packets at most.
expire() {
	shunt service set "$1" timeout established 600
	begin "${1: -1}" "${port_of[${1%?}]}"
	home=$(peer "shake()")
	peer "[c('PA', b'request'), s('PA', b'answer'), c('A')]" >/dev/null
	shunt service set "$1" timeout established 1
	like "$2" "$(peer "heard(2, $4)")" "${3//HOME/$home}"
	is "$2: the connection is gone" "$(conn)" ""
}

for service in dsr4 nat4 dsr6 nat6; do
	is "$service: on-expire is silent" \
		"$(shunt -j service show $service | jq -r '.[0]["on-expire"]')" silent
	expire $service "$service, silent: nobody is told" "^nothing$" 5
	shunt service set $service on-expire reset
	is "$service: on-expire is reset" \
		"$(shunt -j service show $service | jq -r '.[0]["on-expire"]')" reset
	expire $service "$service, reset: both are told, with the right numbers" \
		"^HOME RA? \+0( \+0)?, client RA? \+0( \+0)?$|^client RA? \+0( \+0)?, HOME RA? \+0( \+0)?$" 30
done
for version in 4 6; do
	for name in sock-dsr$version sock-nat$version; do
		shunt service set "$name" on-expire reset timeout established 600
		port=900$([[ $name == *dsr* ]] && echo 0 || echo 1)
		peer "connect('$name', $version, $port)" >/dev/null
		goes "$name: the client asks" request "say('$name', 'c', 'request')"
		goes "$name: the server answers" answer "say('$name', 's', 'answer')"
		shunt service set "$name" timeout established 2
	done
done
for name in sock-dsr4 sock-nat4 sock-dsr6 sock-nat6; do
	goes "$name: the client reads a reset" ECONNRESET "fate('$name', 'c')"
	goes "$name: the server reads a reset" ECONNRESET "fate('$name', 's')"
done
# The packets that came too late, on purpose.
is "nothing else was dropped" "$(drops)" "no-connection=$lost"
