// SPDX-License-Identifier: GPL-2.0
/*
 * The power of two choices (Mitzenmacher, 1996): of two servers that are drawn
 * at random, by weight, the one with fewer connections for its weight. Nearly as
 * even as wlc, and costs the same with a thousand servers as with four. The two
 * may be the same one.
 */
#include <linux/random.h>

#include "sched_walk.h"

static struct shunt_server *p2c_pick(struct shunt_service *service,
				     const struct shunt_pool *pool,
				     const struct shunt_tuple *tuple)
{
	const struct shunt_pool_slot *one = shunt_sched_at_hash(pool, get_random_u32());
	const struct shunt_pool_slot *two = shunt_sched_at_hash(pool, get_random_u32());

	if (!one || !two)
		return NULL;
	if (one != two && shunt_load_less(shunt_load_all(two->server), two->weight,
					  shunt_load_all(one->server), one->weight))
		one = two;
	return one->server;
}

const struct shunt_sched shunt_sched_p2c = {
	.name = "p2c",
	.pick = p2c_pick,
};
