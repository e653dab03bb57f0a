#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Test the VM runner itself: every way a run may go wrong must be told apart
# and none may pass for success; and what prepares a machine for it, as an
# ordinary user has it. Prints TAP. Arguments: kernels, of which the last one is
# used.
# shellcheck source=selftests/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

vm=$SHUNT_TOP/selftests/vm
kernel=${*: -1}
dir=$WORK
at_exit rm -f /etc/shunt-test

# expect DESCRIPTION STATUS WORDS SCRIPT [OPTIONS...]: the script's run ends
# with the status, and its output has the words.
expect() {
	local description=$1 want=$2 words=$3 status=0

	printf '#!/bin/bash\n%s\n' "$4" >"$dir/script"
	chmod +x "$dir/script"
	shift 4
	"$vm/run" --kernel "$kernel" "$@" "$dir/script" "an argument" \
		>"$dir/out" 2>&1 || status=$?
	judge "$description" "$status" "$want" "$words"
}

# judge DESCRIPTION STATUS WANTED WORDS: of what is in $dir/out.
judge() {
	if [[ $2 == "$3" ]] && { [[ -z $4 ]] || grep -q -- "$4" "$dir/out"; }; then
		pass "$1"
	else
		fail "$1" "status $2, wanted $3 with \"$4\" in:"$'\n'"$(<"$dir/out")"
	fi
}

# verdict LINE: what vm/run makes of a console with this line and a script that
# succeeded, without a boot.
verdict() {
	mkdir -p "$dir/run/job"
	echo 0 >"$dir/run/job/status"
	printf '%s\r\n' "[    1.0] Run /init as init process" "[    9.9] $1" >"$dir/run/console"
	bash -c '. "$0/run"; tmp=$1 argv=(script) qemu_status=0; verdict' "$vm" "$dir/run"
}

# What the kernel says when it complains, one sentence for each alternative of
# vm/run's list, in its order; matching no other.
sentences=("RIP: 0010:shunt_hook_in+0x1f/0x80 [shunt]" "Call Trace:"
	"BUG: sleeping function called from invalid context at mm/slab.h:1"
	"WARNING: possible circular locking dependency detected"
	"KASAN: null-ptr-deref in range [0x0000000000000008-0x000000000000000f]"
	"UBSAN: array-index-out-of-bounds in kmod/packet.c:1:2"
	"unreferenced object 0xffff888001234560 (size 64):"
	"INFO: task rmmod:99 blocked for more than 241 seconds."
	"ref_tracker: veth0@00000000e1a1b2c3 has 1/1 users at"
	"unregister_netdevice: waiting for veth0 to become free. Usage count = 2")

complaints() {
	local sentence status one
	local -a alternatives

	IFS='|' read -ra alternatives < <(bash -c '. "$0/run"; echo "$complaints"' "$vm")
	is "there is a sentence for each complaint of the list" "${#sentences[@]}" "${#alternatives[@]}"
	for one in "${!sentences[@]}"; do
		sentence=${sentences[one]}
		is "... for \"${alternatives[one]}\" and no other" \
			"$(printf '%s\n' "${alternatives[@]}" | while read -r; do
				! grep -qE -e "$REPLY" <<<"[    9.9] $sentence" || echo "$REPLY"
			done)" "${alternatives[one]}"
		status=0
		verdict "$sentence" >"$dir/out" 2>&1 || status=$?
		judge "... which fails a run" "$status" 121 "the kernel complained.*was 0"
	done
	status=0
	verdict "ODEBUG: Out of memory. ODEBUG disabled" >"$dir/out" 2>&1 || status=$?
	judge "what debug objects say of themselves counts as a bug" "$status" 121 "ODEBUG"
	status=0
	verdict "shunt: loaded" >"$dir/out" 2>&1 || status=$?
	judge "a console without one does not" "$status" 0 ""
}

# faulty DESCRIPTION ATTEMPTS [OPTIONS...]: a breakpoint that nobody set ends a run
# after so many attempts.
faulty() {
	local description=$1 attempts=$2

	shift 2
	expect "$description" 122 "the kernel panicked" \
		'echo attempt; echo "int3: 0000 [#1]" >/dev/kmsg; echo c >/proc/sysrq-trigger; exit 0' "$@"
	is "... after $attempts" "$(grep -c '^attempt$' "$dir/out")" "$attempts"
}

# A machine's preparation by an ordinary user of Debian, whose PATH has no sbin, in
# a cache that has the kernel but nothing yet of what is made of it.
user() {
	local from to status=0

	# A head that takes one line of two may leave by the time of the second.
	read -r from < <("$vm/kernel" "$kernel")
	to=$dir/cache/shunt/kernel/${from##*/}
	mkdir -p "$to"
	ln -s "$from"/{release,root,vmlinuz} "$to/"
	ln -s "${from%/*/*}/busybox" "$dir/cache/shunt/"
	env XDG_CACHE_HOME="$dir/cache" PATH=/usr/local/bin:/usr/bin:/bin "$vm/kernel" "$kernel" \
		>"$dir/out" 2>&1 || status=$?
	judge "a user's PATH suffices to prepare a kernel" "$status" 0 "^$to/initramfs-"
}

# The same user where packages are missing and there is no sudo. A user namespace
# makes one of root.
no_sudo() {
	local tool status=0
	local -a as=(env)

	mkdir "$dir/bin"
	for tool in dirname realpath find sed sort tail grep; do
		ln -s "$(type -P "$tool")" "$dir/bin/"
	done
	ln -s "$(type -P false)" "$dir/bin/apt-get"
	[[ $EUID -ne 0 ]] || as=(unshare --user env)
	"${as[@]}" PATH="$dir/bin" "$vm/../deps" >"$dir/out" 2>&1 || status=$?
	judge "without sudo, deps says who has to run it" "$status" 1 \
		"no sudo here; run 'make deps' as root"
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
expect "nor that a reference could not be tracked" 0 "" \
	'echo "ref_tracker: memory allocation failure, unreliable refcount tracker." >/dev/kmsg'
complaints
SHUNT_ACCEL=tcg faulty "a fault of the emulator is excused once" 2
faulty "... and none where there is one processor only" 1 --icount
expect "a silent power-off fails" 123 "stopped without a status" \
	'echo o >/proc/sysrq-trigger; sleep infinity'
expect "a silent reset fails" 123 "stopped without a status" \
	'echo b >/proc/sysrq-trigger; sleep infinity'
expect "a hang fails, and says where" 124 "did not end within 20 seconds" \
	'sleep infinity' --timeout 20
expect "a kernel that is not there fails" 125 "is no kernel directory" \
	'exit 0' --kernel /nonexistent/

user
no_sudo

check "the host's root was not written to" test ! -e /etc/shunt-test
