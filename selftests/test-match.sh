#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What a service matches: ranges of ports and all of them, beside the one port of
# another; several addresses; TCP and UDP in one service; packets by their mark.
# Changes of it under connections that stay, what it is refused for, and packets of
# no service, which pass untouched while there is a service by a mark.
# kernels: 6.12
#
#    The network of net.sh, with two VIPs. Every server answers on the same ports.
# shellcheck source=selftests/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

HTTP_PORTS=(53 80 1080 1081 2000)
UDP_PORTS=(53 1080 1081)
declare -A vip_of=([4]=$VIP4 [6]="[$VIP6]") other_of=([4]=198.51.100.2 [6]="[2001:db8:f::2]")
declare -A dsr_of=([4]=10.0.0.1 [6]=2001:db8:a::1) nat_of=([4]=10.1.0.2 [6]=2001:db8:b::2)

# Without brackets.
plain() {
	tr -d '[]' <<<"$1"
}

# servers SERVICE VERSION NAME...: by their names, without a port.
servers() {
	local name

	for name in "${@:3}"; do
		case $name in
		d*) shunt server add "$1" "${dsr_of[$2]}${name#d}" ;;
		n*) shunt server add "$1" "${nat_of[$2]}${name#n}" ;;
		esac
	done
}

# told SERVICE FILTER: what jq makes of a service.
told() {
	shunt -j service show "$1" | jq -rc ".[0] | $2"
}

# What the client has sent to which port of which server, as conn show tells.
ends() {
	shunt -j conn show service "$1" | jq -r '.[] | "\(.port)-\(.server_port)"' | sort -u | xargs
}

ranges() {
	local vip=${vip_of[$1]} v=$1

	note "IPv$v: ranges"
	shunt service add some tcp "$vip:1000-1999" on-remove reset
	servers some "$v" d1 d2 d3
	shunt service add one tcp "$vip:1081"
	servers one "$v" d1
	shunt service add all tcp "$vip:*" mode nat timeout closed 600
	servers all "$v" n1 n2
	is "IPv$v, DSR: a port of a range" "$(requests 3 "http://$vip:1080/")" "d1=1 d2=1 d3=1"
	is "IPv$v: the port of another service in it" "$(requests 3 "http://$vip:1081/")" "d1=3"
	is "IPv$v, NAT: any other port" "$(requests 2 "http://$vip:80/") $(
		requests 2 "http://$vip:2000/")" "n1=1 n2=1 n1=1 n2=1"
	is "IPv$v, NAT: the port stays as it was" "$(requests 2 "http://$vip:2001/")" "error-7=2"
	is "IPv$v: connections tell it" "$(ends some), $(ends all)" \
		"1080-1080, 2000-2000 2001-2001 80-80"
	is "IPv$v: the servers have none" "$(shunt -j server show | jq -c 'map(.port) | unique')" \
		"[0,1081]"
	shunt server del all "${nat_of[$v]}2"
	shunt server set all "${nat_of[$v]}1" weight 2
	if [[ $v == 4 ]]; then
		shunt server add all "${nat_of[$v]}2:80"
	else
		shunt server add all "[${nat_of[$v]}2]:80"
	fi
	is "IPv$v, NAT: or it is the one that the server has" \
		"$(requests 4 "http://$vip:2002/")" "error-7=2 n2=2"
	shunt service del one
	is "IPv$v: the range has it when the other goes" \
		"$(requests 3 "http://$vip:1081/")" "d1=1 d2=1 d3=1"
	shunt service del some
	is "IPv$v: and then the rest" "$(requests 1 "http://$vip:1080/" | cut -c1)" n
	shunt flush
}

several() {
	local vip=${vip_of[$1]} other=${other_of[$1]} v=$1

	note "IPv$v: several addresses, and both protocols"
	shunt service add many tcp,udp "$vip:80,$other:1080-1081,$vip:53" scheduler sh
	servers many "$v" d1 d2 d3
	is "IPv$v: listed" "$(told many '[.protocol, .address, .port, .fwmark, .family] | join(" ")')" \
		"tcp,udp $(plain "$vip") 80 0 ipv$v"
	is "IPv$v: all of them" "$(told many '.addresses | join(",")')" \
		"$vip:80,$other:1080-1081,$vip:53"
	is "IPv$v: in text" "$(shunt service show many | awk '$1 == "many" { print $2, $3 }
		$1 == "address" { print $2 }' | xargs)" \
		"tcp,udp $vip:80,+2 $vip:80,$other:1080-1081,$vip:53"
	requests 2 "http://$vip:53/" >"$WORK/tcp"
	datagrams 2 "$(plain "$vip")" 53 >"$WORK/udp"
	is "IPv$v, sh: a client has one server for TCP and UDP" "$(<"$WORK/udp")" "$(<"$WORK/tcp")"
	is "IPv$v: each address and port" "$(requests 2 "http://$vip:80/") $(
		requests 2 "http://$other:1081/") $(datagrams 2 "$(plain "$other")" 1080)" \
		"$(<"$WORK/tcp") $(<"$WORK/tcp") $(<"$WORK/tcp")"
	is "IPv$v: timeouts and states of both" "$(told many '(.timeouts | keys | join(" ")), (.states | length)' | xargs)" \
		"answered closed closing established one-way syn 6"
	check "IPv$v: settings of both" shunt service set many on-expire reset midstream rehash \
		packet off timeout syn 30 timeout one-way 30
	defaults "$v"
	shunt flush
}

# Without a choice, on-remove is that of each protocol.
defaults() {
	local vip=${vip_of[$1]} v=$1 had

	is "IPv$v: on-remove is each protocol's own" "$(told many '."on-remove"')" default
	dial kept "$(plain "$vip")" 80
	had=$(ask kept)
	is "IPv$v: a datagram has the same" "$(datagrams 1 "$(plain "$vip")" 53 -p 61000)" "$had"
	shunt server del many "${dsr_of[$v]}${had:1:1}"
	is "IPv$v: TCP stays with a server that is removed" "$(ask kept)" "$had"
	like "IPv$v: UDP goes to another" "$(datagrams 1 "$(plain "$vip")" 53 -p 61000)" \
		"^d[^${had:1:1}]=1$"
	hang_up kept
	check "IPv$v: as a choice" shunt service set many on-remove keep on-empty drop
	shunt service set many on-remove default
	is "IPv$v: and none again" "$(told many '."on-remove"')" default
}

# What a live service matches is replaced, and connections stay.
changes() {
	local vip=${vip_of[$1]} other=${other_of[$1]} v=$1

	note "IPv$v: changes"
	shunt service add live tcp "$vip:80"
	servers live "$v" d1
	shunt service add nat tcp "$vip:1000-1100" mode nat
	servers nat "$v" n1
	dial live "$(plain "$vip")" 80
	dial nat "$(plain "$vip")" 1080
	check "IPv$v: an address comes, a port goes" shunt service set live address "$vip:81-90,$other:80"
	is "IPv$v: its DSR servers follow" "$(told live '.servers[0].port')" 0
	is "IPv$v: the connection stays" "$(ask live)" "d1=1"
	is "IPv$v: new ones have the new address" "$(requests 2 "http://$other:80/")" "d1=2"
	check "IPv$v: the address goes" shunt service set live address "$other:80"
	is "IPv$v: one port, and they follow" "$(told live '.servers[0].port, .address' | xargs)" \
		"80 $(plain "$other")"
	is "IPv$v: the connection stays still" "$(ask live)" "d1=1"
	check "IPv$v, NAT: one port of the range" shunt service set nat address "$other:1081"
	is "IPv$v, NAT: the connection stays" "$(ask nat)" "n1=1"
	is "IPv$v, NAT: new ones" "$(requests 1 "http://$other:1081/")" "n1=1"
	check "IPv$v, NAT: the server without a port is still found so" \
		shunt server set nat "${nat_of[$v]}1" weight 3
	check "IPv$v: the port is another's now" shunt service add mine tcp "$vip:1000-2000"
	is "IPv$v, NAT: the connection stays even so" "$(ask nat)" "n1=1"
	hang_up live
	hang_up nat
	shunt flush
}

# The README's rules, by the address that packets are for, and by a port.
mark() {
	in_ns director nft -f - <<-'END'
	table inet marks {
		chain arriving {
			type filter hook prerouting priority raw;
			tcp dport 2000 meta mark set 8 accept
			ip daddr 198.51.100.2 meta mark set 7
			ip6 daddr 2001:db8:f::2 meta mark set 7
		}
		chain own {
			type filter hook output priority raw;
			ip daddr 198.51.100.2 meta mark set 7
			ip6 daddr 2001:db8:f::2 meta mark set 7
		}
	}
	END
}

reassembled() {
	# shellcheck disable=SC2016 # awk's own
	in_ns director awk '$1 == "Ip:" { n = $14 } $1 == "Ip6ReasmReqds" { n += $2 } END { print n }' \
		/proc/net/snmp /proc/net/snmp6
}

marks() {
	local other=${other_of[$1]} v=$1 before

	note "IPv$v: marks"
	shunt service add marked tcp,udp fwmark 7 family "ipv$v"
	servers marked "$v" d1 d2 d3
	is "IPv$v: listed" "$(told marked '[.address, .port, (.addresses | length), .fwmark, .family] | tojson')" \
		"[\"\",0,0,7,\"ipv$v\"]"
	is "IPv$v: in text" "$(shunt service show marked | sed -En '2s/ +/ /gp' | cut -d' ' -f3-6)" \
		"$([[ $v == 4 ]] && echo fwmark 7 rr dsr || echo fwmark 7 family ipv6)"
	is "IPv$v, DSR: TCP by a mark" "$(requests 3 "http://$other:80/") $(
		requests 3 "http://$other:1081/")" "d1=1 d2=1 d3=1 d1=1 d2=1 d3=1"
	is "IPv$v, DSR: UDP" "$(datagrams 3 "$(plain "$other")" 53)" "d1=1 d2=1 d3=1"
	is "IPv$v: in fragments" "$(datagrams 3 "$(plain "$other")" 53 -s 4000)" "d1=1 d2=1 d3=1"
	before=$(reassembled)
	is "IPv$v: of no service, forwarded" "$(requests 2 "http://${vipless_of[$v]}/") $(
		datagrams 2 "$(plain "${vipless_of[$v]}")" 53 -s 4000)" "n1=2 n1=2"
	is "IPv$v: and its fragments are not put together" "$(($(reassembled) - before))" 0
	is "IPv$v: of no service, the director's own" \
		"$(FROM=director requests 2 "http://${vipless_of[$v]}/")" "n1=2"
	shunt service add by-port tcp fwmark 0x8 family "ipv$v" mode nat
	servers by-port "$v" n1 n2
	is "IPv$v, NAT: by another" "$(requests 4 "http://$other:2000/")" "n1=2 n2=2"
	shunt service add plain tcp "$other:80"
	servers plain "$v" d3
	is "IPv$v: a mark counts before an address" "$(requests 3 "http://$other:80/")" "d1=1 d2=1 d3=1"
	is "IPv$v: of the director itself" \
		"$(FROM=director requests 3 "http://$other:80/")" "d1=1 d2=1 d3=1"
	dial stays "$(plain "$other")" 80
	was=$(ask stays)
	check "IPv$v: another mark" shunt service set marked fwmark 9
	is "IPv$v: the connection stays" "$(ask stays)" "$was"
	is "IPv$v: new ones go by the address" "$(requests 2 "http://$other:80/")" "d3=2"
	hang_up stays
	shunt service del marked
	shunt service del by-port
	is "IPv$v: without marks all is as before" "$(requests 2 "http://$other:80/")" "d3=2"
	shunt flush
}

# cannot WORDS ARGUMENTS...
cannot() {
	refused "refused: ${*:2}" 1 "$1" shunt "${@:2}"
}

refusals() {
	local before

	note "what is refused"
	shunt service add taken tcp "$VIP4:100-200,$VIP4:80"
	shunt service add rest tcp,udp "$VIP4:*"
	shunt service add marked tcp fwmark 5
	shunt service add each udp "$VIP4:53" packet on mode nat
	shunt server add each 10.1.0.21
	shunt service add wide udp "$VIP4:60-70" packet on
	shunt server add taken 10.0.0.11
	shunt service add dsr tcp "$VIP4:90"
	shunt server add dsr 10.0.0.11
	shunt server add dsr 10.0.0.11:91 mode nat
	before=$(shunt -j)
	cannot "'$VIP4:150-250': another service has a range" service add no tcp "$VIP4:300,$VIP4:150-250"
	cannot "'$VIP4:80': another service has this protocol, address and port" \
		service add no tcp,udp "$VIP4:80"
	cannot "'$VIP4:*': another service has every port" service add no udp "$VIP4:*"
	cannot "'5': another service has this protocol, family and fwmark" service add no tcp,udp fwmark 5
	cannot "'$VIP4:5-9': an address before it in the list" service add no tcp "$VIP4:1-5,$VIP4:5-9"
	cannot "'$VIP4:5': an address before it in the list" service add no tcp "$VIP4:5,$VIP4:6,$VIP4:5"
	cannot "'127.0.0.1:5': a virtual address must be one" service add no tcp "$VIP4:5,127.0.0.1:5"
	cannot "goes by addresses, which are told once, or by a fwmark" \
		service add no tcp "$VIP4:5" fwmark 6
	cannot "'ipv6': the addresses are of the other family" service add no tcp "$VIP4:5" family ipv6
	cannot "goes by addresses" service set taken fwmark 6
	cannot "goes by its fwmark" service set marked address "$VIP4:5"
	cannot "stays with the family" service set taken address "[$VIP6]:80"
	cannot "stays with the family" service set marked family ipv6
	cannot "'$VIP4:53': another service has this protocol" service set wide address "$VIP4:53"
	cannot "a server of the service has one of these addresses" \
		service set taken address "10.0.0.11:80"
	cannot "this is the service's virtual address" server add taken $VIP4
	cannot "of several ports a DSR server has the client's" server add taken 10.0.0.12:80
	cannot "one address and one port" service set each address "$VIP4:53,$VIP4:54"
	cannot "one address and one port" server add wide 10.1.0.21 mode nat
	cannot "NAT server with the address and port" service set dsr address "$VIP4:91"
	is "refused: nothing has changed" "$(shunt -j)" "$before"
	refused "65 addresses" 2 "'$VIP4:65' is one address too many; expected at most 64" \
		shunt service add no tcp "$(printf "$VIP4:%s," {1..64})$VIP4:65"
	check "64 addresses" shunt service add yes tcp "$(printf "198.51.100.9:%s," {1..63})198.51.100.9:64"
	is "all are listed" "$(told yes '.addresses | length')" 64
	check "what is listed can be typed" shunt service set taken address \
		"$(shunt service show taken | awk '$1 == "address" { print $2 }')"
	check "one port of a range" shunt service set wide address "$VIP4:61"
	check "then there may be NAT servers" shunt server add wide 10.1.0.22 mode nat
	is "every datagram alone, NAT" "$(datagrams 2 $VIP4 53 -k 2)" "n1=4"
	shunt flush
}

insmod_shunt
topo_up
topo_vip 198.51.100.2/32 2001:db8:f::2/128
declare -A vipless_of=([4]=10.1.0.21 [6]="[2001:db8:b::21]")
servers_up
for version in 4 6; do
	ranges $version
	several $version
	changes $version
done
mark
marks 4
marks 6
refusals
is "nothing was dropped" "$(drops)" ""
