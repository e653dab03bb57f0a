#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Test installing with DKMS: build and install for each kernel in a throwaway tree, then
# modprobe of what it installed in a VM of that kernel; a plain "make modules"
# with insmod; kernels out of range, which DKMS must decline. Nothing is left
# on this machine. Arguments: the kernels.
set -uo pipefail

top=$(realpath "$(dirname "${BASH_SOURCE[0]}")/..")
mkdir -p "$top/build"
# In the tree, so that the VM sees it.
dir=$(mktemp -d "$top/build/dkms.XXXXXX")
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
	return 1
}

# dkms in the throwaway tree: VERB KERNEL-RELEASE [OPTIONS...]
dkms_here() {
	dkms "$1" shunt/"$version" -k "$2" --dkmstree "$dir/dkms" \
		--sourcetree "$dir/usr/src" --installtree "$dir/lib/modules" \
		--no-depmod "${@:3}"
}

# out_of_range RELEASE: DKMS says so with status 77.
out_of_range() {
	local status=0

	dkms_here build "$1" --kernelsourcedir "$headers" || status=$?
	[[ $status -eq 77 ]]
}

nothing_in() {
	local left

	left=$(find "$1" -type f)
	echo "$left"
	[[ -z $left ]]
}

version=$(make -s -C "$top" print-VERSION)
mkdir -p "$dir/dkms"
# Make's words to this script's callers are not for the makes below.
unset MAKEFLAGS MAKELEVEL

check "make dkms-install places the sources" \
	make -C "$top" dkms-install DESTDIR="$dir"
check "DKMS takes them" dkms add shunt/"$version" --dkmstree "$dir/dkms" \
	--sourcetree "$dir/usr/src"

for kernel; do
	release=$("$top/selftests/vm/kernel" --release "$kernel")
	headers=/lib/modules/$release/build
	mkdir -p "$dir/lib/modules/$release"
	check "DKMS builds for $release" dkms_here build "$release" &&
		check "DKMS installs for $release" dkms_here install "$release" &&
		check "the installed module loads on $kernel, as a name and by its family" \
			"$top/selftests/installed" "$kernel" "$dir/lib/modules/$release"
	check "DKMS removes it again for $release" dkms_here uninstall "$release"
	check "... and leaves no module" nothing_in "$dir/lib/modules/$release"
	check "make modules KDIR=... for $release" \
		make -C "$dir/usr/src/shunt-$version" modules KDIR="$headers"
	check "... leaves one shunt.ko, that loads" \
		"$top/selftests/installed" "$kernel" "$dir/usr/src/shunt-$version/shunt.ko"
	make -C "$dir/usr/src/shunt-$version" clean-modules >/dev/null
done

for release in 5.15.0-1-amd64 6.0.0-1-amd64 6.13.0-1-amd64 7.1.0-1-amd64; do
	check "DKMS declines $release as out of range" out_of_range "$release"
done

echo "1..$count"
echo "$((count - failed)) passed, $failed failed, 0 skipped"
[[ $failed -eq 0 ]]
