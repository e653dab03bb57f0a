#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Test the VM runner itself: every way a run may go wrong must be told apart
# and none may pass for success. Prints TAP. Arguments: kernels, of which the last
# one is used.
set -uo pipefail

vm=$(dirname "$(realpath "${BASH_SOURCE[0]}")")/vm
kernel=${*: -1}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
count=0
failed=0

# expect DESCRIPTION STATUS WORDS SCRIPT [OPTIONS...]: the script's run ends
# with the status, and its output has the words.
expect() {
	local description=$1 want=$2 words=$3 status=0

	printf '#!/bin/bash\n%s\n' "$4" >"$dir/script"
	chmod +x "$dir/script"
	shift 4
	"$vm/run" --kernel "$kernel" "$@" "$dir/script" "an argument" \
		>"$dir/out" 2>&1 || status=$?
	count=$((count + 1))
	if [[ $status == "$want" ]] &&
		{ [[ -z $words ]] || grep -q -- "$words" "$dir/out"; }; then
		echo "ok $count - $description"
		return
	fi
	failed=$((failed + 1))
	echo "not ok $count - $description"
	echo "# status $status, wanted $want with \"$words\" in:"
	sed 's/^/# /' "$dir/out"
}

# shellcheck disable=SC2016 # expanded by the script in the VM
expect "the output, the arguments and status 0 arrive" 0 "^argument: an argument$" \
	'echo "argument: $1"'
expect "status 3 arrives" 3 "^last words$" 'echo "last words" >&2; exit 3'
expect "the root is writable, and the host's stays as it is" 0 "^written$" \
	'echo written >/etc/shunt-test && cat /etc/shunt-test'
# shellcheck disable=SC2016
expect "a script killed by a signal fails" 137 "" 'kill -KILL $$'
expect "a panic fails" 122 "the kernel panicked" \
	'echo c >/proc/sysrq-trigger; exit 0'
expect "a kernel warning fails, whatever the status" 121 "WARNING: x" \
	'echo "WARNING: x" >/dev/kmsg; exit 0'
# shellcheck disable=SC2016
report='for line in "WARNING: suspicious RCU usage" "$0:1 RCU-list traversed in non-reader section!!" \
	"Call Trace:" " </TASK>"; do echo "$line"; done | while read -r line; do echo "$line" >/dev/kmsg; done'
expect "a report that is known does not fail" 0 "" \
	"BASH_ARGV0=net/netfilter/nf_tables_api.c; $report"
expect "one like it, of another file, does" 121 "x.c:1 RCU-list" "BASH_ARGV0=x.c; $report"
expect "a silent power-off fails" 123 "stopped without a status" \
	'echo o >/proc/sysrq-trigger; sleep infinity'
expect "a silent reset fails" 123 "stopped without a status" \
	'echo b >/proc/sysrq-trigger; sleep infinity'
expect "a hang fails, and says where" 124 "did not end within 20 seconds" \
	'sleep infinity' --timeout 20
expect "a kernel that is not there fails" 125 "is no kernel directory" \
	'exit 0' --kernel /nonexistent/

if [[ -e /etc/shunt-test ]]; then
	failed=$((failed + 1))
	echo "not ok $((++count)) - the host's root was written to"
	rm -f /etc/shunt-test
fi
echo "1..$count"
echo "$((count - failed)) passed, $failed failed, 0 skipped"
[[ $failed -eq 0 ]]
