#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Ten thousand random steps against a model, by model.py: connections of TCP and
# UDP, in DSR and NAT, that begin, go on, end, expire and are deleted, while servers
# come and go, drain, are down, backups or full, and weights, schedulers, policies,
# limits and who is remembered change. Every choice, counter and state is the model's
# after each step. Slow starts, which are of time alone, have no part. The steps are the
# same each time, but for what the kernel's own keys and clock decide of them:
# SHUNT_TEST_SEED and SHUNT_TEST_STEPS make others.
#
#    ┌──────┐ .1, .11 to .16             .2 ┌──────────┐
#    │ wire ├───────────────────────────────┤ director │ all that is not the
#    └──────┘         10.0.0.0/24           └──────────┘ director is model.py
# kernels: 6.12
# vm-options: --timeout 1200
# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"

link_up() {
	local number

	printf "netns add $NS_PREFIX%s\n" director wire | ip -b -
	ip link add eth0 netns "${NS_PREFIX}director" type veth peer eth0 netns "${NS_PREFIX}wire"
	{
		topo_device lo
		echo "link set eth0 address 02:00:00:00:00:02"
		topo_device eth0 10.0.0.2
		for number in 1 11 12 13 14 15 16; do
			printf 'neigh replace 10.0.0.%d dev eth0 lladdr 02:00:00:00:00:%02x nud permanent\n' \
				$number $number
		done
		echo "route add default via 10.0.0.1"
	} | topo_batch director ipv4/conf/all/forwarding=1 ipv4/conf/all/send_redirects=0 \
		ipv4/conf/default/send_redirects=0
	topo_batch wire ipv6/conf/default/disable_ipv6=1 ipv6/conf/eth0/disable_ipv6=1 \
		<<<"link set eth0 up"
}

steps=${SHUNT_TEST_STEPS-10000}
[[ ${SHUNT_TEST_STEPS-} || $(uname -r) != *debug* ]] || steps=2000
insmod_shunt
link_up
status=0
said=$(in_ns director /usr/bin/python3 "$SHUNT_TOP/selftests/model.py" \
	"$SHUNT_TOP/include/shunt.yaml" "${NS_PREFIX}director" "${NS_PREFIX}wire" \
	"$steps" "${SHUNT_TEST_SEED-4711}" 2>&1) || status=$?
note "$said"
is "each of $steps steps did what the model says" "$status" 0
