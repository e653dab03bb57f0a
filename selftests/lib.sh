# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# The library of the test scripts that run in the VM: TAP output, with the
# network, servers and clients of net.sh. A script sources it and says what it
# checks; the plan, the counts, the clean-up and the exit status come by
# themselves, and a script that stops early has failed.
set -eEuo pipefail

# shellcheck source=selftests/net.sh
source "$(dirname "${BASH_SOURCE[0]}")/net.sh"

# A transfer that stands still ends, rather than wait for a peer that has forgotten it.
printf '%s\n' 'speed-limit = 1' 'speed-time = 20' >"$WORK/.curlrc"
export CURL_HOME=$WORK

tap_count=0
tap_failed=0
tap_skipped=0
tap_cleanup=()

note() {
	local text=$*

	echo "# ${text//$'\n'/$'\n'# }"
}

pass() {
	tap_count=$((tap_count + 1))
	echo "ok $tap_count - $1"
}

# fail DESCRIPTION [WHY...]
fail() {
	tap_count=$((tap_count + 1))
	tap_failed=$((tap_failed + 1))
	echo "not ok $tap_count - $1"
	shift
	[[ $# -eq 0 ]] || note "$*"
}

# skip DESCRIPTION REASON
skip() {
	tap_count=$((tap_count + 1))
	tap_skipped=$((tap_skipped + 1))
	echo "ok $tap_count - $1 # SKIP $2"
}

# check DESCRIPTION COMMAND...: the command succeeds.
check() {
	local description=$1 output status=0

	shift
	output=$("$@" 2>&1) || status=$?
	if [[ $status -eq 0 ]]; then
		pass "$description"
	else
		fail "$description" "status $status from: $*"$'\n'"$output"
	fi
}

# refused DESCRIPTION STATUS WORDS COMMAND...: the command fails with that
# status and says these words on standard error, in one line.
refused() {
	local description=$1 want=$2 words=$3 error status=0

	shift 3
	error=$("$@" 2>&1 >/dev/null) || status=$?
	if [[ $status -eq $want && $error == *"$words"* && $error != *$'\n'* ]]; then
		pass "$description"
	else
		fail "$description" "status $status, wanted $want and \"$words\", from: $*"$'\n'"$error"
	fi
}

# is DESCRIPTION GOT WANTED
is() {
	if [[ $2 == "$3" ]]; then
		pass "$1"
	else
		fail "$1" "got:    $2"$'\n'"wanted: $3"
	fi
}

# like DESCRIPTION GOT REGULAR-EXPRESSION
like() {
	if [[ $2 =~ $3 ]]; then
		pass "$1"
	else
		fail "$1" "got:           $2"$'\n'"wanted a match: $3"
	fi
}

# drop_counts: what each reason has been counted so far, as JSON.
drop_counts() {
	shunt -j drops | jq -c 'reduce .[] as $row ({}; .[$row.reason] += $row.count)'
}

# drops: why packets of services were not forwarded, as "mtu=2 ttl=1".
drops() {
	drop_counts | jq -r 'to_entries | map(select(.value > 0) | "\(.key)=\(.value)") | join(" ")'
}

counted_before={}

# counted DESCRIPTION [REASON=N...]: so much was counted since the last look.
counted() {
	local now

	now=$(drop_counts)
	is "$1: counted" "$(jq -rn --argjson was "$counted_before" --argjson now "$now" '
		$now | to_entries | map(.value -= ($was[.key] // 0) | select(.value != 0) |
		"\(.key)=\(.value)") | join(" ")')" "${2-}"
	counted_before=$now
}

# nft_counters NAMESPACE: its named nftables counters, one a line as
# "NAMESPACE NAME PACKETS BYTES".
nft_counters() {
	in_ns "$1" nft list counters |
		awk -v at="$1" '/counter/ { name = $2 } /packets/ { print at, name, $2, $4 }'
}

# spawn NAME COMMAND...: run it in a namespace in the background; its process,
# which in_ns would hide behind another, is $spawned.
spawn() {
	nsenter --net="/run/netns/$NS_PREFIX$1" -- "${@:2}" &
	# shellcheck disable=SC2034 # for the script
	spawned=$!
}

declare -A dialled

# dial NAME ADDRESS PORT [COUNT]: open so many TCP connections, one by default,
# from the client or $FROM; they stay open until "hang_up NAME".
dial() {
	local to from said
	local pipe=$WORK/dial-$1

	mkfifo "$pipe-to" "$pipe-from"
	in_ns "${FROM-client}" /usr/bin/python3 -IS "$SHUNT_TOP/selftests/dial.py" "$2" "$3" "${4-1}" \
		<"$pipe-to" >"$pipe-from" 2>/dev/null &
	disown
	exec {to}>"$pipe-to" {from}<"$pipe-from"
	rm "$pipe-to" "$pipe-from"
	dialled[$1]="$to $from"
	read -r -t 120 said <&"$from" && [[ $said == connected ]]
}

# ask NAME: one more request over each of its connections; prints who answered,
# as "d1=2 d2=1", and "lost" for a connection that is no more.
ask() {
	local to from

	read -r to from <<<"${dialled[$1]}"
	echo ask >&"$to"
	sed '/^$/Q' <&"$from" | tally
}

hang_up() {
	local to from

	read -r to from <<<"${dialled[$1]}"
	echo bye >&"$to"
	exec {to}>&- {from}<&-
}

# at_exit COMMAND...: run it at the end, the last one first.
at_exit() {
	tap_cleanup=("$(printf '%q ' "$@")" "${tap_cleanup[@]}")
}

# shellcheck disable=SC2317 # called by the trap
tap_end() {
	local status=$? command

	trap - EXIT ERR
	set +e
	[[ $status -eq 0 ]] || fail "the script ran to its end" "status $status"
	# Whatever the script left: its namespaces first, traffic and all.
	for command in "${tap_cleanup[@]}" topo_down rmmod_shunt; do
		eval "$command" || fail "cleaning up" "status $? from: $command"
	done
	rm -rf "$WORK"
	[[ $tap_count -gt 0 ]] || fail "the script checked something"
	echo "1..$tap_count"
	echo "$((tap_count - tap_failed - tap_skipped)) passed, $tap_failed failed, $tap_skipped skipped"
	exit $((tap_failed > 0))
}
trap tap_end EXIT
# Says where a script under set -e stopped.
trap 'note "line $LINENO of ${BASH_SOURCE[0]##*/}: $BASH_COMMAND" >&2' ERR
