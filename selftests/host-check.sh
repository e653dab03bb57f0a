#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Test what "check" chooses to run: every script somewhere, what each promise of
# the contract is tested by without being asked for, and what is named wherever
# it is asked for. Prints TAP.
# shellcheck source=selftests/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

cd "$SHUNT_TOP/selftests"

# chosen OPTIONS...: as "NAME KERNEL" in each line.
chosen() {
	./check --list "$@" 2>&1
}

# on KERNEL OPTIONS...: the scripts chosen there.
on() {
	chosen "${@:2}" | awk -v kernel="$1" '$2 == kernel { print $1 }'
}

# scripts PATTERN: those whose head has such a line.
scripts() {
	grep -lE "$1" test-*.sh | sed 's/\.sh$//'
}

for_all=$(grep -LE '^# only: ' test-*.sh | sed 's/\.sh$//')

is "by default 6.12 runs all that it can" "$(on 6.12)" "$for_all"
for kernel in 6.1 debug; do
	is "by default $kernel runs what is chosen for it" "$(on $kernel)" \
		"$({
			scripts "^# (kernels|only): (.* )?$kernel( |\$)"
			[[ $kernel != 6.1 ]] || grep -LE '^# (kernels|only): ' test-*.sh | sed 's/\.sh$//'
		} | sort)"
	is "that is something" "$([[ $(on $kernel) ]] && echo yes)" yes
	is "it can be asked for alone" "$(chosen --kernel $kernel)" "$(on $kernel | sed "s/$/ $kernel/")"
done
is "with --all, each kernel runs all that it can" "$(chosen --all | sort)" "$({
	for kernel in 6.1 6.12 debug; do
		awk -v kernel="$kernel" '{ print $1, kernel }' <<<"$for_all"
	done
	sed -nE 's/^# only: (.*)/\1/p' test-*.sh |
		paste -d ' ' <(scripts '^# only: ') -
} | sort)"

# What users do first, on the kernels that they have.
for test in forward transfer weights servers lifecycle director cli json ipvs; do
	is "test-$test runs on 6.1 and 6.12" \
		"$(chosen | grep "^test-$test " | grep -v debug | xargs)" "test-$test 6.1 test-$test 6.12"
done

one=$(scripts '^# kernels: 6.12$' | head -n 1)
is "what is named runs on 6.1 and 6.12" "$(chosen "$one")" "$one 6.1"$'\n'"$one 6.12"
for kernel in 6.1 debug; do
	is "or where it is told to, $kernel" "$(chosen --kernel $kernel "$one")" "$one $kernel"
done
is "but what can run on the debug kernel only" "$(chosen test-faults)" "test-faults debug"
is "is not run elsewhere" "$(chosen --kernel 6.1 test-faults)" ""
is "a name that does not exist is refused" "$(chosen test-nothing || echo $?)" \
	"check: there is no test 'test-nothing'"$'\n'2

# Each promise of the contract has tests that are part of the default, and the
# README knows each script and no other.
quoted() {
	grep -oE "[\`](test|host)-[a-z-]+[\`]" | tr -d "\`" | sort -u
}

by_default=$(chosen)
promised=$(sed -n '/^## What the contract/,/^## What else/p' README.md | quoted)
is "the contract has tests" "$([[ $promised ]] && echo yes)" yes
for test in $promised; do
	is "the contract's $test runs by default" \
		"$(grep -q "^$test " <<<"$by_default" && echo yes)" yes
done
is "the README names every test and no other" "$(quoted <README.md)" \
	"$(printf '%s\n' test-*.sh host-*.sh | sed 's/\.sh$//' | sort)"

# What a run makes of its jobs, in a tree of nothing else: no builds, no machines.
tree=$WORK/tree
mkdir -p "$tree"/{selftests/vm,tools,include,build}
cp check "$tree/selftests/"
touch "$tree/build/shunt.ko"
stub() {
	printf '#!/bin/sh\n%s\n' "$2" >"$tree/$1"
	chmod +x "$tree/$1"
}
for command in selftests/compile selftests/lint include/generate tools/shunt build/udp; do
	stub "$command" "exit 0"
done
stub selftests/vm/build "echo $tree/build/shunt.ko"
# shellcheck disable=SC2016 # expanded by the stub
stub selftests/vm/run 'for script; do :; done; "$script"; status=$?
case $script in *complaint*) echo "vm: the kernel complained"; status=121 ;; esac; exit $status'
printf '%s:\n\t@:\n' tools build/udp build/failnth >"$tree/Makefile"

# run NAME...: its result, and all that it says after its last job, as users and
# CI's records have it.
run() {
	local status=0

	"$tree/selftests/check" --kernel 6.12 "$@" >"$WORK/run" 2>"$WORK/error" || status=$?
	echo "$status"
	awk '/^(not )?ok / { at = NR } { line[NR] = $0 } END { while (++at <= NR) print line[at] }' \
		"$WORK/run"
}

stub selftests/host-good.sh 'printf "%s\n" "ok 1 - a" "1..1" "1 passed, 0 failed, 2 skipped"'
stub selftests/host-bad.sh 'printf "%s\n" "ok 1 - a" "not ok 2 - b" "# got 3" "ok 3 - c" \
	"2 passed, 1 failed, 0 skipped"; exit 1'
stub selftests/host-dead.sh 'echo "ok 1 - a"; echo "last words"; kill -KILL $$'
stub selftests/test-complaint.sh 'echo "ok 1 - a"; echo "1 passed, 0 failed, 0 skipped"'
is "a run whose jobs are well is well, and counts what they skipped" "$(run host-good)" \
	$'0\n1..3\n3 passed, 0 failed, 2 skipped'
is "what failed is told again at the end, with why and where" "$(run host-good host-bad)" \
	"$(printf '%s\n' 1 "# failed: host-bad, see build/logs/host-bad.log" "#   not ok 2 - b" \
		"#   # got 3" 1..4 "5 passed, 1 failed, 2 skipped")"
is "a job that dies has failed, and its end is told" "$(run host-dead)" \
	"$(printf '%s\n' 1 "# failed: host-dead, see build/logs/host-dead.log" "#   ok 1 - a" \
		"#   last words" 1..3 "2 passed, 1 failed, 0 skipped")"
is "so has one of which the VM's runner complains" "$(run test-complaint)" \
	"$(printf '%s\n' 1 "# failed: test-complaint-6.12, see build/logs/test-complaint-6.12.log" \
		"#   vm: the kernel complained" 1..3 "3 passed, 1 failed, 0 skipped")"
