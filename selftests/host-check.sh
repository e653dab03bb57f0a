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
