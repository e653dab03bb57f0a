#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Real traffic with each offload of the devices on and off: what arrives is what
# was sent, by its hash, through DSR and NAT, over IPv4 and IPv6, in TCP both ways
# and in datagrams, sent one by one, many at once, and without a checksum. Except
# for the first setting the last device before each receiver fills in checksums in
# software, so that the receivers verify them; none finds one wrong, except where
# one was.
# kernels: 6.12
# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"

declare -A host=([ipv4]=$VIP4 [ipv6]="[$VIP6]")
declare -A server=([dsr-ipv4]=10.0.0.11 [dsr-ipv6]="[2001:db8:a::11]" [nat-ipv4]=10.1.0.21 [nat-ipv6]="[2001:db8:b::21]")
declare -A web=([dsr]=80 [nat]=8080)
declare -A sink=([dsr]=9000 [nat]=9001)
declare -A udp=([dsr]=53 [nat]=5353)
KB=400

# Everything that packets pass, as NAMESPACE/DEVICE.
links=(client/eth0 router/eth0 router/eth1 rack/router rack/director rack/d1 d1/eth0
	director/eth0 director/eth1 back/director back/n1 n1/eth0)
last_links=(router/eth0 rack/d1 back/n1)

# The features of a device without which others of its cannot be.
NO_TX="tx off tso off tx-udp-segmentation off"
NO_SG="sg off tso off gso off tx-udp-segmentation off"
NO_GSO="gso off tso off tx-udp-segmentation off"

# Settings: NAME|OF EVERY DEVICE|OF THE DIRECTOR'S. What is not said is on, but
# for GRO.
settings=(
	"all on||"
	"verified||"
	"tx off|$NO_TX|"
	"rx off|rx off|"
	"sg off|$NO_SG|"
	"tso off|tso off|"
	"gso off|$NO_GSO|"
	"all off|$NO_TX $NO_SG rx off|"
	"all off on the director||$NO_TX $NO_SG rx off"
	"gro on the director|$NO_TX $NO_SG|gro on tx on sg on gso on"
	"gro on|gro on|rx-udp-gro-forwarding on"
	"gro lists on the director||gro on rx-gro-list on"
)

# set_device LINK FEATURES...: "tx off tso off"; of what is said twice the later.
set_device() {
	local link=$1 name
	local -A feature=([rx]=on [tx]=on [sg]=on [tso]=on [gso]=on [gro]=off
		[tx-udp-segmentation]=on [rx-gro-list]=off [rx-udp-gro-forwarding]=off)
	local words=()

	shift
	while [[ $# -gt 0 ]]; do
		feature[$1]=$2
		shift 2
	done
	for name in "${!feature[@]}"; do
		words+=("$name" "${feature[$name]}")
	done
	in_ns "${link%/*}" ethtool -K "${link#*/}" "${words[@]}" >/dev/null
}

# setting NAME ALL DIRECTOR
setting() {
	local link commands=() features=()

	for link in "${links[@]}"; do
		read -ra features <<<"$2"
		[[ $link != director/* ]] || read -ra features <<<"$2 $3"
		[[ $1 == "all on" || " ${last_links[*]} " != *" $link "* ]] ||
			features+=(tx off tso off tx-udp-segmentation off)
		commands+=(+ set_device "$link" "${features[@]}")
	done
	together "${commands[@]:1}"
}

# has LINK FEATURES...: the device is set so.
has() {
	local link=$1

	shift
	# shellcheck disable=SC2016 # the variables are those of jq
	in_ns "${link%/*}" ethtool --json -k "${link#*/}" | jq -e --args '
		{"rx": "rx-checksumming", "tx": "tx-checksumming", "sg": "scatter-gather",
		 "tso": "tcp-segmentation-offload", "gso": "generic-segmentation-offload",
		 "gro": "generic-receive-offload"} as $long | .[0] as $is |
		$ARGS.positional as $words | reduce range(0; $words | length; 2) as $i
			({}; .[$words[$i]] = $words[$i + 1]) | to_entries |
		map(select($is[$long[.key] // .key].active != (.value == "on"))) |
		if . == [] then true else error(tostring) end' "$@"
}

# datagrams_at_once "ADDRESS PORT"...: sixteen back to back, sixteen in one send
# that is taken apart on the way, and in IPv4 sixteen without a checksum; prints,
# a line for each argument, how many came back intact behind the server's name.
datagrams_at_once() {
	in_ns client python3 -c '
import errno, os, socket, sys
COUNT, SIZE, SO_NO_CHECK, UDP_SEGMENT = 16, 1200, 11, 103

def ask(address, port, how):
    six = ":" in address
    sock = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM)
    sock.settimeout(10)
    sock.connect((address, int(port)))
    payloads = [os.urandom(SIZE) for _ in range(COUNT)]
    try:
        if how == "plain":
            sock.setsockopt(socket.SOL_SOCKET, SO_NO_CHECK, 1)
        if how == "segment":
            sock.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, SIZE)
            sock.send(b"".join(payloads))
        else:
            for payload in payloads:
                sock.send(payload)
    except OSError as error:
        # Before Linux 6.11 only devices that compute checksums may be sent so much.
        if how == "segment" and error.errno == errno.EIO:
            return "%d of %d" % (COUNT, COUNT)
        raise
    got = set()
    try:
        while len(got) < COUNT:
            name, _, payload = sock.recv(65536).partition(b" ")
            got.add(payload if payload in payloads else None)
    except TimeoutError:
        pass
    return "%d of %d" % (len(got - {None}), COUNT)

for to in sys.argv[1:]:
    address, port = to.split()
    hows = ["burst", "segment"] + ["plain"] * (":" not in address)
    print(" ".join("%s %s" % (how, ask(address, port, how)) for how in hows))' "$@"
}

# transfer MODE FAMILY: prints what arrived, down and up.
transfer() {
	local address=${host[$2]}
	local down up

	down=$(in_ns client curl -s "http://$address:${web[$1]}/$KB" | sha256sum)
	up=$(in_ns client socat -t 60 -b 65536 - "TCP:$address:${sink[$1]}" <"$WORK/www/$KB")
	echo "down ${down%% *} up ${up%% *}" >"$WORK/$1-$2"
}

# errors NAMESPACE...: checksums that were found wrong.
errors() {
	local at

	for at; do
		in_ns "$at" nstat -asz
	done | awk '/InCsumErrors/ { sum += $2 } END { print sum + 0 }'
}

# listen NAMESPACE PORT: answers by the hash of what it gets.
listen() {
	in_ns "$1" socat -t 60 -b 65536 TCP6-LISTEN:"$2",ipv6only=0,fork,reuseaddr SYSTEM:sha256sum &
	disown
}

configure() {
	local mode family

	for mode in dsr nat; do
		for family in ipv4 ipv6; do
			shunt service add "web-$mode-$family" tcp "${host[$family]}:${web[$mode]}" mode $mode
			shunt server add "web-$mode-$family" "${server[$mode-$family]}:80"
			shunt service add "up-$mode-$family" tcp "${host[$family]}:${sink[$mode]}" mode $mode
			shunt server add "up-$mode-$family" "${server[$mode-$family]}:${sink[$mode]}"
			shunt service add "udp-$mode-$family" udp "${host[$family]}:${udp[$mode]}" mode $mode
			shunt server add "udp-$mode-$family" "${server[$mode-$family]}:53"
		done
	done
}

# broken ADDRESS PORT: one datagram with a wrong checksum.
broken() {
	in_ns client python3 -c '
import socket, struct, sys
six = ":" in sys.argv[1]
sock = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_RAW,
                     socket.IPPROTO_UDP)
sock.sendto(struct.pack("!HHHH", 4000, int(sys.argv[2]), 12, 1) + b"data", (sys.argv[1], 0))' "$@"
}

insmod_shunt
topo_up
together servers_up d1 n1 + configure
head -c ${KB}K /dev/urandom >"$WORK/www/$KB"
read -r hash _ < <(sha256sum "$WORK/www/$KB")
echo 20000 >/proc/sys/net/core/netdev_max_backlog
listen d1 9000
listen n1 9001

for line in "${settings[@]}"; do
	IFS='|' read -r name all director <<<"$line"
	setting "$name" "$all" "$director"
	[[ -z $all ]] || {
		read -ra wanted <<<"$all"
		check "$name: so it is" has client/eth0 "${wanted[@]}"
	}
	[[ -z $director ]] || {
		read -ra wanted <<<"$director"
		check "$name: so it is on the director" has director/eth0 "${wanted[@]}"
	}
	together transfer dsr ipv4 + transfer dsr ipv6 + transfer nat ipv4 + transfer nat ipv6
	for mode in dsr nat; do
		for family in ipv4 ipv6; do
			is "$name: ${mode^^}, $family: both ways" "$(<"$WORK/$mode-$family")" \
				"down $hash up $hash"
		done
	done
	all="burst 16 of 16 segment 16 of 16"
	is "$name: datagrams" \
		"$(datagrams_at_once "$VIP4 53" "$VIP6 53" "$VIP4 5353" "$VIP6 5353")" \
		"$(printf '%s\n' "$all plain 16 of 16" "$all" "$all plain 16 of 16" "$all")"
	is "$name: no receiver found a wrong checksum" "$(errors client d1 n1)" 0
done

is "no packet was dropped" "$(drops)" ""
for mode in dsr nat; do
	for family in ipv4 ipv6; do
		address=${host[$family]#[}
		broken "${address%]}" "${udp[$mode]}"
	done
done
found() {
	[[ $(errors d1) == 2 && $(errors n1) == 2 ]]
}
wait_until 20 found || :
is "a checksum that is wrong stays wrong through DSR" "$(errors d1)" 2
is "a checksum that is wrong stays wrong through NAT" "$(errors n1)" 2
