// SPDX-License-Identifier: GPL-2.0
#include <linux/kernel.h>

#include "sched.h"

/* The first is the default. */
static const struct shunt_sched *const schedulers[] = {
	&shunt_sched_rr,
	&shunt_sched_wrr,
	&shunt_sched_lc,
	&shunt_sched_wlc,
	&shunt_sched_sed,
	&shunt_sched_nq,
	&shunt_sched_sh,
	&shunt_sched_dh,
	&shunt_sched_fo,
	&shunt_sched_ovf,
	&shunt_sched_random,
	&shunt_sched_p2c,
	&shunt_sched_maglev,
	&shunt_sched_sticky,
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

const struct shunt_pool_slot *shunt_sched_first(const struct shunt_pool *pool)
{
	unsigned int i;

	for (i = 0; i < pool->count; i++)
		if (shunt_server_usable(pool->slot[i].server))
			return &pool->slot[i];
	return NULL;
}

const struct shunt_pool_slot *shunt_sched_among_usable(const struct shunt_pool *pool, u32 hash)
{
	unsigned int i;
	u32 sum = 0;

	for (i = 0; i < pool->count; i++)
		if (shunt_server_usable(pool->slot[i].server))
			sum += pool->slot[i].weight;
	hash = reciprocal_scale(hash, sum);
	for (i = 0; i < pool->count; i++) {
		if (!shunt_server_usable(pool->slot[i].server))
			continue;
		if (hash < pool->slot[i].weight)
			return &pool->slot[i];
		hash -= pool->slot[i].weight;
	}
	/* There is none, or one has gone since. */
	return shunt_sched_first(pool);
}

/*
 * The share of a server that is out goes to all others, by their weights, since
 * each hash that meets it is hashed again.
 */
const struct shunt_pool_slot *shunt_sched_at_hash(const struct shunt_pool *pool, u32 hash)
{
	unsigned int i, at;
	u32 sum;

	if (!pool->count)
		return NULL;
	sum = pool->slot[pool->count - 1].end;
	for (i = 0; i < SHUNT_SCHED_MORE_PROBES; i++) {
		at = slot_at(pool, reciprocal_scale(hash, sum));
		if (likely(shunt_server_usable(pool->slot[at].server)))
			return &pool->slot[at];
		if (unlikely(i == SHUNT_SCHED_PROBES) && !shunt_sched_first(pool))
			return NULL;
		hash = shunt_sched_rehash(hash);
	}
	return shunt_sched_among_usable(pool, hash);
}

struct shunt_server *shunt_sched_by_address(const struct shunt_pool *pool, u8 family,
					    const union nf_inet_addr *addr)
{
	u32 hash = shunt_rows_hash(&pool->rows.key, family, addr, 0);
	const struct shunt_pool_slot *slot = shunt_sched_at_hash(pool, hash);

	return slot ? slot->server : NULL;
}

struct shunt_server *shunt_sched_row(struct shunt_service *service,
				     const struct shunt_pool *pool,
				     const struct shunt_packet *pkt)
{
	const struct shunt_pool_slot *slot;

	if (pool->sched->steady)
		return shunt_sched_choose(service, pool, &pkt->tuple);
	slot = shunt_sched_at_hash(pool, pkt->hash);
	if (unlikely(!slot) && pool->backup)
		slot = shunt_sched_at_hash(pool->backup, pkt->hash);
	return slot ? slot->server : NULL;
}

struct shunt_server *shunt_sched_midstream(struct shunt_service *service,
					   const struct shunt_pool *pool,
					   const struct shunt_tuple *tuple)
{
	return shunt_rows_owner(pool, tuple) ?: shunt_sched_choose(service, pool, tuple);
}

#ifdef SHUNT_SELFTEST
#include "selftest/sched.c"
#include "selftest/rows.c"
#endif
