#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A server's life with real traffic: it drains, for good or until its time is up, and
# is removed or goes down by itself then; it is down, and its connections do what the
# service says; backups serve while nobody else can; limits with their hysteresis; a
# slow start. Weights that change all the time move no connection.
# kernels: 6.12
# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"

# server SERVICE NUMBER FILTER: of what JSON tells of the server 10.0.0.NUMBER or
# 10.1.0.NUMBER, or "none" if there is none.
server() {
	shunt -j server show "$1" | jq -r --arg tail ".0.$2" \
		"[.[] | select(.address | endswith(\$tail)) | $3 | tostring] | .[0] // \"none\""
}

# becomes SERVICE NUMBER FILTER VALUE: within some seconds.
becomes() {
	# shellcheck disable=SC2317 # called by wait_until
	has_become() {
		[[ $(server "$1" "$2" "$3") == "$4" ]]
	}
	wait_until 20 has_become "$@"
}

# state_cell SERVICE NUMBER: as people see it.
state_cell() {
	shunt server show "$1" | awk -v end="[.]0[.]$2" '$2 ~ end "(:|$)" { print $5 }'
}

# answers WHO: that is who answers the next request.
# shellcheck disable=SC2317 # called by wait_until
answers() {
	[[ $(requests 1 "http://$VIP4/" --connect-timeout 5) == "$1=1" ]]
}

# waited SERVICE COMMAND...: the status of a wait for 10.0.0.11 that begins before this is
# done, and what it says.
waited() {
	local status=0

	# shellcheck disable=SC2317 # called by wait_until
	is_waiting() {
		[[ $(<"/proc/$spawned/wchan") == *poll* ]]
	}
	spawn director setpriv --reuid 65534 --regid 65534 --clear-groups "$SHUNT" \
		wait "$1" 10.0.0.11 timeout 20 2>"$WORK/wait"
	wait_until 20 is_waiting
	"${@:2}" >/dev/null
	wait "$spawned" || status=$?
	echo "$status $(<"$WORK/wait")"
}

# drained_unheard: the last connection of 10.0.0.11 goes, and it with that, behind more
# than who waits can take.
drained_unheard() {
	local weight

	kill -STOP "$spawned"
	for ((weight = 1000; weight >= 1; weight--)); do
		echo "server set dns 10.0.0.12 weight $weight"
	done | shunt -b -
	shunt conn del server 10.0.0.11:53
	becomes dns 11 .state none
	kill -CONT "$spawned"
}

forget() {
	shunt conn del service "$1" >/dev/null
}

insmod_shunt
topo_up
servers_up
services_up

note "drain"
dial d $VIP4 80 6
is "each server has its share" "$(ask d)" "d1=2 d2=2 d3=2"
shunt server drain web 10.0.0.11
is "contract 2: a server that drains takes no new connection" \
	"$(requests 4 "http://$VIP4/")" "d2=2 d3=2"
is "contract 2: and keeps those it has" "$(ask d)" "d1=2 d2=2 d3=2"
is "what is left is told" "$(server web 11 '"\(.state) \(.states.established) \(.drain_timeout) \(.drain_then)"')" \
	"drain 2 0 stay"
is "to people, too" "$(state_cell web 11)" "drain"
is "a port of a connection that is over there begins one elsewhere" "$(
	shunt server set web 10.0.0.12 weight 0
	shunt server set web 10.0.0.13 weight 0
	shunt server set web 10.0.0.11 state up
	requests 1 "http://$VIP4/" --local-port 5555
	shunt server drain web 10.0.0.11
	shunt server set web 10.0.0.12 weight 1
	requests 1 "http://$VIP4/" --local-port 5555)" d1=1d2=1
shunt server set web 10.0.0.13 weight 1
shunt server set web 10.0.0.11 state up
is "up again, it takes its turns" "$(requests 6 "http://$VIP4/")" "d1=2 d2=2 d3=2"

note "a drain with an end"
shunt server drain web 10.0.0.11 timeout 60m "then" down
like "the time that is left is told" "$(server web 11 .drain_timeout)" "^(3600|359[0-9])$"
like "to people, with what then" "$(state_cell web 11)" "^drain,3[56][0-9]*s,down$"
shunt server drain web 10.0.0.11 timeout 1s
check "when its time is up, what it had is forgotten" becomes web 11 .connections 0
is "the next request of each is told so" "$(ask d)" "d2=2 d3=2 lost=2"
counted "what is of no connection then" "no-connection=2"
is "it stays as it is, without an end" "$(server web 11 '"\(.state) \(.drain_timeout)"')" "drain 0"
hang_up d
shunt server set web 10.0.0.11 state up
shunt service set web midstream rehash scheduler maglev
dial m $VIP4 80 24
was=$(ask m)
gone=$(server web 11 .states.established)
shunt server drain web 10.0.0.11 timeout 1s
check "with midstream rehash, too" becomes web 11 .connections 0
is "what is in mid-stream then comes to others, who do not know it" "$(ask m)" \
	"${was#"d1=$gone "} lost=$gone"
is "and not back to it" "$(server web 11 .connections)" 0
hang_up m
shunt service set web midstream reset scheduler rr
shunt server set web 10.0.0.11 state up

shunt server drain dns 10.0.0.11 "then" remove
check "without a connection it is removed at once" becomes dns 11 .state none
shunt server add dns 10.0.0.11
datagrams 3 $VIP4 53 >/dev/null
shunt server drain dns 10.0.0.11 "then" remove
is "with one it stays" "$(server dns 11 '"\(.state) \(.connections) \(.drain_then)"')" "drain 1 remove"
shunt conn del server 10.0.0.11:53 >/dev/null
check "until that is gone" becomes dns 11 .state none
shunt server add dns 10.0.0.11
is "what is not there need not be waited for" "$(shunt wait dns 10.0.0.99 2>&1)" \
	"shunt: '10.0.0.99': the service has no such server, or no more; there is nothing to wait for"
refused "what does not drain is not waited for" 1 "'10.0.0.11' does not drain; see 'shunt server drain'" \
	shunt wait dns 10.0.0.11
datagrams 3 $VIP4 53 >/dev/null
shunt server drain dns 10.0.0.11 timeout 1h
refused "a wait may end before" 1 "'10.0.0.11' has not drained in 1 s" shunt wait dns 10.0.0.11 timeout 1
is "it ends when the server has drained" "$(waited dns shunt conn del server 10.0.0.11:53)" "0 "
is "which is told" "$(server dns 11 '"\(.state) \(.drained)"') $(state_cell dns 11)" "drain true drain,drained"
check "and is then no wait at all" shunt wait dns 10.0.0.11
shunt server set dns 10.0.0.11 state up
datagrams 3 $VIP4 53 >/dev/null
shunt server drain dns 10.0.0.11 timeout 1s "then" remove
check "nor is it missed when the server goes with it" shunt wait dns 10.0.0.11
is "gone it is" "$(server dns 11 .state)" none
shunt server add dns 10.0.0.11
datagrams 3 $VIP4 53 >/dev/null
shunt server drain dns 10.0.0.11
is "who drains no more is waited for no more" "$(waited dns shunt server set dns 10.0.0.11 state up)" \
	"1 shunt: '10.0.0.11' does not drain; see 'shunt server drain'"
datagrams 3 $VIP4 53 >/dev/null
shunt server drain dns 10.0.0.11 "then" remove
# That used to be taken for the end of the drain.
is "nor is who is removed before" "$(waited dns shunt server del dns 10.0.0.11)" \
	"1 shunt: '10.0.0.11' was removed before it had drained"
shunt server add dns 10.0.0.11
datagrams 3 $VIP4 53 >/dev/null
shunt server drain dns 10.0.0.11 "then" remove
is "if that was lost it has drained, for all that is known" "$(waited dns drained_unheard)" "0 "
shunt server add dns 10.0.0.11
dial n $VIP4 8080 2
shunt server drain nat 10.1.0.21:80 "then" down
is "in NAT it keeps what it has" "$(ask n)" "n1=1 n2=1"
is "and is not down before" "$(server nat 21 .state)" drain
hang_up n
shunt service set nat timeout closed 1 timeout closing 1
check "when the last has ended, it is down" becomes nat 21 .state down
check "and need not be waited for" shunt wait nat 10.1.0.21 timeout 5
shunt server set nat 10.1.0.21:80 state up
dial n $VIP4 8080 2
shunt server drain nat 10.1.0.21:80 timeout 1h "then" remove
shunt server set nat 10.1.0.21:80 state up
hang_up n
is "what is up again drains no more" "$(server nat 21 '"\(.state) \(.drain_timeout) \(.drain_then)"')" "up 0 stay"
is "and takes connections" "$(requests 2 "http://$VIP4:8080/")" "n1=1 n2=1"

note "down"
dial k $VIP4 80 3
shunt server drain web 10.0.0.11
# Both used to wait for what nobody tells.
is "who goes down before he has drained is waited for no more" \
	"$(waited web shunt server set web 10.0.0.11 state down)" \
	"1 shunt: '10.0.0.11' does not drain; see 'shunt server drain'"
refused "nor is who is down and has a connection" 1 "'10.0.0.11' does not drain; see 'shunt server drain'" \
	shunt wait web 10.0.0.11 timeout 5
is "a server that is down takes none" "$(requests 4 "http://$VIP4/")" "d2=2 d3=2"
is "on-remove keep: those it has go on" "$(ask k)" "d1=1 d2=1 d3=1"
shunt service set web on-remove reset
is "contract 3: on-remove reset: their clients are told" "$(ask k)" "d2=1 d3=1 lost=1"
counted "such a packet" "server-removed=1"
hang_up k
shunt service set web on-remove keep
shunt server set web 10.0.0.11 state up
forget web
shunt server set web 10.0.0.12 weight 0
shunt server set web 10.0.0.13 weight 0
in_ns client nft -f - <<-END
	table ip hold { chain out { type filter hook output priority 0; ip daddr $VIP4 tcp flags & (syn | ack) == ack drop; }; }
END
dial h $VIP4 80
shunt server set web 10.0.0.11 state down
in_ns client nft delete table ip hold
is "nor does a handshake end there that had begun before" "$(ask h) $(server web 11 .connections)" "lost=1 0"
hang_up h
shunt server set web 10.0.0.12 weight 1
shunt server set web 10.0.0.13 weight 1
shunt server set web 10.0.0.11 state up
forget dns
in_ns client "$SHUNT_TOP/build/udp" ask -p 7001 3 $VIP4 53 | tally >"$WORK/udp"
like "a client's datagrams go to one server" "$(<"$WORK/udp")" "^d[123]=3$"
read -r -N 2 was <"$WORK/udp"
number=1${was#d}
shunt server set dns "10.0.0.$number" state down
like "and to another at once when that is down" \
	"$(in_ns client "$SHUNT_TOP/build/udp" ask -p 7001 3 $VIP4 53 | tally)" "^d[^${was#d}]=3$"
shunt server set dns "10.0.0.$number" state up

note "backup"
shunt server set web 10.0.0.13 backup on
is "a backup has nothing to do" "$(requests 4 "http://$VIP4/")" "d1=2 d2=2"
is "and is told to be one" "$(server web 13 .backup) $(state_cell web 13)" "true up,backup"
shunt server set web 10.0.0.11 state drain
shunt server set web 10.0.0.12 weight 0
for scheduler in rr wrr lc wlc sed nq sh dh fo ovf random p2c maglev sticky; do
	forget web
	shunt service set web scheduler $scheduler
	is "$scheduler: it serves when no other can" "$(requests 1 "http://$VIP4/")" "d3=1"
done
shunt service set web scheduler rr
dial b $VIP4 80
shunt server set web 10.0.0.12 weight 1
is "when another can, it serves no more" "$(requests 3 "http://$VIP4/")" "d2=3"
is "but those it has" "$(ask b)" "d3=1"
hang_up b
shunt server set web 10.0.0.12 state down
in_ns d3 ip link set eth0 down
in_ns director ip neigh flush all
check "contract 9: when it cannot either, nobody does" wait_until 30 answers error-7
in_ns d3 ip link set eth0 up
printf 'route replace default via %s\n' 10.0.0.1 | in_ns d3 ip -b -
check "and it is back by itself" wait_until 30 answers d3
shunt server set web 10.0.0.11 state up
shunt server set web 10.0.0.12 state up
shunt server set web 10.0.0.13 backup off

note "limits"
# has_limits SERVICE PORT SERVER NUMBER WHO COUNT OTHERS: it does, and so many requests
# go to others meanwhile.
has_limits() {
	local service=$1 port=$2 server=$3 number=$4 who=$5 count=$6 others=$7

	forget "$service"
	shunt service set "$service" scheduler wrr timeout closing 1 timeout closed 1
	shunt server set "$service" "$server" weight 1000 upper-limit 4 lower-limit 2
	dial one $VIP4 "$port"
	dial two $VIP4 "$port"
	dial three $VIP4 "$port"
	is "$service: three of four" "$(server "$service" "$number" '"\(.full) \(.states.established)"')" \
		"false 3"
	dial four $VIP4 "$port"
	is "$service: four are its limit" "$(server "$service" "$number" '"\(.full) \(.states.established)"')" \
		"true 4"
	is "$service: people see that" "$(state_cell "$service" "$number")" "up,full"
	is "$service: others take what follows" "$(requests "$count" "http://$VIP4:$port/")" "$others"
	is "$service: those it has go on" "$(ask one)" "$who=1"
	hang_up one
	hang_up two
	check "$service: two have gone" becomes "$service" "$number" .states.established 2
	is "$service: which is not below its lower limit" "$(server "$service" "$number" .full)" true
	hang_up three
	check "$service: one more, and it has room" becomes "$service" "$number" .full false
	is "$service: it takes connections" "$(requests 1 "http://$VIP4:$port/")" "$who=1"
	hang_up four
	shunt server set "$service" "$server" weight 1 upper-limit none
	is "$service: without an upper limit there is no lower one" \
		"$(server "$service" "$number" '"\(."upper-limit") \(."lower-limit")"')" "0 0"
}
has_limits web 80 10.0.0.11 11 d1 4 "d2=2 d3=2"
has_limits nat 8080 10.1.0.21:80 21 n1 2 "n2=2"
forget dns
for number in 11 12 13; do
	shunt server set dns 10.0.0.$number upper-limit 4
done
is "all are filled" "$(datagrams 12 $VIP4 53)" "d1=4 d2=4 d3=4"
is "contract 9: when all are full, the client is told" "$(datagrams 1 $VIP4 53)" "ECONNREFUSED=1"
shunt server set dns 10.0.0.13 upper-limit 5
is "one more has room at once" "$(datagrams 2 $VIP4 53)" "ECONNREFUSED=1 d3=1"
shunt conn del server 10.0.0.11:53 >/dev/null
is "what is deleted makes room" "$(server dns 11 .full) $(server dns 12 .full)" "false true"
is "it is filled again" "$(datagrams 4 $VIP4 53) $(server dns 11 .full)" "d1=4 true"
port=$(shunt -j conn show server 10.0.0.11:53 | jq '.[0].client_port')
shunt conn del service dns client "192.0.2.10:$port" >/dev/null
is "three quarters are too many still, if nothing is said" "$(server dns 11 '"\(.connections) \(.full)"')" \
	"3 true"
port=$(shunt -j conn show server 10.0.0.11:53 | jq '.[0].client_port')
shunt conn del service dns client "192.0.2.10:$port" >/dev/null
is "less is room" "$(server dns 11 '"\(.connections) \(.full)"')" "2 false"
shunt service set dns timeout one-way 1
check "time makes room" becomes dns 12 .full false
for number in 11 12 13; do
	shunt server set dns 10.0.0.$number upper-limit none
done
in_ns n1 nft -f - <<-END
	table ip mute { chain early { type filter hook prerouting priority raw; tcp flags syn drop; }; }
END
shunt server set nat 10.1.0.22:80 weight 0
shunt server set nat 10.1.0.21:80 upper-limit 2
is "nobody answers" "$(requests 4 "http://$VIP4:8080/" --no-progress-meter --parallel --connect-timeout 0.5)" "error-28=4"
is "a handshake fills nobody, for it costs its sender nothing" \
	"$(server nat 21 '"\(.full) \(.states.syn >= 4)"')" "false true"

note "slow start"
shunt service set dns scheduler wrr timeout one-way 300
forget dns
shunt server del dns 10.0.0.13
shunt server add dns 10.0.0.13 slow-start 1h
is "it begins with a part of its weight" "$(server dns 13 '"\(.weight) \(.effective_weight) \(."slow-start")"')" \
	"1 1 3600"
is "which is a 16th" "$(datagrams 33 $VIP4 53)" "d1=16 d2=16 d3=1"
shunt server set dns 10.0.0.13 weight 160
is "people see that" "$(state_cell dns 13) $(server dns 13 .effective_weight)" "up,starting 10"
shunt server set dns 10.0.0.13 weight 16
forget dns
shunt server set dns 10.0.0.13 slow-start 3s
shunt server set dns 10.0.0.13 state down
shunt server set dns 10.0.0.13 state up
check "it rises" becomes dns 13 '.effective_weight >= 8' true
check "to what it is to be" becomes dns 13 .effective_weight 16
is "and so do its connections" "$(datagrams 36 $VIP4 53)" "d1=2 d2=2 d3=32"
shunt server set dns 10.0.0.13 slow-start 1d weight 0
shunt server set dns 10.0.0.13 weight 16
is "from weight 0 on, too" "$(server dns 13 .effective_weight)" 1
shunt server set dns 10.0.0.13 weight 32
is "a change of weight is no start" "$(server dns 13 .effective_weight)" 2
shunt server set dns 10.0.0.13 slow-start none
is "it can be ended" "$(server dns 13 .effective_weight)" 32
shunt server set dns 10.0.0.13 slow-start 1h
is "and does not begin when it is set" "$(server dns 13 .effective_weight)" 32
shunt service set dns scheduler ovf
forget dns
shunt server set dns 10.0.0.13 state drain
shunt server set dns 10.0.0.13 state up
is "ovf: the connections that it may have rise" "$(datagrams 5 $VIP4 53)" "ECONNREFUSED=1 d1=1 d2=1 d3=2"

note "weights that change all the time"
shunt service set web scheduler wrr
dial w $VIP4 80 6
was=$(ask w)
for ((i = 1; i <= 60; i++)); do
	shunt server set web 10.0.0.$((11 + i % 3)) weight $((i % 7))
done
is "no connection has moved" "$(ask w)" "$was"
hang_up w

note "a SYN that is sent again"
# The client does not hear the answer, and repeats the SYN after one second and three.
printf 'add table inet deaf
	add chain inet deaf in { type filter hook input priority 0; }
	add rule inet deaf in tcp sport 82 drop
' | in_ns client nft -f -
shunt service add again tcp $VIP4:82
shunt server add again 10.0.0.11
# came COUNT: so many packets of it.
came() {
	[[ $(server again 11 .packets) -ge $1 ]]
}
spawn client curl -s --connect-timeout 60 "http://$VIP4:82/"
asks=$spawned
check "it comes" wait_until 20 came 1
shunt server drain again 10.0.0.11
end=$((SECONDS + 30)) before=${EPOCHREALTIME/[.,]/}
until came 3 || ((SECONDS > end)); do
	before=${EPOCHREALTIME/[.,]/}
done
check "and comes three times" came 3
shunt wait again 10.0.0.11
check "a drain waits three seconds more for its ACK" \
	[ $((${EPOCHREALTIME/[.,]/} - before)) -gt 3000000 ]
kill "$asks"
wait "$asks" || :
in_ns client nft delete table inet deaf
shunt service del again

note "what is refused"
refused "a state that nobody sets" 2 "'unreachable' is not a value of 'state'; expected up, drain or down" \
	shunt server set web 10.0.0.11 state unreachable
no="a lower-limit is for a server with an upper-limit; set that, too"
refused "a lower limit alone" 1 "'3': $no" shunt server set web 10.0.0.11 lower-limit 3
no="a lower-limit is no higher than the upper-limit"
refused "a lower limit above" 1 "'5': $no" shunt server set web 10.0.0.11 upper-limit 4 lower-limit 5
shunt server set web 10.0.0.11 upper-limit 9 lower-limit 5 weight 1
no="an upper-limit is no lower than the lower-limit; set that, too"
refused "an upper limit below" 1 "'4': $no" shunt server set web 10.0.0.11 upper-limit 4 weight 3
is "nothing has changed" "$(server web 11 '"\(."upper-limit") \(."lower-limit") \(.weight)"')" "9 5 1"
refused "no time" 2 "'0' is not a timeout" shunt server drain web 10.0.0.11 timeout 0
refused "too long a time" 2 "'32d' is not a timeout" shunt server drain web 10.0.0.11 timeout 32d
refused "a drain of nobody" 1 "the service has no such server" shunt server drain web 10.0.0.99
