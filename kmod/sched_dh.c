// SPDX-License-Identifier: GPL-2.0
/*
 * Destination hashing: by the virtual address, for services with many of them,
 * such as caches of what others serve. With one address, one server takes all.
 * Costs a hash and a binary search among the servers.
 */
#include "sched.h"

static struct shunt_server *dh_pick(struct shunt_service *service,
				    const struct shunt_pool *pool,
				    const struct shunt_tuple *tuple)
{
	return shunt_sched_by_address(pool, tuple->family, &tuple->dst);
}

const struct shunt_sched shunt_sched_dh = {
	.name = "dh",
	.hashes = true,
	.steady = true,
	.pick = dh_pick,
};
