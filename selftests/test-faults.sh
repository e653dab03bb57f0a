#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Memory runs out. The first allocation that a command makes in the kernel fails,
# then in the next run the second, and so on until there is none left to fail; the
# same with loading the module and with a new network namespace. Each time the
# command has failed with one sentence and changed nothing, or has done all that
# it is for; in particular no listing is short. That nothing leaks is found by
# kmemleak when all is over.
#
# Of a command of each kind all allocations of its exchange with the kernel take
# part, of the others those that the module makes.
#
#    The network of net.sh.
# only: debug
# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/faults.sh
. "$(dirname "$0")/faults.sh"
shopt -s extglob

# failnth's status when no allocation was left to fail.
readonly PAST_THE_LAST=99
# More than any command makes: a bug's guard, not a bound.
readonly MANY=500

# failing N COMMAND...: its status, output and error are in $status, $WORK/output
# and $error.
failing() {
	status=0
	error=$("$SHUNT_TOP/build/failnth" "$@" 2>&1 >"$WORK/output") || status=$?
}

# To start a program is most of what this takes: there are as few as can be.
on_director() {
	"$SHUNT_TOP/build/failnth" -n "/run/netns/${NS_PREFIX}director" "$1" "$SHUNT" "${@:2}"
}

failing_shunt() {
	status=0
	error=$(on_director "$@" 2>&1 >"$WORK/output") || status=$?
}

# run_out DESCRIPTION FUNCTION ARGUMENTS...: call "FUNCTION N ARGUMENTS..." with
# N from 1 until $status is PAST_THE_LAST. It prints what was wrong, if anything.
run_out() {
	local description=$1 function=$2 n status=0 error

	shift 2
	: >"$WORK/wrong"
	for ((n = 1; n <= MANY && status != PAST_THE_LAST; n++)); do
		"$function" "$n" "$@" >>"$WORK/wrong"
	done
	[[ $status -eq $PAST_THE_LAST ]] ||
		echo "still failing at allocation $MANY" >>"$WORK/wrong"
	note "$((n - 2)) allocations: $description"
	is "$description" "$(<"$WORK/wrong")" ""
}

# Whether a server can be reached is found out later.
state() {
	local text

	text=$(on_director 0 -j)
	echo "${text//\"state\":\"+([a-z])/\"state\":\"}"
}

# unlike WANTED GOT: the lines that differ.
unlike() {
	diff <(jq . <<<"$1") <(jq . <<<"$2") || :
}

# Does $error say in one sentence why?
one_sentence() {
	[[ $status -eq 1 && $error == "shunt: "*": "* && $error != *$'\n'* ]] ||
		echo "allocation $1: status $status and '$error' from: ${*:2}"
}

# change N COMMAND...: an acknowledgment may be what could not be allocated, so of
# a command that is not told how it ended either end is right.
change() {
	local n=$1 after

	shift
	failing_shunt "$n" "$@"
	after=$(state)
	case $status in
	0 | "$PAST_THE_LAST") [[ $after == "$wanted" ]] ||
		echo "allocation $n: not all is done: $(unlike "$wanted" "$after")" ;;
	*)
		one_sentence "$n" "$@"
		[[ $after == "$before" || $error == *"cannot receive from the kernel"* &&
			$after == "$wanted" ]] ||
			echo "allocation $n: '$error', but: $(unlike "$before" "$after")"
		;;
	esac
	[[ $after == "$before" ]] || "${undo[@]}"
}

# changes UNDO COMMAND...: a command that changes the configuration, and another
# that takes it back.
changes() {
	local before wanted
	local -a undo

	read -ra undo <<<"$1"
	shift
	before=$(state)
	shunt "$@" >/dev/null
	wanted=$(state)
	[[ $wanted != "$before" ]] || fail "shunt $* changes what is shown"
	"${undo[@]}"
	is "shunt $*: taken back" "$(state)" "$before"
	run_out "shunt $*" change "$@"
}

# show N COMMAND...: all or nothing.
show() {
	failing_shunt "$@"
	case $status in
	0 | "$PAST_THE_LAST") [[ $(seen) == "$wanted" ]] ||
		echo "allocation $1: not all is shown by: ${*:2}" ;;
	*) one_sentence "$@" ;;
	esac
}

# What does not change with the time, in $WORK/output.
seen() {
	jq 'if type == "array" then map(del(.expires?)) else . end' "$WORK/output"
}

shows() {
	local wanted

	shunt -j "$@" >"$WORK/output"
	wanted=$(seen)
	run_out "shunt -j $*" show -j "$@"
}

load() {
	failing "$1" insmod "$SHUNT_KO"
	case $status in
	0 | "$PAST_THE_LAST") rmmod shunt || echo "allocation $1: $(lsmod)" ;;
	1) [[ ! -d /sys/module/shunt ]] || echo "allocation $1: '$error', but it is there" ;;
	*) echo "allocation $1: status $status and '$error'" ;;
	esac
}

namespace() {
	failing "$1" unshare -n true
	case $status in
	0 | "$PAST_THE_LAST") ;;
	1) [[ $error == *"Cannot allocate memory" ]] || echo "allocation $1: '$error'" ;;
	*) echo "allocation $1: status $status and '$error'" ;;
	esac
}

# The same each time, with a connection that stays as it is.
configure() {
	shunt flush
	shunt service add web tcp "$VIP4:80"
	shunt server add web 10.0.0.11
	shunt server add web 10.0.0.12 weight 3
	shunt service add app tcp "[$VIP6]:8080" scheduler wrr mode nat
	shunt server add app 2001:db8:b::21
	shunt service add dns udp "$VIP4:5353" timeout one-way 3600
	shunt server add dns 10.0.0.11
	datagrams 1 "$VIP4" 5353 >/dev/null
}

faults_up
use_plain_module
insmod_shunt
rmmod shunt
# All but those for a slab cache: the kernel's own way to make one leaks when it
# fails, and says so with a trace.
read -r start end < <(span ops_init genl_register_family)
only "$start" "$end"
run_out "insmod" load

insmod "$SHUNT_KO"
read -ra module < <(module_span)
read -r start end < <(span netlink_recvmsg netlink_sendmsg)
exchange=("$start" "$end")
only "${module[@]}"
run_out "unshare -n" namespace

topo_up
servers_up d1
note "all that a command makes in its exchange with the kernel"
only "${exchange[@]}"
changes "shunt flush" service add web tcp "$VIP4:80"
configure
shows
shows conn show

note "what the module makes of it, with a listener, who learns what is missing"
only "${module[@]}"
spawn director "$SHUNT" monitor >"$WORK/events"
changes "shunt service del new" service add new udp "$VIP4:53" scheduler wlc mode nat
changes "shunt service set web scheduler rr timeout established 8100" \
	service set web scheduler wlc timeout established 7200
changes "shunt service set web scheduler rr" \
	service set web scheduler maglev table-size 251 seed s hash source
changes "shunt server del web 10.0.0.13" server add web 10.0.0.13 weight 2
changes "shunt server set web 10.0.0.12 weight 3 mode dsr" server set web 10.0.0.12 weight 5 mode nat
changes "shunt service del ranges" service add ranges tcp,udp "$VIP4:1000-2000,$VIP4:7"
changes "shunt service set web address $VIP4:80" service set web address "$VIP4:80,$VIP4:81-99"
changes "shunt service set web persist off persist-group none" \
	service set web persist 300 persist-group g
changes configure server del dns 10.0.0.11
changes configure service del dns
changes configure conn del service dns
changes configure flush
shows service show web
shows server show
shows drops
shows status
check "of an event without memory listeners are told" grep -q ' lost$' "$WORK/events"
