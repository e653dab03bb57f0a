// SPDX-License-Identifier: GPL-2.0
/*
 * Overflow: the heaviest server takes all until it has as many active
 * connections as its weight says, then the next heaviest; of equals the first.
 * When all are full nobody takes any more. CPUs that choose at once may each put
 * one connection more on a server. Costs one step per server for a new connection.
 */
#include "sched_walk.h"

static bool ovf_has_room(const struct shunt_server *server, u32 weight)
{
	return shunt_server_active(server) < weight;
}

static struct shunt_server *ovf_pick(struct shunt_service *service,
				     const struct shunt_pool *pool,
				     const struct shunt_tuple *tuple)
{
	return shunt_sched_heaviest(pool, ovf_has_room);
}

const struct shunt_sched shunt_sched_ovf = {
	.name = "ovf",
	.absolute = true,
	.pick = ovf_pick,
};
