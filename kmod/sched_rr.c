// SPDX-License-Identifier: GPL-2.0
/* Round robin: one after the other, whatever their weights. */
#include "sched.h"

/* The cursor belongs to the service, so that a change of servers does not restart it. */
static struct shunt_server *rr_pick(struct shunt_service *service,
				    const struct shunt_pool *pool,
				    const struct shunt_tuple *tuple)
{
	unsigned int start = atomic_fetch_inc(&service->cursor);
	unsigned int i;

	for (i = 0; i < pool->count; i++) {
		struct shunt_server *server = pool->slot[(start + i) % pool->count].server;

		if (shunt_server_usable(server))
			return server;
	}
	return NULL;
}

const struct shunt_sched shunt_sched_rr = {
	.name = "rr",
	.pick = rr_pick,
};
