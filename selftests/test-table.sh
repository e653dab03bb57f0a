#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The connection table follows the number of connections: it grows under traffic
# and shrinks when they are gone; connections that are there meanwhile stay, and
# a listing shows each once. A connection takes as little memory as is said, its
# share of the buckets with it when that is the largest, and gives it back.
# kernels: 6.12 debug
#
#    The network of net.sh. The floods come from the router, by pktgen; the
#    servers that get them throw them away.
# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/flood.sh
. "$(dirname "$0")/flood.sh"

# The debug kernel is slow, and keeps notes beside each object.
case $SHUNT_KERNEL in
debug) readonly FLOOD=3000 PATIENCE=120 SIZE=object_size ;;
*) readonly FLOOD=60000 PATIENCE=30 SIZE=slab_size ;;
esac

buckets() {
	shunt -j status | jq .buckets
}

has_buckets() {
	[[ $(buckets) -eq $1 ]]
}

has_connections() {
	[[ $(connections) -eq $1 ]]
}

# Listings, one after the other, until there is a file "enough": for each, how
# many connections it shows more than once.
list_all_the_time() {
	until [[ -e $WORK/enough ]]; do
		shunt -j conn show | jq 'length - (map("\(.client) \(.client_port)") | unique | length)' \
			>>"$WORK/twice"
	done
}

# above NUMBER: the least power of two that is.
above() {
	local power=1

	while [[ $power -le $1 ]]; do
		power=$((power * 2))
	done
	echo "$power"
}

# grow SERVICE CONNECTIONS BUCKETS
grow() {
	rm -f "$WORK/enough" "$WORK/twice"
	list_all_the_time &
	flood "$FLOOD" >/dev/null
	check "$1: all have a connection" wait_until $PATIENCE has_connections "$2"
	check "$1: the table has grown" wait_until $PATIENCE has_buckets "$3"
	check "$1: listed meanwhile" wait_until $PATIENCE test -s "$WORK/twice"
	: >"$WORK/enough"
	wait $!
	is "$1: whatever it does, a listing shows none twice" "$(sort -u "$WORK/twice")" 0
	is "$1: and at last each once" "$(shunt -j conn show service "$1" | jq length)" "$FLOOD"
}

# shrink SERVICE LEFT
shrink() {
	shunt service set "$1" timeout one-way 1
	check "$1: a shorter timeout holds for those there are" wait_until $PATIENCE has_connections "$2"
	check "$1: the table has shrunk" wait_until $PATIENCE has_buckets 1024
	shunt service set "$1" timeout one-way 300
}

is_small() {
	[[ $(bytes_of_connections) -lt $1 ]]
}

# The table has just grown for so many, and there never are more buckets for each.
memory() {
	local many=300000 buckets=524288 bytes

	shunt service add many udp "$VIP4:9"
	shunt server add many 10.0.0.13
	flood $many >/dev/null
	check "many: all have a connection" wait_until $PATIENCE has_connections $((many + 1))
	check "many: the table has grown" wait_until $PATIENCE has_buckets $buckets
	bytes=$(($(bytes_of_connections) + $(bytes_of_buckets $buckets)))
	note "a connection takes $((10 * bytes / many)) tenths of a byte"
	check "many: no more than 80 bytes for each" test $bytes -le $((80 * many))
	check "many: and no less than is possible" test $bytes -ge $((72 * many))
	shrink many 1
	check "many: their memory is given back" wait_until $PATIENCE is_small $((many * 64 / 10))
	shunt service del many
}

# bytes CACHE: what an object takes.
bytes() {
	cat "/sys/kernel/slab/$1/$SIZE"
}

topo_up
servers_up d1 d3 n1
insmod_shunt
shunt service add web tcp "$VIP4:80"
shunt server add web 10.0.0.11
shunt service add dsr udp "$VIP4:9"
shunt server add dsr 10.0.0.13
is "an empty table is small" "$(buckets)" 1024
dial live "$VIP4" 80
is "a connection is made" "$(ask live)" d1=1
flood_up 9
grow dsr $((FLOOD + 1)) "$(above $((FLOOD + 1)))"
is "the connection from before lives" "$(ask live)" d1=1
shrink dsr 1
is "and lives still" "$(ask live)" d1=1
shunt service del dsr
shunt service add nat udp "$VIP4:9" mode nat
shunt server add nat 10.1.0.21:9
grow nat $((FLOOD + 1)) "$(above $((2 * FLOOD + 1)))"
is "it lives through two ends for each" "$(ask live)" d1=1
shrink nat 1
shunt service del nat
# Nothing but the time they were given looks for these.
shunt service add soon udp "$VIP4:9" timeout one-way 10
shunt server add soon 10.0.0.13
flood "$FLOOD" >/dev/null
check "chains have moved" [ "$(buckets)" -gt 1024 ]
check "what moved with them goes in its own time" wait_until $((PATIENCE + 10)) has_connections 1
is "and is served to its end" "$(ask live)" d1=1
shunt service del soon
if [[ $SHUNT_KERNEL == debug ]]; then
	skip "the memory of many" "the debug kernel keeps notes beside each"
else
	memory
fi
flood_down
hang_up live
if [[ -d /sys/kernel/slab/shunt_ipv4_dsr ]]; then
	is "bytes of an IPv4 connection" \
		"$(bytes shunt_ipv4_dsr) $(bytes shunt_ipv4_nat)" "64 128"
	is "bytes of an IPv6 connection" \
		"$(bytes shunt_ipv6_dsr) $(bytes shunt_ipv6_nat)" "128 128"
else
	skip "bytes of a connection" "the kernel does not show its caches"
fi
