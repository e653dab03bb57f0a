#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What a service does about its servers, as it was told: on-remove for the
# connections of one that is removed, on-empty for clients when none is left.
# Whatever was chosen, a client gets data, a reset or an ICMP error, unless it is
# to get nothing. And a connection that is established stays where it is,
# whatever is edited around it.
# kernels: 6.12
# vm-options: --timeout 900
# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/peers.sh
. "$(dirname "$0")/peers.sh"

declare -A refusal=([4]=3/3 [6]=1/4)

# open MODE FAMILY PROTOCOL: another flow; its server is $home.
declare -A port_of=([dsr-tcp]=80 [nat-tcp]=8080 [dsr-udp]=53 [nat-udp]=5353)
open() {
	mode=$1 version=$2 protocol=$3
	service=$mode-$protocol$version
	begin "$version" "${port_of[$mode-$protocol]}" "${protocol^^}"
	if [[ $protocol == tcp ]]; then
		home=$(peer "shake()")
		packet="c('PA', b'data')"
	else
		home=$(peer "c()")
		packet="c()"
	fi
	name=$home
	[[ $mode == dsr ]] || name+=:$([[ $protocol == tcp ]] && echo 80 || echo 53)
	what="${mode^^}, ${protocol^^}, IPv$version"
}

remove() {
	shunt server del "$service" "$(endpoint "$name" "$version")"
}

add_again() {
	shunt server add "$service" "$(endpoint "$name" "$version")"
}

told() {
	shunt -j service show "$service" | jq -r ".[0][\"$1\"]"
}

# on_remove MODE FAMILY PROTOCOL POLICY: contract 3 and 4.
on_remove() {
	local other what

	open "$1" "$2" "$3"
	shunt service set "$service" on-remove "$4"
	is "$what: on-remove is $4" "$(told on-remove)" "$4"
	what+=", on-remove $4"
	remove
	add_again
	goes "contract 4: $what: removed and added again" "$home" "$packet"
	remove
	if [[ $mode == nat ]]; then
		comes=$([[ $protocol == tcp ]] && echo "s('PA', b'more')" || echo "s()")
		goes "$what: what the server still sends" client "$comes"
	fi
	case $4 in
	keep)
		goes "contract 3: $what: the next packet" "$home" "$packet"
		goes "contract 3: $what: and the next" "$home" "$packet"
		add_again
		goes "contract 4: $what: added again" "$home" "$packet"
		counted "$what"
		;;
	reset)
		if [[ $protocol == tcp ]]; then
			like "contract 3: $what: the next packet" "$(peer "$packet")" \
				'^client R \+0$|^client RA \+0 \+0$'
		else
			goes "contract 3: $what: the next packet" "client icmp ${refusal[$2]}" "$packet"
		fi
		is "$what: the connection is gone" "$(conn)" ""
		counted "$what" server-removed=1
		add_again
		;;
	rehash)
		other=$(peer "$packet")
		check "contract 3: $what: the next packet goes to another server" \
			[ "${other//[123]/}" = "${home//[123]/}" -a "$other" != "$home" ]
		home=$other
		goes "contract 3: $what: and the next to the same" "$home" "$packet"
		like "$what: one connection" "$(conn)" "^[a-z-]+ $home$"
		counted "$what"
		add_again
		goes "contract 1: $what: and stays when the first is back" "$home" "$packet"
		;;
	esac
}

# An only server is removed.
nobody_left() {
	local server policy rest

	for policy in reset rehash; do
		open "$1" "$2" "$3"
		shunt service set "$service" on-remove $policy
		mapfile -t rest < <(shunt -j server show "$service" |
			jq -r '.[] | if .address | contains(":") then "[\(.address)]" else .address end +
			":\(.port)"')
		for server in "${rest[@]}"; do
			shunt server del "$service" "$server"
		done
		if [[ $protocol == tcp ]]; then
			like "contract 9: $what, on-remove $policy: the last server is removed" \
				"$(peer "$packet")" '^client R \+0$|^client RA \+0 \+0$'
		else
			goes "contract 9: $what, on-remove $policy: the last server is removed" \
				"client icmp ${refusal[$2]}" "$packet"
		fi
		counted "$what, on-remove $policy, the last server" \
			"$([[ $policy == reset ]] && echo server-removed || echo no-server)=1"
		for server in "${rest[@]}"; do
			shunt server add "$service" "$server"
		done
	done
	shunt service set "$service" on-remove keep
}

# on_empty FAMILY
on_empty() {
	serve "none-tcp$1" tcp "$1" 81 dsr
	serve "none-udp$1" udp "$1" 82 nat
	begin "$1" 81
	goes "contract 9: IPv$1, no server, SYN" "client RA 0 +0" "c('S')"
	begin "$1" 82 UDP
	goes "contract 9: IPv$1, no server, datagram" "client icmp ${refusal[$1]}" "c()"
	is "contract 9: IPv$1, no server: a program is refused" \
		"$(requests 1 "http://${vip_of[$1]}:81/")" "error-7=1"
	is "contract 9: IPv$1, no server: over UDP, too" \
		"$(datagrams 1 "$(peer "VIP[$1]")" 82)" "ECONNREFUSED=1"
	shunt service set "none-tcp$1" midstream rehash
	begin "$1" 81
	goes "contract 9: IPv$1, no server, mid-stream" "client R +0" "c('A')"
	counted "IPv$1, no server" no-server=5

	shunt service set "none-tcp$1" on-empty drop
	shunt service set "none-udp$1" on-empty drop
	is "IPv$1: on-empty is drop" \
		"$(shunt -j service show "none-udp$1" | jq -r '.[0]["on-empty"]')" drop
	for packet in "c('S')" "c('A')"; do
		begin "$1" 81
		goes "contract 9: IPv$1, on-empty drop, $packet" nothing "$packet"
	done
	begin "$1" 82 UDP
	goes "contract 9: IPv$1, on-empty drop, datagram" nothing "c()"
	counted "IPv$1, on-empty drop" no-server=3
	# What is in mid-stream of no connection is another matter.
	shunt service set "none-tcp$1" midstream reset
	begin "$1" 81
	goes "IPv$1, on-empty drop, mid-stream" "client R +0" "c('A')"
	counted "IPv$1, on-empty drop, mid-stream" no-connection=1
}

# Each edit, and then every connection is asked who answers.
edits() {
	local edit name is homes=''

	serve web tcp 4 80 dsr d1 d2
	serve web6 tcp 6 80 dsr d1 d2
	serve nat tcp 4 8080 nat n1:80 n2:80
	serve other tcp 4 81 dsr d3
	dial one $VIP4 80
	dial web $VIP4 80 4
	dial web6 $VIP6 80 4
	dial nat $VIP4 8080 4
	for name in one web web6 nat; do
		homes+="$(ask "$name"), "
	done
	like "each server has its share" "$homes" \
		"^d[12]=1, d1=2 d2=2, d1=2 d2=2, n1=2 n2=2, $"
	while read -r edit; do
		# shellcheck disable=SC2086 # words
		shunt $edit >/dev/null
		is=
		for name in one web web6 nat; do
			is+="$(ask "$name"), "
		done
		is "contract 1: $edit" "$is" "$homes"
	done <<-END
	server add web 10.0.0.13
	server add web6 2001:db8:a::13
	server set web 10.0.0.11 weight 0
	server set web 10.0.0.12 weight 7
	server set nat 10.1.0.21:80 weight 0
	service set web scheduler wlc on-remove rehash midstream rehash timeout syn 5
	service set nat scheduler wrr on-remove reset timeout established 600
	service set web mode nat
	service set web mode dsr
	server del web 10.0.0.13
	service del other
	service add other udp $VIP4:80
	conn del service other client 192.0.2.99
	END
	is "contract 1: no packet was dropped" "$(drops)" ""
}

insmod_shunt
topo_up
servers_up
peers_up
for version in 4 6; do
	serve dsr-tcp$version tcp $version 80 dsr d1 d2 d3
	serve nat-tcp$version tcp $version 8080 nat n1:80 n2:80
	serve dsr-udp$version udp $version 53 dsr d1 d2 d3
	serve nat-udp$version udp $version 5353 nat n1:53 n2:53
done
service=dsr-tcp4
is "TCP: on-remove is keep" "$(told on-remove)" keep
is "on-empty is reject" "$(told on-empty)" reject
service=nat-udp6
is "UDP: on-remove is rehash" "$(told on-remove)" rehash

note "a server is removed"
for policy in keep reset rehash; do
	for kind in tcp udp; do
		on_remove dsr 4 $kind $policy
		on_remove nat 4 $kind $policy
	done
	on_remove nat 6 tcp $policy
	on_remove dsr 6 udp $policy
done
nobody_left nat 4 tcp
nobody_left dsr 6 udp

note "no server"
on_empty 4
on_empty 6

note "edits around established connections"
rmmod shunt
insmod_shunt
edits
