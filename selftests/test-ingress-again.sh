#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# vm-options: --timeout 2400
# kernels: 6.12
# The fast hook changes nothing but the way: other scripts again, each as it is,
# with the director's devices attached.
#
#    The networks of those scripts.
set -uo pipefail

# What "check --all" adds is the second line.
again=(forward headers)
[[ -z ${SHUNT_TEST_ALL-} ]] ||
	again+=(fragments udp states mtu drops icmp offload loops policies director beside transfer persist)
count=0
failed=0

for name in "${again[@]}"; do
	count=$((count + 1))
	start=$SECONDS
	if SHUNT_TEST_ATTACH=y "$(dirname "$0")/test-$name.sh" >/tmp/again 2>&1; then
		echo "ok $count - test-$name ($((SECONDS - start)) s): $(tail -n 1 /tmp/again)"
	else
		failed=$((failed + 1))
		sed 's/^/    /' /tmp/again
		echo "not ok $count - test-$name"
	fi
done
echo "1..$count"
echo "$((count - failed)) passed, $failed failed, 0 skipped"
[[ $failed -eq 0 ]]
