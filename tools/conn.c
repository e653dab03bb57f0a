// SPDX-License-Identifier: GPL-2.0
#include <linux/shunt.h>

#include "cli.h"
#include "print.h"

/* Writes each connection as it comes: there may be millions. */
static void print_conn(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *attrs[SHUNT_A_CONN_MAX + 1] = {};
	struct endpoint client, virtual, server;

	(void)data;
	nl_attrs(nlh, attrs, SHUNT_A_CONN_MAX);
	nl_endpoint(attrs[SHUNT_A_CONN_CLIENT],
		    attrs[SHUNT_A_CONN_CLIENT_PORT], &client);
	nl_endpoint(attrs[SHUNT_A_CONN_ADDRESS],
		    attrs[SHUNT_A_CONN_PORT], &virtual);
	nl_endpoint(attrs[SHUNT_A_CONN_SERVER],
		    attrs[SHUNT_A_CONN_SERVER_PORT], &server);

	print_open();
	print_string("service", nl_string(attrs[SHUNT_A_CONN_SERVICE]));
	print_enum("protocol", &protocol_names,
		   (uint32_t)nl_number(attrs[SHUNT_A_CONN_PROTOCOL]));
	print_endpoint("client", "client_port", &client);
	print_endpoint("address", "port", &virtual);
	print_endpoint("server", "server_port", &server);
	print_enum("mode", &mode_names,
		   (uint32_t)nl_number(attrs[SHUNT_A_CONN_MODE]));
	print_enum("state", &conn_state_names,
		   (uint32_t)nl_number(attrs[SHUNT_A_CONN_STATE]));
	print_number("expires", nl_number(attrs[SHUNT_A_CONN_EXPIRES]));
	print_close();
}

void conn_show(struct request *req)
{
	static const char *const headings[] = {
		"SERVICE", "PROTO", "CLIENT", "ADDRESS", "SERVER", "MODE",
		"STATE", "EXPIRES",
	};

	print_list(headings, ARRAY_SIZE(headings), ROWS_STREAMED);
	nl_dump(req, print_conn, NULL);
	print_end();
}

static void print_deleted(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *attrs[SHUNT_A_CONN_MAX + 1] = {};

	(void)data;
	nl_attrs(nlh, attrs, SHUNT_A_CONN_MAX);
	print_result("deleted", nl_number(attrs[SHUNT_A_CONN_DELETED]), "connection",
		     "deleted");
}

void conn_del(struct request *req)
{
	nl_do(req, print_deleted, NULL);
}
