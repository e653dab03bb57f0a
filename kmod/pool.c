// SPDX-License-Identifier: GPL-2.0
/*
 * The snapshots of the configuration that schedulers choose from: made aside
 * under the namespace's lock, never changed once they are the service's, and
 * freed when no packet can be looking at them any more.
 */
#include <linux/slab.h>

#include "net.h"
#include "pool.h"

struct shunt_pool *shunt_pool_alloc(const struct shunt_service *service,
				    const struct shunt_sched *sched)
{
	unsigned int room = list_count_nodes((struct list_head *)&service->servers) + 1;
	struct shunt_pool *pool;

	pool = kvzalloc(struct_size(pool, slot, room), GFP_KERNEL_ACCOUNT);
	if (!pool)
		return NULL;
	pool->sched = sched;
	pool->total = room;
	return pool;
}

static void pool_put(struct shunt_pool *pool, unsigned int at, struct shunt_server *server,
		     u32 end)
{
	pool->slot[at].server = server;
	pool->slot[at].weight = server->weight;
	pool->slot[at].end = end;
	WRITE_ONCE(server->index, at);
}

void shunt_pool_publish(struct shunt_service *service, struct shunt_pool *pool)
{
	struct shunt_server *server;
	struct shunt_pool *old;
	unsigned int n = 0;
	bool nat = false;
	u32 sum = 0;

	lockdep_assert_held(&service->sn->lock);
	spin_lock_bh(&service->sched_lock);
	list_for_each_entry(server, &service->servers, list) {
		/* What was earned under other weights says nothing under these. */
		server->credit = 0;
		if (server->removed || !server->weight)
			continue;
		sum += server->weight;
		nat |= server->mode == SHUNT_MODE_NAT;
		pool_put(pool, n++, server, sum);
	}
	spin_unlock_bh(&service->sched_lock);
	pool->count = n;
	pool->dsr = n && !nat;
	list_for_each_entry(server, &service->servers, list)
		if (!server->removed && !server->weight)
			pool_put(pool, n++, server, sum);
	pool->total = n;
	old = rcu_replace_pointer(service->pool, pool, lockdep_is_held(&service->sn->lock));
	if (old)
		kvfree_rcu(old, rcu);
	service->sn->generation++;
}
