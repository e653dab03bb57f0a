// SPDX-License-Identifier: GPL-2.0
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli.h"
#include "print.h"
#include "server.h"

void stats_read(const struct nlattr *nest, struct stats *stats)
{
	const struct nlattr *attrs[SHUNT_A_STATS_MAX + 1] = {};

	nl_nested(nest, attrs, SHUNT_A_STATS_MAX);
	stats->connections = nl_number(attrs[SHUNT_A_STATS_CONNECTIONS]);
	stats->total_connections =
		nl_number(attrs[SHUNT_A_STATS_TOTAL_CONNECTIONS]);
	stats->packets = nl_number(attrs[SHUNT_A_STATS_PACKETS]);
	stats->bytes = nl_number(attrs[SHUNT_A_STATS_BYTES]);
	stats->return_packets = nl_number(attrs[SHUNT_A_STATS_RETURN_PACKETS]);
	stats->return_bytes = nl_number(attrs[SHUNT_A_STATS_RETURN_BYTES]);
}

void stats_print(const struct stats *stats)
{
	print_number("connections", stats->connections);
	print_number("total_connections", stats->total_connections);
	print_number("packets", stats->packets);
	print_number("bytes", stats->bytes);
}

/* Timeouts and counts go by the same states, in the order of their names. */
_Static_assert((int)SHUNT_A_TIMEOUTS_MAX == (int)STATES &&
	       (int)SHUNT_CONN_STATE_ANSWERED + 1 == (int)STATES,
	       "each state has a timeout, a count and a name");

void per_state_read(const struct nlattr *nest, struct per_state *per_state)
{
	const struct nlattr *attrs[STATES + 1] = {};

	nl_nested(nest, attrs, STATES);
	for (size_t i = 0; i < STATES; i++) {
		per_state->there[i] = attrs[i + 1];
		per_state->number[i] = (uint32_t)nl_number(attrs[i + 1]);
	}
}

void per_state_print(const char *key, const struct per_state *per_state)
{
	print_open_object(key);
	for (size_t i = 0; i < STATES; i++) {
		if (per_state->there[i])
			print_number(conn_state_names.list[i],
				     per_state->number[i]);
	}
	print_close_object();
}

/* One cell of text that names the states there are connections in. */
static void print_states_cell(const struct per_state *states)
{
	const char *before = "";
	char *text;
	FILE *out = open_text(&text);

	for (size_t i = 0; i < STATES; i++) {
		if (!states->number[i])
			continue;
		fprintf(out, "%s%s %" PRIu32, before, conn_state_names.list[i],
			states->number[i]);
		before = ", ";
	}
	fclose(out);
	print_cell(text);
	free(text);
}

static void read_life(const struct nlattr *const *attrs, struct server *server)
{
	server->effective_weight =
		(uint32_t)nl_number(attrs[SHUNT_A_SERVER_EFFECTIVE_WEIGHT]);
	server->backup = nl_number(attrs[SHUNT_A_SERVER_BACKUP]);
	server->upper_limit =
		(uint32_t)nl_number(attrs[SHUNT_A_SERVER_UPPER_LIMIT]);
	server->lower_limit =
		(uint32_t)nl_number(attrs[SHUNT_A_SERVER_LOWER_LIMIT]);
	server->full = nl_number(attrs[SHUNT_A_SERVER_FULL]);
	server->slow_start =
		(uint32_t)nl_number(attrs[SHUNT_A_SERVER_SLOW_START]);
	server->drain_left =
		(uint32_t)nl_number(attrs[SHUNT_A_SERVER_DRAIN_TIMEOUT]);
	server->drain_then =
		(uint32_t)nl_number(attrs[SHUNT_A_SERVER_DRAIN_THEN]);
	server->drained = nl_number(attrs[SHUNT_A_SERVER_DRAINED]);
}

void server_read(const struct nlattr *const *attrs, struct server *server)
{
	snprintf(server->service, sizeof(server->service), "%s",
		 nl_string(attrs[SHUNT_A_SERVER_SERVICE]));
	nl_endpoint(attrs[SHUNT_A_SERVER_ADDRESS], attrs[SHUNT_A_SERVER_PORT],
		    &server->ep);
	server->mode = (uint32_t)nl_number(attrs[SHUNT_A_SERVER_MODE]);
	server->weight = (uint32_t)nl_number(attrs[SHUNT_A_SERVER_WEIGHT]);
	server->state = (uint32_t)nl_number(attrs[SHUNT_A_SERVER_STATE]);
	read_life(attrs, server);
	stats_read(attrs[SHUNT_A_SERVER_STATS], &server->stats);
	per_state_read(attrs[SHUNT_A_SERVER_STATES], &server->states);
	server->next = NULL;
}

static void read_server(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *attrs[SHUNT_A_SERVER_MAX + 1] = {};
	struct server_list *list = data;

	list->servers = nl_room(list->servers, list->count, &list->room,
				sizeof(*list->servers));
	nl_attrs(nlh, attrs, SHUNT_A_SERVER_MAX);
	server_read(attrs, &list->servers[list->count++]);
}

static void reset(void *data)
{
	struct server_list *list = data;

	list->count = 0;
}

void server_list_read(struct request *req, struct server_list *list)
{
	nl_dump_whole(req, read_server, reset, list);
}

/* The state, and what else keeps connections away: "up,full", "drain,45s,remove". */
static void print_state_cell(const struct server *server)
{
	char number[ENUM_TEXT];
	char *text;
	FILE *out = open_text(&text);

	fputs(format_enum(&server_state_names, server->state, number), out);
	if (server->drained)
		fputs(",drained", out);
	if (server->drain_left)
		fprintf(out, ",%" PRIu32 "s", server->drain_left);
	if (server->drain_then)
		fprintf(out, ",%s", format_enum(&drain_then_names,
						server->drain_then, number));
	if (server->backup)
		fputs(",backup", out);
	if (server->full)
		fputs(",full", out);
	if (server->effective_weight < server->weight)
		fputs(",starting", out);
	fclose(out);
	print_cell(text);
	free(text);
}

static void print_life(const struct server *server)
{
	print_number("effective_weight", server->effective_weight);
	print_enum("state", &server_state_names, server->state);
	print_flag("backup", &switch_names, server->backup);
	print_number("upper-limit", server->upper_limit);
	print_number("lower-limit", server->lower_limit);
	print_flag("full", &answer_names, server->full);
	print_number("slow-start", server->slow_start);
	print_number("drain_timeout", server->drain_left);
	print_enum("drain_then", &drain_then_names, server->drain_then);
	print_flag("drained", &answer_names, server->drained);
}

void server_print(const struct server *server, bool below_service)
{
	print_endpoint("address", "port", &server->ep);
	if (below_service)
		print_blank(1);
	print_enum("mode", &mode_names, server->mode);
	print_number("weight", server->weight);
	print_hide();
	print_life(server);
	print_unhide();
	print_state_cell(server);
	stats_print(&server->stats);
	print_number("return_packets", server->stats.return_packets);
	print_number("return_bytes", server->stats.return_bytes);
	per_state_print("states", &server->states);
}

static bool has_bounds(const struct server *server)
{
	return server->upper_limit || server->lower_limit || server->slow_start;
}

void server_bounds_print(const struct server *first)
{
	static const char *const headings[] = {
		"SERVER", "UPPER-LIMIT", "LOWER-LIMIT", "SLOW-START",
	};
	const char *none = no_limit_names.list[0];

	while (first && !has_bounds(first))
		first = first->next;
	if (!first)
		return;
	print_list(headings, ARRAY_SIZE(headings), ROWS_ALL);
	for (; first; first = first->next) {
		if (!has_bounds(first))
			continue;
		print_endpoint("address", "port", &first->ep);
		print_number_or("upper-limit", first->upper_limit, none);
		print_number_or("lower-limit", first->lower_limit, none);
		print_number_or("slow-start", first->slow_start, none);
	}
	print_end();
}

void server_show(struct request *req)
{
	static const char *const headings[] = {
		"SERVICE", "ADDRESS", "MODE", "WEIGHT", "STATE", "CONNS",
		"TOTAL", "PACKETS", "BYTES", "RET-PACKETS", "RET-BYTES",
		"STATES",
	};
	struct server_list list = {};

	server_list_read(req, &list);
	print_list(headings, ARRAY_SIZE(headings), ROWS_ALL);
	for (size_t i = 0; i < list.count; i++) {
		print_open();
		print_string("service", list.servers[i].service);
		server_print(&list.servers[i], false);
		print_states_cell(&list.servers[i].states);
		print_close();
	}
	print_end();
	free(list.servers);
}
