#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Test "make install" and "make uninstall" with DESTDIR and PREFIX: exactly the
# promised files appear, the module built and the one installed load in a VM, and
# nothing is left afterwards; and without, as root has them. It works on a copy of the tree.
# Arguments: the kernels.
set -uo pipefail

top=$(realpath "$(dirname "${BASH_SOURCE[0]}")/..")
# shellcheck source=selftests/path.sh
source "$top/selftests/path.sh"
mkdir -p "$top/build"
dir=$(mktemp -d "$top/build/install.XXXXXX")
trap 'rm -rf "$dir"' EXIT
count=0
failed=0

# check DESCRIPTION COMMAND...
check() {
	local output status=0

	output=$("${@:2}" 2>&1) || status=$?
	count=$((count + 1))
	if [[ $status -eq 0 ]]; then
		echo "ok $count - $1"
		return
	fi
	failed=$((failed + 1))
	echo "not ok $count - $1"
	echo "# status $status: ${output//$'\n'/$'\n'# }"
}

# installed RELEASE: these files and no other; modules may be compressed.
installed() {
	diff <(cd "$dir/root" && find . -type f | sed 's/\.ko\.[a-z]*$/.ko/' | sort) - <<-END
	./lib/modules/$1/updates/shunt.ko
	./usr/sbin/shunt
	./usr/share/bash-completion/completions/shunt
	./usr/share/man/man8/shunt.8
	END
}

nothing_left() {
	local left

	left=$(find "$dir/root" -type f)
	echo "$left"
	[[ -z $left ]]
}

unset MAKEFLAGS MAKELEVEL
mkdir "$dir/tree"
(cd "$top" && tar -c --exclude='*.o' Kbuild Makefile dkms.conf LICENSE kmod include tools) |
	tar -x -C "$dir/tree"
for kernel; do
	release=$("$top/selftests/vm/kernel" --release "$kernel")
	arguments=(-C "$dir/tree" KDIR="/lib/modules/$release/build" DESTDIR="$dir/root" PREFIX=/usr)
	check "make clean" make -C "$dir/tree" clean
	check "make install for $release" make "${arguments[@]}" install
	check "... installs what it promises" installed "$release"
	check "... and the module loads on $kernel: as built, by its name and by the command" \
		"$top/selftests/installed" "$kernel" "$dir/tree/shunt.ko" \
		"$dir/root/lib/modules/$release"
	check "make uninstall for $release" make "${arguments[@]}" uninstall
	check "... leaves nothing" nothing_left
	check "with neither, make install lets modprobe know, and make uninstall forget" \
		"$top/selftests/as-root" "$kernel" bash -ec "
			make -C '$dir/tree' install
			modprobe -S $release --show-depends shunt | grep -q /nf_defrag_ipv6
			modprobe -S $release --show-depends shunt | grep -q /updates/shunt
			/usr/local/sbin/shunt -V
			make -C '$dir/tree' uninstall
			[[ ! \$(modprobe -S $release --show-depends shunt) ]]
			[[ ! -e /usr/local/sbin/shunt ]]"
done

echo "1..$count"
echo "$((count - failed)) passed, $failed failed, 0 skipped"
[[ $failed -eq 0 ]]
