/* SPDX-License-Identifier: GPL-2.0 */
/*
 * From a packet to its connection, inline where packets come in.
 */
#ifndef SHUNT_LOOKUP_H
#define SHUNT_LOOKUP_H

#include <net/ipv6.h>

#include "conn.h"
#include "hash.h"
#include "net.h"
#include "service.h"
#include "table.h"

static __always_inline u32 shunt_tuple_hash(const struct shunt_net *sn,
					    const struct shunt_tuple *tuple, u8 family)
{
	u32 ports = (__force u32)tuple->sport << 16 | (__force u32)tuple->dport;

	return shunt_hash(&sn->key, family, tuple->src.all, tuple->dst.all, ports,
			  tuple->protocol);
}

static __always_inline u8 shunt_tuple_kind(const struct shunt_tuple *tuple, u8 family)
{
	return (family == NFPROTO_IPV6 ? SHUNT_KIND_IPV6 : 0) |
	       (tuple->protocol == IPPROTO_UDP ? SHUNT_KIND_UDP : 0);
}

/*
 * Jiffies since the stamp. Another CPU may have written it in a jiffy that this
 * one has yet to see: that is no time at all, and not the whole range.
 */
static inline u32 shunt_conn_idle(const struct shunt_conn *conn)
{
	u32 idle = (u32)jiffies - READ_ONCE(conn->seen);

	return idle > U32_MAX - HZ ? 0 : idle;
}

/* As !shunt_conn_left(), without looking at the service of a connection in use. */
static inline bool shunt_conn_is_expired(const struct shunt_conn *conn)
{
	return shunt_conn_idle(conn) >= HZ && !shunt_conn_left(conn);
}

/* Whether answers of a NAT connection of this family have this tuple. */
static __always_inline bool shunt_conn_back_is(const struct shunt_conn *conn,
					       const struct shunt_tuple *tuple, u8 family)
{
	const struct shunt_server *server = conn->server;

	if (server->port != tuple->sport || conn->sport != tuple->dport)
		return false;
	if (family == NFPROTO_IPV6)
		return ipv6_addr_equal(&server->addr.in6, &tuple->src.in6) &&
		       ipv6_addr_equal(&container_of(conn, struct shunt_conn_ipv6, conn)->src,
				       &tuple->dst.in6);
	return server->addr.ip == tuple->src.ip &&
	       container_of(conn, struct shunt_conn_ipv4, conn)->src == tuple->dst.ip;
}

/* Whether an end with the same hash has this tuple, which is of this family and kind. */
static __always_inline bool shunt_end_is(unsigned long end, const struct shunt_tuple *tuple,
					 u8 family, u8 kind)
{
	const struct shunt_conn *conn = shunt_end_conn(end);

	if (conn->kind != kind)
		return false;
	if (shunt_end_dir(end) == SHUNT_DIR_SERVER)
		return shunt_conn_back_is(conn, tuple, family);
	if (conn->sport != tuple->sport || conn->dport != tuple->dport)
		return false;
	if (family == NFPROTO_IPV6) {
		const struct shunt_conn_ipv6 *ipv6 =
			container_of(conn, struct shunt_conn_ipv6, conn);

		return ipv6_addr_equal(&ipv6->src, &tuple->src.in6) &&
		       ipv6_addr_equal(&ipv6->dst, &tuple->dst.in6);
	} else {
		const struct shunt_conn_ipv4 *ipv4 =
			container_of(conn, struct shunt_conn_ipv4, conn);

		return ipv4->src == tuple->src.ip && ipv4->dst == tuple->dst.ip;
	}
}

/*
 * The end with this tuple, whether or not its connection has expired; 0 if there
 * is none. Under RCU, or under the hash's lock.
 */
static __always_inline unsigned long shunt_table_find(const struct shunt_net *sn,
						      const struct shunt_tuple *tuple, u8 family,
						      u32 hash)
{
	const struct shunt_buckets *buckets = rcu_dereference_check(sn->buckets, in_softirq());
	u8 kind = shunt_tuple_kind(tuple, family);
	unsigned long end;

	do {
		for (end = shunt_chain_first(buckets, hash); end; end = shunt_end_next(end))
			if (shunt_end_hash(end) == hash && shunt_end_is(end, tuple, family, kind))
				return end;
		buckets = shunt_buckets_next(buckets);
	} while (unlikely(buckets));
	return 0;
}

/*
 * The end that a packet belongs to, of a living connection; 0 if there is none.
 * Fills in pkt->hash. "family" is that of the tuple, a constant where it matters.
 * Under RCU, any context.
 */
static __always_inline unsigned long shunt_conn_find(struct shunt_packet *pkt, u8 family)
{
	unsigned long end;

	RCU_LOCKDEP_WARN(!rcu_read_lock_held(), "connection lookup outside RCU");

	pkt->hash = shunt_tuple_hash(pkt->sn, &pkt->tuple, family);
	end = shunt_table_find(pkt->sn, &pkt->tuple, family, pkt->hash);
	if (unlikely(!end || shunt_conn_is_expired(shunt_end_conn(end))))
		return 0;
	return end;
}

#endif
