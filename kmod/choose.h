/* SPDX-License-Identifier: GPL-2.0 */
/* Whom a packet of no connection is given to: by a client's entry, hash, table or scheduler. */
#ifndef SHUNT_CHOOSE_H
#define SHUNT_CHOOSE_H

#include "limit.h"
#include "net.h"
#include "packet.h"
#include "pool.h"
#include "sched.h"
#include "service.h"

/*
 * All of this under RCU with bottom halves off, and NULL if no server is usable.
 *
 * The server that a packet finds by its tuple, or its client, where all else is
 * forgotten.
 */
struct shunt_server *shunt_choose_row(const struct shunt_packet *pkt,
				      struct shunt_service *service);

/*
 * As shunt_choose() for a service that remembers its clients. Where the scheduler is
 * not to be asked, or its answer could not be remembered, the client's address chooses.
 */
struct shunt_server *shunt_choose_persistent(const struct shunt_packet *pkt,
					     struct shunt_service *service, bool begins);

/* Whether the scheduler is not asked: SYNs may be forgotten, or packets go without a connection. */
static __always_inline bool shunt_choose_is_by_hash(const struct shunt_packet *pkt,
						    const struct shunt_service *service,
						    bool begins)
{
	unsigned long within = begins ? SHUNT_PRESSED : SHUNT_PRESSED_LATELY;

	/* Any datagram may be the first or follow others; of those sent singly none follows. */
	if (pkt->tuple.protocol != IPPROTO_TCP)
		return shunt_limited(pkt->sn, service, within) && !READ_ONCE(service->packet);
	return shunt_pressed(pkt->sn, service, within) ||
	       (begins && shunt_limit_reached(pkt->sn, service));
}

/*
 * The server of a new connection. While SYNs may be forgotten, and packets go
 * without a connection, what was chosen before is chosen again. What is in
 * mid-stream may be older than the last change of servers.
 */
static __always_inline struct shunt_server *shunt_choose_afresh(const struct shunt_packet *pkt,
								struct shunt_service *service,
								bool begins)
{
	const struct shunt_pool *pool = rcu_dereference(service->pool);

	if (shunt_choose_is_by_hash(pkt, service, begins))
		return shunt_sched_row(service, pool, pkt);
	if (pkt->tuple.protocol == IPPROTO_TCP && !begins)
		return shunt_sched_midstream(service, pool, &pkt->tuple);
	return shunt_sched_choose(service, pool, &pkt->tuple);
}

/* The same, or the server that the client had last. */
static __always_inline struct shunt_server *shunt_choose(const struct shunt_packet *pkt,
							 struct shunt_service *service,
							 bool begins)
{
	if (unlikely(rcu_access_pointer(service->persist)))
		return shunt_choose_persistent(pkt, service, begins);
	return shunt_choose_afresh(pkt, service, begins);
}

#endif
