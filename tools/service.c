// SPDX-License-Identifier: GPL-2.0
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "print.h"
#include "server.h"
#include "service.h"

struct service_list {
	struct service *services;
	size_t count;
	size_t room;
};

void service_read(const struct nlattr *const *attrs, struct service *service)
{
	memset(service, 0, sizeof(*service));
	snprintf(service->name, sizeof(service->name), "%s",
		 nl_string(attrs[SHUNT_A_SERVICE_NAME]));
	service->protocol =
		(uint8_t)nl_number(attrs[SHUNT_A_SERVICE_PROTOCOL]);
	nl_endpoint(attrs[SHUNT_A_SERVICE_ADDRESS],
		    attrs[SHUNT_A_SERVICE_PORT], &service->ep);
	service->fwmark = (uint32_t)nl_number(attrs[SHUNT_A_SERVICE_FWMARK]);
	service->family = (uint32_t)nl_number(attrs[SHUNT_A_SERVICE_FAMILY]);
	snprintf(service->scheduler, sizeof(service->scheduler), "%s",
		 nl_string(attrs[SHUNT_A_SERVICE_SCHEDULER]));
	service->mode = (uint32_t)nl_number(attrs[SHUNT_A_SERVICE_MODE]);
	per_state_read(attrs[SHUNT_A_SERVICE_TIMEOUTS], &service->timeouts);
	service->on_expire =
		(uint32_t)nl_number(attrs[SHUNT_A_SERVICE_ON_EXPIRE]);
	service->on_remove =
		(uint32_t)nl_number(attrs[SHUNT_A_SERVICE_ON_REMOVE]);
	service->on_empty =
		(uint32_t)nl_number(attrs[SHUNT_A_SERVICE_ON_EMPTY]);
	service->midstream =
		(uint32_t)nl_number(attrs[SHUNT_A_SERVICE_MIDSTREAM]);
	service->packet = nl_number(attrs[SHUNT_A_SERVICE_PACKET]);
	service->limit = (uint32_t)nl_number(attrs[SHUNT_A_SERVICE_LIMIT]);
	service->has_table = attrs[SHUNT_A_SERVICE_TABLE_SIZE];
	service->table_size =
		(uint32_t)nl_number(attrs[SHUNT_A_SERVICE_TABLE_SIZE]);
	service->hash = (uint32_t)nl_number(attrs[SHUNT_A_SERVICE_HASH]);
	service->has_seed = attrs[SHUNT_A_SERVICE_SEED];
	snprintf(service->seed, sizeof(service->seed), "%s",
		 nl_string(attrs[SHUNT_A_SERVICE_SEED]));
	service->persist = (uint32_t)nl_number(attrs[SHUNT_A_SERVICE_PERSIST]);
	service->persist_prefix =
		(uint32_t)nl_number(attrs[SHUNT_A_SERVICE_PERSIST_PREFIX]);
	snprintf(service->persist_group, sizeof(service->persist_group), "%s",
		 nl_string(attrs[SHUNT_A_SERVICE_PERSIST_GROUP]));
	service->stateless = nl_number(attrs[SHUNT_A_SERVICE_STATELESS]);
	service->recycled = nl_number(attrs[SHUNT_A_SERVICE_RECYCLED]);
	stats_read(attrs[SHUNT_A_SERVICE_STATS], &service->stats);
	per_state_read(attrs[SHUNT_A_SERVICE_STATES], &service->states);
}

static void read_service(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *attrs[SHUNT_A_SERVICE_MAX + 1] = {};
	struct service_list *list = data;

	list->services = nl_room(list->services, list->count, &list->room,
				 sizeof(*list->services));
	nl_attrs(nlh, attrs, SHUNT_A_SERVICE_MAX);
	service_read(attrs, &list->services[list->count]);
	ranges_read(nlh, &list->services[list->count++].ranges);
}

static void reset(void *data)
{
	struct service_list *list = data;

	while (list->count)
		free(list->services[--list->count].ranges.range);
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

char *service_match(const struct service *service, bool all)
{
	char *text;
	FILE *out;

	if (service->ranges.count)
		return all ? ranges_text(&service->ranges, ',') :
			     ranges_summary(&service->ranges);
	out = open_text(&text);
	fprintf(out, "fwmark %" PRIu32, service->fwmark);
	if (service->family != SHUNT_FAMILY_IPV4)
		fprintf(out, " family %s", family_names.list[SHUNT_FAMILY_IPV6]);
	fclose(out);
	return text;
}

static void print_match(const struct service *service)
{
	char *words;

	if (print_is_text()) {
		words = service_match(service, false);
		print_cell(words);
		free(words);
		return;
	}
	print_endpoint("address", "port", &service->ep);
	words = ranges_text(&service->ranges, ' ');
	print_words("addresses", words);
	free(words);
	print_number("fwmark", service->fwmark);
	print_enum("family", &family_names, service->family);
}

static void print_policies(const struct service *service)
{
	bool tcp = service->protocol != IPPROTO_UDP;
	bool udp = service->protocol != IPPROTO_TCP;

	if (service->has_table) {
		print_number("table-size", service->table_size);
		print_enum("hash", &hash_names, service->hash);
	}
	if (service->has_seed && *service->seed)
		print_string("seed", service->seed);
	else if (service->has_seed)
		print_missing("seed", no_seed_names.list[0]);
	if (tcp)
		print_enum("on-expire", &on_expire_names, service->on_expire);
	print_enum("on-remove", &on_remove_names, service->on_remove);
	print_enum("on-empty", &on_empty_names, service->on_empty);
	if (tcp)
		print_enum("midstream", &midstream_names, service->midstream);
	if (udp)
		print_flag("packet", &switch_names, service->packet);
	print_number_or("limit", service->limit, no_limit_names.list[0]);
	print_number_or("persist", service->persist, no_persist_names.list[0]);
	print_number("persist-prefix", service->persist_prefix);
	if (*service->persist_group)
		print_string("persist-group", service->persist_group);
	else
		print_missing("persist-group", no_group_names.list[0]);
	print_number("stateless", service->stateless);
	print_number("recycled", service->recycled);
}

void service_print(const struct service *service)
{
	print_string("name", service->name);
	print_enum("protocol", &protocol_names, service->protocol);
	print_match(service);
	print_string("scheduler", service->scheduler);
	print_enum("mode", &mode_names, service->mode);
	per_state_print("timeouts", &service->timeouts);
	print_hide();
	print_policies(service);
	print_unhide();
	print_blank(2);
	stats_print(&service->stats);
	print_blank(2);
	per_state_print("states", &service->states);
}

static void print_service(const struct service *service)
{
	const struct server *server;

	print_open();
	service_print(service);
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

/* In text, what the table has no room for. */
static void print_details(const struct service *service)
{
	static const char *const headings[] = { "STATE", "TIMEOUT", "CONNS" };
	char *list;

	print_single();
	if (service->ranges.count > 1) {
		list = ranges_text(&service->ranges, ',');
		print_string("address", list);
		free(list);
	}
	print_policies(service);
	print_end();

	print_list(headings, ARRAY_SIZE(headings), ROWS_ALL);
	for (size_t i = 0; i < STATES; i++) {
		if (!service->timeouts.there[i])
			continue;
		print_string("state", conn_state_names.list[i]);
		print_number("timeout", service->timeouts.number[i]);
		print_number("connections", service->states.number[i]);
	}
	print_end();
	server_bounds_print(service->first);
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
	if (req->subject && list.count && print_is_text())
		print_details(&list.services[0]);
	reset(&list);
	free(list.services);
	free(servers.servers);
}
