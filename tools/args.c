// SPDX-License-Identifier: GPL-2.0
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/shunt.h>

#include "cli.h"
#include "print.h"

static const char name_form[] = "letters, digits, '.', '_' or '-'";

/* The first word that names an object is what errors speak of. */
void put_name(struct request *req, const struct arg *arg, const char *word)
{
	if (!parse_name(word, SHUNT_NAME_MAX))
		usage_error("%s is not a name; expected 1 to %d %s",
			    quote(word), SHUNT_NAME_MAX, name_form);
	if (!req->subject)
		req->subject = word;
	request_put(req, arg->attr, word, strlen(word) + 1, word);
}

void put_device(struct request *req, const struct arg *arg, const char *word)
{
	if (!parse_device(word))
		usage_error("%s is not the name of a device; expected 1 to %d characters without blanks, '/' or ':'",
			    quote(word), SHUNT_DEVICE_MAX);
	req->subject = word;
	request_put(req, arg->attr, word, strlen(word) + 1, word);
}

void put_scheduler(struct request *req, const struct arg *arg,
		   const char *word)
{
	if (!parse_name(word, SHUNT_SCHEDULER_MAX))
		usage_error("%s is not the name of a scheduler; expected 1 to %d %s",
			    quote(word), SHUNT_SCHEDULER_MAX, name_form);
	request_put(req, arg->attr, word, strlen(word) + 1, word);
}

static uint32_t enum_value(const struct names *names, const char *word,
			   const char *noun)
{
	uint32_t value;

	if (!parse_enum(names, word, &value))
		usage_error("%s is not a %s; expected %s", quote(word), noun,
			    format_choice(names->list, names->count));
	return value;
}

void put_protocol(struct request *req, const struct arg *arg, const char *word)
{
	const char *both = arg->names->list[SHUNT_PROTOCOL_TCP_UDP];
	uint8_t protocol;

	protocol = (uint8_t)enum_value(arg->names, strcmp(word, "udp,tcp") ?
				       word : both, "protocol");

	request_put(req, arg->attr, &protocol, sizeof(protocol), word);
}

void put_mode(struct request *req, const struct arg *arg, const char *word)
{
	uint32_t mode = enum_value(arg->names, word, "mode");

	request_put(req, arg->attr, &mode, sizeof(mode), word);
}

static uint32_t key_value(const struct arg *arg, const char *word)
{
	uint32_t value;
	char *noun;
	FILE *out = open_text(&noun);

	fprintf(out, "value of '%s'", arg->key);
	fclose(out);
	value = enum_value(arg->names, word, noun);
	free(noun);
	return value;
}

void put_choice(struct request *req, const struct arg *arg, const char *word)
{
	uint32_t value = key_value(arg, word);

	request_put(req, arg->attr, &value, sizeof(value), word);
}

void put_switch(struct request *req, const struct arg *arg, const char *word)
{
	uint8_t value = (uint8_t)key_value(arg, word);

	request_put(req, arg->attr, &value, sizeof(value), word);
}

void put_timeout(struct request *req, const struct arg *arg, const char *word)
{
	uint32_t seconds;

	if (!parse_seconds(word, 1, SHUNT_TIMEOUT_MAX, &seconds))
		usage_error("%s is not a timeout; expected a number of seconds from 1 to %d, such as 90 or 90s, or of minutes, hours or days, such as 15m, 2h or 1d",
			    quote(word), SHUNT_TIMEOUT_MAX);
	request_put_nested(req, arg->nest, arg->key, arg->attr, seconds,
			   arg->state);
}

void put_drain_timeout(struct request *req, const struct arg *arg,
		       const char *word)
{
	uint32_t seconds;

	if (!parse_seconds(word, 1, SHUNT_DRAIN_MAX, &seconds))
		usage_error("%s is not a timeout; expected a number of seconds from 1 to %d, such as 60 or 60s, or of minutes, hours or days, such as 15m, 2h or 1d",
			    quote(word), SHUNT_DRAIN_MAX);
	request_put(req, arg->attr, &seconds, sizeof(seconds), word);
}

void put_slow_start(struct request *req, const struct arg *arg,
		    const char *word)
{
	uint32_t seconds;

	if (!parse_enum(arg->names, word, &seconds) &&
	    !parse_seconds(word, 1, SHUNT_SLOW_START_MAX, &seconds))
		usage_error("%s is not a slow-start; expected a number of seconds from 1 to %d, such as 30 or 30s, or %s",
			    quote(word), SHUNT_SLOW_START_MAX,
			    arg->names->list[0]);
	request_put(req, arg->attr, &seconds, sizeof(seconds), word);
}

/* A number, or the one word that stands for 0. */
void put_limit(struct request *req, const struct arg *arg, const char *word)
{
	uint32_t limit;

	if (!parse_enum(arg->names, word, &limit) &&
	    !parse_number(word, 1, UINT32_MAX, &limit))
		usage_error("%s is not a limit; expected a number from 1 to %" PRIu32 ", or %s",
			    quote(word), UINT32_MAX, arg->names->list[0]);
	request_put(req, arg->attr, &limit, sizeof(limit), word);
}

/* Which of them are prime is for the kernel to say. */
void put_table_size(struct request *req, const struct arg *arg,
		    const char *word)
{
	uint32_t size;

	if (!parse_number(word, SHUNT_TABLE_SIZE_MIN, SHUNT_TABLE_SIZE_MAX,
			  &size))
		usage_error("%s is not a table-size; expected a prime number from %d to %d",
			    quote(word), SHUNT_TABLE_SIZE_MIN,
			    SHUNT_TABLE_SIZE_MAX);
	request_put(req, arg->attr, &size, sizeof(size), word);
}

void put_seed(struct request *req, const struct arg *arg, const char *word)
{
	const char *seed = word;
	uint32_t none;

	if (!parse_name(word, SHUNT_SEED_MAX))
		usage_error("%s is not a seed; expected 1 to %d %s, or %s",
			    quote(word), SHUNT_SEED_MAX, name_form,
			    arg->names->list[0]);
	if (parse_enum(arg->names, word, &none))
		seed = "";
	request_put(req, arg->attr, seed, strlen(seed) + 1, word);
}

/* Seconds, or the one word that stands for 0. */
void put_persist(struct request *req, const struct arg *arg, const char *word)
{
	uint32_t seconds;

	if (!parse_enum(arg->names, word, &seconds) &&
	    !parse_seconds(word, 1, SHUNT_PERSIST_MAX, &seconds))
		usage_error("%s is not a time to persist; expected a number of seconds from 1 to %d, such as 90 or 90s, or of minutes, hours or days, such as 15m, 2h or 1d, or %s",
			    quote(word), SHUNT_PERSIST_MAX,
			    arg->names->list[0]);
	request_put(req, arg->attr, &seconds, sizeof(seconds), word);
}

/* How many bits an IPv4 address has is for the kernel to say. */
void put_prefix(struct request *req, const struct arg *arg, const char *word)
{
	uint32_t prefix;
	uint8_t value;

	if (!parse_number(word, 1, SHUNT_PREFIX_MAX, &prefix))
		usage_error("%s is not a prefix; expected a number of bits from 1 to 32 for IPv4, to %d for IPv6",
			    quote(word), SHUNT_PREFIX_MAX);
	value = (uint8_t)prefix;
	request_put(req, arg->attr, &value, sizeof(value), word);
}

void put_group(struct request *req, const struct arg *arg, const char *word)
{
	const char *name = word;
	uint32_t none;

	if (!parse_name(word, SHUNT_NAME_MAX))
		usage_error("%s is not the name of a group; expected 1 to %d %s%s%s",
			    quote(word), SHUNT_NAME_MAX, name_form,
			    arg->names ? ", or " : "",
			    arg->names ? arg->names->list[0] : "");
	if (arg->names && parse_enum(arg->names, word, &none))
		name = "";
	request_put(req, arg->attr, name, strlen(name) + 1, word);
}

void put_client(struct request *req, const struct arg *arg, const char *word)
{
	struct endpoint ep;
	uint32_t prefix;
	uint8_t value;

	if (!parse_client(word, &ep, &prefix))
		usage_error("%s is not a client; expected an address such as 192.0.2.1 or 2001:db8::1, or one with its prefix such as 192.0.2.0/24",
			    quote(word));
	request_put(req, arg->attr, ep.address, address_size(&ep), word);
	if (!prefix)
		return;
	value = (uint8_t)prefix;
	request_put(req, SHUNT_A_PERSIST_PREFIX, &value, sizeof(value), word);
}

void put_weight(struct request *req, const struct arg *arg, const char *word)
{
	uint32_t weight;

	if (!parse_number(word, 0, SHUNT_WEIGHT_MAX, &weight))
		usage_error("%s is not a weight; expected a number from 0 to %d",
			    quote(word), SHUNT_WEIGHT_MAX);
	request_put(req, arg->attr, &weight, sizeof(weight), word);
}

static void put_address(struct request *req, const struct arg *arg,
			const char *word, const struct endpoint *ep,
			const char *port)
{
	uint16_t be_port;
	uint32_t number;

	if (port && !parse_number(port, 1, UINT16_MAX, &number))
		usage_error("%s is not a port; expected a number from 1 to %d",
			    quote(port), UINT16_MAX);
	request_put(req, arg->attr, ep->address, address_size(ep), word);
	if (!port)
		return;
	be_port = htons((uint16_t)number);
	request_put(req, arg->port_attr, &be_port, sizeof(be_port), word);
}

void put_target(struct request *req, const struct arg *arg, const char *word)
{
	struct endpoint ep;
	const char *port;

	if (!parse_address(word, &ep, &port) || (port && !*port))
		usage_error("%s is not an address; expected one such as 192.0.2.1, 192.0.2.1:80, 2001:db8::1 or [2001:db8::1]:80",
			    quote(word));
	put_address(req, arg, word, &ep, port);
}

__noreturn
static void unexpected(const struct verb *verb, const char *word)
{
	char *keys = verb_keys(verb);

	if (!*keys)
		usage_error("%s is one word too many; expected '%s'",
			    quote(word), verb_synopsis(verb));
	usage_error("%s is not a key of '%s'; expected %s", quote(word),
		    verb_title(verb), keys);
}

__noreturn
static void lacks_value(const struct arg *arg, const char *title)
{
	usage_error("'%s' lacks its value; expected '%s %s'", title, title,
		    arg_value(arg));
}

/* Makes the argument that of one state, whose number it returns. */
static uint32_t take_state(struct arg *arg, const char *word)
{
	uint32_t state = enum_value(arg->states, word, "state");

	arg->state = arg->states->list[state];
	arg->states = NULL;
	arg->attr += (uint16_t)state;
	return state;
}

static char *pair_title(const struct arg *arg)
{
	char *text;
	FILE *out = open_text(&text);

	fputs(arg->key, out);
	if (arg->state)
		fprintf(out, " %s", arg->state);
	fclose(out);
	return text;
}

/*
 * Parses a key with its value, and returns how many words that were. In seen
 * each argument has a bit for each state, or the first one only.
 */
static size_t parse_pair(const struct verb *verb, char **words, size_t left,
			 struct request *req, uint32_t seen[VERB_KEYS])
{
	const struct arg *arg = verb->keys;
	uint32_t state = 0;
	size_t used = 1;
	struct arg one;
	char *title;

	while (arg && arg->put && strcmp(arg->key, words[0]))
		arg++;
	if (!arg || !arg->put)
		unexpected(verb, words[0]);
	one = *arg;
	if (arg->states && used == left)
		lacks_value(arg, arg->key);
	if (arg->states)
		state = take_state(&one, words[used++]);

	title = pair_title(&one);
	if (seen[arg - verb->keys] & 1U << state)
		usage_error("'%s' is given twice; expected it once", title);
	seen[arg - verb->keys] |= 1U << state;
	if (used == left)
		lacks_value(&one, title);
	one.put(req, &one, words[used++]);
	free(title);
	return used;
}

void args_parse(const struct verb *verb, char **words, size_t count,
		struct request *req)
{
	const struct arg *arg = verb->places;
	uint32_t seen[VERB_KEYS] = {};
	size_t next = 0;

	request_init(req, verb->cmd, verb);
	for (; arg->put; arg++) {
		if (next < count && arg->or_key &&
		    !strcmp(words[next], arg->or_key))
			continue;
		if (next < count)
			arg->put(req, arg, words[next++]);
		else if (!arg->optional)
			usage_error("'%s' lacks its %s; expected '%s'",
				    verb_title(verb), arg_value(arg),
				    verb_synopsis(verb));
	}
	if (next == count && verb->needs_key)
		usage_error("'%s' lacks a key; expected %s", verb_title(verb),
			    verb_keys(verb));
	while (next < count)
		next += parse_pair(verb, words + next, count - next, req, seen);
	if (verb->set_cmd && req->origin_count)
		request_set_command(req, verb->set_cmd);
}
