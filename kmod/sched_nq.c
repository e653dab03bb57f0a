// SPDX-License-Identifier: GPL-2.0
/*
 * Never queue: an idle server if there is one, of several the heaviest, so that
 * no connection waits behind another while a server has nothing to do; else as
 * sed. Costs one step per server for a new connection.
 */
#include "sched_walk.h"

static u64 nq_load(const struct shunt_server *server)
{
	u32 active = shunt_server_active(server);

	return active ? (u64)active + 1 : 0;
}

static struct shunt_server *nq_pick(struct shunt_service *service,
				    const struct shunt_pool *pool,
				    const struct shunt_tuple *tuple)
{
	return shunt_sched_least(pool, true, nq_load);
}

const struct shunt_sched shunt_sched_nq = {
	.name = "nq",
	.pick = nq_pick,
};
