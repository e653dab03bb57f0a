// SPDX-License-Identifier: GPL-2.0
/*
 * Shortest expected delay: the server that would have the fewest active
 * connections for its weight with the one to come, which is how long this one
 * has to wait if the weight is the server's speed. A fast server is preferred
 * even to an idle one that is slow. Costs one step per server for a new connection.
 */
#include "sched_walk.h"

static u64 sed_load(const struct shunt_server *server)
{
	return (u64)shunt_server_active(server) + 1;
}

static struct shunt_server *sed_pick(struct shunt_service *service,
				     const struct shunt_pool *pool,
				     const struct shunt_tuple *tuple)
{
	return shunt_sched_least(pool, true, sed_load);
}

const struct shunt_sched shunt_sched_sed = {
	.name = "sed",
	.pick = sed_pick,
};
