// SPDX-License-Identifier: GPL-2.0
#include <linux/shunt.h>

#include "cli.h"
#include "print.h"

static void print_name(const char *key, const struct nlattr *attr)
{
	if (attr)
		print_string(key, nl_string(attr));
	else
		print_missing(key, "-");
}

/* Writes each client as it comes: there may be many. */
static void print_remembered(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *attrs[SHUNT_A_PERSIST_MAX + 1] = {};
	struct endpoint client, server;

	(void)data;
	nl_attrs(nlh, attrs, SHUNT_A_PERSIST_MAX);
	nl_endpoint(attrs[SHUNT_A_PERSIST_CLIENT], NULL, &client);
	nl_endpoint(attrs[SHUNT_A_PERSIST_SERVER],
		    attrs[SHUNT_A_PERSIST_SERVER_PORT], &server);

	print_open();
	print_name("service", attrs[SHUNT_A_PERSIST_SERVICE]);
	print_name("group", attrs[SHUNT_A_PERSIST_GROUP]);
	print_client("client", "prefix", &client,
		     (uint32_t)nl_number(attrs[SHUNT_A_PERSIST_PREFIX]));
	print_endpoint("server", "server_port", &server);
	print_number("expires", nl_number(attrs[SHUNT_A_PERSIST_EXPIRES]));
	print_close();
}

void persist_show(struct request *req)
{
	static const char *const headings[] = {
		"SERVICE", "GROUP", "CLIENT", "SERVER", "EXPIRES",
	};

	print_list(headings, ARRAY_SIZE(headings), ROWS_STREAMED);
	nl_dump(req, print_remembered, NULL);
	print_end();
}

static void print_forgotten(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *attrs[SHUNT_A_PERSIST_MAX + 1] = {};

	(void)data;
	nl_attrs(nlh, attrs, SHUNT_A_PERSIST_MAX);
	print_result("deleted", nl_number(attrs[SHUNT_A_PERSIST_DELETED]), "client",
		     "forgotten");
}

void persist_del(struct request *req)
{
	nl_do(req, print_forgotten, NULL);
}
