// SPDX-License-Identifier: GPL-2.0
/*
 * Weighted round robin, smooth: in each round of as many choices as the weights
 * sum up to, a server is chosen as often as its weight says, spread evenly over
 * the round. Each choice gives every server its weight as credit and takes the
 * sum of all weights from the one with the most. The algorithm is that of
 * nginx's upstream balancing (I. Sysoev, 2012).
 *
 * Costs one step per server for a new connection, and a lock per service that
 * new connections of different CPUs may wait for.
 */
#include "sched.h"

static struct shunt_server *wrr_pick(struct shunt_service *service,
				     const struct shunt_pool *pool,
				     const struct shunt_tuple *tuple)
{
	struct shunt_server *best = NULL;
	s64 sum = 0;
	unsigned int i;

	spin_lock(&service->sched_lock);
	for (i = 0; i < pool->count; i++) {
		struct shunt_server *server = pool->slot[i].server;

		if (!shunt_server_usable(server))
			continue;
		server->credit += pool->slot[i].weight;
		sum += pool->slot[i].weight;
		if (!best || server->credit > best->credit)
			best = server;
	}
	if (best)
		best->credit -= sum;
	spin_unlock(&service->sched_lock);
	return best;
}

const struct shunt_sched shunt_sched_wrr = {
	.name = "wrr",
	.pick = wrr_pick,
};
