// SPDX-License-Identifier: GPL-2.0
#include <linux/rcupdate.h>

#include "choose.h"
#include "persist.h"

struct shunt_server *shunt_choose_row(const struct shunt_packet *pkt,
				      struct shunt_service *service)
{
	const struct shunt_persist *persist = rcu_dereference(service->persist);
	struct shunt_persist_client client;

	if (unlikely(persist)) {
		client = shunt_persist_client(persist, &pkt->tuple.src);
		return shunt_persist_find(persist, service, &client) ?:
		       shunt_persist_row(persist, service, pkt, &client);
	}
	return shunt_sched_row(service, rcu_dereference(service->pool), pkt);
}

struct shunt_server *shunt_choose_persistent(const struct shunt_packet *pkt,
					     struct shunt_service *service, bool begins)
{
	const struct shunt_persist *persist = rcu_dereference(service->persist);
	struct shunt_persist_client client;
	struct shunt_server *server;

	/* It may have been turned off just now. */
	if (unlikely(!persist))
		return shunt_choose_row(pkt, service);
	client = shunt_persist_client(persist, &pkt->tuple.src);
	server = shunt_persist_find(persist, service, &client);
	if (!server && (shunt_persist_full(persist) ||
			shunt_choose_is_by_hash(pkt, service, begins)))
		server = shunt_persist_row(persist, service, pkt, &client);
	if (!server) {
		server = shunt_choose_afresh(pkt, service, begins);
		if (server && begins)
			shunt_persist_note(persist, server, &client);
	}
	if (server && pkt->tuple.protocol == IPPROTO_UDP)
		shunt_persist_keep(persist, service, server, &pkt->tuple.src);
	return server;
}
