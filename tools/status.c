// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>

#include <linux/shunt.h>

#include "cli.h"
#include "print.h"

static void print_drop(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *attrs[SHUNT_A_DROP_MAX + 1] = {};

	(void)data;
	nl_attrs(nlh, attrs, SHUNT_A_DROP_MAX);
	print_open();
	print_string("reason", nl_string(attrs[SHUNT_A_DROP_REASON]));
	print_number("count", nl_number(attrs[SHUNT_A_DROP_COUNT]));
	print_string("meaning", nl_string(attrs[SHUNT_A_DROP_MEANING]));
	print_close();
}

void drops_show(struct request *req)
{
	static const char *const headings[] = { "REASON", "COUNT", "MEANING" };

	print_list(headings, ARRAY_SIZE(headings), ROWS_ALL);
	nl_dump(req, print_drop, NULL);
	print_end();
}

static void print_status(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *attrs[SHUNT_A_STATUS_MAX + 1] = {};

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
	print_flag("hooked", nl_number(attrs[SHUNT_A_STATUS_HOOKED]));
	print_words("schedulers",
		    nl_string(attrs[SHUNT_A_STATUS_SCHEDULERS]));
	print_close();
	print_end();
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
