#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What changes is told to whoever listens: each command its events, in order and
# with the object as the listings show it; a refused one none. Reachability of a
# server, and a service that no server is left for. Filters, listeners without
# privilege and in other namespaces, one that is too slow, and one whose module goes.
#
#    The network of net.sh.
# kernels: 6.1 6.12
# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"

declare -A listener
seen=0

is_listening() {
	# shellcheck disable=SC2016 # for awk
	in_ns "$2" awk -v id="${listener[$1]}" '$2 == 16 && $3 == id && $4 !~ /^0000[08]000$/ { found = 1 }
		END { exit !found }' /proc/net/netlink
}

# listens NAME NAMESPACE COMMAND...: in the background, from now on, to $WORK/NAME.out.
listens() {
	spawn "$2" "${@:3}" >"$WORK/$1.out" 2>"$WORK/$1.err"
	listener[$1]=$spawned
	wait_until 20 is_listening "$1" "$2"
}

# ends DESCRIPTION NAME WANTED: its status, and what it complained of.
ends() {
	local status=0

	wait "${listener[$2]}" || status=$?
	is "$1" "$status $(<"$WORK/$2.err")" "$3"
}

# lines NAME: how many a listener has printed.
lines() {
	wc -l <"$WORK/$1.out"
}

has_lines() {
	[[ $(lines "$1") -ge $2 ]]
}

has_heard() {
	grep -q "$2" "$WORK/$1.out"
}

# next COUNT: that many more events of the main listener, in words, and whatever
# else came.
next() {
	wait_until 20 has_lines main $((seen + $1)) || :
	tail -n +$((seen + 1)) "$WORK/main.out" | jq -r '[.event, .service.name, .server.service,
		(.server | if . then "\(.address):\(.port) \(.weight) \(.state)" else null end),
		.device.name, .limit.limit | select(. != null)] | join(" ")'
}

# told DESCRIPTION EVENTS COMMAND...: the command succeeds, and this is what is
# told, each event in a line. What comes late shows at the next check.
told() {
	local wanted=$2 count=0

	[[ ! $wanted ]] || count=$(wc -l <<<"$wanted")
	"${@:3}" >/dev/null
	is "$1" "$(next "$count")" "$wanted"
	seen=$(lines main)
}

# silent COMMAND...: it is refused. That nothing is told shows at the next check.
silent() {
	refused "refused: ${*:2}" 1 "" "$@"
}

# as_listed OBJECT JQ COMMAND...: the last event shows it as this listing does.
as_listed() {
	is "with the $1 as it is listed" "$(tail -n 1 "$WORK/main.out" | jq -S ".$1")" \
		"$("${@:3}" | jq -S "$2")"
}

# A thousand events.
many() {
	local weight

	for ((weight = 1; weight <= 1000; weight++)); do
		echo "server set web 10.1.0.21 weight $weight"
	done | shunt -b -
}

# Neighbours are confirmed and given up within a second instead of a minute.
impatient() {
	topo_batch director ipv4/neigh/eth0/base_reachable_time_ms=1000 \
		ipv4/neigh/eth0/retrans_time_ms=200 \
		ipv4/neigh/eth0/delay_first_probe_time=1 </dev/null
}

# d1's neighbour entry, which nobody but its link asks for, is given up once more.
failed_neighbour() {
	grep -q '^10[.]0[.]0[.]11 .*FAILED' < <(in_ns director timeout 30 ip monitor neigh)
}

insmod_shunt
topo_up
impatient
listens main director "$SHUNT" -j monitor
listens text director "$SHUNT" monitor
listens dns director "$SHUNT" -j monitor service dns
listens elsewhere router "$SHUNT" -j monitor

note "each command"
told "service add" "service-added web" shunt service add web tcp $VIP4:80 scheduler wrr
as_listed service '.[0] | del(.servers)' shunt -j service show web
told "the first server" "server-added web 10.0.0.11:80 2 up
service-served web" shunt server add web 10.0.0.11 weight 2
told "the second" "server-added web 10.0.0.12:80 1 up" shunt server add web 10.0.0.12
told "weight 0" "server-changed web 10.0.0.11:80 0 up" shunt server set web 10.0.0.11 weight 0
as_listed server '.[0]' shunt -j server show web
told "weight 0, the last" "server-changed web 10.0.0.12:80 0 up
service-empty web" shunt server set web 10.0.0.12 weight 0
told "a weight again" "server-changed web 10.0.0.12:80 5 up
service-served web" shunt server set web 10.0.0.12 weight 5
told "the same once more" "server-changed web 10.0.0.12:80 5 up" \
	shunt server set web 10.0.0.12 weight 5
told "a removed server, with the last weight" "server-removed web 10.0.0.12:80 5 up
service-empty web" shunt server del web 10.0.0.12
told "added again" "server-added web 10.0.0.12:80 1 up
service-served web" shunt server add web 10.0.0.12
told "service set" "service-changed web" shunt service set web limit 9 scheduler maglev
told "limit" "limit-changed 80000" shunt limit connections 80000
as_listed limit . shunt -j limit
told "of clients, too" "limit-changed 80000" shunt limit persist 20000
told "attach" "device-attached eth1" shunt attach eth1
told "detach" "device-detached eth1" shunt detach eth1

note "a server's life"
told "drain" "server-changed web 10.0.0.11:80 0 drain
server-drained web 10.0.0.11:80 0 drain
server-removed web 10.0.0.11:80 0 drain" shunt server drain web 10.0.0.11 "then" remove
told "then down" "server-changed web 10.0.0.12:80 1 drain
service-empty web
server-drained web 10.0.0.12:80 1 drain
server-changed web 10.0.0.12:80 1 down" shunt server drain web 10.0.0.12 "then" down
told "a backup" "server-added web 10.0.0.13:80 1 up
service-backup web" shunt server add web 10.0.0.13 backup on
as_listed service '.[0] | del(.servers)' shunt -j service show web
told "up again" "server-changed web 10.0.0.12:80 1 up
service-served web" shunt server set web 10.0.0.12 state up
told "an only backup that is none" "server-removed web 10.0.0.12:80 1 up
service-backup web
server-changed web 10.0.0.13:80 1 up
service-served web" eval "shunt server del web 10.0.0.12; shunt server set web 10.0.0.13 backup off"
told "a limit" "server-changed web 10.0.0.13:80 1 up" shunt server set web 10.0.0.13 upper-limit 1
servers_up d3
told "that is reached" "server-full web 10.0.0.13:80 1 up
service-empty web" dial full $VIP4 80
as_listed service '.[0] | del(.servers)' shunt -j service show web
told "and left" "server-open web 10.0.0.13:80 1 up
service-served web" hang_up full
told "the servers that were" "server-removed web 10.0.0.13:80 1 up
service-empty web
server-added web 10.0.0.11:80 2 up
service-served web
server-changed web 10.0.0.11:80 0 up
service-empty web
server-added web 10.0.0.12:80 1 up
service-served web" eval "shunt server del web 10.0.0.13; shunt server add web 10.0.0.11 weight 2
	shunt server set web 10.0.0.11 weight 0; shunt server add web 10.0.0.12"

told "all that a server may be told" "server-changed web 10.0.0.12:80 1 up
service-backup web
server-changed web 10.0.0.12:80 1 drain
service-empty web
server-drained web 10.0.0.12:80 1 drain
server-changed web 10.0.0.12:80 1 down
server-removed web 10.0.0.12:80 1 down
server-added web 10.0.0.12:80 1 up
service-served web" eval "
	shunt server set web 10.0.0.12 backup on upper-limit 5 lower-limit 3 slow-start 30
	shunt server drain web 10.0.0.12 timeout 1h then down
	wait_until 20 has_heard main '\"down\".*lower-limit.:3'
	shunt server del web 10.0.0.12; shunt server add web 10.0.0.12"

note "nothing to tell"
silent shunt service add web tcp $VIP4:81
silent shunt service add other tcp $VIP4:80
silent shunt server add web 10.0.0.12
silent shunt server set web 10.0.0.99 weight 1
silent shunt server del web 10.0.0.99
silent shunt service set web seed s timeout one-way 5
silent shunt service del other
silent shunt attach lo
silent shunt detach eth1
told "what only reads" "" shunt status
told "connections" "" shunt conn del service web

note "several"
printf '%s\n' "service add dns udp $VIP4:53" "server add dns 10.0.0.13 weight 3" \
	"server set dns 10.0.0.13 weight 4" "attach eth1" >"$WORK/batch"
told "a batch" "service-added dns
server-added dns 10.0.0.13:53 3 up
service-served dns
server-changed dns 10.0.0.13:53 4 up
device-attached eth1" shunt -b "$WORK/batch"
told "a batch up to what is refused" "server-changed dns 10.0.0.13:53 1 up" \
	eval '! printf "%s\n" "server set dns 10.0.0.13 weight 1" "service del nobody" \
		"server set dns 10.0.0.13 weight 2" | shunt -b - 2>/dev/null'

note "a server that goes and comes back"
told "the only one of its service" "server-changed web 10.0.0.11:80 1 up
server-removed web 10.0.0.12:80 1 up" \
	eval "shunt server set web 10.0.0.11 weight 1; shunt server del web 10.0.0.12"
told "goes" "server-unreachable web 10.0.0.11:80 1 unreachable
service-empty web" topo_batch rack <<<"link set d1 down"
told "comes back" "server-reachable web 10.0.0.11:80 1 up
service-served web" topo_batch rack <<<"link set d1 up"
topo_batch rack <<<"link set d1 down"
next 2 >/dev/null
seen=$(lines main)
told "is reached in another way" "server-reachable web 10.0.0.11:80 1 up
server-changed web 10.0.0.11:80 1 up
service-served web" shunt server set web 10.0.0.11 mode nat
# It used to be unreachable again, as the link it had in DSR was looked after.
told "and stays so, whatever becomes of its link" "server-added web 10.0.0.12:80 1 up
server-removed web 10.0.0.12:80 1 up" \
	eval "shunt server add web 10.0.0.12; failed_neighbour; shunt server del web 10.0.0.12"
topo_batch rack <<<"link set d1 up"
told "a device goes" "device-attached gone
device-detached gone" eval 'topo_batch director <<<"link add gone type dummy";
	shunt attach gone; topo_batch director <<<"link del gone"'
odd=$'\e[7mcaf\xe9'
# Such a name went to the terminal as it was, and was the end of who printed JSON.
told "one with a name that not everybody can read" 'device-attached \x1b[7mcaf\xe9
device-detached \x1b[7mcaf\xe9' eval "in_ns director ip link add '$odd' type dummy;
	shunt attach '$odd'; in_ns director ip link del '$odd'"

note "the end"
told "service del, with a server" "service-removed web" shunt service del web
told "flush" "flushed" shunt flush
told "flush of nothing" "" shunt flush

note "other listeners"
wait_until 20 has_heard text flushed
wait_until 20 has_heard dns flushed
is "the same, as text" "$(sed -E 's/^[0-9]{4}-[0-9-]{5}T[0-9:]{8}\.[0-9]{3}[+-][0-9]{2}:[0-9]{2} //' \
	"$WORK/text.out")" \
	"$(jq -r '[.event,
		(.service | if . then "\(.name) \(.protocol) \(.address):\(.port) scheduler \(.scheduler) mode \(.mode)"
			else null end),
		(.server | if . then "\(.service) \(.address):\(.port) mode \(.mode) weight \(.weight) state \(.state)" +
			(if .drain_timeout > 0 then " timeout \(.drain_timeout)" else "" end) +
			(if .drain_then != "stay" then " then \(.drain_then)" else "" end) +
			(if .backup then " backup on" else "" end) +
			([."upper-limit", ."lower-limit", ."slow-start"] as $bounds |
				reduce range(3) as $i (""; . + if $bounds[$i] > 0 then
					" \(["upper-limit", "lower-limit", "slow-start"][$i]) \($bounds[$i])" else "" end))
			else null end),
		(.limit | if . then "connections \(.limit) persist \(.persist)" else null end),
		.device.name | select(. != null)] | join(" ")' "$WORK/main.out")"
check "a drain and what a server was told are in the line" has_heard text \
	'state drain timeout [0-9]* then down backup on upper-limit 5 lower-limit 3 slow-start 30$'
check "and the clients that are remembered at most" has_heard text 'limit-changed connections 80000 persist 20000$'
is "of one service, and what concerns all" "$(jq -r .event "$WORK/dns.out" | tr '\n' ' ')" \
	"service-added server-added service-served server-changed server-changed flushed "
in_ns router "$SHUNT" limit connections 70000
wait_until 20 has_heard elsewhere limit
is "in another namespace, of that" "$(jq -c '[.event, .limit.limit]' "$WORK/elsewhere.out")" \
	'["limit-changed",70000]'
like "the time is today's" "$(jq -r .time "$WORK/main.out" | sort -u | tail -n 1)" "^$(date +%F -d '10 minutes ago')T|^$(date +%F)T"
is "each line is an object with the same keys first" "$(jq -rc '[to_entries[].key] | .[:2]' \
	"$WORK/main.out" | sort -u)" '["event","time"]'
listens nobody director setpriv --reuid 65534 --regid 65534 --clear-groups "$SHUNT" -j monitor
listens indented director "$SHUNT" -jp monitor
told "one without privilege" "limit-changed 90000" shunt limit connections 90000
wait_until 20 has_heard nobody limit
is "hears the same" "$(jq -c 'del(.time)' "$WORK/nobody.out")" \
	"$(tail -n 1 "$WORK/main.out" | jq -c 'del(.time)')"
is "indented: the same" "$(jq -c 'del(.time)' "$WORK/indented.out")" "$(jq -c 'del(.time)' "$WORK/nobody.out")"

note "more than a listener takes"
told "another service" "service-added web
server-added web 10.1.0.21:80 1 up
service-served web" eval "shunt service add web tcp $VIP4:80 mode nat; shunt server add web 10.1.0.21"
wait_until 20 has_heard nobody served
spawn director "$SHUNT" -j monitor > >(head -n 1 >"$WORK/several.out") 2>"$WORK/several.err"
listener[several]=$spawned
wait_until 20 is_listening several director
kill -STOP "${listener[nobody]}" "${listener[several]}"
many
kill -CONT "${listener[nobody]}" "${listener[several]}"
check "it is told that it has lost some" wait_until 20 has_heard nobody lost
is "behind those that it has got" "$(jq -r .event "$WORK/nobody.out" | tail -n 2 | tr '\n' ' ')" \
	"server-changed lost "
shunt server set web 10.1.0.21 weight 2000
check "and goes on" wait_until 20 has_heard nobody 2000
is "once" "$(grep -c lost "$WORK/nobody.out")" 1
wait_until 20 has_lines main $((seen + 1001))
is "a quick one gets all" "$(tail -n +$((seen + 1)) "$WORK/main.out" | jq .server.weight | tr '\n' ' ')" \
	"$(seq 1000 | tr '\n' ' ')2000 "

note "how it ends"
kill -TERM "${listener[text]}"
ends "SIGTERM" text "0 "
kill -INT "${listener[dns]}"
ends "SIGINT" dns "0 "
: >"$WORK/head.err"
# shellcheck disable=SC2024 # the script is root
timeout 20 nsenter --net="/run/netns/${NS_PREFIX}director" "$SHUNT" monitor 2>"$WORK/head.err" |
	head -n 1 >"$WORK/head.out" &
first_only=$!
first_is_there() {
	shunt limit connections default
	[[ -s $WORK/head.out ]]
}
check "a reader that wants one event" wait_until 20 first_is_there
status=0
wait $first_only || status=$?
is "gets that and no complaint" "$status $(wc -l <"$WORK/head.out") $(<"$WORK/head.err")" "0 1 "
# What was printed when the reader had gone already used to end it by a signal.
ends "so does one that wants one of many" several "0 "
kill -STOP "${listener[nobody]}"
many
rmmod shunt
kill -CONT "${listener[nobody]}"
# It used to wait for more.
check "the module goes, and that is lost" wait_until 20 grep -q "the kernel module was unloaded" "$WORK/nobody.err"
ends "the module goes" main "1 shunt: the kernel module was unloaded"
ends "elsewhere, too" elsewhere "1 shunt: the kernel module was unloaded"
refused "there is none" 1 "not loaded" shunt monitor
