// SPDX-License-Identifier: GPL-2.0
#include <arpa/inet.h>
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

void put_scheduler(struct request *req, const struct arg *arg,
		   const char *word)
{
	if (!parse_name(word, SHUNT_SCHEDULER_MAX))
		usage_error("%s is not the name of a scheduler; expected 1 to %d %s",
			    quote(word), SHUNT_SCHEDULER_MAX, name_form);
	request_put(req, arg->attr, word, strlen(word) + 1, word);
}

static uint32_t enum_value(const struct arg *arg, const char *word,
			   const char *noun)
{
	uint32_t value;

	if (!parse_enum(arg->names, word, &value))
		usage_error("%s is not a %s; expected %s", quote(word), noun,
			    format_choice(arg->names->list, arg->names->count));
	return value;
}

void put_protocol(struct request *req, const struct arg *arg, const char *word)
{
	uint8_t protocol = (uint8_t)enum_value(arg, word, "protocol");

	request_put(req, arg->attr, &protocol, sizeof(protocol), word);
}

void put_mode(struct request *req, const struct arg *arg, const char *word)
{
	uint32_t mode = enum_value(arg, word, "mode");

	request_put(req, arg->attr, &mode, sizeof(mode), word);
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

void put_endpoint(struct request *req, const struct arg *arg, const char *word)
{
	struct endpoint ep;
	const char *port;

	if (!parse_address(word, &ep, &port) || !port || !*port)
		usage_error("%s is not an address with a port; expected one such as 192.0.2.1:80 or [2001:db8::1]:80",
			    quote(word));
	put_address(req, arg, word, &ep, port);
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

static void parse_pair(const struct verb *verb, char **words, size_t left,
		       struct request *req, bool seen[VERB_ARGS])
{
	const struct arg *arg = verb->args;

	while (arg->put && (!arg->key || strcmp(arg->key, words[0])))
		arg++;
	if (!arg->put)
		unexpected(verb, words[0]);
	if (seen[arg - verb->args])
		usage_error("'%s' is given twice; expected it once", arg->key);
	seen[arg - verb->args] = true;
	if (left < 2)
		usage_error("'%s' lacks its value; expected '%s %s'", arg->key,
			    arg->key, arg_value(arg));
	arg->put(req, arg, words[1]);
}

void args_parse(const struct verb *verb, char **words, size_t count,
		struct request *req)
{
	const struct arg *arg = verb->args;
	bool seen[VERB_ARGS] = {};
	size_t next = 0;

	request_init(req, verb->cmd, verb);
	for (; arg->put && !arg->key; arg++) {
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
	for (; next < count; next += 2)
		parse_pair(verb, words + next, count - next, req, seen);
}
