#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Test "make install" and "make uninstall" with DESTDIR and PREFIX: exactly the
# promised files appear, the module built and the one installed load in a VM, and
# nothing is left afterwards; and without, as root has them. It works on a copy of the tree.
# Arguments: the kernels.
# shellcheck source=selftests/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=selftests/path.sh
source "$SHUNT_TOP/selftests/path.sh"

dir=$WORK

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
(cd "$SHUNT_TOP" && tar -c --exclude='*.o' Kbuild Makefile dkms.conf LICENSE kmod include tools) |
	tar -x -C "$dir/tree"
for kernel; do
	release=$("$SHUNT_TOP/selftests/vm/kernel" --release "$kernel")
	arguments=(-C "$dir/tree" KDIR="/lib/modules/$release/build" DESTDIR="$dir/root" PREFIX=/usr)
	check "make clean" make -C "$dir/tree" clean
	check "make install for $release" make "${arguments[@]}" install
	check "... installs what it promises" installed "$release"
	check "... and the module loads on $kernel: as built, by its name and by the command" \
		"$SHUNT_TOP/selftests/installed" "$kernel" "$dir/tree/shunt.ko" \
		"$dir/root/lib/modules/$release"
	check "make uninstall for $release" make "${arguments[@]}" uninstall
	check "... leaves nothing" nothing_left
	check "with neither, make install lets modprobe know, and make uninstall forget" \
		"$SHUNT_TOP/selftests/as-root" "$kernel" bash -ec "
			make -C '$dir/tree' install
			modprobe -S $release --show-depends shunt | grep -q /nf_defrag_ipv6
			modprobe -S $release --show-depends shunt | grep -q /updates/shunt
			/usr/local/sbin/shunt -V
			make -C '$dir/tree' uninstall
			[[ ! \$(modprobe -S $release --show-depends shunt) ]]
			[[ ! -e /usr/local/sbin/shunt ]]"
done
