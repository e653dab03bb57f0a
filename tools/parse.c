// SPDX-License-Identifier: GPL-2.0
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/shunt.h>

#include "compiler.h"
#include "parse.h"
#include "print.h"

static const char *const protocol_list[] = {
	[IPPROTO_TCP] = "tcp",
	[IPPROTO_UDP] = "udp",
	[SHUNT_PROTOCOL_TCP_UDP] = "tcp,udp",
};

static const char *const mode_list[] = {
	[SHUNT_MODE_DSR] = "dsr",
	[SHUNT_MODE_NAT] = "nat",
};

/* For help only: which schedulers there are is the kernel's to say. */
static const char *const scheduler_list[] = {
	"rr", "wrr", "lc", "wlc", "sed", "nq", "sh", "dh", "fo", "ovf",
	"random", "p2c", "maglev", "sticky",
};

static const char *const on_expire_list[] = {
	[SHUNT_ON_EXPIRE_SILENT] = "silent",
	[SHUNT_ON_EXPIRE_RESET] = "reset",
};

static const char *const on_remove_list[] = {
	[SHUNT_ON_REMOVE_KEEP] = "keep",
	[SHUNT_ON_REMOVE_RESET] = "reset",
	[SHUNT_ON_REMOVE_REHASH] = "rehash",
	[SHUNT_ON_REMOVE_DEFAULT] = "default",
};

static const char *const on_empty_list[] = {
	[SHUNT_ON_EMPTY_REJECT] = "reject",
	[SHUNT_ON_EMPTY_DROP] = "drop",
};

static const char *const midstream_list[] = {
	[SHUNT_MIDSTREAM_RESET] = "reset",
	[SHUNT_MIDSTREAM_REHASH] = "rehash",
};

static const char *const hash_list[] = {
	[SHUNT_HASH_BY_SOURCE_PORT] = "source-port",
	[SHUNT_HASH_BY_SOURCE] = "source",
};

static const char *const family_list[] = {
	[SHUNT_FAMILY_IPV4] = "ipv4",
	[SHUNT_FAMILY_IPV6] = "ipv6",
};

static const char *const switch_list[] = { "off", "on" };

static const char *const answer_list[] = { "no", "yes" };

static const char *const server_state_list[] = {
	[SHUNT_SERVER_STATE_UP] = "up",
	[SHUNT_SERVER_STATE_UNREACHABLE] = "unreachable",
	[SHUNT_SERVER_STATE_DRAIN] = "drain",
	[SHUNT_SERVER_STATE_DOWN] = "down",
};

static const char *const server_wish_list[] = {
	[SHUNT_SERVER_STATE_UP] = "up",
	[SHUNT_SERVER_STATE_DRAIN] = "drain",
	[SHUNT_SERVER_STATE_DOWN] = "down",
};

static const char *const drain_then_list[] = {
	[SHUNT_DRAIN_THEN_STAY] = "stay",
	[SHUNT_DRAIN_THEN_REMOVE] = "remove",
	[SHUNT_DRAIN_THEN_DOWN] = "down",
};

static const char *const conn_state_list[] = {
	[SHUNT_CONN_STATE_SYN] = "syn",
	[SHUNT_CONN_STATE_ESTABLISHED] = "established",
	[SHUNT_CONN_STATE_CLOSING] = "closing",
	[SHUNT_CONN_STATE_CLOSED] = "closed",
	[SHUNT_CONN_STATE_ONE_WAY] = "one-way",
	[SHUNT_CONN_STATE_ANSWERED] = "answered",
};

static const char *const event_list[] = {
	[SHUNT_EVENT_SERVICE_ADDED] = "service-added",
	[SHUNT_EVENT_SERVICE_CHANGED] = "service-changed",
	[SHUNT_EVENT_SERVICE_REMOVED] = "service-removed",
	[SHUNT_EVENT_SERVICE_EMPTY] = "service-empty",
	[SHUNT_EVENT_SERVICE_BACKUP] = "service-backup",
	[SHUNT_EVENT_SERVICE_SERVED] = "service-served",
	[SHUNT_EVENT_SERVER_ADDED] = "server-added",
	[SHUNT_EVENT_SERVER_CHANGED] = "server-changed",
	[SHUNT_EVENT_SERVER_REMOVED] = "server-removed",
	[SHUNT_EVENT_SERVER_UNREACHABLE] = "server-unreachable",
	[SHUNT_EVENT_SERVER_REACHABLE] = "server-reachable",
	[SHUNT_EVENT_SERVER_FULL] = "server-full",
	[SHUNT_EVENT_SERVER_OPEN] = "server-open",
	[SHUNT_EVENT_SERVER_DRAINED] = "server-drained",
	[SHUNT_EVENT_LIMIT_CHANGED] = "limit-changed",
	[SHUNT_EVENT_FLUSHED] = "flushed",
	[SHUNT_EVENT_DEVICE_ATTACHED] = "device-attached",
	[SHUNT_EVENT_DEVICE_DETACHED] = "device-detached",
};

static const char *const no_limit_list[] = { "none" };

static const char *const no_seed_list[] = { "none" };

static const char *const no_persist_list[] = { "off" };

static const char *const no_group_list[] = { "none" };

static const char *const default_limit_list[] = { "default" };

const struct names protocol_names = {
	.list = protocol_list,
	.count = ARRAY_SIZE(protocol_list),
};

const struct names mode_names = {
	.list = mode_list,
	.count = ARRAY_SIZE(mode_list),
};

const struct names scheduler_names = {
	.list = scheduler_list,
	.count = ARRAY_SIZE(scheduler_list),
};

const struct names on_expire_names = {
	.list = on_expire_list,
	.count = ARRAY_SIZE(on_expire_list),
};

const struct names on_remove_names = {
	.list = on_remove_list,
	.count = ARRAY_SIZE(on_remove_list),
};

const struct names on_empty_names = {
	.list = on_empty_list,
	.count = ARRAY_SIZE(on_empty_list),
};

const struct names midstream_names = {
	.list = midstream_list,
	.count = ARRAY_SIZE(midstream_list),
};

const struct names switch_names = {
	.list = switch_list,
	.count = ARRAY_SIZE(switch_list),
};

const struct names answer_names = {
	.list = answer_list,
	.count = ARRAY_SIZE(answer_list),
};

const struct names server_state_names = {
	.list = server_state_list,
	.count = ARRAY_SIZE(server_state_list),
};

const struct names server_wish_names = {
	.list = server_wish_list,
	.count = ARRAY_SIZE(server_wish_list),
};

const struct names drain_then_names = {
	.list = drain_then_list,
	.count = ARRAY_SIZE(drain_then_list),
};

const struct names conn_state_names = {
	.list = conn_state_list,
	.count = ARRAY_SIZE(conn_state_list),
};

const struct names event_names = {
	.list = event_list,
	.count = ARRAY_SIZE(event_list),
};

const struct names hash_names = {
	.list = hash_list,
	.count = ARRAY_SIZE(hash_list),
};

const struct names family_names = {
	.list = family_list,
	.count = ARRAY_SIZE(family_list),
};

const struct names no_seed_names = {
	.list = no_seed_list,
	.count = ARRAY_SIZE(no_seed_list),
};

const struct names no_persist_names = {
	.list = no_persist_list,
	.count = ARRAY_SIZE(no_persist_list),
};

const struct names no_group_names = {
	.list = no_group_list,
	.count = ARRAY_SIZE(no_group_list),
};

const struct names no_limit_names = {
	.list = no_limit_list,
	.count = ARRAY_SIZE(no_limit_list),
};

const struct names default_limit_names = {
	.list = default_limit_list,
	.count = ARRAY_SIZE(default_limit_list),
};

/* Decimal digits without a leading zero: one way to write each number. */
bool parse_number(const char *word, uint32_t min, uint32_t max,
		  uint32_t *number)
{
	uint64_t value = 0;
	const char *c;

	if (!*word || (word[0] == '0' && word[1]))
		return false;
	for (c = word; *c; c++) {
		if (*c < '0' || *c > '9')
			return false;
		value = value * 10 + (uint64_t)(*c - '0');
		if (value > max)
			return false;
	}
	if (value < min)
		return false;
	*number = (uint32_t)value;
	return true;
}

static uint32_t unit_seconds(char unit)
{
	switch (unit) {
	case 's':
		return 1;
	case 'm':
		return 60;
	case 'h':
		return 3600;
	case 'd':
		return 86400;
	default:
		return 0;
	}
}

bool parse_seconds(const char *word, uint32_t min, uint32_t max,
		   uint32_t *seconds)
{
	char digits[sizeof("4294967295")];
	size_t len = strlen(word);
	uint32_t unit = len ? unit_seconds(word[len - 1]) : 0;

	if (!unit)
		return parse_number(word, min, max, seconds);
	if (len > sizeof(digits))
		return false;
	memcpy(digits, word, len - 1);
	digits[len - 1] = '\0';
	if (!parse_number(digits, 0, max / unit, seconds))
		return false;
	*seconds *= unit;
	return *seconds >= min;
}

bool parse_mark(const char *word, uint32_t *mark)
{
	size_t digits;

	if (strncmp(word, "0x", 2))
		return parse_number(word, 1, UINT32_MAX, mark);
	digits = strlen(word + 2);
	if (!digits || digits > 8 ||
	    strspn(word + 2, "0123456789abcdefABCDEF") != digits)
		return false;
	*mark = (uint32_t)strtoul(word, NULL, 16);
	return *mark;
}

bool parse_ports(const char *word, struct range *range)
{
	char text[sizeof("65535")] = "";
	const char *dash = strchr(word, '-');
	uint32_t first, last;

	range->ep.port = 0;
	range->last = 0;
	if (!strcmp(word, "*"))
		return true;
	if (dash && (size_t)(dash - word) < sizeof(text))
		memcpy(text, word, (size_t)(dash - word));
	if (!parse_number(dash ? text : word, 1, UINT16_MAX, &first) ||
	    !parse_number(dash ? dash + 1 : word, first, UINT16_MAX, &last))
		return false;
	range->ep.port = (uint16_t)first;
	range->last = (uint16_t)last;
	return true;
}

bool parse_name(const char *word, size_t max)
{
	size_t len = strlen(word);

	for (size_t i = 0; i < len; i++) {
		/* Not isalnum, which asks the locale. */
		if (!(word[i] >= 'a' && word[i] <= 'z') &&
		    !(word[i] >= 'A' && word[i] <= 'Z') &&
		    !(word[i] >= '0' && word[i] <= '9') &&
		    !strchr("._-", word[i]))
			return false;
	}
	return len && len <= max;
}

/* As the kernel has it. */
bool parse_device(const char *word)
{
	return *word && strlen(word) <= SHUNT_DEVICE_MAX &&
	       strcmp(word, ".") && strcmp(word, "..") &&
	       !strpbrk(word, "/: \t\n\v\f\r");
}

bool parse_enum(const struct names *names, const char *word, uint32_t *value)
{
	for (size_t i = 0; i < names->count; i++) {
		if (names->list[i] && !strcmp(names->list[i], word)) {
			*value = (uint32_t)i;
			return true;
		}
	}
	return false;
}

/* Cuts the address out of the word; the rest is empty or begins with ':'. */
static bool split_address(const char *word, int *family, const char **start,
			  const char **end)
{
	const char *colon = strchr(word, ':');

	*start = word;
	if (*word == '[') {
		*family = AF_INET6;
		*start = word + 1;
		*end = strchr(word, ']');
		return *end && ((*end)[1] == ':' || !(*end)[1]);
	}
	if (colon && strchr(colon + 1, ':')) {
		*family = AF_INET6;
		*end = word + strlen(word);
		return true;
	}
	*family = AF_INET;
	*end = colon ? colon : word + strlen(word);
	return true;
}

bool parse_address(const char *word, struct endpoint *ep, const char **port)
{
	char text[ADDRESS_TEXT];
	const char *start, *end;

	memset(ep, 0, sizeof(*ep));
	if (!split_address(word, &ep->family, &start, &end))
		return false;
	if ((size_t)(end - start) >= sizeof(text))
		return false;
	memcpy(text, start, (size_t)(end - start));
	text[end - start] = '\0';
	if (inet_pton(ep->family, text, ep->address) != 1)
		return false;

	if (*end == ']')
		end++;
	*port = *end ? end + 1 : NULL;
	return true;
}

bool parse_client(const char *word, struct endpoint *ep, uint32_t *prefix)
{
	const char *slash = strchr(word, '/');
	size_t len = slash ? (size_t)(slash - word) : strlen(word);
	char text[ENDPOINT_TEXT];
	const char *port;

	*prefix = 0;
	if (len >= sizeof(text))
		return false;
	memcpy(text, word, len);
	text[len] = '\0';
	if (!parse_address(text, ep, &port) || port)
		return false;
	return !slash || parse_number(slash + 1, 1,
				      8 * (uint32_t)address_size(ep), prefix);
}

size_t address_size(const struct endpoint *ep)
{
	return ep->family == AF_INET6 ? sizeof(struct in6_addr) :
					sizeof(struct in_addr);
}

void format_address(const struct endpoint *ep, char text[ADDRESS_TEXT])
{
	if (!inet_ntop(ep->family, ep->address, text, ADDRESS_TEXT))
		text[0] = '\0';
}

void format_endpoint(const struct endpoint *ep, char text[ENDPOINT_TEXT])
{
	bool v6 = ep->family == AF_INET6;
	char address[ADDRESS_TEXT];

	format_address(ep, address);
	if (ep->port)
		snprintf(text, ENDPOINT_TEXT, v6 ? "[%s]:%u" : "%s:%u",
			 address, ep->port);
	else
		snprintf(text, ENDPOINT_TEXT, "%s", address);
}

void format_range(const struct range *range, char text[RANGE_TEXT])
{
	struct endpoint ep = range->ep;
	char address[ADDRESS_TEXT];
	size_t len;

	if (!range->last) {
		format_address(&ep, address);
		snprintf(text, RANGE_TEXT,
			 ep.family == AF_INET6 ? "[%s]:*" : "%s:*", address);
		return;
	}
	format_endpoint(&ep, text);
	len = strlen(text);
	if (range->last != ep.port)
		snprintf(text + len, RANGE_TEXT - len, "-%u", range->last);
}

void format_client(const struct endpoint *ep, uint32_t prefix,
		   char text[CLIENT_TEXT])
{
	char address[ADDRESS_TEXT];

	format_address(ep, address);
	if (prefix == 8 * address_size(ep))
		snprintf(text, CLIENT_TEXT, "%s", address);
	else
		snprintf(text, CLIENT_TEXT, "%s/%u", address, prefix & 0xff);
}

const char *format_enum(const struct names *names, uint32_t value,
			char text[ENUM_TEXT])
{
	if (value < names->count && names->list[value])
		return names->list[value];
	snprintf(text, ENUM_TEXT, "%" PRIu32, value);
	return text;
}

char *format_choice(const char *const *words, size_t count)
{
	size_t left = 0;
	char *text;
	FILE *out = open_text(&text);

	for (size_t i = 0; i < count; i++)
		left += !!words[i];
	for (size_t i = 0; i < count; i++) {
		if (!words[i])
			continue;
		left--;
		fprintf(out, "%s%s", words[i],
			left > 1 ? ", " : left ? " or " : "");
	}
	fclose(out);
	return text;
}
