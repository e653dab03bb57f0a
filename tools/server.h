/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SHUNT_SERVER_H
#define SHUNT_SERVER_H

#include <stdbool.h>

#include <linux/shunt.h>

#include "nl.h"
#include "parse.h"

struct stats {
	uint64_t connections;
	uint64_t total_connections;
	uint64_t packets;
	uint64_t bytes;
	uint64_t return_packets;
	uint64_t return_bytes;
};

enum {
	STATES = SHUNT_A_STATES_MAX,
};

/* A number for each state of one protocol's connections. */
struct per_state {
	bool there[STATES];
	uint32_t number[STATES];
};

struct server {
	char service[SHUNT_NAME_MAX + 1];
	struct endpoint ep;
	uint32_t mode;
	uint32_t weight;
	uint32_t effective_weight;
	uint32_t state;
	bool backup;
	uint32_t upper_limit;
	uint32_t lower_limit;
	bool full;
	uint32_t slow_start;
	uint32_t drain_left;
	uint32_t drain_then;
	bool drained;
	struct stats stats;
	struct per_state states;
	struct server *next;	/* of the same service */
};

struct server_list {
	struct server *servers;
	size_t count;
	size_t room;
};

/* From the attributes that tell a server. */
void server_read(const struct nlattr *const *attrs, struct server *server);

/* Reads the servers of all services, or of the one the request names. */
void server_list_read(struct request *req, struct server_list *list);

/* In a table of services, the scheduler's column is left blank. */
void server_print(const struct server *server, bool below_service);

/* In text, of a list of servers what the table has no room for, if any has it. */
void server_bounds_print(const struct server *first);

void stats_read(const struct nlattr *nest, struct stats *stats);
/* The counters that a service and a server both have. */
void stats_print(const struct stats *stats);

void per_state_read(const struct nlattr *nest, struct per_state *per_state);
/* An object in JSON, no cell of the text. */
void per_state_print(const char *key, const struct per_state *per_state);

#endif
