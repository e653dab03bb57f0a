// SPDX-License-Identifier: GPL-2.0
#include <linux/kernel.h>

#include "sched.h"

/* The first is the default. */
static const struct shunt_sched *const schedulers[] = {
	&shunt_sched_rr,
	&shunt_sched_wrr,
	&shunt_sched_wlc,
};

const struct shunt_sched *shunt_sched_at(unsigned int i)
{
	return i < ARRAY_SIZE(schedulers) ? schedulers[i] : NULL;
}

const struct shunt_sched *shunt_sched_by_name(const char *name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(schedulers); i++)
		if (!strcmp(schedulers[i]->name, name))
			return schedulers[i];
	return NULL;
}

/* The slot whose share of the weights a point, from 0 on, is in. */
static unsigned int slot_at(const struct shunt_pool *pool, u32 point)
{
	unsigned int low = 0, high = pool->count - 1;

	while (low < high) {
		unsigned int middle = (low + high) / 2;

		if (point < pool->slot[middle].end)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

struct shunt_server *shunt_sched_row(const struct shunt_pool *pool, u32 hash)
{
	unsigned int i, at;

	if (!pool->count)
		return NULL;
	at = slot_at(pool, reciprocal_scale(hash, pool->slot[pool->count - 1].end));
	for (i = 0; i < pool->count; i++) {
		struct shunt_server *server = pool->slot[at].server;

		if (likely(shunt_server_usable(server)))
			return server;
		if (++at == pool->count)
			at = 0;
	}
	return NULL;
}

#ifdef SHUNT_SELFTEST
#include "selftest/sched.c"
#endif
