// SPDX-License-Identifier: GPL-2.0
/*
 * Failover: the heaviest server that is usable takes all, of equals the first. Also
 * where other schedulers leave the choice to a hash: who has an active server and a
 * standby has a reason.
 * Costs one step per server for a new connection.
 */
#include "sched_walk.h"

static bool fo_has_room(const struct shunt_server *server, u32 weight)
{
	return true;
}

static struct shunt_server *fo_pick(struct shunt_service *service,
				    const struct shunt_pool *pool,
				    const struct shunt_tuple *tuple)
{
	return shunt_sched_heaviest(pool, fo_has_room);
}

const struct shunt_sched shunt_sched_fo = {
	.name = "fo",
	.steady = true,
	.pick = fo_pick,
};
