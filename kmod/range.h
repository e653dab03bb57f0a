/* SPDX-License-Identifier: GPL-2.0 */
/* Services that are not found by one port of an address: by ranges of ports, or by marks. */
#ifndef SHUNT_RANGE_H
#define SHUNT_RANGE_H

#include "match.h"

/* Under the namespace's lock: */

/*
 * May sleep. The namespace's table as it is to be with this as what the service
 * matches; NULL if it is to be empty. ERR_PTR(-ENOMEM).
 */
struct shunt_ranges *shunt_range_prepare(const struct shunt_service *service,
					 const struct shunt_match *match);
/* Makes it the namespace's. */
void shunt_range_publish(struct shunt_net *sn, struct shunt_ranges *ranges);
void shunt_range_free(struct shunt_ranges *ranges);
/* Takes a service out of the namespace's table. Cannot fail. */
void shunt_range_del(struct shunt_service *service);

/* Whether another service has some of the entry's ports in a range, or all as this. */
bool shunt_range_is_taken(const struct shunt_service *service,
			  const struct shunt_match_entry *entry);
/* The same of a mark. */
bool shunt_range_mark_is_taken(const struct shunt_service *service, u32 mark);

/* Under RCU, any context. NULL if there is none. */
struct shunt_service *shunt_range_service(const struct shunt_ranges *ranges,
					  const struct shunt_tuple *tuple);
struct shunt_service *shunt_range_marked(const struct shunt_ranges *ranges,
					 const struct shunt_tuple *tuple, u32 mark);

#endif
