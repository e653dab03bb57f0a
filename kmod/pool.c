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

/* A pool, the one of its backups, and behind them the slots and rows of both. */
struct pool_memory {
	struct shunt_pool pool;
	struct shunt_pool backup;
};

enum place {
	PLACE_FIRST,	/* takes connections */
	PLACE_BACKUP,	/* does when no other can */
	PLACE_OFF,
};

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
	u32 before = size && old ? shunt_rows_before(old) : 0;
	struct shunt_pool *pool;
	size_t slots, rows;

	slots = sizeof(struct pool_memory);
	rows = slots + room * sizeof(*pool->slot);
	pool = kvzalloc(rows + (size + 2 * before) * sizeof(*pool->rows.row), GFP_KERNEL_ACCOUNT);
	if (!pool)
		return NULL;
	pool->sched = sched;
	pool->slot = (void *)pool + slots;
	pool->total = room;
	pool->rows.key = pool_key(service, sched, hashing);
	pool->rows.by = hashing->by;
	if (!size)
		return pool;
	pool->rows.size = size;
	pool->rows.row = (void *)pool + rows;
	pool->was.row = pool->rows.row + size;
	pool->was_when = pool->was.row + before;
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

/* Where a server stands in a pool. */
static enum place place_of(const struct shunt_server *server)
{
	if (!shunt_server_is_on(server))
		return PLACE_OFF;
	return server->backup ? PLACE_BACKUP : PLACE_FIRST;
}

/* Adds the servers of a place to a pool's slots, and returns how many they are. */
static unsigned int pool_gather(struct shunt_pool *pool, const struct list_head *servers,
				enum place place, unsigned int from)
{
	struct shunt_server *server;
	unsigned int n = from;

	list_for_each_entry(server, servers, list)
		if (!server->removed && place_of(server) == place)
			pool->slot[n++].server = server;
	if (pool->sched->hashes)
		sort(pool->slot + from, n - from, sizeof(*pool->slot), compare_address, NULL);
	return n - from;
}

/*
 * By what all weights are multiplied, so that one that is on the rise can be less
 * than 1, unless the scheduler takes weights for numbers of connections.
 */
static u32 pool_scale(const struct shunt_pool *pool, unsigned int count)
{
	bool rises = false;
	unsigned int i;
	u64 sum = 0;

	for (i = 0; i < count; i++) {
		struct shunt_server *server = pool->slot[i].server;

		server->step = shunt_server_step(server);
		rises |= server->step < SHUNT_SERVER_STEPS;
		sum += server->weight;
	}
	return rises && !pool->sched->absolute && sum <= U32_MAX / SHUNT_SERVER_STEPS ?
		SHUNT_SERVER_STEPS : 1;
}

/* Of the first slots of a pool, the weights. Returns whether all are in DSR. */
static bool pool_weigh(struct shunt_pool *pool, unsigned int count, u32 scale)
{
	bool nat = false;
	unsigned int i;
	u32 sum = 0;

	for (i = 0; i < count; i++) {
		const struct shunt_server *server = pool->slot[i].server;
		u32 weight = server->weight * scale;

		weight = max(weight * server->step / SHUNT_SERVER_STEPS, 1U);
		sum += weight;
		pool->slot[i].weight = weight;
		pool->slot[i].end = sum;
		nat |= server->mode == SHUNT_MODE_NAT;
	}
	return !nat;
}

/* Fills in a pool's backups, which stand behind the first. */
static struct shunt_pool *pool_set_backup(struct shunt_pool *pool, unsigned int count)
{
	struct shunt_pool *backup = &container_of(pool, struct pool_memory, pool)->backup;

	backup->sched = pool->sched;
	backup->slot = pool->slot + pool->count;
	backup->count = count;
	backup->total = count;
	backup->rows.key = pool->rows.key;
	backup->rows.by = pool->rows.by;
	pool->backup = backup;
	return backup;
}

static void pool_fill(struct shunt_service *service, struct shunt_pool *pool)
{
	const struct list_head *servers = &service->servers;
	struct shunt_pool *backup;
	unsigned int i, backups;
	u32 scale;

	pool->count = pool_gather(pool, servers, PLACE_FIRST, 0);
	backups = pool_gather(pool, servers, PLACE_BACKUP, pool->count);
	pool->total = pool->count + backups;
	scale = pool_scale(pool, pool->total);
	pool->dsr = pool->total && pool_weigh(pool, pool->count, scale);
	if (backups) {
		backup = pool_set_backup(pool, backups);
		pool->dsr &= pool_weigh(backup, backups, scale);
	}
	pool->total += pool_gather(pool, servers, PLACE_OFF, pool->total);
	for (i = 0; i < pool->total; i++)
		WRITE_ONCE(pool->slot[i].server->index, i);
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
	pool_fill(service, pool);
	if (pool->rows.size)
		pool_fill_rows(service, pool, old);
	/* Between the two, whoever chooses from the old pool comes late; sched_wrr.c */
	local_bh_disable();
	if (pool->sched->carry)
		pool->sched->carry(service, pool, old);
	rcu_assign_pointer(service->pool, pool);
	local_bh_enable();
	if (old)
		kvfree_rcu(old, rcu);
	service->sn->generation++;
}

int shunt_pool_check(size_t servers, struct shunt_refusal *no)
{
	BUILD_BUG_ON((u64)SHUNT_POOL_SERVERS * SHUNT_WEIGHT_MAX > U32_MAX);
	BUILD_BUG_ON((u32)SHUNT_POOL_SERVERS > (u32)SHUNT_ROWS_NONE);
	if (servers <= SHUNT_POOL_SERVERS)
		return 0;
	return shunt_refuse(no, -E2BIG, SHUNT_A_SERVER_ADDRESS,
			    "a service has 65535 servers at most");
}
