// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "print.h"
#include "server.h"

struct service {
	char name[SHUNT_NAME_MAX + 1];
	uint8_t protocol;
	struct endpoint ep;
	char scheduler[SHUNT_SCHEDULER_MAX + 1];
	uint32_t mode;
	struct stats stats;
	struct server *first;
	struct server *last;
};

struct service_list {
	struct service *services;
	size_t count;
	size_t size;
};

static void read_service(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *attrs[SHUNT_A_SERVICE_MAX + 1] = {};
	struct service_list *list = data;
	struct service *service;

	if (list->count == list->size) {
		list->size = 2 * list->size + 64;
		list->services = reallocarray(list->services, list->size,
					      sizeof(*service));
		if (!list->services)
			die("out of memory");
	}
	service = &list->services[list->count++];
	memset(service, 0, sizeof(*service));
	nl_attrs(nlh, attrs, SHUNT_A_SERVICE_MAX);
	snprintf(service->name, sizeof(service->name), "%s",
		 nl_string(attrs[SHUNT_A_SERVICE_NAME]));
	service->protocol =
		(uint8_t)nl_number(attrs[SHUNT_A_SERVICE_PROTOCOL]);
	nl_endpoint(attrs[SHUNT_A_SERVICE_ADDRESS],
		    attrs[SHUNT_A_SERVICE_PORT], &service->ep);
	snprintf(service->scheduler, sizeof(service->scheduler), "%s",
		 nl_string(attrs[SHUNT_A_SERVICE_SCHEDULER]));
	service->mode = (uint32_t)nl_number(attrs[SHUNT_A_SERVICE_MODE]);
	stats_read(attrs[SHUNT_A_SERVICE_STATS], &service->stats);
}

static void reset(void *data)
{
	struct service_list *list = data;

	list->count = 0;
}

static int compare(const void *a, const void *b)
{
	const struct service *const *left = a, *const *right = b;

	return strcmp((*left)->name, (*right)->name);
}

static int compare_name(const void *name, const void *entry)
{
	const struct service *const *service = entry;

	return strcmp(name, (*service)->name);
}

/*
 * Hands each server to its service. The two come from two dumps: a server whose
 * service was added between them is left out, as the service is.
 */
static void join(struct service_list *list, struct server_list *servers)
{
	struct service **index = calloc(list->count + 1, sizeof(*index));

	if (!index)
		die("out of memory");
	for (size_t i = 0; i < list->count; i++)
		index[i] = &list->services[i];
	qsort(index, list->count, sizeof(*index), compare);

	for (size_t i = 0; i < servers->count; i++) {
		struct server *server = &servers->servers[i];
		struct service **found;

		found = bsearch(server->service, index, list->count,
				sizeof(*index), compare_name);
		if (!found)
			continue;
		if ((*found)->last)
			(*found)->last->next = server;
		else
			(*found)->first = server;
		(*found)->last = server;
	}
	free(index);
}

static void print_service(const struct service *service)
{
	const struct server *server;

	print_open();
	print_string("name", service->name);
	print_enum("protocol", &protocol_names, service->protocol);
	print_endpoint("address", "port", &service->ep);
	print_string("scheduler", service->scheduler);
	print_enum("mode", &mode_names, service->mode);
	print_blank(2);
	stats_print(&service->stats);
	print_blank(2);

	print_open_array("servers");
	for (server = service->first; server; server = server->next) {
		print_open();
		print_cell("  ->");
		print_blank(1);
		server_print(server, true);
		print_close();
	}
	print_close_array();
	print_close();
}

void service_show(struct request *req)
{
	static const char *const headings[] = {
		"SERVICE", "PROTO", "ADDRESS", "SCHED", "MODE", "WEIGHT",
		"STATE", "CONNS", "TOTAL", "PACKETS", "BYTES", "RET-PACKETS",
		"RET-BYTES",
	};
	struct service_list list = {};
	struct server_list servers = {};
	struct request server_req;

	nl_dump_whole(req, read_service, reset, &list);

	request_init(&server_req, SHUNT_CMD_SERVER_GET, req->verb);
	if (req->subject)
		put_name(&server_req,
			 &(struct arg){ .attr = SHUNT_A_SERVER_SERVICE },
			 req->subject);
	server_list_read(&server_req, &servers);
	join(&list, &servers);

	print_list(headings, ARRAY_SIZE(headings), ROWS_ALL);
	for (size_t i = 0; i < list.count; i++)
		print_service(&list.services[i]);
	print_end();
	free(list.services);
	free(servers.servers);
}
