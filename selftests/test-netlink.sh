#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The netlink family as programs use and misuse it, by netlink.py: each command
# with each attribute missing, malformed, out of range or unknown is refused
# with a sentence and changes nothing; replies are exact to the byte; listings
# that are abandoned, that hold the module, and that the configuration changes
# under. Also that the family goes with the module.
#
#    The network of net.sh.
# shellcheck source=selftests/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# part NAME [ARGUMENTS...]: the checks of one part of netlink.py.
part() {
	local verdict what found checks=0 status=0

	in_ns director /usr/bin/python3 "$SHUNT_TOP/selftests/netlink.py" \
		"$SHUNT_TOP/include/shunt.yaml" "$@" >"$WORK/checks" 2>"$WORK/error" || status=$?
	while IFS=$'\t' read -r verdict what found; do
		checks=$((checks + 1))
		if [[ $verdict == ok ]]; then
			pass "$what"
		else
			fail "$what" "$found"
		fi
	done <"$WORK/checks"
	is "the part $1 ran to its end" "$status $(<"$WORK/error")" "0 "
	check "and checked something" test "$checks" -gt 0
}

# Connections of every kind, that stay.
connections() {
	shunt flush
	shunt attach eth1
	shunt service add dsr tcp "$VIP4:80"
	shunt server add dsr 10.0.0.11
	shunt service add dsr6 tcp "[$VIP6]:80"
	shunt server add dsr6 2001:db8:a::11
	shunt service add nat tcp "$VIP4:8080" mode nat scheduler maglev
	shunt server add nat 10.1.0.21
	shunt service add nat6 tcp "[$VIP6]:8080" mode nat
	shunt server add nat6 2001:db8:b::21
	shunt service add udp udp "$VIP4:53" scheduler maglev
	shunt server add udp 10.0.0.11
	shunt service add udp6-a-name-of-31-characters-xx udp "[$VIP6]:53"
	shunt server add udp6-a-name-of-31-characters-xx 2001:db8:a::11
	shunt service add udp-nat udp "$VIP4:5353" mode nat
	shunt server add udp-nat 10.1.0.21
	shunt service add udp-nat6 udp "[$VIP6]:5353" mode nat
	shunt server add udp-nat6 2001:db8:b::21
	shunt service add marked tcp,udp fwmark 7
	shunt service add ranges tcp,udp "$VIP4:1000-2000,$VIP4:7" scheduler maglev
	shunt service set udp persist 300
	shunt service set udp6-a-name-of-31-characters-xx persist 300 persist-group g-a-name-of-31-characters-xxxxx
	dial dsr "$VIP4" 80
	dial dsr6 "$VIP6" 80
	dial nat "$VIP4" 8080
	dial nat6 "$VIP6" 8080
	is "connections are made" "$(datagrams 3 "$VIP4" 53) $(datagrams 3 "$VIP6" 53) $(
		)$(datagrams 3 "$VIP4" 5353) $(datagrams 3 "$VIP6" 5353)" "d1=3 d1=3 n1=3 n1=3"
}

# Whether the kernel knows the family.
family_is_there() {
	[[ $(in_ns director "$SHUNT" -j version | jq -r .module) ]]
}

topo_up
servers_up d1 n1
insmod_shunt
part requests
connections
part replies
part abandon nsenter --net="/run/netns/${NS_PREFIX}client" \
	"$SHUNT_TOP/build/udp" ask -w 0 700 "$VIP6" 53
part parallel

check "the family is there" family_is_there
check "and nothing holds the module" rmmod shunt
is "the family goes with it" "$(family_is_there || echo gone)" gone
insmod_shunt
check "it comes back" family_is_there
