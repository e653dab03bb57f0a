// SPDX-License-Identifier: GPL-2.0
/*
 * Weighted least connections, as IPVS has it: the server with the fewest
 * connections for its weight, 256 that are closing or closed counting as one. Of
 * servers that have the same, such as idle ones, the heaviest is first. Costs one
 * step per server for a new connection.
 */
#include "sched_walk.h"

static struct shunt_server *wlc_pick(struct shunt_service *service,
				     const struct shunt_pool *pool,
				     const struct shunt_tuple *tuple)
{
	return shunt_sched_least(pool, true, shunt_load_all);
}

const struct shunt_sched shunt_sched_wlc = {
	.name = "wlc",
	.pick = wlc_pick,
};
