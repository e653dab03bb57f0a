#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Test installing with DKMS: in a throwaway tree it builds and installs by itself
# for each kernel, as when a kernel is new, and a VM of that kernel loads what it
# installed; kernels out of range or without what the module is linked against, which
# DKMS must decline; "make dkms-install" as root has it. Nothing is left on this
# machine. Arguments: the kernels.
# shellcheck source=selftests/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=selftests/path.sh
source "$SHUNT_TOP/selftests/path.sh"

dir=$WORK

# dkms in the throwaway tree: VERB KERNEL-RELEASE [OPTIONS...]. It asks for root, and
# what it writes there needs none.
dkms_here() {
	unshare --map-root-user dkms "$1" -k "$2" --dkmstree "$dir/dkms" --sourcetree "$dir/usr/src" \
		--installtree "$dir/lib/modules" --no-depmod "${@:3}"
}

# declined RELEASE HEADERS: DKMS says so with status 77.
declined() {
	local status=0

	dkms_here build "$1" shunt/"$version" --kernelsourcedir "$2" || status=$?
	[[ $status -eq 77 ]]
}

# without OPTION: a kernel's headers that have it not.
without() {
	mkdir -p "$dir/headers"
	sed "s/^$1=.*/# $1 is not set/" "$headers/.config" >"$dir/headers/.config"
}

fails() {
	! "$@"
}

# linked TREE: the options that bring what the module that is in it depends on.
linked() {
	find "$1" -name 'shunt.ko*' -exec modinfo -F depends {} + | tr ',a-z' '\nA-Z' | sed 's/^/CONFIG_/'
}

nothing_in() {
	local left

	left=$(find "$1" -type f)
	echo "$left"
	[[ -z $left ]]
}

version=$(make -s -C "$SHUNT_TOP" print-VERSION)
mkdir -p "$dir/dkms"
# Make's words to this script's callers are not for the makes below.
unset MAKEFLAGS MAKELEVEL

check "make dkms-install places the sources" \
	make -C "$SHUNT_TOP" dkms-install DESTDIR="$dir"
check "DKMS takes them" dkms add shunt/"$version" --dkmstree "$dir/dkms" \
	--sourcetree "$dir/usr/src"

for kernel; do
	release=$("$SHUNT_TOP/selftests/vm/kernel" --release "$kernel")
	headers=/lib/modules/$release/build
	mkdir -p "$dir/lib/modules/$release"
	check "DKMS builds and installs by itself for $release" dkms_here autoinstall "$release" &&
		check "the installed module loads on $kernel, as a name and by its family" \
			"$SHUNT_TOP/selftests/installed" "$kernel" "$dir/lib/modules/$release"
	options=$(linked "$dir/lib/modules/$release")
	check "it is linked against other modules" test "$(wc -l <<<"$options")" -ge 3
	check "DKMS removes it again for $release" dkms_here uninstall "$release" shunt/"$version"
	check "... and leaves no module" nothing_in "$dir/lib/modules/$release"
	# For a release that it has not built for, and cannot: of its headers there is
	# the configuration only.
	for option in $options; do
		without "$option"
		check "DKMS declines it without $option" declined "${release%%-*}-other" "$dir/headers"
	done
	without nothing
	check "DKMS tries it with all of them" fails declined "${release%%-*}-other" "$dir/headers"
done

check "make dkms-install lets modprobe know, and make dkms-remove forget" \
	"$SHUNT_TOP/selftests/as-root" "$kernel" bash -ec "
		make -C '$SHUNT_TOP' dkms-install
		modprobe -S $release --show-depends shunt | grep -q /nf_defrag_ipv6
		modprobe -S $release --show-depends shunt | grep -q /updates/dkms/shunt
		make -C '$SHUNT_TOP' dkms-remove
		[[ ! \$(modprobe -S $release --show-depends shunt) ]]
		[[ ! -e /usr/src/shunt-$version ]]"

for release in 5.15.0-1-amd64 6.0.0-1-amd64 6.13.0-1-amd64 7.1.0-1-amd64; do
	check "DKMS declines $release as out of range" declined "$release" "$headers"
done
