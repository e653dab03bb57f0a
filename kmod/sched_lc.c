// SPDX-License-Identifier: GPL-2.0
/*
 * Least connections: as wlc, but whatever the weights, as long as they are above
 * 0. Of servers that have the same number the first is taken. Costs one step per
 * server for a new connection.
 */
#include "sched_walk.h"

static struct shunt_server *lc_pick(struct shunt_service *service,
				    const struct shunt_pool *pool,
				    const struct shunt_tuple *tuple)
{
	return shunt_sched_least(pool, false, shunt_load_all);
}

const struct shunt_sched shunt_sched_lc = {
	.name = "lc",
	.pick = lc_pick,
};
