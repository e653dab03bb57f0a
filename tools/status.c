// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/genetlink.h>
#include <linux/shunt.h>

#include "cli.h"
#include "print.h"

struct drop {
	char *service;
	char *reason;
	char *meaning;
	uint64_t count;
};

struct drop_list {
	struct drop *drops;
	size_t count;
	size_t room;
};

static char *copy(const struct nlattr *attr)
{
	char *text = strdup(nl_string(attr));

	if (!text)
		die("out of memory");
	return text;
}

static void read_drop(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *attrs[SHUNT_A_DROP_MAX + 1] = {};
	struct drop_list *list = data;
	struct drop *drop;

	list->drops = nl_room(list->drops, list->count, &list->room, sizeof(*drop));
	drop = &list->drops[list->count++];
	nl_attrs(nlh, attrs, SHUNT_A_DROP_MAX);
	drop->service = copy(attrs[SHUNT_A_DROP_SERVICE]);
	drop->reason = copy(attrs[SHUNT_A_DROP_REASON]);
	drop->meaning = copy(attrs[SHUNT_A_DROP_MEANING]);
	drop->count = nl_number(attrs[SHUNT_A_DROP_COUNT]);
}

static void reset_drops(void *data)
{
	struct drop_list *list = data;

	while (list->count) {
		const struct drop *drop = &list->drops[--list->count];

		free(drop->service);
		free(drop->reason);
		free(drop->meaning);
	}
}

static void print_drop(const struct drop *drop)
{
	/* Programs want every reason, people those that happened. */
	if (!drop->count && print_is_text())
		return;
	print_open();
	if (*drop->service)
		print_string("service", drop->service);
	else
		print_missing("service", "-");
	print_string("reason", drop->reason);
	print_number("count", drop->count);
	print_string("meaning", drop->meaning);
	print_close();
}

/* The rows of a listing that is torn would not add up. */
void drops_show(struct request *req)
{
	static const char *const headings[] = {
		"SERVICE", "REASON", "COUNT", "MEANING",
	};
	struct drop_list list = {};

	nl_dump_whole(req, read_drop, reset_drops, &list);
	print_list(headings, ARRAY_SIZE(headings), ROWS_ALL);
	for (size_t i = 0; i < list.count; i++)
		print_drop(&list.drops[i]);
	print_end();
	reset_drops(&list);
	free(list.drops);
}

/* The devices attached, as words. */
static char *read_devices(const struct nlmsghdr *nlh)
{
	const struct nlattr *attr;
	char *words;
	FILE *out = open_text(&words);

	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr)) {
		if (mnl_attr_get_type(attr) != SHUNT_A_STATUS_DEVICES)
			continue;
		write_plain(nl_string(attr), out);
		fputc(' ', out);
	}
	fclose(out);
	return words;
}

static void print_status(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *attrs[SHUNT_A_STATUS_MAX + 1] = {};
	char *devices = read_devices(nlh);

	(void)data;
	nl_attrs(nlh, attrs, SHUNT_A_STATUS_MAX);
	print_single();
	print_open();
	print_string("version", nl_string(attrs[SHUNT_A_STATUS_VERSION]));
	print_number("services", nl_number(attrs[SHUNT_A_STATUS_SERVICES]));
	print_number("servers", nl_number(attrs[SHUNT_A_STATUS_SERVERS]));
	print_number("connections",
		     nl_number(attrs[SHUNT_A_STATUS_CONNECTIONS]));
	print_number("buckets", nl_number(attrs[SHUNT_A_STATUS_BUCKETS]));
	print_flag("hooked", &answer_names,
		   nl_number(attrs[SHUNT_A_STATUS_HOOKED]));
	print_words("schedulers",
		    nl_string(attrs[SHUNT_A_STATUS_SCHEDULERS]));
	print_words("devices", devices);
	print_close();
	print_end();
	free(devices);
}

void limit_print(const struct nlattr *const *attrs)
{
	print_number("limit", nl_number(attrs[SHUNT_A_LIMIT_LIMIT]));
	print_number("connections", nl_number(attrs[SHUNT_A_LIMIT_CONNECTIONS]));
	print_number("stateless", nl_number(attrs[SHUNT_A_LIMIT_STATELESS]));
	print_number("recycled", nl_number(attrs[SHUNT_A_LIMIT_RECYCLED]));
	print_number("half_open_recycled",
		     nl_number(attrs[SHUNT_A_LIMIT_HALF_OPEN_RECYCLED]));
	print_number("syns_forgotten",
		     nl_number(attrs[SHUNT_A_LIMIT_SYNS_FORGOTTEN]));
	print_number("persist", nl_number(attrs[SHUNT_A_LIMIT_PERSIST]));
	print_number("persist_entries",
		     nl_number(attrs[SHUNT_A_LIMIT_PERSIST_ENTRIES]));
	print_number("persist_beyond",
		     nl_number(attrs[SHUNT_A_LIMIT_PERSIST_BEYOND]));
}

static void print_limit(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *attrs[SHUNT_A_LIMIT_MAX + 1] = {};

	(void)data;
	nl_attrs(nlh, attrs, SHUNT_A_LIMIT_MAX);
	print_single();
	print_open();
	limit_print(attrs);
	print_close();
	print_end();
}

void limit_run(struct request *req)
{
	if (req->origin_count)
		nl_do(req, NULL, NULL);
	else
		nl_do(req, print_limit, NULL);
}

void status_show(struct request *req)
{
	nl_do(req, print_status, NULL);
}

static void print_module_version(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *attrs[SHUNT_A_STATUS_MAX + 1] = {};

	(void)data;
	nl_attrs(nlh, attrs, SHUNT_A_STATUS_MAX);
	print_string("module", nl_string(attrs[SHUNT_A_STATUS_VERSION]));
}

void version_show(struct request *req)
{
	print_single();
	print_open();
	print_string("cli", SHUNT_VERSION);
	if (nl_try_open())
		nl_do(req, print_module_version, NULL);
	else
		print_missing("module", "not loaded");
	print_close();
	print_end();
}
