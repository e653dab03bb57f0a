// SPDX-License-Identifier: GPL-2.0
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/shunt.h>

#include "cli.h"
#include "print.h"

static bool want_json;
static bool want_pretty;
static bool want_help;
static bool want_version;
static bool want_completion;
static const char *batch_file;

const struct option options[] = {
	{ .letter = 'b', .word = "batch", .value = &batch_file, .label = "FILE",
	  .help = "Do the commands in a file, one a line; - for stdin." },
	{ .letter = 'j', .word = "json", .flag = &want_json,
	  .help = "Print JSON." },
	{ .letter = 'p', .word = "pretty", .flag = &want_pretty,
	  .help = "Print JSON, indented." },
	{ .letter = 'h', .word = "help", .flag = &want_help,
	  .help = "Print help; if one command is named, with its keys." },
	{ .letter = 'V', .word = "version", .flag = &want_version,
	  .help = "Print the version of the command line." },
	{ .word = "completion", .flag = &want_completion },
};

const size_t option_count = ARRAY_SIZE(options);

static void change(struct request *req)
{
	nl_do(req, NULL, NULL);
}

#define SERVICE(a) \
	{ .label = "SERVICE", .put = put_name, .attr = (a), \
	  .suggest = SUGGEST_SERVICES }
#define SERVER(a, p) \
	{ .label = "ADDR[:PORT]", .put = put_target, .attr = (a), \
	  .port_attr = (p), .suggest = SUGGEST_SERVERS }
#define CHOICE(k, n, p, a) \
	.key = (k), .names = (n), .put = (p), .attr = (a), .optional = true

/* What a service can be told when it is added, and later. */
static const struct arg service_keys[VERB_KEYS] = {
	{
		.key = "address", .label = "ADDR:PORTS[,...]",
		.put = put_ranges, .attr = SHUNT_A_SERVICE_ADDRESS,
		.port_attr = SHUNT_A_SERVICE_PORT, .optional = true,
		.help = "What the service matches, all of it: up to 64 addresses of one family, each with a port, two with a dash between, or * for all. When it is added this stands in its place and needs no key.",
	}, {
		.key = "fwmark", .label = "N", .put = put_fwmark,
		.attr = SHUNT_A_SERVICE_FWMARK, .optional = true,
		.help = "For a service without addresses: the mark of its packets, 1 to 4294967295, or in hexadecimal.",
	}, {
		CHOICE("family", &family_names, put_choice,
		       SHUNT_A_SERVICE_FAMILY),
		.help = "Of a service with a fwmark, and not to be changed; ipv4 if never set.",
	}, {
		CHOICE("scheduler", &scheduler_names, put_scheduler,
		       SHUNT_A_SERVICE_SCHEDULER),
		.help = "Chooses the server of each new connection; rr if never set.",
	}, {
		CHOICE("mode", &mode_names, put_mode, SHUNT_A_SERVICE_MODE),
		.help = "How packets reach servers that are given no mode of their own; dsr if never set.",
	}, {
		.key = "timeout", .states = &conn_state_names,
		.label = "SECONDS", .put = put_timeout,
		.nest = SHUNT_A_SERVICE_TIMEOUTS,
		.attr = SHUNT_A_TIMEOUTS_SYN, .optional = true,
		.help = "How long a connection lasts in a state without a packet, 1 to 2678400; for TCP syn 60, established 8100, closing 120 and closed 10, for UDP one-way and answered 300 if never set.",
	}, {
		CHOICE("on-expire", &on_expire_names, put_choice,
		       SHUNT_A_SERVICE_ON_EXPIRE),
		.help = "TCP: whether both ends are told when a connection's time is up; silent if never set.",
	}, {
		CHOICE("on-remove", &on_remove_names, put_choice,
		       SHUNT_A_SERVICE_ON_REMOVE),
		.help = "What becomes of the connections of a server that is removed; default, if never set, is keep for TCP and rehash for UDP.",
	}, {
		CHOICE("on-empty", &on_empty_names, put_choice,
		       SHUNT_A_SERVICE_ON_EMPTY),
		.help = "What a client is told when no server is available; reject if never set.",
	}, {
		CHOICE("midstream", &midstream_names, put_choice,
		       SHUNT_A_SERVICE_MIDSTREAM),
		.help = "TCP: what becomes of a packet in mid-stream that belongs to no connection; reset if never set.",
	}, {
		CHOICE("packet", &switch_names, put_switch,
		       SHUNT_A_SERVICE_PACKET),
		.help = "UDP: whether each packet is scheduled on its own, without connections; off if never set.",
	}, {
		.key = "limit", .label = "N", .names = &no_limit_names,
		.put = put_limit, .attr = SHUNT_A_SERVICE_LIMIT,
		.optional = true,
		.help = "Maximum of connections; none if never set.",
	}, {
		.key = "table-size", .label = "N", .put = put_table_size,
		.attr = SHUNT_A_SERVICE_TABLE_SIZE, .optional = true,
		.help = "With maglev and sticky: rows of the table, a prime number from 251 to 131071; 65537 if never set.",
	}, {
		CHOICE("hash", &hash_names, put_choice, SHUNT_A_SERVICE_HASH),
		.help = "With maglev and sticky: what of a client its row is chosen by; source-port if never set.",
	}, {
		.key = "seed", .label = "TEXT", .names = &no_seed_names,
		.put = put_seed, .attr = SHUNT_A_SERVICE_SEED,
		.optional = true,
		.help = "With sh, dh, maglev and sticky: what hashes are keyed with, the same on all directors that are to agree; none if never set.",
	}, {
		.key = "persist", .label = "SECONDS", .names = &no_persist_names,
		.put = put_persist, .attr = SHUNT_A_SERVICE_PERSIST,
		.optional = true,
		.help = "How long new connections of a client go to the server that it had last, 1 to 2678400; off if never set.",
	}, {
		.key = "persist-prefix", .label = "BITS", .put = put_prefix,
		.attr = SHUNT_A_SERVICE_PERSIST_PREFIX, .optional = true,
		.help = "Leading bits of an address that make one client; 32 for IPv4 and 128 for IPv6 if never set.",
	}, {
		.key = "persist-group", .label = "NAME",
		.names = &no_group_names, .put = put_group,
		.attr = SHUNT_A_SERVICE_PERSIST_GROUP, .optional = true,
		.help = "Services of one group give a client the same server, by its address; none if never set.",
	},
};

/* What a server can be told when it is added, and later. */
static const struct arg server_keys[VERB_KEYS] = {
	{
		.key = "weight", .label = "N", .put = put_weight,
		.attr = SHUNT_A_SERVER_WEIGHT, .optional = true,
		.help = "Share of the new connections, 0 to 65535; 1 if never set, and at 0 the server takes none.",
	}, {
		CHOICE("mode", &mode_names, put_mode, SHUNT_A_SERVER_MODE),
		.help = "How packets reach the server; the service's mode if not given.",
	}, {
		CHOICE("state", &server_wish_names, put_choice,
		       SHUNT_A_SERVER_STATE),
		.help = "Up takes connections as the weight says; drain takes no new ones; down neither, and on-remove says what becomes of those it has; up if never set.",
	}, {
		CHOICE("backup", &switch_names, put_switch,
		       SHUNT_A_SERVER_BACKUP),
		.help = "Whether the server is to take connections only while no other can; off if never set.",
	}, {
		.key = "upper-limit", .label = "N", .names = &no_limit_names,
		.put = put_limit, .attr = SHUNT_A_SERVER_UPPER_LIMIT,
		.optional = true,
		.help = "So many established connections, and the server gets no new one; none if never set.",
	}, {
		.key = "lower-limit", .label = "N", .names = &no_limit_names,
		.put = put_limit, .attr = SHUNT_A_SERVER_LOWER_LIMIT,
		.optional = true,
		.help = "When it has fewer than this again it does; three quarters of upper-limit if never set.",
	}, {
		.key = "slow-start", .label = "SECONDS",
		.names = &no_limit_names, .put = put_slow_start,
		.attr = SHUNT_A_SERVER_SLOW_START, .optional = true,
		.help = "How long the weight takes to rise to what it is, whenever the server begins to take connections; none if never set.",
	},
};

/* How a server drains. */
static const struct arg drain_keys[VERB_KEYS] = {
	{
		.key = "timeout", .label = "SECONDS", .put = put_drain_timeout,
		.attr = SHUNT_A_SERVER_DRAIN_TIMEOUT, .optional = true,
		.help = "When the connections it still has are forgotten; never if not given.",
	}, {
		CHOICE("then", &drain_then_names, put_choice,
		       SHUNT_A_SERVER_DRAIN_THEN),
		.help = "What becomes of it when it has none any more; stay, in the state drain, if not given.",
	},
};

/* Which connections are meant: those that match all that is given. */
static const struct arg conn_keys[VERB_KEYS] = {
	{
		.key = "service", .label = "NAME", .put = put_name,
		.attr = SHUNT_A_CONN_SERVICE, .optional = true,
		.suggest = SUGGEST_SERVICES,
		.help = "Those of this service.",
	}, {
		.key = "server", .label = "ADDR[:PORT]", .put = put_target,
		.attr = SHUNT_A_CONN_SERVER,
		.port_attr = SHUNT_A_CONN_SERVER_PORT, .optional = true,
		.suggest = SUGGEST_SERVERS,
		.help = "Those that this server has.",
	}, {
		.key = "client", .label = "ADDR[:PORT]", .put = put_target,
		.attr = SHUNT_A_CONN_CLIENT,
		.port_attr = SHUNT_A_CONN_CLIENT_PORT, .optional = true,
		.help = "Those of this client.",
	},
};

/* Which clients are meant: those that match all that is given. */
static const struct arg persist_keys[VERB_KEYS] = {
	{
		.key = "service", .label = "NAME", .put = put_name,
		.attr = SHUNT_A_PERSIST_SERVICE, .optional = true,
		.suggest = SUGGEST_SERVICES,
		.help = "Those of this service, or of the group that it is in.",
	}, {
		.key = "group", .label = "NAME", .put = put_group,
		.attr = SHUNT_A_PERSIST_GROUP, .optional = true,
		.help = "Those of this group.",
	}, {
		.key = "client", .label = "ADDR[/BITS]", .put = put_client,
		.attr = SHUNT_A_PERSIST_CLIENT, .optional = true,
		.help = "The one that has this address; with the bits, where as many make one.",
	},
};

static const struct arg wait_keys[VERB_KEYS] = {
	{
		.key = "timeout", .label = "SECONDS", .put = put_patience,
		.optional = true,
		.help = "When to give up; never if not given.",
	},
};

/* Which events are meant. */
static const struct arg monitor_keys[VERB_KEYS] = {
	{
		.key = "service", .label = "NAME", .put = put_name,
		.attr = SHUNT_A_EVENT_SERVICE, .optional = true,
		.suggest = SUGGEST_SERVICES,
		.help = "Those of this service, and what concerns all.",
	},
};

static const struct arg limit_keys[VERB_KEYS] = {
	{
		.key = "connections", .label = "N",
		.names = &default_limit_names, .put = put_limit,
		.attr = SHUNT_A_LIMIT_LIMIT, .optional = true,
		.help = "Maximum of connections; by default a sixteenth of the memory, and no less than 65536.",
	}, {
		.key = "persist", .label = "N",
		.names = &default_limit_names, .put = put_limit,
		.attr = SHUNT_A_LIMIT_PERSIST, .optional = true,
		.help = "Maximum of clients that are remembered; by default a 64th of the memory, and no less than 16384.",
	},
};

const struct verb verbs[] = {
	{
		.object = "service", .name = "add",
		.help = "Add a service; keys not given have their defaults.",
		.run = change, .changes = true,
		.cmd = SHUNT_CMD_SERVICE_ADD,
		.places = {
			{ .label = "NAME", .put = put_name,
			  .attr = SHUNT_A_SERVICE_NAME },
			{ .names = &protocol_names, .put = put_protocol,
			  .attr = SHUNT_A_SERVICE_PROTOCOL },
			{ .label = "ADDR:PORTS[,...]|fwmark N",
			  .put = put_ranges,
			  .attr = SHUNT_A_SERVICE_ADDRESS,
			  .port_attr = SHUNT_A_SERVICE_PORT,
			  .or_key = "fwmark" },
		},
		.keys = service_keys,
	}, {
		.object = "service", .name = "set",
		.help = "Change a service; the rest of it stays as it is.",
		.run = change, .changes = true,
		.cmd = SHUNT_CMD_SERVICE_SET,
		.needs_key = true,
		.places = {
			{ .label = "NAME", .put = put_name,
			  .attr = SHUNT_A_SERVICE_NAME,
			  .suggest = SUGGEST_SERVICES },
		},
		.keys = service_keys,
	}, {
		.object = "service", .name = "del",
		.help = "Remove a service with its servers and connections.",
		.run = change, .changes = true,
		.cmd = SHUNT_CMD_SERVICE_DEL,
		.places = {
			{ .label = "NAME", .put = put_name,
			  .attr = SHUNT_A_SERVICE_NAME,
			  .suggest = SUGGEST_SERVICES },
		},
	}, {
		.object = "service", .name = "show",
		.help = "List all services with their servers, or one.",
		.run = service_show, .cmd = SHUNT_CMD_SERVICE_GET,
		.places = {
			{ .label = "NAME", .put = put_name,
			  .attr = SHUNT_A_SERVICE_NAME, .optional = true,
			  .suggest = SUGGEST_SERVICES },
		},
	}, {
		.object = "server", .name = "add",
		.help = "Add a server: the service's port and mode, and weight 1, if not told otherwise.",
		.run = change, .changes = true,
		.cmd = SHUNT_CMD_SERVER_ADD,
		.places = {
			SERVICE(SHUNT_A_SERVER_SERVICE),
			{ .label = "ADDR[:PORT]", .put = put_target,
			  .attr = SHUNT_A_SERVER_ADDRESS,
			  .port_attr = SHUNT_A_SERVER_PORT },
		},
		.keys = server_keys,
	}, {
		.object = "server", .name = "set",
		.help = "Change a server; a new mode holds for new connections.",
		.run = change, .changes = true,
		.cmd = SHUNT_CMD_SERVER_SET,
		.needs_key = true,
		.places = {
			SERVICE(SHUNT_A_SERVER_SERVICE),
			SERVER(SHUNT_A_SERVER_ADDRESS, SHUNT_A_SERVER_PORT),
		},
		.keys = server_keys,
	}, {
		.object = "server", .name = "drain",
		.help = "Give a server no new connection, and tell what is to become of it in the end.",
		.run = change, .changes = true,
		.cmd = SHUNT_CMD_SERVER_DRAIN,
		.places = {
			SERVICE(SHUNT_A_SERVER_SERVICE),
			SERVER(SHUNT_A_SERVER_ADDRESS, SHUNT_A_SERVER_PORT),
		},
		.keys = drain_keys,
	}, {
		.object = "server", .name = "del",
		.help = "Remove a server; the service's on-remove says what becomes of its connections.",
		.run = change, .changes = true,
		.cmd = SHUNT_CMD_SERVER_DEL,
		.places = {
			SERVICE(SHUNT_A_SERVER_SERVICE),
			SERVER(SHUNT_A_SERVER_ADDRESS, SHUNT_A_SERVER_PORT),
		},
	}, {
		.object = "server", .name = "show",
		.help = "List the servers of all services, or of one.",
		.run = server_show, .cmd = SHUNT_CMD_SERVER_GET,
		.places = {
			{ .label = "SERVICE", .put = put_name,
			  .attr = SHUNT_A_SERVER_SERVICE, .optional = true,
			  .suggest = SUGGEST_SERVICES },
		},
	}, {
		.object = "conn", .name = "show",
		.help = "List the connections, or those that match.",
		.run = conn_show, .cmd = SHUNT_CMD_CONN_GET,
		.keys = conn_keys,
	}, {
		.object = "conn", .name = "del",
		.help = "Forget the connections that match, and tell how many they were.",
		.run = conn_del, .changes = true,
		.cmd = SHUNT_CMD_CONN_DEL,
		.needs_key = true,
		.keys = conn_keys,
	}, {
		.object = "persist", .name = "show",
		.help = "List the clients that are remembered, or those that match, with their servers.",
		.run = persist_show, .cmd = SHUNT_CMD_PERSIST_GET,
		.keys = persist_keys,
	}, {
		.object = "persist", .name = "del",
		.help = "Forget the clients that match, and tell how many they were; their connections stay.",
		.run = persist_del, .changes = true,
		.cmd = SHUNT_CMD_PERSIST_DEL,
		.needs_key = true,
		.keys = persist_keys,
	}, {
		.object = "attach",
		.help = "Put the fast hook on a device: known connections take a shorter way from there.",
		.run = change, .changes = true,
		.cmd = SHUNT_CMD_ATTACH,
		.places = {
			{ .label = "DEV", .put = put_device,
			  .attr = SHUNT_A_DEVICE_NAME,
			  .suggest = SUGGEST_DEVICES },
		},
	}, {
		.object = "detach",
		.help = "Take the fast hook off a device.",
		.run = change, .changes = true,
		.cmd = SHUNT_CMD_DETACH,
		.places = {
			{ .label = "DEV", .put = put_device,
			  .attr = SHUNT_A_DEVICE_NAME,
			  .suggest = SUGGEST_ATTACHED },
		},
	}, {
		.object = "limit",
		.help = "Tell how many connections, and clients remembered, there may be and are, or set that.",
		.run = limit_run, .cmd = SHUNT_CMD_LIMIT_GET,
		.set_cmd = SHUNT_CMD_LIMIT_SET,
		.keys = limit_keys,
	}, {
		.object = "drops",
		.help = "Tell how many packets were not forwarded, and why.",
		.run = drops_show, .cmd = SHUNT_CMD_DROP_GET,
	}, {
		.object = "status",
		.help = "Tell what this network namespace holds.",
		.run = status_show, .cmd = SHUNT_CMD_STATUS_GET,
	}, {
		.object = "wait",
		.help = "Wait until a server has drained.",
		.run = wait_run, .cmd = SHUNT_CMD_SERVER_GET,
		.places = {
			SERVICE(SHUNT_A_SERVER_SERVICE),
			{ .label = "ADDR[:PORT]", .put = put_awaited,
			  .suggest = SUGGEST_SERVERS },
		},
		.keys = wait_keys,
	}, {
		.object = "monitor",
		.help = "Print what changes, as it changes, until interrupted.",
		.run = monitor_run, .cmd = SHUNT_CMD_EVENT,
		.keys = monitor_keys,
	}, {
		.object = "flush",
		.help = "Remove all services with their servers and connections.",
		.run = change, .changes = true,
		.cmd = SHUNT_CMD_FLUSH,
	}, {
		.object = "version",
		.help = "Tell the versions of the command line and the module.",
		.run = version_show, .cmd = SHUNT_CMD_STATUS_GET,
	},
};

const size_t verb_count = ARRAY_SIZE(verbs);

static const struct option *find_option(char letter, const char *word)
{
	for (size_t i = 0; i < option_count; i++) {
		if (word ? !strcmp(options[i].word, word) :
			   options[i].letter == letter)
			return &options[i];
	}
	return NULL;
}

__noreturn
static void not_an_option(const char *word)
{
	usage_error("%s is not an option; expected -b, -j, -p, -h or -V",
		    quote(word));
}

/*
 * Takes one option, with the value behind it if it has one. The value is what
 * is left of the word, or else the next word, which *used then counts.
 */
static void set_option(const struct option *option, const char *left,
		       char *next, size_t *used)
{
	if (!option->value) {
		*option->flag = true;
		return;
	}
	if (*option->value)
		usage_error("'--%s' is given twice; expected it once",
			    option->word);
	if (!*left && !next)
		usage_error("'--%s' lacks its value; expected '--%s %s'",
			    option->word, option->word, option->label);
	*option->value = *left ? left : next;
	*used += !*left;
}

/* Takes the options in a word, and returns how many words that were. */
static size_t take_option(char *word, char *next)
{
	const struct option *option;
	size_t used = 1;

	if (word[1] == '-') {
		option = find_option(0, word + 2);
		if (!option)
			not_an_option(word);
		set_option(option, "", next, &used);
		return used;
	}
	for (const char *c = word + 1; *c; c++) {
		option = find_option(*c, NULL);
		if (!option)
			not_an_option(word);
		set_option(option, c + 1, next, &used);
		if (option->value)
			break;
	}
	return used;
}

/* Moves the words that are no options to the front, and returns their count. */
static size_t take_options(char **words, size_t count)
{
	bool options_end = false;
	size_t kept = 0;

	for (size_t i = 0; i < count; ) {
		char *word = words[i];

		if (options_end || word[0] != '-' || !word[1]) {
			words[kept++] = word;
			i++;
		} else if (!strcmp(word, "--")) {
			options_end = true;
			i++;
		} else {
			i += take_option(word, i + 1 < count ? words[i + 1] : NULL);
		}
	}
	return kept;
}

static void list_names(const char *object, const char **names)
{
	size_t count = 0;

	for (size_t i = 0; i < verb_count; i++) {
		const char *name = verbs[i].object;

		if (object)
			name = strcmp(name, object) ? NULL : verbs[i].name;
		if (name && (!count || strcmp(names[count - 1], name)))
			names[count++] = name;
	}
}

const struct verb *verb_find(char ***words, size_t *count, bool partial)
{
	const char *names[ARRAY_SIZE(verbs)] = {};
	const char *object = (*words)[0];
	const char *name = *count > 1 ? (*words)[1] : NULL;
	const struct verb *found = NULL;

	for (size_t i = 0; i < verb_count && !found; i++) {
		if (strcmp(verbs[i].object, object))
			continue;
		if (!verbs[i].name || (name && !strcmp(verbs[i].name, name)) ||
		    (!name && partial))
			found = &verbs[i];
	}
	if (found) {
		size_t used = found->name && name ? 2 : 1;

		*words += used;
		*count -= used;
		return found;
	}
	list_names(object, names);
	if (!names[0]) {
		list_names(NULL, names);
		usage_error("%s is not a command; expected %s", quote(object),
			    format_choice(names, verb_count));
	}
	if (!name)
		usage_error("'%s' lacks a verb; expected %s", object,
			    format_choice(names, verb_count));
	usage_error("%s is not a verb of %s; expected %s", quote(name), object,
		    format_choice(names, verb_count));
}

bool verb_changes(const struct verb *verb, const struct request *req)
{
	return verb->changes || (verb->set_cmd && req->origin_count);
}

static void help(char **words, size_t count)
{
	const struct verb *verb;
	bool whole;

	if (!count) {
		help_print(NULL, NULL);
		return;
	}
	whole = count == 1;
	verb = verb_find(&words, &count, true);
	help_print(verb->object, whole ? NULL : verb->name);
}

static void run(char **words, size_t count)
{
	char service[] = "service", show[] = "show";
	char *overview[2] = { service, show };
	const struct verb *verb;
	struct request req;

	if (!count) {
		words = overview;
		count = ARRAY_SIZE(overview);
	}
	verb = verb_find(&words, &count, false);
	args_parse(verb, words, count, &req);
	verb->run(&req);
}

/*
 * A standard stream that is closed would be taken by the netlink socket, and
 * be written to. What is opened here instead refuses to be written to.
 */
static void fill_standard_streams(void)
{
	for (int fd = 0; fd <= 2; fd++) {
		if (fcntl(fd, F_GETFD) < 0 &&
		    open("/dev/null", O_RDONLY) != fd)
			exit(EXIT_REFUSED);
	}
}

int main(int argc, char **argv)
{
	char **words = argv + (argc > 0);
	size_t count;

	fill_standard_streams();
	count = take_options(words, (size_t)(argc - (argc > 0)));
	print_setup(want_json || want_pretty, want_pretty);

	if (want_help)
		help(words, count);
	else if (want_version)
		puts("shunt " SHUNT_VERSION);
	else if (want_completion)
		completion_print();
	else if (batch_file && count)
		usage_error("%s is one word too many; expected commands in the file only",
			    quote(words[0]));
	else if (batch_file)
		batch_run(batch_file);
	else
		run(words, count);
	print_flush();
	return 0;
}
