# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# Many clients, by the kernel's packet generator on the router of net.sh: each
# datagram is the first of a connection. Sourced after lib.sh.

# pg FILE LINE...: give pktgen, on the router, these lines.
pg() {
	local line

	for line in "${@:2}"; do
		# shellcheck disable=SC2016 # expanded by the inner shell
		in_ns router sh -c 'echo "$1" >"/proc/net/pktgen/$0"' "$1" "$line"
	done
}

# flood_up PORT: what is sent from now on goes to this port of the VIP, where the
# servers throw it away.
flood_up() {
	local mac server

	for server in d3 n1; do
		in_ns "$server" nft -f - <<-END
		table inet sink { chain early { type filter hook prerouting priority raw; udp dport $1 drop; }; }
		END
	done
	mac=$(in_ns director ip -j link show eth0 | jq -r '.[0].address')
	modprobe pktgen
	pg kpktgend_0 rem_device_all "add_device eth1"
	pg eth1 "dst $VIP4" "dst_mac $mac" "src_min 10.128.0.0" "src_max 10.128.3.252" \
		"udp_src_min 10000" "udp_src_max 10400" "udp_dst_min $1" "udp_dst_max $1" "pkt_size 60" "delay 0"
}

# flood COUNT: so many datagrams. 1021 senders and 401 ports come round together
# after 409 421 packets only.
flood() {
	pg eth1 "count $1"
	in_ns router sh -c 'echo start >/proc/net/pktgen/pgctrl'
	in_ns router grep -o 'pkts-sofar: [0-9]*' /proc/net/pktgen/eth1
}

flood_down() {
	pg kpktgend_0 rem_device_all
	rmmod pktgen
}

connections() {
	shunt -j status | jq .connections
}
