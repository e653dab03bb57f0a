/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the schedulers share that look at every server for a new connection: a
 * step for each, of a cache line that connections write.
 *
 * What the table tells of a server's connections: those that are closing or
 * closed cost the server little, and in DSR they stay for minutes, since its own
 * FIN is never seen; all others are active, UDP's among them. SYNs that wait for
 * their clients are active, too, or all that come within a round trip would go
 * to one server.
 */
#ifndef SHUNT_SCHED_WALK_H
#define SHUNT_SCHED_WALK_H

#include "sched.h"

enum {
	/* As many inactive connections count as one that is active; so in IPVS. */
	SHUNT_LOAD_ACTIVE = 256,
};

/* Active and inactive connections in one number. */
static inline u64 shunt_load_all(const struct shunt_server *server)
{
	return (u64)shunt_server_active(server) * SHUNT_LOAD_ACTIVE + shunt_server_inactive(server);
}

/* Whether one server has less load for its weight than another, or as much and is heavier. */
static inline bool shunt_load_less(u64 load, u32 weight, u64 other, u32 other_weight)
{
	/* load / weight < other / other_weight, without dividing; 40 bits by 16. */
	u64 a = load * other_weight, b = other * weight;

	return a < b || (a == b && weight > other_weight);
}

/*
 * The usable server with the least load, for its weight or whatever that is; of
 * equals the heaviest, or the first.
 */
static __always_inline struct shunt_server *
shunt_sched_least(const struct shunt_pool *pool, bool weighted,
		  u64 (*load_of)(const struct shunt_server *server))
{
	struct shunt_server *best = NULL;
	u32 best_weight = 0;
	u64 best_load = 0;
	unsigned int i;

	for (i = 0; i < pool->count; i++) {
		struct shunt_server *server = pool->slot[i].server;
		u32 weight = weighted ? pool->slot[i].weight : 1;
		u64 load;

		if (!shunt_server_usable(server))
			continue;
		load = load_of(server);
		if (!best || shunt_load_less(load, weight, best_load, best_weight)) {
			best = server;
			best_load = load;
			best_weight = weight;
		}
	}
	return best;
}

/* The heaviest usable server that has room; of equals the first. */
static __always_inline struct shunt_server *
shunt_sched_heaviest(const struct shunt_pool *pool,
		     bool (*has_room)(const struct shunt_server *server, u32 weight))
{
	struct shunt_server *best = NULL;
	u32 best_weight = 0;
	unsigned int i;

	for (i = 0; i < pool->count; i++) {
		struct shunt_server *server = pool->slot[i].server;
		u32 weight = pool->slot[i].weight;

		if (weight > best_weight && shunt_server_usable(server) &&
		    has_room(server, weight)) {
			best = server;
			best_weight = weight;
		}
	}
	return best;
}

#endif
