#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Persistence: new connections of a client go to the server that it had last, for
# as long as was said, across the services of a group, in DSR and NAT, TCP, UDP and
# IPv6. SYNs of a client that come together go together. It ends with the server:
# by weight 0, when it is removed, also if it is added again, and when it cannot be
# reached. Floods of SYNs make no client be remembered; and where as many are as may
# be, others are given servers by their addresses.
#
#    The network of net.sh. The client is whom its route says it is: one of
#    192.0.2.32 to 192.0.2.95, and 2001:db8:c::32 to 2001:db8:c::35.
# kernels: 6.12
# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"

# be NUMBER: who the client is from now on.
be() {
	in_ns client ip route replace default via 192.0.2.1 src "192.0.2.$1"
}

be6() {
	in_ns client ip -6 route replace default via 2001:db8:c::1 src "2001:db8:c::$1"
}

# visits NUMBER [COUNT [URL]]: a client's requests, and who answered.
visits() {
	be "$1"
	requests "${2-1}" "${3-http://$VIP4/}"
}

# home NUMBER [URL]: who answers a client once.
home() {
	visits "$1" 1 "${2-http://$VIP4/}" | sed 's/=1$//'
}

# homes FROM TO [URL]: who answers each of these clients.
homes() {
	local n

	for ((n = $1; n <= $2; n++)); do
		home "$n" "${@:3}"
		echo
	done | xargs
}

# remembered [FILTER...]: the clients, with their servers.
remembered() {
	shunt -j persist show "$@" | jq -r --argjson names "$NAMES" '
		map("\(.client)/\(.prefix) \($names[.server])") | sort | join(", ")'
}

# expires NUMBER
expires() {
	shunt -j persist show client "192.0.2.$1" | jq '.[0].expires // 0'
}

overall() {
	shunt -j limit | jq ".$1"
}

is_remembered() {
	[[ $(shunt -j persist show client "192.0.2.$1" | jq length) -eq 1 ]]
}

forgotten() {
	! is_remembered "$1"
}

all_gone() {
	[[ $(shunt -j persist show | jq length) -eq 0 ]]
}

readonly NAMES='{"10.0.0.11": "d1", "10.0.0.12": "d2", "10.0.0.13": "d3", "10.1.0.21": "n1",
	"10.1.0.22": "n2", "2001:db8:a::11": "d1", "2001:db8:a::12": "d2", "2001:db8:a::13": "d3"}'
declare -A host_of=([d1]=10.0.0.11 [d2]=10.0.0.12 [d3]=10.0.0.13)

# servers_of SERVICE MODE
servers_of() {
	local number

	case $2 in
	dsr) for number in 11 12 13; do shunt server add "$1" "10.0.0.$number"; done ;;
	nat) for number in 21 22; do shunt server add "$1" "10.1.0.$number:${3-80}"; done ;;
	six) for number in 11 12 13; do shunt server add "$1" "2001:db8:a::$number"; done ;;
	esac
}

alone() {
	local first

	shunt service add web tcp $VIP4:80 persist 300
	servers_of web dsr
	first=$(home 32)
	like "a client has a server" "$first" '^d[123]$'
	is "its next connections, too" "$(visits 32 5)" "$first=5"
	is "others have theirs, by the scheduler" "$(homes 33 34 | tr ' ' '\n' | cat - <(echo "$first") | sort | xargs)" \
		"d1 d2 d3"
	is "all three are listed" "$(shunt -j persist show | jq length)" 3
	is "one of them" "$(remembered client 192.0.2.32)" "192.0.2.32/32 $first"
	is "as text" "$(shunt persist show client 192.0.2.32 | sed -E 's/ +/ /g; s/ [0-9]+$/ N/')" \
		"$(printf '%s\n' "SERVICE GROUP CLIENT SERVER EXPIRES" "web - 192.0.2.32 ${host_of[$first]}:80 N")"
	is "as JSON" "$(shunt -j persist show client 192.0.2.32 service web | jq -c '.[0] | del(.expires)')" \
		"{\"service\":\"web\",\"group\":\"\",\"client\":\"192.0.2.32\",\"prefix\":32,\"server\":\"${host_of[$first]}\",\"server_port\":80}"
	is "none that was not there" "$(shunt -j persist show client 192.0.2.99) $(shunt -j persist show client 192.0.2.32/24)" "[] []"
	check "it is remembered for no longer than was said" [ "$(expires 32)" -le 300 ]
	check "nor for much less" [ "$(expires 32)" -gt 200 ]
	is "all are counted" "$(overall persist_entries)" 3

	shunt service set web persist 4000
	check "a new time is that of a client's next connection" [ "$(expires 32)" -le 300 ]
	visits 32 >/dev/null
	check "and then it is" [ "$(expires 32)" -gt 3000 ]
	is "the other's is as it was" "$(($(expires 33) <= 300))" 1

	note "forgetting"
	is "one" "$(shunt persist del client 192.0.2.33)" "1 client forgotten"
	check "that one" forgotten 33
	is "it cannot be twice" "$(shunt -j persist del client 192.0.2.33)" '{"deleted":0}'
	is "those of the service" "$(shunt persist del service web)" "2 clients forgotten"
	check "all are gone" all_gone
	is "the scheduler chooses for the client's next ones" \
		"$(for _ in 1 2 3; do visits 32; shunt persist del client 192.0.2.32 >/dev/null; echo; done | sort | xargs)" \
		"d1=1 d2=1 d3=1"
	shunt service set web persist off
	is "off: by the scheduler, each" "$(visits 32 6)" "d1=2 d2=2 d3=2"
	check "and nobody is remembered" all_gone

	note "a port that changes"
	shunt service set web persist 300
	first=$(home 32)
	shunt service set web address $VIP4:81
	is "the server's is told as it is now" "$(shunt -j persist show | jq -c 'map(.server_port)')" "[81]"
	# It still has the connection, so that it is the same one when it is added again.
	shunt server del web "${host_of[$first]}"
	check "its clients are forgotten with it all the same" all_gone
	shunt service set web address $VIP4:80
	shunt server add web "${host_of[$first]}"
}

# The client sees no answer to a SYN, until "loud".
quiet() {
	in_ns client nft "add table ip quiet; add chain ip quiet in { type filter hook prerouting priority raw; }; add rule ip quiet in ip saddr $VIP4 tcp flags & syn == syn drop"
}

loud() {
	in_ns client nft delete table ip quiet
}

# packets SERVICE: what its servers have had so far.
packets() {
	shunt -j service show "$1" | jq -c '[.[0].servers[].packets]'
}

# went SERVICE PACKETS: the servers that have had some since then.
went() {
	shunt -j service show "$1" | jq -r --argjson was "$2" --argjson names "$NAMES" '
		[[.[0].servers[].address], [.[0].servers[].packets], $was] | transpose |
		map(select(.[1] > .[2]) | $names[.[0]]) | join(" ")'
}

# at_once MODE URL SERVICE: a client whose handshakes wait for their answers, six of them.
at_once() {
	local mode=$1 url=$2 table=$3 before home

	quiet
	be 40
	before=$(packets "$table")
	have_come() {
		[[ $(shunt -j service show "$table" | jq --argjson was "$before" \
			'([.[0].servers[].packets] | add) - ($was | add)') -ge $1 ]]
	}
	# Two at the same moment, on two processors, may find two servers.
	in_ns client curl -s -o /dev/null --connect-timeout 3 "$url" &
	check "$mode: a SYN comes" wait_until 20 have_come 1
	for _ in 1 2 3 4 5; do
		in_ns client curl -s -o /dev/null --connect-timeout 3 "$url" &
	done
	check "$mode: five more do" wait_until 20 have_come 6
	home=$(went "$table" "$before")
	like "$mode: to one server" "$home" '^[dn][123]$'
	is "$mode: nobody is remembered for a SYN" "$(remembered service "$table" client 192.0.2.40)" ""
	wait
	loud
	is "$mode: that has the client's connections, then" "$(visits 40 3 "$url")" "$home=3"
	is "$mode: and is remembered" "$(remembered service "$table" client 192.0.2.40)" "192.0.2.40/32 $home"
}

# half: a SYN of the client's, and no more; prints who had it.
half() {
	local before

	before=$(packets web)
	in_ns client curl -s -o /dev/null --connect-timeout .5 http://$VIP4/ || :
	went web "$before"
}

# Clients in their handshake are forgotten with the others. The scheduler goes round.
handshakes() {
	local -a homes

	quiet
	be 41
	homes=("$(half)")
	is "a SYN more goes where the first did" "$(half)" "${homes[0]}"
	is "a client in its handshake is not listed" "$(shunt persist del client 192.0.2.41)" \
		"0 clients forgotten"
	homes+=("$(half)")
	shunt service set web persist off
	shunt service set web persist 300
	homes+=("$(half)")
	is "but forgotten, by a command and by turning it off" \
		"$(printf '%s\n' "${homes[@]}" | sort | xargs)" "d1 d2 d3"
	loud
}

# The same by the fast hook.
fast() {
	local first

	shunt persist del service web >/dev/null
	shunt attach eth0
	shunt attach eth1
	in_ns director nft -f - <<-'END'
	table inet seen {
		counter general { }
		chain pre {
			type filter hook prerouting priority -300
			tcp dport 80 tcp flags & rst == 0 counter name general
			udp dport 53 counter name general
		}
	}
	END
	first=$(home 50)
	is "fast hook: a client's next connections" "$(visits 50 4)" "$first=4"
	is "fast hook: it is remembered" "$(remembered)" "192.0.2.50/32 $first"
	at_once "fast hook" http://$VIP4/ web
	shunt service add quic udp $VIP4:53 persist 300
	servers_of quic dsr
	be 50
	first=$(datagrams 1 $VIP4 53)
	is "fast hook: UDP" "$(datagrams 4 $VIP4 53)" "${first/=1/=4}"
	is "fast hook: no packet went the general way" \
		"$(nft_counters director | awk '$2 == "general" { print $3 }')" 0
	shunt service del quic
	in_ns director nft delete table inet seen
	shunt detach eth1
	shunt detach eth0
}

prefixes() {
	shunt service set web persist 300 persist-prefix 28
	first=$(home 48)
	is "prefix: 192.0.2.48 to .63 are one client" "$(homes 49 50) $(home 63)" "$first $first $first"
	is "prefix: one is remembered" "$(remembered)" "192.0.2.48/28 $first"
	is "prefix: found by any of its addresses" "$(remembered client 192.0.2.63) $(remembered client 192.0.2.63/28)" \
		"192.0.2.48/28 $first 192.0.2.48/28 $first"
	is "prefix: and by no other" "$(remembered client 192.0.2.64)" ""
	is "prefix: as text" "$(shunt persist show | awk 'NR == 2 { print $3 }')" 192.0.2.48/28
	home 64 >/dev/null
	is "prefix: the next address is another client" "$(shunt -j persist show | jq length)" 2
	shunt service set web persist-prefix 32
	check "prefix: another ends them" all_gone
}

groups() {
	local n first

	shunt service set web persist 300 persist-group shop
	shunt service add tls tcp $VIP4:8080 persist 300 persist-group shop
	servers_of tls dsr
	shunt service add quic udp $VIP4:53 persist 300 persist-group shop
	servers_of quic dsr
	for n in 32 33; do
		first=$(home $n)
		is "group: $n: the other service gives the same" "$(visits $n 3 "http://$VIP4:8080/")" "$first=3"
		is "group: $n: and UDP" "$(be $n; datagrams 3 $VIP4 53)" "$first=3"
	done
	is "group: two are remembered, of the group" "$(shunt -j persist show | jq -c 'map([.service, .group, .server_port]) | unique')" \
		'[["","shop",0]]'
	is "group: by its name, and that of a service" "$(shunt -j persist show group shop | jq length) $(
		)$(shunt -j persist show service quic | jq length)" "2 2"
	is "group: as text" "$(shunt persist show client 192.0.2.33 | awk 'NR == 2 { print $1, $2, $3, $4 }')" \
		"- shop 192.0.2.33 ${host_of[$first]}"
	refused "group: a prefix that is not the others' is refused" 1 \
		"'24': the services of a persist-group have one persist-prefix" shunt service set web persist-prefix 24
	shunt service add other tcp $VIP4:81 persist 5 persist-prefix 16
	refused "group: nor can such a service come in" 1 "'shop': the services of a persist-group have" \
		shunt service set other persist-group shop
	is "group: and nothing has changed" "$(shunt -j service show other | jq -c '.[0] | [.persist, ."persist-prefix", ."persist-group"]')" \
		'[5,16,""]'
	shunt service set other persist-prefix 32 persist-group shop
	shunt service del other

	# A server that another service of the group has still.
	shunt server del tls "${host_of[$first]}"
	is "group: without the server there, another" "$(home 33 "http://$VIP4:8080/" | sed "s/$first/the same/")" \
		"$(shunt -j persist show client 192.0.2.33 | jq -r --argjson names "$NAMES" '$names[.[0].server]')"
	shunt server add tls "${host_of[$first]}"
	shunt service set tls persist-group none
	shunt service del quic
	is "group: those left have what is remembered" "$(shunt -j persist show group shop | jq length)" 2
	shunt service set web persist-group none
	check "group: the last one ends it" all_gone
	refused "group: it is no more" 1 ": no service is in a persist-group of this name" shunt persist show group shop
	shunt service del tls
}

# What ends persistence with a server, each time that of client 32.
endings() {
	local first now

	first=$(home 32)
	dial kept $VIP4 80
	shunt server set web "${host_of[$first]}" weight 0
	now=$(home 32)
	is "weight 0: another for new connections" "${now/$first/the same}" "$now"
	is "weight 0: which is remembered" "$(remembered client 192.0.2.32) $(visits 32 3)" "192.0.2.32/32 $now $now=3"
	is "weight 0: the connection from before goes on" "$(ask kept)" "$first=1"
	shunt server set web "${host_of[$first]}" weight 1
	is "weight 1: stays where it is" "$(visits 32 3)" "$now=3"
	hang_up kept

	first=$now
	shunt server del web "${host_of[$first]}"
	is "removed: forgotten" "$(remembered client 192.0.2.32)" ""
	shunt server add web "${host_of[$first]}"
	is "removed and added: the client begins anew" "$(remembered client 192.0.2.32)" ""
	now=$(home 32)
	shunt server del web "${host_of[$now]}"
	first=$(home 32)
	is "removed: another for new connections" "${first/$now/the same}" "$first"
	shunt server add web "${host_of[$now]}"
	is "removed and added: stays with the other" "$(visits 32 3)" "$first=3"

	is_state() {
		[[ $(shunt -j server show web | jq -r ".[] | select(.address == \"${host_of[$first]}\").state") == "$1" ]]
	}
	in_ns "$first" ip link set eth0 down
	in_ns director ip neigh flush dev eth0
	unreachable() {
		requests 1 http://$VIP4/ --connect-timeout 1 >/dev/null
		is_state unreachable
	}
	check "unreachable: it is noticed" wait_until 30 unreachable
	now=$(home 32)
	is "unreachable: another for new connections" "${now/$first/the same}" "$now"
	in_ns "$first" ip link set eth0 up
	in_ns "$first" ip route replace default via 10.0.0.1
	check "it is up again" wait_until 30 is_state up
	is "up again: stays where it is" "$(visits 32 3)" "$now=3"

	shunt service set web persist 2
	home 41 >/dev/null
	check "it expires" wait_until 20 forgotten 41
	none_held() {
		[[ $(overall persist_entries) -eq $1 ]]
	}
	shunt persist del service web >/dev/null
	home 41 >/dev/null
	check "and its memory is free soon after" wait_until 20 none_held 0
	shunt service set web persist 300
}

others() {
	local first

	shunt service add nat tcp $VIP4:8080 mode nat persist 300
	servers_of nat nat
	first=$(home 32 "http://$VIP4:8080/")
	is "NAT: a client's connections" "$(visits 32 4 "http://$VIP4:8080/")" "$first=4"
	at_once NAT "http://$VIP4:8080/" nat
	shunt service add dns udp $VIP4:5353 mode nat persist 300
	servers_of dns nat 53
	be 32
	first=$(datagrams 1 $VIP4 5353)
	is "UDP: a client's datagrams" "$(datagrams 4 $VIP4 5353)" "${first/=1/=4}"
	shunt service add six tcp "[$VIP6]:80" persist 300
	servers_of six six
	be6 32
	first=$(requests 1 "http://[$VIP6]/")
	is "IPv6: a client's connections" "$(requests 4 "http://[$VIP6]/")" "${first/=1/=4}"
	is "IPv6: is listed" "$(remembered service six client 2001:db8:c::32)" "2001:db8:c::32/128 ${first/=1/}"
	shunt service set six persist-prefix 126
	first=$(be6 34; requests 1 "http://[$VIP6]/")
	be6 35
	is "IPv6: prefix" "$(requests 4 "http://[$VIP6]/") $(remembered service six)" \
		"${first/=1/=4} 2001:db8:c::34/126 ${first/=1/}"
	shunt service del nat
	shunt service del dns
	shunt service del six
}

# The director forgets the connection, not the client.
midstream() {
	local name first

	shunt service set web midstream rehash
	be 32
	first=$(home 32)
	for name in 1 2 3; do
		dial "mid$name" $VIP4 80
	done
	shunt conn del service web >/dev/null
	is "mid-stream: goes to the client's server" "$(for name in 1 2 3; do ask "mid$name"; done)" \
		"$first=1$first=1$first=1"
	for name in 1 2 3; do hang_up "mid$name"; done
	shunt service set web midstream reset
}

caps() {
	local first beyond n

	shunt persist del service web >/dev/null
	first=$(homes 32 33)
	shunt limit persist 2
	is "cap: is told" "$(overall persist)" 2
	beyond=$(overall persist_beyond)
	for n in 70 71; do
		like "cap: $n is served, always by the same" "$(visits $n 4)" '^d[123]=4$'
	done
	is "cap: is not remembered" "$(shunt -j persist show | jq length)" 2
	is "cap: each connection is counted" "$(($(overall persist_beyond) - beyond))" 8
	is "cap: the others are where they were" "$(homes 32 33)" "$first"
	is "cap: not all are given one server" "$(($(homes 70 78 | tr ' ' '\n' | sort -u | wc -l) > 1))" 1
	shunt limit persist default
	check "cap: by default there is room" [ "$(overall persist)" -ge 16384 ]
	home 70 >/dev/null
	check "cap: then it is remembered" is_remembered 70

	# The same when there are too many connections for the client to have one.
	shunt persist del service web >/dev/null
	shunt service set web limit 1
	dial full $VIP4 80
	shunt persist del service web >/dev/null
	like "too many connections: a client stays with its server" "$(visits 75 5)" '^d[123]=5$'
	hang_up full
	shunt service set web limit none
}

floods() {
	local before first

	shunt persist del service web >/dev/null
	first=$(home 32)
	before=$(awk '$1 == "shunt_persist" { print $2 }' /proc/slabinfo)
	insmod "$SHUNT_TOP/build/$(uname -r)-bench/shunt_bench.ko"
	at_exit rmmod shunt_bench
	in_ns director ip route add blackhole 32.0.0.0/3
	in_ns rack nft "add table netdev sink; add chain netdev sink flood { type filter hook ingress device director priority 0; }; add rule netdev sink flood ip saddr 32.0.0.0/3 drop"
	in_ns director sh -c "echo 'send dev=eth0 random=1 count=20032 family=4 protocol=tcp src=0.0.0.0,0 dst=$VIP4,80 flags=0x02' >/proc/shunt_bench"
	is "SYNs: nobody is remembered for them" "$(shunt -j persist show | jq length) $(overall persist_entries)" "1 1"
	if [[ $before ]]; then
		check "SYNs: no memory" [ "$(awk '$1 == "shunt_persist" { print $2 }' /proc/slabinfo)" -le $((before + 64)) ]
	else
		skip "SYNs: no memory" "this kernel counts the entries with those of others"
	fi
	is "SYNs: the client is where it was" "$(visits 32 4)" "$first=4"

	shunt service add dns udp $VIP4:53 persist 300
	servers_of dns dsr
	in_ns director sh -c "echo 'send dev=eth0 random=1 count=4096 family=4 protocol=udp src=0.0.0.0,0 dst=$VIP4,53' >/proc/shunt_bench"
	is "datagrams: all are listed, each once" "$(shunt -j persist show service dns | jq -c '[length, (map(.client) | unique | length)]')" \
		"[$(($(overall persist_entries) - 1)),$(($(overall persist_entries) - 1))]"
	first=$(shunt -j persist show service dns | jq -r '.[2000].client')
	is "datagrams: one among them" "$(shunt -j persist show client "$first" | jq length)" 1
	check "datagrams: these are many" [ "$(overall persist_entries)" -gt 3000 ]
	is "datagrams: all are forgotten" "$(($(shunt -j persist del service dns | jq .deleted) > 3000)) $(overall persist_entries)" "1 1"
}

refusals() {
	refused "persist and packet" 1 "'60': a service whose packets are scheduled singly" \
		shunt service add no udp $VIP4:99 packet on persist 60
	shunt service add no udp $VIP4:99 persist 60
	refused "packet and persist" 1 "'on': a service whose packets are scheduled singly" \
		shunt service set no packet on
	shunt service set no packet on persist off
	refused "persist where packet is" 1 "'60': a service whose packets are scheduled singly" \
		shunt service set no persist 60
	shunt service del no
	refused "prefix of IPv4" 1 "'33': the persist-prefix of an IPv4 service is from 1 to 32 bits" \
		shunt service set web persist-prefix 33
	refused "no such service" 1 "'nope': there is no service of this name" shunt persist show service nope
	refused "no such service, to forget" 1 "'nope': there is no service of this name" \
		shunt persist del service nope client 192.0.2.32
	refused "no such group" 1 "'nope': no service is in a persist-group of this name" shunt persist del group nope
	refused "nothing is said" 2 "'persist del' lacks a key; expected service, group or client" shunt persist del
}

insmod_shunt
topo_up
servers_up
printf 'addr add 192.0.2.%s/24 dev eth0\n' {32..95} | topo_batch client
printf 'addr add 2001:db8:c::%s/64 dev eth0 nodad\n' {32..35} | topo_batch client

alone
shunt service set web persist 300
at_once DSR "http://$VIP4/" web
handshakes
[[ ${SHUNT_TEST_ATTACH-} ]] || fast
prefixes
groups
endings
others
midstream
caps
refusals
floods
is "nothing was dropped" "$(drops)" ""
shunt flush
check "a flush forgets all" all_gone
is "and is counted so" "$(overall persist_entries)" 0
