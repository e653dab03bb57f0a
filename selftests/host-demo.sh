#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Test what a newcomer runs first: "make demo" tells all that it promises, in
# words that are true, and "make shell" gives a prompt at which requests are
# balanced. Prints TAP. Arguments: the kernels, of which the last one is used.
# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"

kernel=${*: -1}
unset MAKEFLAGS MAKELEVEL

# The commands of all the boxes, as they are to be typed there.
commands() {
	local n
	local dsr="sysctl -qw net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2"

	echo "director# $(insmod_command)"
	for n in 1 2 3; do
		printf '%s\n' "d$n# $dsr" "d$n# ip address add $VIP4/32 dev lo"
	done
	cat <<-END
	director# shunt service add web tcp $VIP4:80 scheduler rr mode dsr
	director# shunt server add web 10.0.0.11
	director# shunt server add web 10.0.0.12
	director# shunt server add web 10.0.0.13
	client\$ curl http://$VIP4/
	director# shunt service set web scheduler wrr
	director# shunt server set web 10.0.0.11 weight 2
	client\$ curl http://$VIP4/
	director# shunt server set web 10.0.0.13 weight 0
	client\$ curl http://$VIP4/
	n1# ip route add default via 10.1.0.1
	n2# ip route add default via 10.1.0.1
	director# shunt service add app tcp $VIP4:8080 mode nat
	director# shunt server add app 10.1.0.21:80
	director# shunt server add app 10.1.0.22:80
	client\$ curl http://$VIP4:8080/
	d1# ip -6 address add $VIP6/128 dev lo nodad
	d2# ip -6 address add $VIP6/128 dev lo nodad
	director# shunt service add web6 tcp [$VIP6]:80
	director# shunt server add web6 2001:db8:a::11
	director# shunt server add web6 2001:db8:a::12
	client\$ curl http://[$VIP6]/
	director# shunt
	director# shunt conn show
	director# shunt --json service show web |
	END
}

# Nothing of what is printed may be an error of a command.
demo() {
	local status=0 said line

	make -s -C "$SHUNT_TOP" demo KERNEL="$kernel" >"$WORK/demo" 2>&1 || status=$?
	is "make demo succeeds" "$status" 0
	said=$(<"$WORK/demo")
	check "it draws the network" test "$(topo_draw | wc -l)" -ge 15
	is "... every line of it" "$(topo_draw | while IFS= read -r line; do
		grep -qxF -e "$line" "$WORK/demo" || echo "$line"
	done)" ""
	is "it shows each command of each box" \
		"$(sed -nE 's/^  ((director|[dn][1-3])#|client\$) (.*)$/\1 \3/p' "$WORK/demo" |
			sed 's/ *([0-9]* times, .*//')" "$(commands)"
	is "it shows who answered, and how often" \
		"$(sed -nE 's/^    ([dn][1-3]) +([0-9]+)  (▪+)$/\1=\2/p' "$WORK/demo" | xargs)" \
		"d1=4 d2=4 d3=4 d1=6 d2=3 d3=3 d1=8 d2=4 n1=6 n2=6 d1=3 d2=3"
	like "its table has the services" "$said" \
		"SERVICE +.*web +tcp +$VIP4:80 .*web6 +tcp +\[$VIP6\]:80 "
	like "... and their servers" "$said" "10\.0\.0\.11(:80)? .*10\.1\.0\.21:80 "
	like "the proof: answers of DSR do not pass the director" "$said" \
		$'\n    web \(dsr\) +[1-9][0-9]{6} +0\n'
	line=$(grep '^    app (nat) ' "$WORK/demo" || :)
	like "... and those of NAT do" "$line" '[1-9][0-9]{6} +[1-9][0-9]{6}$'
	is "... all of them" "$(awk '{ print $3 - $4 }' <<<"$line")" 0
	[[ $status -eq 0 ]] || note "$said"
}

prompts() {
	[[ $(grep -ac 'director# ' "$WORK/shell") -ge $1 ]]
}

# type_in NUMBER LINE: at that prompt, and wait for the next.
type_in() {
	echo "$2" >&"$keys"
	wait_until 60 prompts $(($1 + 1)) || fail "$2: there is another prompt"
}

shell() {
	local keys pid status=0

	mkfifo "$WORK/keys"
	TERM=dumb script -qec "make -s -C '$SHUNT_TOP' shell KERNEL=$kernel" /dev/null \
		<"$WORK/keys" >"$WORK/shell" 2>&1 &
	pid=$!
	at_exit eval "kill $pid 2>/dev/null || :"
	exec {keys}>"$WORK/keys"
	check "make shell comes to a prompt" wait_until 300 prompts 1
	type_in 1 "client curl -s http://$VIP4/"
	type_in 2 "client curl -s http://$VIP4:8080/"
	type_in 3 "shunt"
	echo exit >&"$keys"
	exec {keys}>&-
	wait "$pid" || status=$?
	is "... and ends with exit" "$status" 0
	tr -d '\r' <"$WORK/shell" >"$WORK/said"
	is "it draws the network" "$(topo_draw | while IFS= read -r line; do
		grep -qxF -e "$line" "$WORK/said" || echo "$line"
	done)" ""
	check "the client is answered by DSR" grep -qxE 'd[1-3]' "$WORK/said"
	check "... and by NAT" grep -qxE 'n[12]' "$WORK/said"
	check "the table shows the services" grep -qE "^web +tcp +$VIP4:80 " "$WORK/said"
	[[ $tap_failed -eq 0 ]] || note "$(<"$WORK/said")"
}

check "the command that loads it is in the README" test "$(insmod_command)"
demo
shell
