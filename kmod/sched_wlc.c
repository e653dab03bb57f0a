// SPDX-License-Identifier: GPL-2.0
/*
 * Weighted least connections: the server with the fewest connections for its
 * weight, counting the one to come, so that of idle servers the heaviest is
 * first. SYNs that wait count, too, or all that come within a round trip would go
 * to one server. Costs one step per server for a new connection.
 */
#include "sched.h"

static struct shunt_server *wlc_pick(struct shunt_service *service,
				     const struct shunt_pool *pool,
				     const struct shunt_tuple *tuple)
{
	struct shunt_server *best = NULL;
	u64 best_load = 0;
	u32 best_weight = 0;
	unsigned int i;

	for (i = 0; i < pool->count; i++) {
		struct shunt_server *server = pool->slot[i].server;
		u64 load = (u64)atomic_read(&server->conns) + shunt_server_awaited(server) + 1;

		if (!shunt_server_usable(server))
			continue;
		/* load / weight < best_load / best_weight, without dividing */
		if (!best || load * best_weight < best_load * pool->slot[i].weight) {
			best = server;
			best_load = load;
			best_weight = pool->slot[i].weight;
		}
	}
	return best;
}

const struct shunt_sched shunt_sched_wlc = {
	.name = "wlc",
	.pick = wlc_pick,
};
