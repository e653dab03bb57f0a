#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# vm-options: --mem 4G --timeout 1500
# kernels: 6.12
# 10 000 services with 10 servers each: loaded in one batch, shown, changed and
# flushed, beside the same in ip_vs by ipvsadm; as many that go by ranges of ports;
# that a listing takes as long as what it lists; and that a batch ends where the
# kernel refuses a line. The figures are printed. (That the filter tells apart 10 000
# addresses and others is tried when the module is loaded, kmod/selftest/filter.c.)
#
#    The network of net.sh; the services' servers are nobody.
# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"

readonly SERVICES=10000
readonly SERVERS=10

# commands shunt|ipvsadm FIRST COUNT: what configures so many services.
commands() {
	awk -v for_whom="$1" -v first="$2" -v count="$3" -v servers=$SERVERS '
	function address(net, n) {
		return net "." int(n / 65536) % 256 "." int(n / 256) % 256 "." n % 256
	}
	function say(shunt, ipvsadm) {
		print (for_whom == "shunt" ? shunt : ipvsadm)
	}
	BEGIN {
		for (i = first; i < first + count; i++) {
			vip = address(198, 18 * 65536 + i) ":80"
			say("service add s" i " tcp " vip " mode nat", "-A -t " vip " -s rr")
			for (j = 0; j < servers; j++) {
				server = address(10, 64 * 65536 + i * servers + j) ":8080"
				say("server add s" i " " server, "-a -t " vip " -r " server " -m -w 1")
			}
		}
	}'
}

# timed NAME COMMAND...: how long it took is in $took, in milliseconds.
timed() {
	local start=${EPOCHREALTIME/[.,]/}

	check "$1" "${@:2}"
	took=$(((${EPOCHREALTIME/[.,]/} - start) / 1000))
	note "$1: $took ms"
}

loaded() {
	shunt -j status | jq -r '"\(.services) \(.servers)"'
}

# Runs a command and keeps what it prints.
keep() {
	"${@:2}" >"$WORK/$1"
}

ipvs() {
	in_ns director ipvsadm "$@"
}

load_ipvs() {
	ipvs -R <"$WORK/ipvs"
}

# in_time MILLISECONDS DESCRIPTION COMMAND...: as timed, and again, three times at most,
# if it takes longer, for a machine that stands still for a while.
in_time() {
	for _ in 1 2 3; do
		timed "${@:2}"
		[[ $took -ge $1 ]] || break
	done
}

# load_anew FILE: instead of whatever there is.
load_anew() {
	shunt flush
	shunt -b "$1"
}

# A listing of ten times as much takes ten times as long, and not a hundred.
shows() {
	local what=$1 services=$2 words limit

	for words in "service show" "-j service show" "server show" "-j server show"; do
		limit=$((${fewer[$words]-99999} * 25 + 100))
		# shellcheck disable=SC2086 # words
		in_time $limit "shunt $words, $what" keep shown shunt $words
		if [[ $services -lt $SERVICES ]]; then
			fewer[$words]=$took
		else
			check "$words: $SERVICES services against a tenth: no more than 25 times" \
				test "$took" -lt $limit
		fi
	done
	is "all servers are shown" "$(jq length "$WORK/shown")" $((services * SERVERS))
}

changes() {
	awk -v n=$SERVICES 'BEGIN { for (i = 0; i < n; i++)
		print "service set s" i " scheduler wrr timeout established 600" }' >"$WORK/set"
	timed "$SERVICES services changed" shunt -b "$WORK/set"
	sed -n 's/^server add \(.*\)/server set \1 weight 3/p' "$WORK/shunt" >"$WORK/weights"
	timed "$((SERVICES * SERVERS)) servers changed" shunt -b "$WORK/weights"
	shunt -j service show >"$WORK/shown"
	is "all of them are" "$(jq -c 'map([.scheduler, .timeouts.established, (.servers | map(.weight) | unique)]) |
		unique' "$WORK/shown")" '[["wrr",600,[3]]]'
}

# ranges COUNT: what configures so many services with a range of ports each.
ranges() {
	awk -v count="$1" 'BEGIN {
		for (i = 0; i < count; i++)
			print "service add r" i " tcp 198.18." int(i / 256) "." i % 256 ":1000-2000"
	}'
}

# Each is put into a copy of one sorted array, which for ten thousand is what takes the
# time: up to 29 times as much as for a tenth. A hundred it must not be.
of_ranges() {
	local limit

	ranges $((SERVICES / 10)) >"$WORK/tenth"
	timed "$((SERVICES / 10)) services with a range of ports each loaded" shunt -b "$WORK/tenth"
	limit=$((took * 50 + 100))
	ranges $SERVICES >"$WORK/ranges"
	in_time $limit "$SERVICES of them loaded" load_anew "$WORK/ranges"
	is "ranges: all are there" "$(loaded)" "$SERVICES 0"
	check "ranges: in no more than 50 times as long as a tenth" test "$took" -lt $limit
	shunt flush
}

batch() {
	printf '%s\n' "service add one tcp 203.0.113.1:80 mode nat" "server add one 10.1.0.21" "" \
		"server add two 10.1.0.21  # there is none" "server add one 10.1.0.22" >"$WORK/wrong"
	refused "a line that the kernel refuses" 1 "$WORK/wrong:4: 'two': there is no service of this name" \
		shunt -b "$WORK/wrong"
	is "what came before it stays, what follows is not done" \
		"$(shunt -j server show one | jq -c 'map(.address)')" '["10.1.0.21"]'
	sed 's/^server add two.*/server ad one/' "$WORK/wrong" | sed 's/one/three/g; s/203.0.113.1/203.0.113.3/' \
		>"$WORK/typo"
	refused "a line that is no command" 2 "$WORK/typo:4: 'ad' is not a verb of server" \
		shunt -b "$WORK/typo"
	is "nothing of the file is done" "$(shunt -j | jq -c 'map(.name)')" '["one"]'
	refused "without privilege" 1 "stdin:1: changing 'one' needs CAP_NET_ADMIN" \
		in_ns director setpriv --reuid 65534 --clear-groups "$SHUNT" -b - \
		<<<"service del one"
	check "stdin, with other commands" shunt -b - <<-END
		attach eth0
		conn del service one
		server del one 10.1.0.21   # as it was
		service del one
		detach eth0
	END
	is "all was done" "$(shunt) $(shunt -j status | jq -c .devices)" \
		"$(shunt service show) []"
	is "nothing is left" "$(loaded)" "0 0"
}

declare -A fewer
topo_up
insmod_shunt
servers_up n1 n2
modprobe ip_vs
commands shunt 0 $SERVICES >"$WORK/shunt"
commands ipvsadm 0 $SERVICES >"$WORK/ipvs"

note "a batch"
batch

note "a tenth of it"
commands shunt 0 $((SERVICES / 10)) >"$WORK/tenth"
timed "$((SERVICES / 10)) services loaded" shunt -b "$WORK/tenth"
limit=$((took * 25 + 100))
shows "a tenth" $((SERVICES / 10))
timed "flushed" shunt flush

note "all of it"
in_time $limit "$SERVICES services with $SERVERS servers each loaded" load_anew "$WORK/shunt"
load=$took
is "all are there" "$(loaded)" "$SERVICES $((SERVICES * SERVERS))"
check "in no more than 25 times as long as a tenth" test "$load" -lt $limit
shows "all" $SERVICES
changes

note "traffic among them"
shunt service add nat tcp $VIP4:8080 mode nat
shunt server add nat 10.1.0.21:80
shunt server add nat 10.1.0.22:80
is "requests" "$(requests 4 "http://$VIP4:8080/")" "n1=2 n2=2"
timed "flushed under what is left of it" shunt flush
flush=$took
is "nothing is left" "$(loaded)" "0 0"

note "by ranges of ports"
of_ranges

note "the same in ip_vs"
timed "loaded by ipvsadm -R" load_ipvs
theirs=$took
is "all are there" "$(ipvs -Sn | wc -l)" $((SERVICES * (SERVERS + 1)))
timed "shown by ipvsadm" keep shown ipvs -Ln
timed "flushed by ipvsadm" ipvs -C
note "load: shunt $load ms, ipvsadm $theirs ms; flush: shunt $flush ms, ipvsadm $took ms"
check "shunt loads in no more than twice ipvsadm's time" test $load -le $((2 * theirs))
check "and flushes within 2 s and twice its time" test $flush -le $((2 * took + 2000))
