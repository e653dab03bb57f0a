// SPDX-License-Identifier: GPL-2.0
/*
 * Source hashing: by the client's address, so that all its connections go to one
 * server. A change of servers or weights moves most clients; maglev by source
 * moves few. Costs a hash and a binary search among the servers.
 */
#include "sched.h"

static struct shunt_server *sh_pick(struct shunt_service *service,
				    const struct shunt_pool *pool,
				    const struct shunt_tuple *tuple)
{
	return shunt_sched_by_address(pool, tuple->family, &tuple->src);
}

const struct shunt_sched shunt_sched_sh = {
	.name = "sh",
	.hashes = true,
	.steady = true,
	.pick = sh_pick,
};
