/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SHUNT_SERVICE_H
#define SHUNT_SERVICE_H

#include <stdbool.h>

#include <linux/shunt.h>

#include "nl.h"
#include "parse.h"
#include "server.h"

struct service {
	char name[SHUNT_NAME_MAX + 1];
	uint8_t protocol;
	struct endpoint ep;
	struct ranges ranges;
	uint32_t fwmark;
	uint32_t family;
	char scheduler[SHUNT_SCHEDULER_MAX + 1];
	uint32_t mode;
	struct per_state timeouts;
	uint32_t on_expire;
	uint32_t on_remove;
	uint32_t on_empty;
	uint32_t midstream;
	bool packet;
	uint32_t limit;
	/* Of schedulers that have a table, and that hash. */
	bool has_table;
	bool has_seed;
	uint32_t table_size;
	uint32_t hash;
	char seed[SHUNT_SEED_MAX + 1];
	uint32_t persist;
	uint32_t persist_prefix;
	char persist_group[SHUNT_NAME_MAX + 1];
	uint64_t stateless;
	uint64_t recycled;
	struct stats stats;
	struct per_state states;
	struct server *first;
	struct server *last;
};

/* From the attributes that tell a service, but for its ranges. */
void service_read(const struct nlattr *const *attrs, struct service *service);
/* What it matches, as it can be typed, or of several addresses the first; to be freed. */
char *service_match(const struct service *service, bool all);
/* What is known of the service itself: all of a record but its servers. */
void service_print(const struct service *service);

#endif
