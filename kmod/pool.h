/* SPDX-License-Identifier: GPL-2.0 */
/* What new connections of a service are given servers from. */
#ifndef SHUNT_POOL_H
#define SHUNT_POOL_H

#include "service.h"

/*
 * What a scheduler chooses from: the first "count" are the servers with a weight
 * above 0, the rest are those with none. Immutable and replaced whole by every
 * change, read under RCU.
 */
struct shunt_pool {
	struct rcu_head rcu;
	const struct shunt_sched *sched;
	unsigned int count;
	unsigned int total;
	bool dsr;		/* there are such, all in this mode */
	struct shunt_pool_slot {
		struct shunt_server *server;
		u32 weight;
		u32 end;	/* sum of the weights up to this one's */
	} slot[] __counted_by(total);
};

/*
 * Under the namespace's lock, may sleep. A pool with room for every server there
 * is and one more; NULL if there is no memory. To be published, or freed by
 * kvfree().
 */
struct shunt_pool *shunt_pool_alloc(const struct shunt_service *service,
				    const struct shunt_sched *sched);

/*
 * Under the namespace's lock. Fills a pool with what the configuration now says
 * and makes it the service's; the old one is freed after a grace period.
 */
void shunt_pool_publish(struct shunt_service *service, struct shunt_pool *pool);

#endif
