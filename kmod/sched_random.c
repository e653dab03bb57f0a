// SPDX-License-Identifier: GPL-2.0
/*
 * Random, by weight. Keeps nothing and shares nothing between CPUs: what there
 * is for services with very many new connections.
 */
#include <linux/random.h>

#include "sched.h"

static struct shunt_server *random_pick(struct shunt_service *service,
					const struct shunt_pool *pool,
					const struct shunt_tuple *tuple)
{
	const struct shunt_pool_slot *slot = shunt_sched_at_hash(pool, get_random_u32());

	return slot ? slot->server : NULL;
}

const struct shunt_sched shunt_sched_random = {
	.name = "random",
	.pick = random_pick,
};
