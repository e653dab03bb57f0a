#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What the command tells programs: the keys of each listing, in order, with
# their types, which stay the same whatever there is to list; values that are
# those of the traffic; filters; and listings of 60 000 connections, in as
# little memory as those of few, and of 1 000 services; fewer on 6.1.
#
#    The network of net.sh. So many clients are the router's, by pktgen; the
#    server d3 drops what it gets of them.
# shellcheck source=selftests/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=selftests/flood.sh
source "$(dirname "${BASH_SOURCE[0]}")/flood.sh"

case $SHUNT_KERNEL in
6.1) readonly FEW=2000 MANY=10000 SERVICES=100 ;;
*) readonly FEW=5000 MANY=60000 SERVICES=1000 ;;
esac
readonly SERVER_KEYS="address:string port:number mode:string weight:number effective_weight:number state:string \
backup:boolean upper-limit:number lower-limit:number full:boolean slow-start:number \
drain_timeout:number drain_then:string drained:boolean \
connections:number total_connections:number packets:number bytes:number \
return_packets:number return_bytes:number states:object"
readonly SERVICE_HEAD="name:string protocol:string address:string port:number \
addresses:array fwmark:number family:string scheduler:string mode:string timeouts:object"
readonly SERVICE_TAIL="connections:number total_connections:number packets:number bytes:number \
states:object servers:array"
readonly TCP_KEYS="$SERVICE_HEAD on-expire:string on-remove:string on-empty:string \
midstream:string limit:number persist:number persist-prefix:number persist-group:string stateless:number recycled:number $SERVICE_TAIL"
readonly UDP_KEYS="$SERVICE_HEAD on-remove:string on-empty:string packet:boolean limit:number persist:number persist-prefix:number persist-group:string stateless:number recycled:number $SERVICE_TAIL"
readonly BOTH_KEYS="$SERVICE_HEAD on-expire:string on-remove:string on-empty:string \
midstream:string packet:boolean limit:number persist:number persist-prefix:number persist-group:string stateless:number recycled:number $SERVICE_TAIL"
readonly TCP_STATES="syn:number established:number closing:number closed:number"
readonly UDP_STATES="one-way:number answered:number"
readonly LIMIT_KEYS="limit:number connections:number stateless:number recycled:number \
half_open_recycled:number syns_forgotten:number persist:number persist_entries:number \
persist_beyond:number"
readonly CONN_KEYS="service:string protocol:string client:string client_port:number \
address:string port:number server:string server_port:number mode:string state:string \
expires:number"
readonly PERSIST_KEYS="service:string group:string client:string prefix:number server:string \
server_port:number expires:number"
readonly STATUS_KEYS="version:string services:number servers:number connections:number \
buckets:number hooked:boolean schedulers:array devices:array"
readonly DROP_KEYS="service:string reason:string count:number meaning:string"

# json DESCRIPTION WANTED FILTER ARGUMENTS...: what jq makes of a listing.
json() {
	is "$1" "$(shunt -j "${@:4}" | jq -r "$3" | xargs)" "$2"
}

# The keys and types of all objects that jq's filter finds, each shape once.
readonly SHAPE='def shape: to_entries | map("\(.key):\(.value | type)") | join(" ");'

# shapes WHEN LISTED: every listing has its shape; LISTED is a letter for each
# kind of object that must be there: TCP service, UDP service, server, conn, client
# that persists.
shapes() {
	local said=$WORK/said

	shunt -j >"$said"
	is "$1: services" "$(jq -r "$SHAPE [.[] | \"\(.protocol) \(shape)\"] | unique[]" "$said")" \
		"$([[ $2 != *t* ]] || echo "tcp $TCP_KEYS"; [[ $2 != *u* ]] || echo "udp $UDP_KEYS")"
	is "$1: states and timeouts are those of the protocol" \
		"$(jq -r "$SHAPE [.[] | \"\(.protocol) \((.timeouts, .states, .servers[].states) | shape)\"] | unique[]" "$said")" \
		"$([[ $2 != *t* ]] || echo "tcp $TCP_STATES"; [[ $2 != *u* ]] || echo "udp $UDP_STATES")"
	is "$1: their servers" "$(jq -r "$SHAPE [.[].servers[] | shape] | unique[]" "$said")" \
		"$([[ $2 != *r* ]] || echo "$SERVER_KEYS")"
	is "$1: without arguments as with \"service show\"" "$(<"$said")" "$(shunt -j service show)"
	is "$1: servers" "$(shunt -j server show | jq -r "$SHAPE [.[] | shape] | unique[]")" \
		"$([[ $2 != *r* ]] || echo "service:string $SERVER_KEYS")"
	is "$1: connections" "$(shunt -j conn show | jq -r "$SHAPE [.[] | shape] | unique[]")" \
		"$([[ $2 != *c* ]] || echo "$CONN_KEYS")"
	is "$1: clients" "$(shunt -j persist show | jq -r "$SHAPE [.[] | shape] | unique[]")" \
		"$([[ $2 != *p* ]] || echo "$PERSIST_KEYS")"
	json "$1: status" "$STATUS_KEYS" "$SHAPE shape" status
	is "$1: drops" "$(shunt -j drops | jq -r "$SHAPE [.[] | shape] | unique[]")" "$DROP_KEYS"
	json "$1: limit" "$LIMIT_KEYS" "$SHAPE shape" limit
	json "$1: version" "cli:string module:string" "$SHAPE shape" version
}

# pretty ARGUMENTS...: -p says the same as -j, in indented lines.
pretty() {
	is "-p is the same as -j: ${*:-no arguments}" \
		"$(shunt -p "$@" | jq -c 'walk(if type == "object" then del(.expires) else . end)')" \
		"$(shunt -j "$@" | jq -c 'walk(if type == "object" then del(.expires) else . end)')"
	is "but indented: ${*:-no arguments}" "$(shunt -p "$@" | wc -l)" \
		"$(shunt -j "$@" | jq --indent 4 . | wc -l)"
}

# Of services that are found otherwise than by one address and port.
kinds() {
	shunt service add range tcp,udp "$VIP4:1-9,198.51.100.2:5"
	shunt service add every tcp,udp "[$VIP6]:*"
	shunt service add mark tcp,udp fwmark 0xffffffff family ipv6
	json "kinds of services have the same keys" "$BOTH_KEYS" "$SHAPE [.[] | shape] | unique[]" \
		service show
	json "their addresses" "198.51.100.1 0 198.51.100.1:1-9 198.51.100.2:5 0 ipv4 \
2001:db8:f::1 0 [2001:db8:f::1]:* 0 ipv6 0 4294967295 ipv6" \
		'.[] | .address, .port, .addresses[], .fwmark, .family' service show
	is "all of them in text" "$(shunt service show range | awk '$1 == "address" { print $2 }')" \
		"$VIP4:1-9,198.51.100.2:5"
	shunt flush
}

empty() {
	is "no service is an empty array" "$(shunt -j)" "[]"
	is "so is no server" "$(shunt -j server show)" "[]"
	is "so is no connection" "$(shunt -j conn show)" "[]"
	json "every reason is listed all the same, once, and for no service" "0 true true" \
		'(map(.count) | add), (map(.reason) | length > 10 and length == (unique | length)), (map(.service == "") | all)' \
		drops
	is "and indented" "$(shunt -p) $(shunt -p conn show)" "[] []"
	shapes "empty" ""
	json "the status of nothing" "[0,0,0,0,false]" \
		'[.services, .servers, .connections, .buckets, .hooked] | tojson' status
	json "the schedulers are strings" '["rr","wrr","lc","wlc","sed","nq","sh","dh","fo","ovf","random","p2c","maglev","sticky"]' '.schedulers | tojson | gsub("\""; "\\\"")' status
	is "the versions are that of the module" \
		"$(shunt -j version | jq -r '"\(.cli) \(.module)"') $(shunt -j status | jq -r .version)" \
		"$(modinfo -F version "$SHUNT_KO" | sed 's/.*/& & &/')"
	pretty status
	pretty version
	pretty drops
}

# service NAME PROTOCOL ADDRESS PORT MODE SERVER [PORT]
service() {
	local open='' close=''

	[[ $3 != *:* ]] || open=[ close=]
	shunt service add "$1" "$2" "$open$3$close:$4" mode "$5"
	shunt server add "$1" "$open$6$close:${7-$4}"
}

configure() {
	service dsr tcp "$VIP4" 80 dsr 10.0.0.11
	service dsr6 tcp "$VIP6" 80 dsr 2001:db8:a::11
	service nat tcp "$VIP4" 8080 nat 10.1.0.21 80
	service nat6 tcp "$VIP6" 8080 nat 2001:db8:b::21 80
	service udp udp "$VIP4" 53 dsr 10.0.0.11
	service udp6 udp "$VIP6" 53 dsr 2001:db8:a::11
	service udp-nat udp "$VIP4" 5353 nat 10.1.0.21 53
	shunt service set nat persist 300
	shunt service set nat6 persist 300 persist-group shop
	service udp-nat6 udp "$VIP6" 5353 nat 2001:db8:b::21 53
}

# Traffic, and right behind it what is told of it. Then nothing more is to come
# from the servers: nginx closes what is idle for a minute, which used to change
# counters between two listings that are compared.
traffic() {
	local name

	is "datagrams are answered" "$(datagrams 5 "$VIP4" 53) $(datagrams 5 "$VIP6" 53 -s 100) $(
		)$(datagrams 5 "$VIP4" 5353) $(datagrams 5 "$VIP6" 5353 -k 2)" "d1=5 d1=5 n1=5 n1=10"
	dial dsr "$VIP4" 80 2
	dial dsr6 "$VIP6" 80
	dial nat "$VIP4" 8080 2
	dial nat6 "$VIP6" 8080
	check "TCP connections are established" wait_until 20 established 6
	shunt -j conn show >"$WORK/conns"
	in_ns client ss -tnH state established >"$WORK/sockets"
	shunt -j >"$WORK/services"
	shunt -j status >"$WORK/status"
	for name in d1 n1; do
		in_ns $name nft -f - <<-END
		table inet quiet { chain out { type filter hook output priority raw; meta l4proto tcp drop; }; }
		END
	done
}

established() {
	[[ $(shunt -j conn show | jq 'map(select(.state == "established")) | length') -eq $1 ]]
}

# told DESCRIPTION WANTED FILTER FILE: what jq makes of what was told then.
told() {
	is "$1" "$(jq -r "$3" "$WORK/$4" | xargs)" "$2"
}

# conns SERVICE WANTED: what its connections have in common, port and time apart.
conns() {
	told "$1: $2" "$2" "map(select(.service == \"$1\") | del(.service, .client_port, .expires) |
		map(tostring) | join(\" \")) | unique[]" conns
}

# ports SERVICE ADDRESS PORT: the client's ports are those of its sockets.
ports() {
	told "$1: the client's ports are those it has" \
		"$(awk -v to="$2:$3" '$4 == to { sub(".*:", "", $3); print $3 }' "$WORK/sockets" | sort | xargs)" \
		"map(select(.service == \"$1\").client_port) | sort[]" conns
}

values() {
	# 16 bytes and the headers; n1's answer begins with its name and a blank.
	# shellcheck disable=SC2016 # jq's own
	told "datagrams and their bytes are counted" \
		"udp 5 5 5 220 0 0 udp6 5 5 5 740 0 0 udp-nat 5 5 5 220 5 235 udp-nat6 5 5 10 640 10 670" \
		'.[] | select(.protocol == "udp") | .name as $name | .servers[] |
		"\($name) \(.connections) \(.total_connections) \(.packets) \(.bytes) \(.return_packets) \(.return_bytes)"' \
		services
	told "a service has the sums of its servers" "" \
		'.[] | select(.connections != (.servers | map(.connections) | add) or
			.total_connections != (.servers | map(.total_connections) | add) or
			.packets != (.servers | map(.packets) | add) or
			.bytes != (.servers | map(.bytes) | add)) | .name' services
	# shellcheck disable=SC2016 # jq's own
	told "a service has its servers' connections in each state, and they are its connections" "" \
		'.[] | select(([.servers[].states | to_entries[]] | group_by(.key) |
			map({key: .[0].key, value: (map(.value) | add)}) | from_entries) != .states or
			(.states | add) != .connections) | .name' services
	told "these are the states that the connections are in" \
		"$(jq -r '.[] | .name as $name | .states | to_entries[] | select(.value > 0) |
			"\($name) \(.key) \(.value)"' "$WORK/services" | sort | xargs)" \
		'group_by([.service, .state]) | map("\(.[0].service) \(.[0].state) \(length)") | sort[]' conns
	told "connections of each service" "dsr=2 dsr6=1 nat=2 nat6=1 udp=5 udp6=5 udp-nat=5 udp-nat6=5" \
		'.[] | "\(.name)=\(.connections)"' services
	told "their sum is the status'" "26 8 8 true" \
		'"\(.connections) \(.services) \(.servers) \(.hooked)"' status
	told "conn show lists as many" "dsr=2 dsr6=1 nat=2 nat6=1 udp=5 udp-nat=5 udp-nat6=5 udp6=5" \
		'group_by(.service)[] | "\(.[0].service)=\(length)"' conns

	ports dsr "$VIP4" 80
	ports nat "$VIP4" 8080
	ports dsr6 "[$VIP6]" 80
	conns dsr "tcp 192.0.2.10 $VIP4 80 10.0.0.11 80 dsr established"
	conns dsr6 "tcp 2001:db8:c::10 $VIP6 80 2001:db8:a::11 80 dsr established"
	conns nat "tcp 192.0.2.10 $VIP4 8080 10.1.0.21 80 nat established"
	conns nat6 "tcp 2001:db8:c::10 $VIP6 8080 2001:db8:b::21 80 nat established"
	conns udp "udp 192.0.2.10 $VIP4 53 10.0.0.11 53 dsr one-way"
	conns udp6 "udp 2001:db8:c::10 $VIP6 53 2001:db8:a::11 53 dsr one-way"
	conns udp-nat "udp 192.0.2.10 $VIP4 5353 10.1.0.21 53 nat answered"
	conns udp-nat6 "udp 2001:db8:c::10 $VIP6 5353 2001:db8:b::21 53 nat answered"

	told "what is left is whole seconds, above 0 and no more than the state's timeout" "" \
		'.[] | select(.expires < 1 or .expires > (if .protocol == "udp" then 300 else 8100 end) or
			.expires != (.expires | floor))' conns
	told "nor much less" "" \
		'.[] | select(.expires < (if .protocol == "udp" then 200 else 8000 end))' conns
	check "it counts down" wait_until 20 expires_less \
		"$(shunt -j conn show service udp | jq 'map(.expires) | min')"
}

expires_less() {
	(($(shunt -j conn show service udp | jq 'map(.expires) | min') < $1))
}

# listed WANTED ARGUMENTS...: so many connections, of these services.
listed() {
	json "filter: ${*:2}" "$1" 'length, (map(.service) | unique[])' conn show "${@:2}"
}

filters() {
	local port

	port=$(shunt -j conn show service dsr6 | jq '.[0].client_port')
	listed "2 dsr" service dsr
	listed "7 dsr udp" server 10.0.0.11
	listed "5 udp" server 10.0.0.11:53
	listed "0" server 10.0.0.11:54
	listed "0" server 10.0.0.12
	listed "6 dsr6 udp6" server 2001:db8:a::11
	listed "1 dsr6" server '[2001:db8:a::11]:80'
	listed "14 dsr nat udp udp-nat" client 192.0.2.10
	listed "0" client 192.0.2.11
	listed "0" client 192.0.2.10:1
	listed "0" client "$VIP4"
	listed "1 dsr6" client "[2001:db8:c::10]:$port"
	listed "12 dsr6 nat6 udp-nat6 udp6" client 2001:db8:c::10
	listed "2 nat" service nat server 10.1.0.21 client 192.0.2.10
	listed "2 nat" client 192.0.2.10 server 10.1.0.21:80
	listed "0" service nat server 10.0.0.11
	listed "0" service dsr client 2001:db8:c::10
	is "what matches nothing is an empty array" "$(shunt -j conn show server 10.0.0.12)" "[]"
	is "a text listing is filtered, too" "$(shunt conn show service nat | wc -l)" 3
	json "service show of one" "nat6 1" '.[] | "\(.name) \(.servers | length)"' service show nat6
	json "server show of one" "udp-nat 53" '.[] | "\(.service) \(.port)"' server show udp-nat
}

# A new timeout is that of the connections there are.
timeouts() {
	shunt service set udp timeout one-way 5000
	is "a longer timeout is told at once" \
		"$(shunt -j conn show service udp | jq -c 'map(.expires > 4000 and .expires <= 5000) | unique')" "[true]"
	shunt service set udp timeout one-way 400
	is "a shorter one, too" \
		"$(shunt -j conn show service udp | jq -c 'map(.expires > 0 and .expires <= 400) | unique')" "[true]"
	json "and the service tells it" "400" '.[].timeouts."one-way"' service show udp
}

# Connections deleted by each filter, and what is told of them before and after.
deletions() {
	local port

	is "server show in text tells the states" \
		"$(shunt server show udp6 | awk 'NR == 2 { print $(NF - 1), $NF }') $(
		)$(shunt server show udp-nat | awk 'NR == 2 { print $(NF - 1), $NF }')" "one-way 5 answered 5"
	is "so does service show" "$(shunt service show udp-nat | grep ^answered | xargs)" "answered 300 5"

	port=$(shunt -j conn show service udp | jq '.[0].client_port')
	is "one connection is deleted" "$(shunt conn del service udp client "192.0.2.10:$port")" \
		"1 connection deleted"
	listed "4 udp" service udp
	json "it is not there any more" 0 length conn show service udp client "192.0.2.10:$port"
	json "nor is it counted" "4 4" '.[] | .connections, .states."one-way"' service show udp
	is "it cannot be deleted twice" "$(shunt -j conn del service udp client "192.0.2.10:$port")" '{"deleted":0}'
	is "all that match are" "$(shunt conn del server 10.0.0.11:53)" "4 connections deleted"
	is "all filters count" "$(shunt -j conn del service udp6 client 192.0.2.10) $(
		)$(shunt -j conn del service udp6 server 2001:db8:a::12) $(
		)$(shunt -j conn del client 192.0.2.11)" '{"deleted":0} {"deleted":0} {"deleted":0}'
	is "those of a client" "$(shunt -j conn del client 2001:db8:c::10 service udp-nat6)" '{"deleted":5}'
	is "of a server" "$(shunt -j conn del server 10.1.0.21)" '{"deleted":7}'
	is "and of a service" "$(shunt -j conn del service udp6)" '{"deleted":5}'
	json "the others are there" "dsr=2 dsr6=1 nat=0 nat6=1 udp=0 udp6=0 udp-nat=0 udp-nat6=0" \
		'.[] | "\(.name)=\(.connections)"'
	is "in the table, too" "$(shunt -j conn show | jq length) $(connections)" "4 4"
	is "what is counted over time stays" "$(shunt -j service show udp | jq -c '.[] | [.total_connections, .packets]')" "[5,5]"
	is "a datagram makes a connection again" "$(datagrams 1 "$VIP4" 53) $(
		)$(shunt -j conn show service udp | jq length)" "d1=1 1"
}

# rows: service, reason and count of what was dropped.
rows() {
	json "$1" "$2" '.[] | select(.count > 0) | "\(.service)/\(.reason)=\(.count)"' drops
}

# A datagram or a SYN of the client's that nobody takes.
knock() {
	in_ns client bash -c "echo >/dev/$1/$2/$3" 2>/dev/null || :
}

dropped() {
	[[ $(shunt -j drops | jq --arg service "$1" 'map(select(.service == $service).count) | add') -eq $2 ]]
}

drop_rows() {
	local reasons

	reasons=$(shunt -j drops | jq -c 'map(select(.service == "").reason)')
	rows "nothing was dropped" ""
	shunt service add empty udp "$VIP4:9001"
	shunt service add void tcp "$VIP4:9002"
	shunt service add pit udp "[$VIP6]:9001" on-empty drop
	knock udp "$VIP4" 9001
	knock udp "$VIP4" 9001
	knock tcp "$VIP4" 9002
	knock udp "$VIP6" 9001
	check "datagrams are dropped" wait_until 20 dropped pit 1
	rows "each under its service, and its reason" "empty/no-server=2 void/no-server=1 pit/no-server=1"
	json "services have no rows for what did not happen" "empty,void,pit" \
		'map(select(.service != "") | .service) | join(",")' drops
	is "every reason has its row, whatever services there are" \
		"$(shunt -j drops | jq -c 'map(select(.service == "").reason)')" "$reasons"
	is "as text" "$(shunt drops | sed -E 's/ +/ /g' | cut -d' ' -f1-4)" "$(printf '%s\n' \
		"SERVICE REASON COUNT MEANING" "empty no-server 2 No" "void no-server 1 No" "pit no-server 1 No")"
	shunt service del pit
	rows "a deleted service's are no service's" "/no-server=1 empty/no-server=2 void/no-server=1"
	is "with a dash in text" "$(shunt drops | sed -n 's/^- *no-server *\([0-9]*\) .*/\1/p')" 1
	shunt service add pit udp "[$VIP6]:9001"
	rows "and stay so, when there is one of its name again" "/no-server=1 empty/no-server=2 void/no-server=1"
	knock udp "$VIP6" 9001
	check "the new one's are its own" wait_until 20 dropped pit 1
	rows "beside them" "/no-server=1 empty/no-server=2 void/no-server=1 pit/no-server=1"
	shunt flush
	rows "a flush loses none" "/no-server=5"
}

# Count the records of a listing that is one to a line, those that differ, and
# those that are no JSON or no connection of the flood.
cat >"$WORK/count.py" <<'END'
import json, sys
seen, lines, bad = set(), 0, 0
for line in sys.stdin:
    lines += 1
    try:
        one = json.loads(line.strip().strip("[],"))
        seen.add((one["client"], one["client_port"]))
        bad += (one["service"], one["address"], one["port"], one["server"], one["protocol"]) != \
            ("big", "198.51.100.1", 9, "10.0.0.13", "udp")
    except ValueError:
        bad += 1
print(lines, len(seen), bad)
END

# Listings of any length take no more memory than this.
readonly DATA=$((3 << 20))

# big COUNT: a listing of so many connections.
big() {
	is "$1 connections are there" "$(connections)" "$1"
	is "all are listed, once" \
		"$(in_ns director prlimit --data=$DATA "$SHUNT" -j conn show | /usr/bin/python3 "$WORK/count.py")" \
		"$1 $1 0"
	is "as text, too" "$(in_ns director prlimit --data=$DATA "$SHUNT" conn show | wc -l)" $(($1 + 1))
	is "one is found among them" "$(shunt -j conn show client 10.128.0.7:10007 | jq length)" 1
}

many_connections() {
	shunt flush
	shunt service add big udp "$VIP4:9"
	shunt server add big 10.0.0.13
	flood_up 9
	check "the limit of memory is one" refuses_memory
	flood $FEW >/dev/null
	big $FEW
	# Begins again with the first sender: the few of these are known.
	flood $MANY >/dev/null
	big $MANY
	flood_down
}

refuses_memory() {
	! prlimit --data=$DATA /usr/bin/python3 -c "bytearray($DATA)" 2>/dev/null
}

# timed SECONDS DESCRIPTION COMMAND...: it succeeds, and in that time.
timed() {
	local start=${EPOCHREALTIME/[.,]/} took status=0

	"${@:3}" >"$WORK/timed" 2>&1 || status=$?
	took=$(((${EPOCHREALTIME/[.,]/} - start) / 1000))
	if [[ $status -eq 0 && $took -lt $(($1 * 1000)) ]]; then
		pass "$2"
	else
		fail "$2" "status $status after $took ms: $(tail -n 5 "$WORK/timed")"
	fi
	note "$took ms"
}

many_services() {
	shunt flush
	timed 60 "$SERVICES services with 5 servers each are loaded" in_ns director /usr/bin/python3 \
		"$SHUNT_TOP/selftests/netlink.py" "$SHUNT_TOP/include/shunt.yaml" load $SERVICES
	timed 20 "and listed" shunt -j
	is "each with its own servers" "$(jq -c '[length, (map(.name) | unique | length),
		(map(.servers | length) | unique), (map(.port - .servers[0].port) | unique),
		(map(.servers | map("\(.address) \(.mode)")) | unique)]' "$WORK/timed")" \
		"[$SERVICES,$SERVICES,[5],[0],"'[["10.0.0.11 dsr","10.0.0.12 dsr","10.0.0.13 dsr","10.1.0.21 nat","10.1.0.22 nat"]]]'
	is "in the order in which they were added" "$(jq -c --argjson n $SERVICES \
		'map(.name) == [range($n) | "many-\(.)"]' "$WORK/timed")" true
	json "server show lists them in the same order" "true" \
		"map(.service) == [range($SERVICES) | \"many-\(.)\" | (., ., ., ., .)]" server show
	is "as text there are as many lines" "$(shunt | wc -l)" $((SERVICES * 6 + 1))
	json "the status counts them" "$SERVICES $((SERVICES * 5))" '"\(.services) \(.servers)"' status
	json "one of them is shown alone" "many-77 5" '.[] | "\(.name) \(.servers | length)"' service show many-77
	timed 20 "all are flushed" shunt flush
	is "and gone" "$(shunt -j)" "[]"
}

topo_up
servers_up d1 n1
insmod_shunt
empty
shunt service add bare tcp "$VIP4:1"
shapes "a service without servers" t
json "its servers are an empty array" "[]" '.[].servers | tojson'
shunt server add bare 10.0.0.11
shapes "servers without traffic" tr
shunt flush
kinds
configure
traffic
values
filters
shapes "with connections" turcp
pretty
pretty server show
pretty service show nat
pretty conn show
timeouts
deletions
shunt flush
drop_rows
pretty drops
many_connections
many_services
