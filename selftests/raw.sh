# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# raw.py for the scripts: a script sources it behind lib.sh and starts raw.py as
# the coprocess RAW.

# shellcheck disable=SC2034 # for the scripts
readonly RAW_PY=$SHUNT_TOP/selftests/raw.py

# cases PYTHON: each case of it.
cases() {
	local what='' got='' want=''

	echo "$1" >&"${RAW[1]}"
	while IFS=$'\t' read -r -t 120 what got want <&"${RAW[0]}" && [[ $what != . ]]; do
		is "$what" "$got" "${want:-cases}"
	done
	[[ $what == . ]] || fail "$1 was answered"
}

# wire [SYSCTL...]: the director's links end in raw.py, and it has services by
# all of them; sysctls as topo_batch takes them.
# shellcheck disable=SC2120 # the sysctls may be none
wire() {
	local words

	shunt flush
	in_ns rack ip link set director nomaster
	in_ns back ip link set director nomaster
	in_ns director ethtool -K eth0 tx off >/dev/null
	in_ns director ethtool -K eth1 tx off >/dev/null
	python3 -IS "$RAW_PY" links | topo_batch director ipv4/conf/all/send_redirects=0 \
		ipv4/conf/eth0/send_redirects=0 "$@"
	while read -ra words; do
		shunt "${words[@]}"
	done < <(python3 -IS "$RAW_PY" services)
}
