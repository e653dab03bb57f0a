// SPDX-License-Identifier: GPL-2.0
/*
 * The snapshots of the configuration that schedulers choose from: made aside
 * under the namespace's lock, never changed once they are the service's, and
 * freed when no packet can be looking at them any more. All memory is there
 * before anything is changed, so that a change cannot fail half way.
 */
#include <linux/slab.h>
#include <linux/sort.h>

#include "net.h"
#include "pool.h"
#include "sched.h"

/* The key of hashes: from the seed, or one that all have, or one that nobody else has. */
static siphash_key_t pool_key(const struct shunt_service *service,
			      const struct shunt_sched *sched,
			      const struct shunt_hashing *hashing)
{
	static const siphash_key_t of_seeds[] = {
		{ { 0x7368756e74, 1 } },
		{ { 0x7368756e74, 2 } },
	};
	size_t len = strlen(hashing->seed);
	siphash_key_t key;
	unsigned int i;

	if (!len && !sched->agrees)
		return service->secret;
	for (i = 0; i < ARRAY_SIZE(key.key); i++)
		key.key[i] = siphash(hashing->seed, len, &of_seeds[i]);
	return key;
}

struct shunt_pool *shunt_pool_alloc(const struct shunt_service *service,
				    const struct shunt_sched *sched,
				    const struct shunt_hashing *hashing)
{
	unsigned int room = list_count_nodes((struct list_head *)&service->servers) + 1;
	const struct shunt_pool *old = shunt_pool_of(service);
	u32 size = sched->fill ? hashing->table_size : 0;
	u32 before = size && old ? max(old->rows.size, old->was.size) : 0;
	struct shunt_pool *pool;
	size_t rows;

	rows = struct_size(pool, slot, room);
	pool = kvzalloc(rows + (size + before) * sizeof(*pool->rows.row), GFP_KERNEL_ACCOUNT);
	if (!pool)
		return NULL;
	pool->sched = sched;
	pool->total = room;
	pool->rows.key = pool_key(service, sched, hashing);
	pool->rows.by = hashing->by;
	if (!size)
		return pool;
	pool->rows.size = size;
	pool->rows.row = (void *)pool + rows;
	pool->was.row = pool->rows.row + size;
	pool->work = kvcalloc(room, sizeof(*pool->work), GFP_KERNEL);
	if (!pool->work) {
		kvfree(pool);
		return NULL;
	}
	return pool;
}

void shunt_pool_free(struct shunt_pool *pool)
{
	if (pool)
		kvfree(pool->work);
	kvfree(pool);
}

static int compare_address(const void *a, const void *b)
{
	const struct shunt_server *one = ((const struct shunt_pool_slot *)a)->server;
	const struct shunt_server *other = ((const struct shunt_pool_slot *)b)->server;

	return memcmp(&one->addr, &other->addr, sizeof(one->addr)) ?:
	       (int)ntohs(one->port) - (int)ntohs(other->port);
}

/* Those that may be chosen, and behind them those that have weight 0. */
static void pool_gather(struct shunt_service *service, struct shunt_pool *pool)
{
	struct shunt_server *server;
	unsigned int n = 0;

	spin_lock_bh(&service->sched_lock);
	list_for_each_entry(server, &service->servers, list) {
		/* What was earned under other weights says nothing under these. */
		server->credit = 0;
		if (!server->removed && server->weight)
			pool->slot[n++].server = server;
	}
	spin_unlock_bh(&service->sched_lock);
	pool->count = n;
	if (pool->sched->hashes)
		sort(pool->slot, n, sizeof(*pool->slot), compare_address, NULL);
	list_for_each_entry(server, &service->servers, list)
		if (!server->removed && !server->weight)
			pool->slot[n++].server = server;
	pool->total = n;
}

static void pool_number(struct shunt_pool *pool)
{
	bool nat = false;
	unsigned int i;
	u32 sum = 0;

	for (i = 0; i < pool->total; i++) {
		struct shunt_server *server = pool->slot[i].server;

		sum += server->weight;
		pool->slot[i].weight = server->weight;
		pool->slot[i].end = sum;
		nat |= i < pool->count && server->mode == SHUNT_MODE_NAT;
		WRITE_ONCE(server->index, i);
	}
	pool->dsr = pool->count && !nat;
}

/* The first pool of a service has none before it, and no server in it. */
static void pool_fill_rows(struct shunt_service *service, struct shunt_pool *pool,
			   const struct shunt_pool *old)
{
	if (old) {
		pool->sched->fill(pool, old);
		shunt_rows_remember(pool, old, service->timeouts[SHUNT_CONN_STATE_ESTABLISHED]);
	} else {
		shunt_rows_fill(pool);
	}
	kvfree(pool->work);
	pool->work = NULL;
}

void shunt_pool_publish(struct shunt_service *service, struct shunt_pool *pool)
{
	struct shunt_pool *old = shunt_pool_of(service);

	lockdep_assert_held(&service->sn->lock);
	pool_gather(service, pool);
	pool_number(pool);
	if (pool->rows.size)
		pool_fill_rows(service, pool, old);
	rcu_assign_pointer(service->pool, pool);
	if (old)
		kvfree_rcu(old, rcu);
	service->sn->generation++;
}

int shunt_pool_check(const struct shunt_sched *sched, size_t servers, int attr,
		     struct shunt_refusal *no)
{
	if (!sched->fill || servers <= SHUNT_ROWS_SERVERS)
		return 0;
	return shunt_refuse(no, -E2BIG, attr,
			    "a service with the scheduler maglev or sticky has 65535 servers at most");
}
