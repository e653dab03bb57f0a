#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The command line without a kernel module: every usage error, help, version,
# what it says when the module is not loaded, and whether the completion and
# the manual are in step with the verbs, the specification and the drop
# reasons. Needs no root and no VM.
# shellcheck source=selftests/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

manual=$SHUNT_TOP/tools/shunt.8
spec=$SHUNT_TOP/include/shunt.yaml

# run ARGUMENTS...: the command; leaves $output, $error and $status.
run() {
	status=0
	"$SHUNT" "$@" >"$WORK/output" 2>"$WORK/error" || status=$?
	output=$(<"$WORK/output")
	error=$(<"$WORK/error")
}

# one_sentence: the error is one line that begins with the command's name.
one_sentence() {
	[[ $error == "shunt: "* && $error != *$'\n'* && $(wc -l <"$WORK/error") -eq 1 ]]
}

# usage WORDS ARGUMENTS...: status 2, nothing on standard output, and one
# sentence that has these words in it.
usage() {
	local words=$1 shown

	shift
	run "$@"
	printf -v shown '%q ' "$@"
	if [[ $status -eq 2 && -z $output && $error == *"$words"* ]] && one_sentence; then
		pass "usage: shunt ${shown% }"
	else
		fail "usage: shunt ${shown% }" "status $status, wanted 2 and \"$words\""$'\n'"$error"
	fi
}

# Words that are no commands, and words too few and too many.
usage_words() {
	local verb state
	local states="syn|established|closing|closed|one-way|answered"
	local service_keys="address, fwmark, family, scheduler, mode, timeout, on-expire, on-remove, on-empty, midstream, packet, limit, table-size, hash, seed, persist, persist-prefix or persist-group"
	local server_keys="weight, mode, state, backup, upper-limit, lower-limit or slow-start"
	local -a words

	usage "'bogus' is not a command; expected service, server, conn, persist, attach, detach, limit, drops, status, wait, monitor, flush or version" bogus
	usage "'' is not a command" ''
	usage "'Service' is not a command" Service show
	usage "'serv' is not a command" serv show
	usage "'-' is not a command" -
	usage "'service' lacks a verb; expected add, set, del or show" service
	usage "'server' lacks a verb" server
	usage "'conn' lacks a verb; expected show or del" conn
	usage "'bogus' is not a verb of service; expected add, set, del or show" service bogus
	usage "'sho' is not a verb of service" service sho
	usage "'add' is not a verb of conn; expected show or del" conn add
	usage "'bogus' is not a command" --help bogus
	usage "'bogus' is not a verb of server" --help server bogus

	for verb in drops status flush version; do
		usage "'extra' is one word too many" "$verb" extra
	done
	usage "'extra' is one word too many" service del web extra
	usage "'extra' is one word too many" service show web extra
	usage "'extra' is one word too many" server show web extra
	usage "'extra' is one word too many" server del web 192.0.2.1 extra
	for verb in attach detach; do
		usage "'$verb' lacks its DEV; expected '$verb DEV'" "$verb"
		usage "'extra' is one word too many; expected '$verb DEV'" "$verb" eth0 extra
	done
	usage "'extra' is not a key of 'service add'; expected $service_keys" \
		service add web tcp 192.0.2.1:80 extra
	usage "'on' is not a key of 'service set'; expected $service_keys" \
		service set web on-empty drop on expire
	usage "'timeouts' is not a key of 'service set'" service set web timeouts syn 5
	usage "'on_empty' is not a key of 'service set'" service set web on_empty drop
	usage "'extra' is not a key of 'server add'; expected $server_keys" \
		server add web 192.0.2.1 extra 1
	usage "'weight' is not a key of 'service set'" service set web weight 1
	usage "'scheduler' is not a key of 'server set'" server set web 192.0.2.1 scheduler rr
	for verb in show del; do
		usage "'port' is not a key of 'conn $verb'; expected service, server or client" \
			conn "$verb" port 80
	done

	usage "'down' is not a value of 'backup'; expected off or on" server set web 192.0.2.1 backup down
	usage "'unreachable' is not a value of 'state'; expected up, drain or down" \
		server set web 192.0.2.1 state unreachable
	usage "'up' is not a value of 'then'; expected stay, remove or down" \
		server drain web 192.0.2.1 "then" up
	usage "'weight' is not a key of 'server drain'; expected timeout or then" \
		server drain web 192.0.2.1 weight 0
	for verb in add set del; do
		usage "'service $verb' lacks its NAME" service "$verb"
		usage "'server $verb' lacks its SERVICE" server "$verb"
		usage "'server $verb' lacks its ADDR[:PORT]" server "$verb" web
	done
	usage "'service add' lacks its tcp|udp" service add web
	usage "'service add' lacks its ADDR:PORTS[,...]|fwmark N; expected 'service add NAME tcp|udp|tcp,udp ADDR:PORTS[,...]|fwmark N [KEY VALUE ...]'" \
		service add web tcp
	usage "'server set' lacks its SERVICE; expected 'server set SERVICE ADDR[:PORT] KEY VALUE ...'" \
		server set
	usage "'service set' lacks a key; expected $service_keys" service set web
	usage "'conn del' lacks a key; expected service, server or client" conn del
	usage "'persist del' lacks a key; expected service, group or client" persist del
	usage "'server set' lacks a key; expected $server_keys" server set web 192.0.2.1

	for verb in "service add web tcp 192.0.2.1:80 scheduler" \
		"service add web tcp 192.0.2.1:80 mode nat scheduler" \
		"service set web scheduler" "service set web mode" \
		"server add web 192.0.2.1 weight" "server add web 192.0.2.1 mode" \
		"server set web 192.0.2.1 weight 1 mode" \
		"server set web 192.0.2.1 state" "server set web 192.0.2.1 backup" \
		"server set web 192.0.2.1 upper-limit" "server set web 192.0.2.1 slow-start" \
		"server drain web 192.0.2.1 timeout" "server drain web 192.0.2.1 then" \
		"service set web on-expire" "service set web on-remove" "service set web on-empty" \
		"service set web midstream" "service set web mode nat packet" "service set web timeout" \
		"service add web tcp 192.0.2.1:80 timeout syn 5 timeout" \
		"conn show service" "conn show server" "conn show client" \
		"conn del service" "conn del server" "conn del client" "service set web persist" \
		"service set web persist-prefix" "service set web persist-group" "limit persist" \
		"persist show service" "persist show group" "persist del client"; do
		read -ra words <<<"$verb"
		usage "'${words[-1]}' lacks its value; expected '${words[-1]} " "${words[@]}"
	done
	usage "'timeout' lacks its value; expected 'timeout $states SECONDS'" service set web timeout
	for state in ${states//|/ }; do
		usage "'timeout $state' lacks its value; expected 'timeout $state SECONDS'" \
			service set web timeout "$state"
	done
	usage "'mode' is given twice" service add web tcp 192.0.2.1:80 mode nat mode nat
	usage "'scheduler' is given twice" service set web scheduler rr mode dsr scheduler rr
	usage "'weight' is given twice" server add web 192.0.2.1 weight 1 weight 1
	usage "'mode' is given twice" server set web 192.0.2.1 mode dsr mode nat
	usage "'client' is given twice" conn show client 192.0.2.1 client 192.0.2.1
	usage "'server' is given twice" conn del server 192.0.2.1 client 192.0.2.1 server 192.0.2.2
	usage "'on-empty' is given twice" service set web on-empty drop midstream reset on-empty drop
	for state in ${states//|/ }; do
		usage "'timeout $state' is given twice; expected it once" \
			service set web timeout "$state" 5 mode nat timeout "$state" 6
	done

	usage "'-x' is not an option; expected -b, -j, -p, -h or -V" -x
	usage "'-jx' is not an option" -jx status
	usage "'--bogus' is not an option" status --bogus
	usage "'--json=yes' is not an option" --json=yes status
	usage "'--js' is not an option" --js status
	usage "'-1' is not an option" server add web 192.0.2.1 weight -1
	usage "'-j' is not a command" -- -j
}

# Words in the right place that are not what belongs there.
usage_values() {
	local name address port weight value
	local long=abcdefghijklmnopqrstuvwxyz012345

	for name in '' "$long" a/b 'a b' 'a*' a:b a@b ä $'a\nb' $'a\e[31m'; do
		usage "is not a name; expected 1 to 31 letters" service add "$name" tcp 192.0.2.1:80
		usage "is not a name; expected 1 to 31 letters" server add "$name" 192.0.2.1
	done
	usage "'$long' is not a name" service show "$long"
	usage "'a/b' is not a name" conn show service a/b
	usage "'a\\x0ab' is not a name" service del $'a\nb'

	for name in '' . .. a/b a:b 'a b' $'a\nb' 0123456789abcdef; do
		usage "is not the name of a device; expected 1 to 15 characters" attach "$name"
		usage "is not the name of a device; expected 1 to 15 characters" detach "$name"
	done
	for name in TCP t icmp '' 6; do
		usage "'$name' is not a protocol; expected tcp, udp or tcp,udp" service add web "$name" 192.0.2.1:80
	done
	for name in DSR d tunnel '' 0; do
		usage "'$name' is not a mode; expected dsr or nat" server add web 192.0.2.1 mode "$name"
		usage "'$name' is not a mode; expected dsr or nat" service set web mode "$name"
	done
	for name in "on-expire:silent or reset" "on-remove:keep, reset, rehash or default" \
		"on-empty:reject or drop" "midstream:reset or rehash" "packet:off or on"; do
		for value in bogus '' 0 1 yes Reset rese; do
			usage "'$value' is not a value of '${name%%:*}'; expected ${name#*:}" \
				service set web "${name%%:*}" "$value"
		done
	done
	usage "'keep' is not a value of 'on-expire'" \
		service add web tcp 192.0.2.1:80 mode nat on-expire keep
	usage "'silent' is not a value of 'on-remove'" \
		service add web tcp 192.0.2.1:80 on-remove silent mode nat
	for value in 0 4294967296 18446744073709551617 01 1.5 1k '' ' 1' +5 None; do
		usage "'$value' is not a limit; expected a number from 1 to 4294967295, or none" \
			service set web limit "$value"
		usage "'$value' is not a limit; expected a number from 1 to 4294967295, or default" \
			limit connections -- "$value"
	done
	usage "'none' is not a limit; expected a number from 1 to 4294967295, or default" limit connections none
	for value in 0 2678401 32d -1 1x none ''; do
		usage "'$value' is not a time to persist; expected a number of seconds from 1 to 2678400, such as 90 or 90s, or of minutes, hours or days, such as 15m, 2h or 1d, or off" \
			service set web persist -- "$value"
	done
	for value in 0 129 024 /24; do
		usage "'$value' is not a prefix; expected a number of bits from 1 to 32 for IPv4, to 128 for IPv6" \
			service set web persist-prefix "$value"
	done
	for value in 192.0.2.1:80 192.0.2.1/33 192.0.2.1/0 192.0.2.1/ 192.0.2 2001:db8::/129 '[2001:db8::/32]' \
		'[2001:db8::1]/129' '[2001:db8::1]:80' '[192.0.2.1]' '[]' '[2001:db8::1' '[2001:db8::1]x/32' 192.0.2.1:/24 /24 ''; do
		usage "'$value' is not a client; expected an address such as 192.0.2.1 or 2001:db8::1, or one with its prefix" \
			persist show client "$value"
	done
	usage "'default' is not a limit" service add web tcp 192.0.2.1:80 limit default
	usage "'address' is given twice" service add web tcp 192.0.2.1:80 timeout closing 5 address 192.0.2.2:80
	usage "'limit' lacks its value; expected 'limit N|none'" service set web limit
	usage "'connections' lacks its value; expected 'connections N|default'" limit connections
	usage "'5' is not a key of 'limit'; expected connections" limit 5
	for name in bogus '' SYN sy established,closing one_way 5 seconds; do
		usage "'$name' is not a state; expected syn, established, closing, closed, one-way or answered" \
			service set web timeout "$name" 5
	done
	usage "'bogus' is not a state" service set web timeout bogus
	for value in 0 2678401 4294967297 18446744073709551617 01 1.5 '' ' 5' +5 0x5 never; do
		usage "'$value' is not a timeout; expected a number of seconds from 1 to 2678400" \
			service add web tcp 192.0.2.1:80 timeout syn "$value"
		usage "'$value' is not a timeout; expected a number of seconds from 1 to 2678400" \
			service set web on-empty drop timeout closing 5 timeout one-way "$value"
	done
	for value in 0 250 131072 4294967547 '' +251 0x101 251.0 none; do
		usage "'$value' is not a table-size; expected a prime number from 251 to 131071" \
			service set web scheduler maglev table-size "$value"
	done
	for value in '' 'a b' a/b 0123456789012345678901234567890x; do
		usage "'$value' is not the name of a group; expected 1 to 31 letters, digits, '.', '_' or '-', or none" \
			service set web persist-group "$value"
		usage "'$value' is not a seed; expected 1 to 31 letters, digits, '.', '_' or '-', or none" \
			service set web seed "$value"
	done
	usage "'destination' is not a value of 'hash'; expected source-port or source" \
		service set web scheduler sh hash destination
	usage "'0123456789abcdef' is not the name of a scheduler" \
		service add web tcp 192.0.2.1:80 scheduler 0123456789abcdef
	usage "'' is not the name of a scheduler" service set web scheduler ''

	# Neither the address of a service nor of a server.
	for address in '' 1.2.3 1.2.3.4.5 01.2.3.4 1.2.3.256 1.2.3.4/33 1.2.3.4/32 0x1.2.3.4 \
		99999999999 ' 1.2.3.4' 1.2.3.4%eth0 www.example.org localhost :80 : 1.2.3.4: \
		'[::1' '[::1]:' '[::1]80' '[::1]x:80' '[1.2.3.4]:80' '[]:80' '[::g]:80' \
		'[2001:db8::1/129]:80' '[fe80::1%eth0]:80' '[[::1]]:80' 2001:db8::1::2 ::: \
		1:2:3:4:5:6:7:8:9; do
		usage "'$address' is not an address" service add web tcp "$address"
		usage "'$address' is not an address" server add web "$address"
	done
	usage "'::1/129' is not an address" server del web ::1/129
	usage "'1.2.3.4/33' is not an address" conn show client 1.2.3.4/33
	usage "'1.2.3' is not an address" conn del service web server 1.2.3
	# An address without its port.
	for address in 192.0.2.1 2001:db8::1 '[2001:db8::1]'; do
		usage "'$address' is not an address with a port" service add web tcp "$address"
	done

	for port in 70000 65536 0 -1 +1 080 8O 80x ' 80' '80 ' 0x50 http \
		4294967376 18446744073709551696 99999999999999999999999999; do
		usage "'$port' is not a port; expected a number from 1 to 65535" \
			service add web tcp "192.0.2.1:$port"
		usage "'$port' is not a port; expected a number from 1 to 65535" \
			server add web "[2001:db8::1]:$port"
	done
	usage "'192.0.2.1:80:80' is not an address" service add web tcp 192.0.2.1:80:80
	usage "'0' is not a port" conn show server 192.0.2.1:0
	usage "'x' is not a port" conn del client 192.0.2.1:x
	for value in 0 2678401 2678401s 44641m 745h 32d 0s s 5w 5S 1h30m 05 05s '' 1.5h; do
		usage "'$value' is not a timeout; expected a number of seconds from 1 to 2678400" \
			server drain web 192.0.2.1 timeout "$value"
		usage "'$value' is not a timeout; expected a number of seconds from 1 to 2678400" \
			wait web 192.0.2.1 timeout "$value"
		usage "'$value' is not a timeout; expected a number of seconds from 1 to 2678400" \
			service set web timeout syn "$value"
	done
	for value in 0 86401 25h 2d x; do
		usage "'$value' is not a slow-start; expected a number of seconds from 1 to 86400, such as 30 or 30s, or none" \
			server set web 192.0.2.1 slow-start "$value"
	done
	for value in 0 4294967296 x; do
		usage "'$value' is not a limit" server set web 192.0.2.1 upper-limit "$value"
		usage "'$value' is not a limit" server set web 192.0.2.1 lower-limit "$value"
	done
	for weight in 65536 4294967297 18446744073709551617 01 1.5 1x '' ' 1' x 0x10 +1; do
		usage "'$weight' is not a weight; expected a number from 0 to 65535" \
			server add web 192.0.2.1 weight "$weight"
		usage "'$weight' is not a weight; expected a number from 0 to 65535" \
			server set web 192.0.2.1 weight "$weight"
	done
}

# The verbs the help lists, one a line: "service add", "drops".
verbs() {
	"$SHUNT" --help | sed -nE 's/^  shunt ([a-z]+)( [a-z]+)?( .*)?$/\1\2/p'
}

# help_has ARGUMENTS...: help for these words is there, and only what they name.
help_has() {
	local want

	run --help "$@"
	want=$("$SHUNT" --help | grep -E "^  shunt $*( |\$)")
	[[ $status -eq 0 && -z $error && $(grep '^  shunt' <<<"$output") == "$want" &&
		$output == *--json* ]]
}

# What --help says of a verb in one line, which it folds.
synopsis() {
	# shellcheck disable=SC2086 # words
	"$SHUNT" --help $1 | awk '
		/^  shunt / { sub("^  shunt ", ""); printf "%s", $0; next }
		/^          [^ ]/ && !done { sub("^ *", " "); printf "%s", $0; next }
		{ done = 1 }'
	echo
}

# The keys that --help names for a verb.
verb_keys() {
	synopsis "$1" | { grep -oE '(\[|\{|\| )[a-z-]+ [^]|}]' || :; } |
		sed -E 's/^[^a-z]*([a-z-]+) .*$/\1/' | sort
}

# The keys that --help explains to whoever asks for one verb.
told_keys() {
	# shellcheck disable=SC2086 # words
	"$SHUNT" --help $1 | sed -nE 's/^      ([a-z-]+) +[A-Z].*$/\1/p' | sort
}

help_and_version() {
	local verb version
	local -a words

	is "the verbs of --help are those of the manual" "$(verbs | tr '\n' ,)" \
		"service add,service set,service del,service show,server add,server set,server drain,server del,server show,conn show,conn del,persist show,persist del,attach,detach,limit,drops,status,wait,monitor,flush,version,"
	while read -r verb; do
		read -ra words <<<"$verb"
		check "--help $verb tells of nothing else" help_has "${words[@]}"
		is "and of each of its keys" "$(told_keys "$verb" | xargs)" "$(verb_keys "$verb" | xargs)"
		check "--help ${words[0]} tells of all its verbs" help_has "${words[0]}"
		run "${words[@]}" -h
		is "$verb -h is help, whatever is missing" "$status $output" \
			"0 $("$SHUNT" --help "${words[@]}")"
	done < <(verbs)
	is "no line of it is too long" "$("$SHUNT" --help | awk 'length > 80')" ""
	is "nor of that on one verb" "$("$SHUNT" --help service add | awk 'length > 80')" ""

	version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"$/\1/p' "$SHUNT_TOP/dkms.conf")
	like "dkms.conf has a version" "$version" '^[0-9]+\.[0-9]+(\.[0-9]+)?$'
	is "--version is that" "$("$SHUNT" --version)" "shunt $version"
	is "-V, too" "$("$SHUNT" -V)" "shunt $version"
	run -j version
	is "version tells it in JSON, with or without a module" \
		"$(jq -r '.cli, (.module | type)' <<<"$output" | xargs)" "$version string"
}

# Without a module, whoever asks the kernel is told how to load it.
not_loaded() {
	local words

	if [[ -d /sys/module/shunt ]] || modinfo shunt >/dev/null 2>&1; then
		skip "no module" "this machine has one"
		return
	fi
	for words in '' "service show" "-j service show" "-p server show" "-j conn show" "-j drops" \
		"conn del service web" "service set web timeout syn 5 on-empty drop" \
		"service set web timeout closing 5 address 192.0.2.1:80" \
		"persist show client [2001:db8::1]" "persist show client [2001:db8::]/32" \
		"status" "-j status" "flush" "limit" "limit connections 5" "attach eth0" "detach eth0" "service del web" "server add web 192.0.2.1"; do
		# shellcheck disable=SC2086 # words
		run $words
		if [[ $status -eq 1 && -z $output && $error == *"not loaded"* &&
			$error == *"'modprobe shunt'"* && $error == *"as README.md says"* ]] && one_sentence; then
			pass "not loaded: shunt $words"
		else
			fail "not loaded: shunt $words" "status $status: $error"
		fi
	done
	run version
	is "version says that there is no module" "$status $error $(xargs <<<"$output")" \
		"0  cli ${version-$("$SHUNT" -V | cut -d' ' -f2)} module not loaded"
	is "in JSON by an empty string" "$("$SHUNT" -j version | jq -c .module)" '""'
}

# in_file STATUS SENTENCE TEXT: the command file's fate.
in_file() {
	printf '%b' "$3" >"$WORK/commands"
	run -b "$WORK/commands"
	is "a file: ${3:0:60}" "$status $output$error" "$1 ${2:+${2/#@/$WORK/commands:}}"
	run --batch - <"$WORK/commands"
	is "the same from stdin" "$status $output$error" "$1 ${2:+${2/#@/stdin:}}"
}

# What is wrong with a file of commands is found before anything is sent, which
# here would fail.
batch() {
	local word
	local good="service add web tcp 192.0.2.1:80\n"

	usage "'--batch' lacks its value; expected '--batch FILE'" -b
	usage "'--batch' lacks its value" status --batch
	usage "'--batch' is given twice" -b "$WORK/a" --batch "$WORK/a"
	usage "'status' is one word too many; expected commands in the file only" -b "$WORK/a" status
	in_file 0 "" ""
	in_file 0 "" "\n  \n# nothing\n\t# at all\r\n"
	in_file 2 "@3: 'bogus' is not a command; expected service, server, conn, persist, attach, detach, limit, drops, status, wait, monitor, flush or version" \
		"$good# comment\nbogus\nservice"
	in_file 2 "@2: 'service add' lacks its tcp|udp|tcp,udp; expected 'service add NAME tcp|udp|tcp,udp ADDR:PORTS[,...]|fwmark N [KEY VALUE ...]'" \
		"$good service\tadd x # tcp"
	in_file 2 "@1: '\"web\"' is not a name; expected 1 to 31 letters, digits, '.', '_' or '-'" \
		'service del "web"\n'
	in_file 2 "@2: 'x#y' is not a name; expected 1 to 31 letters, digits, '.', '_' or '-'" \
		"${good}service del x#y"
	in_file 2 "@1: '-x/' is not a name; expected 1 to 31 letters, digits, '.', '_' or '-'" \
		"service del -- -x/\n"
	in_file 2 "@1: '-j' is an option; expected none in a file" "service del -j web\n"
	in_file 2 "@1: the line has no command" "--\n"
	in_file 2 "@1: there is a NUL in the line" 'flush\0\n'
	for word in "service show" "server show web" "conn show" limit drops status version; do
		in_file 2 "@2: '${word% web}' changes nothing; expected commands that do" \
			"$good$word\n$good"
	done
	run -b "$WORK/none"
	is "a file that is not there" "$status $error" \
		"1 shunt: cannot open '$WORK/none': No such file or directory"
	run -b "$WORK"
	is "a file that is a folder" "$status $error" "1 shunt: cannot read '$WORK': Is a directory"
	if [[ -d /sys/module/shunt ]] || modinfo shunt >/dev/null 2>&1; then
		skip "a file without a module" "this machine has one"
		return
	fi
	in_file 1 "@2: the kernel module is not loaded; load it with 'modprobe shunt', or without installing it as README.md says" \
		"\n$good$good"
}

# What cannot be written is an error, not a silence.
full_disk() {
	local words

	for words in --help "--help service" --version --completion version "-j version"; do
		status=0
		# shellcheck disable=SC2086 # words
		error=$("$SHUNT" $words 2>&1 >/dev/full) || status=$?
		is "shunt $words to a full disk fails" "$status $error" \
			"1 shunt: cannot write the output: No space left on device"
	done
	status=0
	# shellcheck disable=SC2188 # closed on purpose
	error=$("$SHUNT" --help 2>&1 >&-) || status=$?
	like "so it does with its output closed" "$status $error" '^1 shunt: cannot write the output: '
	status=0
	"$SHUNT" bogus >/dev/null 2>&- || status=$?
	is "with the errors closed the status is the same" "$status" 2
	status=0
	"$SHUNT" --version <&- >/dev/null || status=$?
	is "and with the input closed" "$status" 0
}

# completes WANTED WORD...
completes() {
	local want=$1

	shift
	is "completion of: shunt $*" \
		"$(PATH=$WORK/bin:$PATH RAN=$WORK/ran "$SHUNT_TOP/selftests/complete" "$WORK/completion" "$@" 2>&1 | xargs)" \
		"$want"
}

# A command that knows services and servers, for what completion asks it.
known() {
	mkdir -p "$WORK/bin"
	cat >"$WORK/bin/shunt" <<-'END'
	#!/bin/bash
	case "$*" in
	"service show")
		echo "SERVICE  PROTO  ADDRESS"
		echo "web      tcp    192.0.2.1:80"
		echo "  ->            192.0.2.11:80"
		echo "mail     tcp    192.0.2.1:25"
		;;
	"server show -- web")
		echo "SERVICE  ADDRESS        MODE"
		echo "web      192.0.2.11:80  dsr"
		echo "web      192.0.2.12:80  dsr"
		;;
	"status")
		echo "services  2"
		echo "devices   eth0 "'$(>"$RAN")'" wire7"
		;;
	"server show")
		echo "SERVICE  ADDRESS        MODE"
		echo "mail     192.0.2.21:25  dsr"
		;;
	*) exit 1 ;;
	esac
	END
	# And of a device more than there are.
	cat >"$WORK/bin/ls" <<-'END'
	#!/bin/bash
	command -p ls "$@"
	[[ $* != /sys/class/net ]] || echo '$(>"$RAN")'
	END
	chmod +x "$WORK/bin/shunt" "$WORK/bin/ls"
}

completion() {
	local verb line key value left
	local -a words

	"$SHUNT" --completion >"$WORK/completion"
	check "the completion parses" bash -n "$WORK/completion"
	check "the completion passes shellcheck" shellcheck -s bash "$WORK/completion"
	check "the completion installed is what the command writes now" \
		cmp "$WORK/completion" "$SHUNT_TOP/tools/shunt.bash-completion"
	if [[ ! -e /usr/share/bash-completion/bash_completion ]]; then
		skip "completion" "bash-completion is not installed"
		return
	fi
	known

	completes "$(verbs | cut -d' ' -f1 | sort -u | xargs)" ''
	completes "server service" ser
	completes "" bogus ''
	completes "$WORK/completion" -b "$WORK/compl"
	completes "--batch --help --json --pretty --version -V -b -h -j -p" -
	completes "--json" --j
	completes "status" -j stat
	completes "add del set show" -j service ''

	# Each verb in the table completes, and so do its keys and their values.
	while read -r verb; do
		read -ra words <<<"$verb"
		completes "${words[-1]}" "${words[@]}"
		line=$(synopsis "$verb")
		left=$(verb_keys "$verb" | xargs)
		case $verb in
		"service add") words+=(web tcp 192.0.2.1:80) ;;
		"service "* | "server show") words+=(web) ;;
		"server "*) words+=(web 192.0.2.11:80) ;;
		wait) words+=(web 192.0.2.11:80) ;;
		attach | detach) words+=(eth0) ;;
		esac
		completes "$left" "${words[@]}" ''
		for key in $left; do
			value=$(sed -nE "s/^.*[[{ ]$key ([^] }]*).*\$/\\1/p" <<<"$line")
			[[ $value == *[a-z]* ]] || continue
			completes "$(tr '|' '\n' <<<"$value" | { grep -v '[A-Z]' || :; } | sort | xargs)" \
				"${words[@]}" "$key" ''
			[[ $key != timeout ]] || continue
			completes "$(xargs -n1 <<<"$left" | grep -vx "$key" | xargs)" \
				"${words[@]}" "$key" "${value%%|*}" ''
		done
	done < <(verbs)

	completes "tcp tcp,udp udp" service add web ''
	completes "wlc wrr" service set web scheduler w
	completes "answered closed closing established one-way" service set web timeout syn 5 timeout ''
	completes "one-way" service set web timeout o
	completes "" service set web timeout syn ''
	completes "timeout" service set web timeout syn 5 ti
	completes "default keep rehash reset" service set web timeout syn 5 on-remove ''
	completes "mode" service set web timeout syn 5 scheduler rr timeout closed 9 mo
	# The mark used to be taken for a key, and what follows for a value.
	left=$(verb_keys "service add" | grep -vx fwmark | xargs)
	completes "$left" service add web tcp fwmark 7 ''
	completes "" service add web tcp fwmark ''
	completes "wlc wrr" service add web tcp fwmark 7 scheduler w
	# A value that was a key's name, too, used to hide that key.
	completes "mode" service set web scheduler mode mo
	completes "" service set web mode nat mo
	completes "client server" conn del service web ''
	completes "mail web" service del ''
	completes "web" server set w
	completes "mail web" conn show service ''
	completes "192.0.2.11:80 192.0.2.12:80" server del web ''
	completes "80" server del web 192.0.2.11:
	completes "eth0 wire7" detach ''
	completes "wire7" detach w
	completes "$(find /sys/class/net -mindepth 1 -printf '%f\n' | grep -vx lo | sort | xargs)" attach ''
	# The names of devices used to be expanded.
	check "no name of a device is run" test ! -e "$WORK/ran"
}

# section NAME: one section of the manual's source.
section() {
	awk -v name="$1" '/^\.Sh / { on = $0 == ".Sh " name } on' "$manual"
}

# Attributes of the specification as JSON calls them, of one or more sets.
spec_keys() {
	awk -v sets=" $* " '
		/^attribute-sets:/ { in_sets = 1 }
		/^operations:/ { in_sets = 0 }
		!in_sets { next }
		/^    name: / { on = index(sets, " " $2 " ") }
		/^        name: / && on { key = $2 }
		/^        type: / && on && $2 != "pad" && key != "stats" {
			# What can be typed keeps its form.
			if (key !~ /^(on[e]?|table|upper|lower|slow)-|^persist-(prefix|group)$/)
				gsub("-", "_", key)
			print key
		}
	' "$spec" | sort -u
}

# The names an enum of the specification has.
spec_names() {
	awk -v name="$1" '
		/^  -$/ { on = 0 }
		/^    name: / { on = $2 == name }
		/^        name: / && on { print $2 }
	' "$spec"
}

# missing WORDS... <TEXT: those that are no words of the text.
missing() {
	local text word

	text=$(cat)
	for word; do
		grep -qE -- "(^|[^a-z_-])$word(\$|[^a-z_-])" <<<"$text" || echo "$word"
	done | xargs
}

manual() {
	local verb keys command entry value
	local -a names

	is "mandoc has nothing to complain of" "$(mandoc -T lint -W warning "$manual" 2>&1)" ""

	while read -r verb; do
		is "$verb is in the manual's synopsis" \
			"$(section SYNOPSIS | grep -cxE "\.Cm $verb( .*)?")" 1
		entry=$(section COMMANDS | awk -v head=".It Cm $verb" \
			'/^\.Bl/ { depth++ } /^\.El/ { depth-- }
			depth == 1 && /^\.It Cm/ { on = index($0 " ", head " ") == 1 } on')
		like "$verb is among its commands" "$entry" "^\.It Cm $verb"
		mapfile -t names < <(verb_keys "$verb")
		is "its keys are told there" "$(missing "${names[@]}" <<<"$entry")" ""
	done < <(verbs)
	mapfile -t names < <("$SHUNT" --help | sed -nE 's/^  -(.), --([a-z]+) .*$/\1 , Fl Fl \2/p')
	is "there are five options" "${#names[@]}" 5
	is "the manual tells of all" "$(section DESCRIPTION | missing "${names[@]/#/It Fl }")" ""

	# What is in the nest is told by "addresses".
	keys=$(spec_keys stats timeouts states service server conn persist drop limit status |
		sed 's/^match$/addresses/')
	is "the specification's attributes are read" "$(missing name return_bytes expires \
		meaning hooked client_port on-expire one-way deleted <<<"$keys")" ""
	mapfile -t names <<<"$keys"
	is "each is a JSON key in the manual" "$(section JSON | missing "${names[@]/#/It }")" ""
	for command in "service show" "server show" "conn show" "conn del" limit drops status version; do
		check "the JSON of $command is in the manual" grep -qE "^\.It Cm $command( |\$)" \
			<(section JSON)
	done

	for command in server-state:"LIFE OF A SERVER" drain-then:"LIFE OF A SERVER" conn-state:STATES; do
		mapfile -t names < <(spec_names "${command%:*}")
		check "${command%:*} has names" test "${#names[@]}" -ge 2
		is "the manual tells each ${command%:*}" \
			"$(section "${command#*:}" | missing "${names[@]}")" ""
	done
	mapfile -t names < <(spec_keys timeouts)
	check "there are timeouts" test "${#names[@]}" -ge 6
	for command in "${names[@]}"; do
		value=$(awk -v name="$command" '/^    name: / { on = $2 == "timeouts" }
			/^        name: / { this = on && $2 == name }
			/^        doc: / && this { match($0, /[0-9]+ if never set/); print substr($0, RSTART) + 0 }' "$spec")
		like "the manual has the default of timeout $command" "$(section TIMEOUTS)" \
			"\.It Cm $command No \($value s\)"
	done
	for command in on-expire on-remove on-empty midstream; do
		mapfile -t names < <(spec_names "$command")
		check "$command has values" test "${#names[@]}" -ge 2
		is "the manual tells each $command" "$(section POLICIES |
			awk -v key="$command" '/^\.It Cm [a-z]+-?[a-z]+ [a-z]+ Ns/ { on = $3 == key } on' |
			sed -n 's/^\.It Cm \([a-z]*\)$/\1/p' | xargs)" "${names[*]}"
	done
	mapfile -t names < <(sed -nE 's/^(TRACE|DEFINE)_EVENT\((.*, *)?(shunt_[a-z_]+),$/\3/p' "$SHUNT_TOP/kmod/trace.h")
	check "the module has tracepoints" test "${#names[@]}" -ge 4
	is "the manual tells each of them" "$(section TRACEPOINTS | missing "${names[@]}")" ""
	mapfile -t names < <(sed -n '/reasons\[SHUNT_REASONS\]/,/^};/s/^\t\t"\([a-z-]*\)",$/\1/p' \
		"$SHUNT_TOP/kmod/stats.c")
	check "the module has drop reasons" test "${#names[@]}" -ge 10
	is "the manual tells each of them, and no other" \
		"$(section 'DROP REASONS' | sed -n 's/^\.It Cm //p' | sort | xargs)" \
		"$(printf '%s\n' "${names[@]}" | sort | xargs)"
}

check "the command is built" test -x "$SHUNT"
usage_words
usage_values
help_and_version
not_loaded
batch
full_disk
completion
manual
