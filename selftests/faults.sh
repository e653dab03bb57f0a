# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# The debug kernel's fault injection: allocations that fail. Sourced after lib.sh.

readonly faults=/sys/kernel/debug
readonly FAULT_KINDS=(failslab fail_page_alloc)

# span SYMBOL [SYMBOL]: the addresses of functions of the kernel from one to the
# other, or of one, as "START END". /proc/kallsyms is slow to read.
span() {
	awk -v first="$1" -v last="${2-$1}" '
		found && $1 != at { print start, "0x" $1; exit }
		$3 == first { start = "0x" $1 }
		$3 == last { found = 1; at = $1 }' "/lib/modules/$(uname -r)/System.map"
}

# module_span: of the module's functions.
module_span() {
	local start size

	read -r _ size _ _ _ start _ < <(grep '^shunt ' /proc/modules)
	printf '%s 0x%x\n' "$start" $((start + size))
}

# fault KEY VALUE: of both kinds.
fault() {
	local kind

	for kind in "${FAULT_KINDS[@]}"; do
		echo "$2" >"$faults/$kind/$1"
	done
}

# only START END: count allocations made from there only.
only() {
	fault require-start "$1"
	fault require-end "$2"
}

# Whatever the allocation, it may fail, and nothing is said of it. What makes its
# own records of each allocation, which is kmemleak, does not count.
faults_up() {
	local start end

	read -r start end < <(span kmemleak_alloc kmemleak_vmalloc)
	fault verbose 0
	fault ignore-gfp-wait N
	fault reject-start "$start"
	fault reject-end "$end"
	echo 0 >"$faults/fail_page_alloc/min-order"
}
