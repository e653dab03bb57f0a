# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# The network of the tests, the demo and the shell, in the VM: the topology
# below, the servers in it, and clients that count who answered. Each box is a
# network namespace, and so is each of the two segments, which are bridges whose
# ports bear the names of the boxes.
#
#                    ┌────────┐
#                    │ client │ 192.0.2.10   2001:db8:c::10
#                    └───┬────┘
#                        │      192.0.2.0/24  2001:db8:c::/64
#                    ┌───┴────┐
#                    │ router │ 192.0.2.1    2001:db8:c::1
#                    └───┬────┘ 10.0.0.1     2001:db8:a::1
#    rack                │      10.0.0.0/24  2001:db8:a::/64
#   ─────┬───────────────┼─────────────┬──────────────┬────────
#        │ .2            │ .11         │ .12          │ .13
#   ┌────┴─────┐      ┌──┴─┐        ┌──┴─┐         ┌──┴─┐
#   │ director │      │ d1 │        │ d2 │         │ d3 │  DSR servers: the VIP
#   └────┬─────┘      └────┘        └────┘         └────┘  on lo, default route .1
#        │ .1
#   ─────┴───────────────┬─────────────┬────────
#    back                │ .21         │ .22    10.1.0.0/24  2001:db8:b::/64
#                     ┌──┴─┐        ┌──┴─┐
#                     │ n1 │        │ n2 │      NAT servers: default
#                     └────┘        └────┘      route the director
#
#    The VIP is 198.51.100.1 and 2001:db8:f::1; the router sends it to the director.
set -euo pipefail

# shellcheck source=selftests/path.sh
source "$(dirname "${BASH_SOURCE[0]}")/path.sh"

# What the VM tells its scripts. On the host there is no module, and no network:
# a script there may still use the rest.
SHUNT_TOP=${SHUNT_TOP-$(realpath "$(dirname "${BASH_SOURCE[0]}")/..")}
SHUNT=${SHUNT-$SHUNT_TOP/tools/shunt}
SHUNT_KO=${SHUNT_KO-}

VIP4=198.51.100.1
VIP6=2001:db8:f::1
DSR_SERVERS=(d1 d2 d3)
NAT_SERVERS=(n1 n2)
# The ports on which every server answers, each with its own name.
HTTP_PORTS=(80 8080)
UDP_PORTS=(53 5353)

# Who shows how servers are prepared sets this, and finds the DSR servers without
# the VIP, and the NAT servers without a route.
BARE_SERVERS=${BARE_SERVERS-}

# Names are unique to the run; a caller who wants plain ones sets it empty.
NS_PREFIX=${NS_PREFIX-s$$-}
WORK=$(mktemp -d)

# Print the drawing above.
topo_draw() {
	sed -n '/^#  *┌/,/^#  *The VIP/s/^#//p' "${BASH_SOURCE[0]}"
}

# wait_until SECONDS COMMAND...: poll until the command succeeds; the last look is
# behind that time.
wait_until() {
	local end=$((${EPOCHREALTIME/[.,]/} + $1 * 1000000))

	shift
	while ((${EPOCHREALTIME/[.,]/} < end)); do
		! "$@" >/dev/null 2>&1 || return 0
		sleep 0.05
	done
	"$@" >/dev/null 2>&1
}

# in_ns NAME COMMAND...: run it in a namespace of the topology.
in_ns() {
	local name=$1

	shift
	nsenter --net="/run/netns/$NS_PREFIX$name" -- "$@"
}

# The command line tool, on the director.
shunt() {
	in_ns director "$SHUNT" "$@"
}

# The module as a user gets it, where SHUNT_KO has the in-kernel tests in it.
use_plain_module() {
	SHUNT_KO=${SHUNT_KO%/shunt.ko}-plain/shunt.ko
}

# What modprobe would do with an installed module.
insmod_shunt() {
	local -a depends

	IFS=, read -ra depends < <(modinfo -F depends "$SHUNT_KO")
	[[ ${#depends[@]} -eq 0 ]] || modprobe -a "${depends[@]}"
	insmod "$SHUNT_KO"
	attach_if_asked
}

# The README's command that loads a module which is not installed, as root has it.
insmod_command() {
	sed -n 's/sudo //g; s/^    \(.*modprobe.*insmod shunt\.ko\)$/\1/p' "$SHUNT_TOP/README.md"
}

# With SHUNT_TEST_ATTACH the director's devices have the fast hook from the
# moment there are both they and the module.
attach_if_asked() {
	[[ ${SHUNT_TEST_ATTACH-} && -e /run/netns/${NS_PREFIX}director && -d /sys/module/shunt ]] ||
		return 0
	shunt attach eth0
	shunt attach eth1
}

in_vm() {
	[[ -n $SHUNT_KO ]]
}

# Succeeds when there is nothing to remove. On the host it is not ours.
rmmod_shunt() {
	! in_vm || [[ ! -d /sys/module/shunt ]] || rmmod shunt
}

# topo_batch NAME [SYSCTL...]: configure one namespace with the ip commands of
# standard input, after writing the sysctls, each given as PATH=VALUE.
topo_batch() {
	local name=$1

	shift
	# shellcheck disable=SC2016 # expanded by the inner shell
	in_ns "$name" sh -c 'for s; do echo "${s#*=}" >"/proc/sys/net/${s%%=*}"; done
		exec ip -b -' sh "$@"
}

# Print the ip commands that give a device its addresses: DEVICE ADDRESS...
topo_device() {
	local device=$1 address

	shift
	echo "link set $device up"
	for address; do
		case $address in
		*:*/*) echo "addr add $address dev $device nodad" ;;
		*/*) echo "addr add $address dev $device" ;;
		*:*) echo "addr add $address/64 dev $device nodad" ;;
		*) echo "addr add $address/24 dev $device" ;;
		esac
	done
}

# Print the ip commands of a bridge with these ports.
topo_bridge() {
	echo "link add br0 up type bridge forward_delay 0 mcast_snooping 0"
	printf 'link set %s up master br0\n' "$@"
}

# Print the ip commands that route these targets by the two gateways:
# GATEWAY4 GATEWAY6 TARGET...
topo_routes() {
	local gateway4=$1 gateway6=$2 target

	shift 2
	for target; do
		case $target in
		default) printf 'route add default via %s\n' "$gateway4" "$gateway6" ;;
		*:*) echo "route add $target via $gateway6" ;;
		*) echo "route add $target via $gateway4" ;;
		esac
	done
}

topo_links() {
	local p=$NS_PREFIX name

	printf "netns add $p%s\n" client router director rack back \
		"${DSR_SERVERS[@]}" "${NAT_SERVERS[@]}"
	echo "link add eth0 netns ${p}client type veth peer eth0 netns ${p}router"
	echo "link add eth1 netns ${p}router type veth peer router netns ${p}rack"
	echo "link add eth0 netns ${p}director type veth peer director netns ${p}rack"
	echo "link add eth1 netns ${p}director type veth peer director netns ${p}back"
	for name in "${DSR_SERVERS[@]}"; do
		echo "link add eth0 netns $p$name type veth peer $name netns ${p}rack"
	done
	for name in "${NAT_SERVERS[@]}"; do
		echo "link add eth0 netns $p$name type veth peer $name netns ${p}back"
	done
}

topo_client() {
	{
		topo_device lo
		topo_device eth0 192.0.2.10 2001:db8:c::10
		topo_routes 192.0.2.1 2001:db8:c::1 default
	} | topo_batch client
}

topo_router() {
	{
		topo_device lo
		topo_device eth0 192.0.2.1 2001:db8:c::1
		topo_device eth1 10.0.0.1 2001:db8:a::1
		topo_routes 10.0.0.2 2001:db8:a::2 10.1.0.0/24 2001:db8:b::/64 \
			"$VIP4/32" "$VIP6/128"
	} | topo_batch router ipv4/conf/all/forwarding=1 ipv6/conf/all/forwarding=1
}

topo_director() {
	{
		topo_device lo
		topo_device eth0 10.0.0.2 2001:db8:a::2
		topo_device eth1 10.1.0.1 2001:db8:b::1
		topo_routes 10.0.0.1 2001:db8:a::1 default
	} | topo_batch director ipv4/conf/all/forwarding=1 ipv6/conf/all/forwarding=1
}

topo_segment() {
	topo_bridge "${@:2}" | topo_batch "$1" ipv6/conf/default/disable_ipv6=1
}

# topo_dsr NAME NUMBER
topo_dsr() {
	local vips=("$VIP4/32" "$VIP6/128")
	local sysctls=(ipv4/conf/all/arp_ignore=1 ipv4/conf/all/arp_announce=2)

	[[ ! $BARE_SERVERS ]] || vips=() sysctls=()
	{
		topo_device lo "${vips[@]}"
		topo_device eth0 "10.0.0.$2" "2001:db8:a::$2"
		topo_routes 10.0.0.1 2001:db8:a::1 default
	} | topo_batch "$1" "${sysctls[@]}"
}

# topo_nat NAME NUMBER
topo_nat() {
	{
		topo_device lo
		topo_device eth0 "10.1.0.$2" "2001:db8:b::$2"
		[[ $BARE_SERVERS ]] || topo_routes 10.1.0.1 2001:db8:b::1 default
	} | topo_batch "$1"
}

# together COMMAND [ARGUMENTS...] [+ COMMAND [ARGUMENTS...]]...: run them at
# the same time; succeeds when all do.
together() {
	local word command=() pids=() status=0

	for word in "$@" +; do
		if [[ $word == + ]]; then
			"${command[@]}" &
			pids+=($!)
			command=()
		else
			command+=("$word")
		fi
	done
	for word in "${pids[@]}"; do
		wait "$word" || status=$?
	done
	return "$status"
}

# topo_up: the network drawn at the top of this file.
topo_up() {
	in_vm || {
		echo "topo_up: not in the VM" >&2
		return 1
	}
	# New namespaces take these over: no address waits for its duplicate
	# to be detected.
	echo 1 >/proc/sys/net/core/devconf_inherit_init_net
	echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad
	topo_links | ip -b -
	together topo_segment rack router director "${DSR_SERVERS[@]}" + \
		topo_segment back director "${NAT_SERVERS[@]}" + \
		topo_client + topo_router + topo_director + \
		topo_dsr d1 11 + topo_dsr d2 12 + topo_dsr d3 13 + \
		topo_nat n1 21 + topo_nat n2 22
	attach_if_asked
}

# topo_vip ADDRESS...: one more VIP, as VIP4 and VIP6 are, IPv4 or IPv6.
topo_vip() {
	local name

	topo_routes 10.0.0.2 2001:db8:a::2 "$@" | topo_batch router
	for name in "${DSR_SERVERS[@]}"; do
		printf 'addr add %s dev lo\n' "$@" | topo_batch "$name"
	done
}

# topo_director2: a second director, .3 of the rack, that "shunt2" configures.
topo_director2() {
	local p=$NS_PREFIX

	ip -b - <<-END
	netns add ${p}director2
	link add eth0 netns ${p}director2 type veth peer director2 netns ${p}rack
	END
	in_ns rack ip link set director2 up master br0
	{
		topo_device lo
		topo_device eth0 10.0.0.3 2001:db8:a::3
		topo_routes 10.0.0.1 2001:db8:a::1 default
	} | topo_batch director2 ipv4/conf/all/forwarding=1 ipv6/conf/all/forwarding=1
}

shunt2() {
	in_ns director2 "$SHUNT" "$@"
}

# topo_down: no process and no namespace of the run stays.
topo_down() {
	local names=(/run/netns/"$NS_PREFIX"*)

	[[ -e ${names[0]} ]] || return 0
	stat -Lc '%i %n' "${names[@]}" /proc/[0-9]*/ns/net 2>/dev/null |
		awk -F'[ /]' '$3 == "run" { ours[$1] = 1 }
			$3 == "proc" && $1 in ours { print $4 }' |
		xargs -r kill -KILL
	printf 'netns del %s\n' "${names[@]##*/}" | ip -b -
}

# bytes_of_connections: what the slabs of IPv4's in DSR take.
bytes_of_connections() {
	awk '$1 == "shunt_ipv4_dsr" { print $(NF - 1) * $6 * 4096 }' /proc/slabinfo
}

# bytes_of_buckets NUMBER: what so many buckets of the table take. Their array is of
# vmalloc(), which tells, or of whole pages, which are a power of two as it is; and
# there is a time for 16 of them.
bytes_of_buckets() {
	awk -v buckets="$1" '/\[shunt\]/ && $2 > 8 * buckets { sum += $2 - 4096 }
		END { print (sum ? sum : 8 * buckets) + buckets / 4 }' /proc/vmallocinfo
}

# server_config NAME: nginx for one namespace. / tells the server's name and
# /client who asked whom; the rest are the files in $WORK/www.
server_config() {
	local dir=$WORK/$1

	cat <<-END
	user root;
	daemon on;
	master_process off;
	pid $dir/pid;
	error_log $dir/error;
	events { worker_connections 512; }
	http {
		access_log $dir/access;
		client_body_temp_path $dir/body;
		proxy_temp_path $dir/proxy;
		fastcgi_temp_path $dir/fastcgi;
		uwsgi_temp_path $dir/uwsgi;
		scgi_temp_path $dir/scgi;
		default_type application/octet-stream;
		sendfile on;
		# What a test keeps open stays open, however slow the machine.
		client_header_timeout 1h;
		keepalive_timeout 1h;
		send_timeout 1h;
		server {
			$(printf 'listen %s; ' "${HTTP_PORTS[@]}")
			$(printf 'listen [::]:%s; ' "${HTTP_PORTS[@]}")
			root $WORK/www;
			location = / { return 200 "$1\n"; }
			location = /client { return 200 "\$remote_addr \$server_addr\n"; }
		}
	}
	END
}

# server_up NAME: nginx on the HTTP ports, "udp serve" on the UDP ports.
server_up() {
	mkdir -p "$WORK/$1" "$WORK/www"
	server_config "$1" >"$WORK/$1/nginx.conf"
	in_ns "$1" nginx -e "$WORK/$1/error" -p "$WORK/$1" -c "$WORK/$1/nginx.conf"
	in_ns "$1" "$SHUNT_TOP/build/udp" serve "$1" "${UDP_PORTS[@]}"
}

# servers_up [NAME...]: all of them by default. They listen when it returns.
servers_up() {
	local name commands=()

	[[ $# -gt 0 ]] || set -- "${DSR_SERVERS[@]}" "${NAT_SERVERS[@]}"
	for name; do
		commands+=(+ server_up "$name")
	done
	together "${commands[@]:1}"
}

# services_up: one of each mode and protocol on the director, of all its servers.
services_up() {
	local number

	shunt service add web tcp $VIP4:80
	shunt service add web6 tcp "[$VIP6]:80"
	shunt service add dns udp $VIP4:53
	for number in 11 12 13; do
		shunt server add web 10.0.0.$number
		shunt server add web6 2001:db8:a::$number
		shunt server add dns 10.0.0.$number
	done
	shunt service add nat tcp $VIP4:8080 mode nat
	shunt service add nat6 tcp "[$VIP6]:8080" mode nat
	shunt service add dnat udp $VIP4:5353 mode nat
	for number in 21 22; do
		shunt server add nat 10.1.0.$number:80
		shunt server add nat6 "[2001:db8:b::$number]:80"
		shunt server add dnat 10.1.0.$number:53
	done
}

# tally WANTED: count equal lines of standard input, as "d1=2 d2=1".
tally() {
	sort | uniq -c | awk '{ printf "%s%s=%s", (NR > 1 ? " " : ""), $2, $1 }'
}

# requests COUNT URL [CURL OPTIONS...]: so many HTTP requests, each over a
# connection of its own, from the client or from $FROM; prints who answered, as
# "d1=2 d2=1", and failures as curl's "error-N".
requests() {
	local count=$1 url=$2

	shift 2
	in_ns "${FROM-client}" curl -s -H 'Connection: close' --connect-timeout 30 \
		-w '%{onerror}error-%{exitcode}\n' "$@" "$url?[1-$count]" | tally || :
}

# datagrams COUNT ADDRESS PORT [OPTIONS OF udp ask...]: so many, each from a
# socket of its own; prints who answered, and "timeout" or an errno otherwise.
datagrams() {
	in_ns "${FROM-client}" "$SHUNT_TOP/build/udp" ask "${@:4}" "$1" "$2" "$3" | tally
}
