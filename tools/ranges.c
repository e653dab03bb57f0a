// SPDX-License-Identifier: GPL-2.0
/* What a service matches, as words: addresses with their ports, or a mark. */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/genetlink.h>

#include "cli.h"
#include "print.h"

static void parse_one(const char *word, struct range *range)
{
	const char *ports;

	if (!parse_address(word, &range->ep, &ports) || !ports || !*ports)
		usage_error("%s is not an address with a port; expected one such as 192.0.2.1:80 or [2001:db8::1]:80",
			    quote(word));
	if (!parse_ports(ports, range))
		usage_error("%s is not a port; expected a number from 1 to %d, two with a dash between, the lower one first, or * for all",
			    quote(ports), UINT16_MAX);
}

/* The one address and port of most services has attributes of its own. */
static void put_single(struct request *req, const struct arg *arg,
		       const struct range *range, const char *word)
{
	uint16_t port = htons(range->ep.port);

	request_put(req, arg->attr, range->ep.address,
		    address_size(&range->ep), word);
	request_put(req, arg->port_attr, &port, sizeof(port), word);
}

/* The words that the list is cut into are what errors name, so they are not freed. */
void put_ranges(struct request *req, const struct arg *arg, const char *word)
{
	char *rest = strdup(word), *one;
	struct range range;
	size_t count = 0;
	int family = 0;

	if (!rest)
		die("out of memory");
	for (size_t i = 0; i < req->origin_count; i++) {
		/* What is in a nest has numbers of its own. */
		if (req->origins[i].nest)
			continue;
		if (req->origins[i].attr == arg->attr ||
		    req->origins[i].attr == SHUNT_A_SERVICE_MATCH)
			usage_error("'address' is given twice; expected it once");
	}
	while ((one = strsep(&rest, ","))) {
		parse_one(one, &range);
		if (family && range.ep.family != family)
			usage_error("%s is of another family than the addresses before it; expected addresses of one family",
				    quote(one));
		if (count++ == SHUNT_MATCH_MAX)
			usage_error("%s is one address too many; expected at most %d",
				    quote(one), SHUNT_MATCH_MAX);
		family = range.ep.family;
		if (range.last && range.ep.port == range.last &&
		    !strchr(word, ','))
			put_single(req, arg, &range, one);
		else
			request_put_match(req, &range, one);
	}
}

void put_fwmark(struct request *req, const struct arg *arg, const char *word)
{
	uint32_t mark;

	if (!parse_mark(word, &mark))
		usage_error("%s is not a fwmark; expected a number from 1 to %" PRIu32 ", or from 0x1 to 0xffffffff",
			    quote(word), UINT32_MAX);
	request_put(req, arg->attr, &mark, sizeof(mark), word);
}

static void add(struct ranges *ranges, const struct nlattr *nest)
{
	const struct nlattr *attrs[SHUNT_A_MATCH_MAX + 1] = {};
	struct range *range;

	if (mnl_attr_get_type(nest) != SHUNT_A_SERVICE_MATCH)
		return;
	ranges->range = reallocarray(ranges->range, ranges->count + 1,
				     sizeof(*range));
	if (!ranges->range)
		die("out of memory");
	range = &ranges->range[ranges->count++];
	nl_nested(nest, attrs, SHUNT_A_MATCH_MAX);
	nl_endpoint(attrs[SHUNT_A_MATCH_ADDRESS],
		    attrs[SHUNT_A_MATCH_FIRST_PORT], &range->ep);
	range->last = ntohs((uint16_t)nl_number(attrs[SHUNT_A_MATCH_LAST_PORT]));
}

void ranges_read(const struct nlmsghdr *nlh, struct ranges *ranges)
{
	const struct nlattr *attr;

	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr))
		add(ranges, attr);
}

void ranges_read_nested(const struct nlattr *nest, struct ranges *ranges)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, nest)
		add(ranges, attr);
}

char *ranges_text(const struct ranges *ranges, char between)
{
	char one[RANGE_TEXT];
	char *text;
	FILE *out = open_text(&text);

	for (size_t i = 0; i < ranges->count; i++) {
		format_range(&ranges->range[i], one);
		if (i)
			fputc(between, out);
		fputs(one, out);
	}
	fclose(out);
	return text;
}

/* The first, and how many more there are. */
char *ranges_summary(const struct ranges *ranges)
{
	char one[RANGE_TEXT];
	char *text;
	FILE *out = open_text(&text);

	format_range(&ranges->range[0], one);
	fputs(one, out);
	if (ranges->count > 1)
		fprintf(out, ",+%zu", ranges->count - 1);
	fclose(out);
	return text;
}
