#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The tracepoints: each fires once for what it is about, and names it: new
# connections, those that expire, those that the director resets, and packets
# that are not forwarded with the reason that is counted.
# kernels: 6.12
# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/peers.sh
. "$(dirname "$0")/peers.sh"

readonly TRACING=/sys/kernel/tracing

# traced: what was traced since the last look, one event a line.
traced() {
	sed -n 's/^.*: \(shunt_[a-z_]*: .*\)$/\1/p' $TRACING/trace
	: >$TRACING/trace
}

has_traced() {
	grep -q "shunt_$1: " $TRACING/trace
}

# ends PORT MODE FAMILY: the fields that name a connection of the flow.
ends() {
	local server

	server=$(bracketed "$(server_of "$home" "$3")")
	[[ $2 == nat ]] && server+=:80 || server+=:$1
	echo "client=$client address=${vip_of[$3]}:$1 server=$server"
}

# In DSR the client's ACK makes the connection.
declare -A first=([dsr]=established [nat]=syn)

# connection MODE FAMILY PORT
connection() {
	local mode=$1 version=$2 port=$3 what="${1^^}, IPv$2"

	begin "$version" "$port"
	home=$(peer "shake()")
	is "$what: a new connection" "$(traced)" \
		"shunt_conn_new: service=$mode$version protocol=tcp $(ends "$port" "$mode" "$version") state=${first[$mode]}"
	peer "c('PA', b'data')" >/dev/null
	is "$what: data is nothing new" "$(traced)" ""
	shunt service set "$mode$version" timeout established 1
	check "$what: it expires" wait_until 20 has_traced conn_expired
	is "$what: an end" "$(traced)" \
		"shunt_conn_expired: service=$mode$version protocol=tcp $(ends "$port" "$mode" "$version") state=established"

	shunt service set "$mode$version" on-expire reset timeout established 600
	begin "$version" "$port"
	home=$(peer "shake()")
	peer "c('FA')" >/dev/null
	shunt service set "$mode$version" timeout closing 1
	check "$what: it expires, with on-expire reset" wait_until 20 has_traced conn_reset
	is "$what: an end with a reset" "$(traced)" "$(printf '%s\n' \
		"shunt_conn_new: service=$mode$version protocol=tcp $(ends "$port" "$mode" "$version") state=${first[$mode]}" \
		"shunt_conn_expired: service=$mode$version protocol=tcp $(ends "$port" "$mode" "$version") state=closing" \
		"shunt_conn_reset: service=$mode$version protocol=tcp $(ends "$port" "$mode" "$version") state=closing")"
}

# dropped FAMILY: packets in mid-stream, and to a server that is no more.
dropped() {
	local version=$1 what="IPv$1" to=${vip_of[$1]}

	begin "$version" 80
	peer "c('A')" >/dev/null
	is "$what: a packet that is dropped" "$(traced)" \
		"shunt_packet_dropped: service=dsr$version protocol=tcp source=$client destination=$to:80 reason=no-connection"
	begin "$version" 54 UDP
	home=$(peer "c()")
	traced >/dev/null
	shunt server del "removed$version" "$(server_of d1 "$version")"
	peer "c()" >/dev/null
	is "$what: on-remove reset" "$(traced)" "$(printf '%s\n' \
		"shunt_conn_reset: service=removed$version protocol=udp $(ends 54 dsr "$version") state=one-way" \
		"shunt_packet_dropped: service=removed$version protocol=udp source=$client destination=$to:54 reason=server-removed")"
	peer "c()" >/dev/null
	is "$what: no server" "$(traced)" \
		"shunt_packet_dropped: service=removed$version protocol=udp source=$client destination=$to:54 reason=no-server"
}

insmod_shunt
topo_up
peers_up
for version in 4 6; do
	serve dsr$version tcp $version 80 dsr d1
	serve nat$version tcp $version 8080 nat n1:80
	serve removed$version udp $version 54 dsr d1 -- on-remove reset
done

is "there are four" "$(cd $TRACING/events/shunt && echo */ | tr -d /)" \
	"shunt_conn_expired shunt_conn_new shunt_conn_reset shunt_packet_dropped"
: >$TRACING/trace
begin 4 80
peer "shake()" >/dev/null
is "none fires unless it is told to" "$(traced)" ""
# Nor is its end to be told of.
shunt conn del service dsr4 >/dev/null
echo 1 >$TRACING/events/shunt/enable
for version in 4 6; do
	connection dsr $version 80
	connection nat $version 8080
	dropped $version
done

note "fields"
is "of a connection" "$(sed -n 's/^\tfield:[^;]* \([a-z]*\)\(\[.*\]\)\{0,1\};.*/\1/p' \
	$TRACING/events/shunt/shunt_conn_new/format | grep -v common | paste -sd ' ')" \
	"service protocol state client address server"
is "of a packet" "$(sed -n 's/^\tfield:[^;]* \([a-z]*\)\(\[.*\]\)\{0,1\};.*/\1/p' \
	$TRACING/events/shunt/shunt_packet_dropped/format | grep -v common | paste -sd ' ')" \
	"service protocol source destination reason"
check "a filter on a field" sh -c \
	"echo 'reason == \"no-server\"' >$TRACING/events/shunt/shunt_packet_dropped/filter"
begin 4 80
peer "c('A')" >/dev/null
begin 4 54 UDP
peer "c()" >/dev/null
is "it filters" "$(traced | grep -o 'reason=.*')" "reason=no-server"
echo 0 >$TRACING/events/shunt/enable
