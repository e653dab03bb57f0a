#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Servers come and go under traffic. While clients ask all the time and each
# server has a long download running, servers are added, removed, added again,
# given other weights and modes, and the scheduler changes: no request fails,
# every download arrives as it was sent, and a connection stays where it is.
# The tuple of a finished connection serves for a new one at once. Deleting
# the service ends what it had.
# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"

readonly LONG=$WORK/www/long

askers=()
# Ask all the time, each request over a connection of its own: NAME URL. As fast as
# can be would leave no time for what happens meanwhile.
keep_asking() {
	spawn client curl -s -N --rate 20/s -H 'Connection: close' --connect-timeout 5 \
		-w '%{onerror}error-%{exitcode}\n' "$2?[1-100000]" >"$WORK/asked-$1"
	askers+=("$spawned")
	disown
}

asked() {
	wc -l <"$WORK/asked-$1"
}

# more NAME: let some more requests pass.
more() {
	local now

	now=$(asked "$1")
	# shellcheck disable=SC2317 # called by wait_until
	more_than() { (($(asked "$1") > $2)); }
	wait_until 30 more_than "$1" $((now + 4))
}

stop_asking() {
	kill "${askers[@]}"
	stopped() {
		! kill -0 "${askers[@]}"
	}
	wait_until 20 stopped
}

# A download whose reader takes its time while $WORK/slow exists, more time
# than there is room in buffers: NAME URL. Succeeds if it is the file.
declare -A downloads
download() {
	# shellcheck disable=SC2016 # expanded by the inner shell
	spawn client bash -c 'set -o pipefail
		curl -s "$0" | {
			while [[ -e $1 ]]; do head -c 64K; sleep 0.9; done
			cat
		} | cmp - "$2"' "$2" "$WORK/slow" "$LONG"
	downloads[$1]=$spawned
}

# listed SERVICE: the servers, as "11 12".
listed() {
	shunt -j service show "$1" | jq -r '.[0].servers | map(.address | split(".")[3]) | join(" ")'
}

# keepers_at SERVER: the client's ports of its established connections.
keepers_at() {
	shunt -j conn show server "$1" | jq '.[] | select(.state == "established") | .client_port' | sort
}

# kept SERVER: how many of those it began with it has.
kept() {
	keepers_at "$1" | comm -12 - "$WORK/keepers-$1" | wc -l
}

# answering NAME COMMAND...: run it, and see who answers after it.
answering() {
	local name=$1 from

	shift
	"$@"
	more "$name" || echo "nobody answers"
	from=$(asked "$name")
	more "$name" || echo "nobody answers"
	tail -n "+$((from + 1))" "$WORK/asked-$name" | sort -u | paste -sd ' '
}

set_web() { shunt service set web "$@"; }
set_server() { shunt server set web "$@"; }

# The connections that stay, each with the server it began with.
keepers=(d-1 d-2 d-3 n-1 n-2)
declare -A home
still_home() {
	local name is was

	for name in "${keepers[@]}"; do
		is+=" $(ask "$name")"
		was+=" ${home[$name]}"
	done
	is "$1: connections are where they were" "$is" "$was"
}

insmod_shunt
topo_up
servers_up
# n1 can serve by DSR as well: it has the VIP, and its way out is the director.
topo_batch n1 ipv4/conf/all/arp_ignore=1 ipv4/conf/all/arp_announce=2 <<-END
	addr add $VIP4/32 dev lo
END
head -c 16M /dev/urandom >"$LONG"
touch "$WORK/slow"

shunt service add web tcp $VIP4:80
for number in 11 12 13; do
	shunt server add web 10.0.0.$number
done
shunt service add nat tcp $VIP4:8080 mode nat
shunt server add nat 10.1.0.21:80
shunt server add nat 10.1.0.22:80

for name in "${keepers[@]}"; do
	url=http://$VIP4/long port=80
	[[ $name == d-* ]] || url=http://$VIP4:8080/long port=8080
	# By turns: what the download takes from a server, the next one gives back.
	download "$name" "$url"
	was=$(shunt -j status | jq .connections)
	connected() { (($(shunt -j status | jq .connections) > was)); }
	wait_until 20 connected
	dial "$name" $VIP4 $port
	home[$name]=$(ask "$name")
done
for address in 10.0.0.11 10.0.0.12 10.0.0.13 10.1.0.21:80 10.1.0.22:80; do
	keepers_at $address >"$WORK/keepers-$address"
	is "$address has a long download and a connection that stays" "$(kept $address)" 2
done

note "changes under traffic"
keep_asking web http://$VIP4/
keep_asking nat http://$VIP4:8080/
is "all servers answer" "$(answering web true)" "d1 d2 d3"

is "a heavier server" "$(answering web set_server 10.0.0.11 weight 5)" "d1 d2 d3"
is "scheduler wrr" "$(answering web set_web scheduler wrr | grep -o d1)" d1
is "weight 0 for d1" "$(answering web set_server 10.0.0.11 weight 0)" "d2 d3"
still_home "weight 0"
is "d1 is back" "$(answering web set_server 10.0.0.11 weight 1)" "d1 d2 d3"

is "d2 removed" "$(answering web shunt server del web 10.0.0.12)" "d1 d3"
is "it is not listed" "$(listed web)" "11 13"
is "it keeps its connections" "$(kept 10.0.0.12)" 2
still_home "d2 removed"
is "d2 added again" "$(answering web shunt server add web 10.0.0.12)" "d1 d2 d3"
is "it has its connections" "$(kept 10.0.0.12)" 2

is "n1 added, by DSR" "$(answering web shunt server add web 10.1.0.21)" "d1 d2 d3 n1"
is "n1 by NAT" "$(answering web set_server 10.1.0.21 mode nat)" "d1 d2 d3 n1"
is "n1 by DSR again" "$(answering web set_server 10.1.0.21 mode dsr)" "d1 d2 d3 n1"
set_web mode nat
is "n1 removed" "$(answering web shunt server del web 10.1.0.21)" "d1 d2 d3"
is "scheduler rr" "$(answering web set_web scheduler rr)" "d1 d2 d3"

is "NAT: n1 removed" "$(answering nat shunt server del nat 10.1.0.21:80)" "n2"
is "it keeps its connections" "$(kept 10.1.0.21:80)" 2
still_home "NAT: n1 removed"
is "NAT: n1 added again" "$(answering nat shunt server add nat 10.1.0.21:80)" "n1 n2"
like "NAT: scheduler wlc" "$(answering nat shunt service set nat scheduler wlc)" "^n1|^n2"

stop_asking
for name in web nat; do
	check "$name: there was traffic all the time" [ "$(asked $name)" -ge 80 ]
	is "$name: no request failed" "$(grep -v '^[dn][123]$' "$WORK/asked-$name" || :)" ""
done

note "the long downloads"
for name in "${keepers[@]}"; do
	check "$name: was not done before" kill -0 "${downloads[$name]}"
done
rm "$WORK/slow"
for name in "${keepers[@]}"; do
	status=0
	wait "${downloads[$name]}" || status=$?
	is "$name: arrived as it was sent" $status 0
done
still_home "at the end"
is "no packet was dropped" "$(drops)" ""

note "one tuple, again and again"
# Where the client happens to close first, its port is free at once all the same.
in_ns client sh -c 'echo 0 >/proc/sys/net/ipv4/tcp_max_tw_buckets'
port_free() {
	[[ -z $(in_ns client ss -Htan "sport = :$1") ]]
}

# reuse NAME URL PORT WANTED: rr shows that each is a new connection.
reuse() {
	local got=()

	for _ in 1 2 3 4 5 6; do
		wait_until 30 port_free "$3"
		got+=("$(in_ns client curl -s --local-port "$3" --connect-timeout 5 \
			-w '%{time_connect}' -H 'Connection: close' "$2" || echo "error $?")")
	done
	is "$1: each is a new connection" \
		"$(printf '%s\n' "${got[@]}" | grep '^[a-z]' | tally)" "$4"
	# A lost SYN would be sent again after a second.
	is "$1: and none waits" "$(printf '%s\n' "${got[@]}" | grep '^[1-9]' || :)" ""
}

reuse DSR http://$VIP4/ 30001 "d1=2 d2=2 d3=2"
shunt service set nat scheduler rr
reuse NAT http://$VIP4:8080/ 30002 "n1=3 n2=3"
is "one connection for all, by DSR" \
	"$(shunt -j conn show client 192.0.2.10:30001 | jq length)" 1

note "a service goes"
shunt service del web
is "its connections go with it" \
	"$(shunt -j conn show | jq -r 'map(.service) | unique | join(" ")')" nat
is "those of others stay" "$(ask n-1)" "${home[n-1]}"
shunt flush
is "flush: none is left" "$(shunt -j status | jq -c '[.services, .servers, .connections, .hooked]')" \
	"[0,0,0,false]"
