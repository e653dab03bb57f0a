// SPDX-License-Identifier: GPL-2.0
/* Round robin: one after the other, whatever their weights. */
#include "sched.h"

static struct shunt_server *nth_usable(const struct shunt_pool *pool, unsigned int n)
{
	unsigned int i, usable = 0;

	for (i = 0; i < pool->count; i++)
		usable += shunt_server_usable(pool->slot[i].server);
	if (!usable)
		return NULL;
	n %= usable;
	for (i = 0; i < pool->count; i++)
		if (shunt_server_usable(pool->slot[i].server) && !n--)
			return pool->slot[i].server;
	return NULL;
}

/* The cursor belongs to the service, so that a change of servers does not restart it. */
static struct shunt_server *rr_pick(struct shunt_service *service,
				    const struct shunt_pool *pool,
				    const struct shunt_tuple *tuple)
{
	struct shunt_server *server;
	unsigned int turn;

	if (!pool->count)
		return NULL;
	turn = atomic_fetch_inc(&service->cursor);
	server = pool->slot[turn % pool->count].server;
	if (shunt_server_usable(server))
		return server;
	/* The turns of one that is out go round too, rather than to its neighbour. */
	server = nth_usable(pool, turn / pool->count);
	/* The turn is the backups': were two taken each time, one of two would have all. */
	if (!server)
		atomic_dec(&service->cursor);
	return server;
}

const struct shunt_sched shunt_sched_rr = {
	.name = "rr",
	.pick = rr_pick,
};
