/* SPDX-License-Identifier: GPL-2.0 */
/* From a tuple to the service it is for, or to the server it comes from. */
#ifndef SHUNT_MATCH_H
#define SHUNT_MATCH_H

#include "net.h"
#include "packet.h"
#include "service.h"

/* An address and the ports of it, in host byte order: one, some, or all from 0 on. */
struct shunt_match_entry {
	union nf_inet_addr addr;
	u16 first;
	u16 last;
};

/*
 * What a service matches, of its family and protocols. Immutable, replaced whole,
 * read under RCU. There is a mark, or there are entries.
 */
struct shunt_match {
	struct rcu_head rcu;
	u32 fwmark;
	u32 count;
	struct shunt_match_entry entry[];
};

static inline bool shunt_match_is_port(const struct shunt_match_entry *entry)
{
	return entry->first == entry->last;
}

static inline bool shunt_match_is_every_port(const struct shunt_match_entry *entry)
{
	return !entry->first && entry->last == U16_MAX;
}

/* May sleep. The tables of a namespace; nothing is in them. */
int shunt_match_net_init(struct shunt_net *sn);
void shunt_match_net_exit(struct shunt_net *sn);

/* Under the namespace's lock: */

static inline struct shunt_match *shunt_match_of(const struct shunt_service *service)
{
	return rcu_dereference_protected(service->match, lockdep_is_held(&service->sn->lock));
}

/* The port of all entries, or 0 if they have several. */
__be16 shunt_match_port(const struct shunt_match *match);
/* Whether this is an address of an entry. */
bool shunt_match_has_addr(const struct shunt_match *match, const union nf_inet_addr *addr);

/*
 * 0 if the service can have this. Else the attribute at fault is SHUNT_A_SERVICE_MATCH,
 * and no->nth tells of which entry, or SHUNT_A_SERVICE_FWMARK. A service to be is in no
 * table yet.
 */
int shunt_match_check(const struct shunt_service *service, const struct shunt_match *match,
		      struct shunt_refusal *no);

/*
 * May sleep. Packets find the service by this from now on, and no more by what it
 * had before, but for readers of before; while it is replaced they may find it by
 * either. What the service has had goes with it. 0 or a negative errno with
 * nothing changed.
 */
int shunt_match_set(struct shunt_service *service, struct shunt_match *match);
/* Packets find the service no more. It keeps what it matched until it is freed. */
void shunt_match_del_service(struct shunt_service *service);

/*
 * May sleep. A server that its packets' answers are told by can be found from now
 * on, or no more but by readers of before. Each is added once.
 */
int shunt_match_add_server(struct shunt_net *sn, struct shunt_server *server);
void shunt_match_del_server(struct shunt_net *sn, struct shunt_server *server);

/* Under RCU, any context. The service that a client's packet is for, or NULL. */
struct shunt_service *shunt_match_service(const struct shunt_packet *pkt);
/* The same of a tuple, of a packet with this mark. */
struct shunt_service *shunt_match_tuple(struct shunt_net *sn, const struct shunt_tuple *tuple,
					u32 mark);

/* Under RCU, any context. Whether a service has the mark of a fragment, in any protocol. */
bool shunt_match_marked(const struct shunt_packet *pkt);

/* Under RCU, any context. The NAT server of per-packet services whose answer a tuple is. */
struct shunt_server *shunt_match_server(struct shunt_net *sn, const struct shunt_tuple *tuple);

#endif
