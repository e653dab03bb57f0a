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
#include "server.h"
#include "service.h"
#include "table.h"

/*
 * A tuple where it stands: in a packet's headers, or in a struct shunt_tuple. It is
 * only ever handed to inline functions, which keep it in registers.
 */
struct shunt_view {
	const u32 *src;
	const u32 *dst;
	u32 ports;
	u8 protocol;
	u8 family;
};

static __always_inline struct shunt_view shunt_tuple_view(const struct shunt_tuple *tuple)
{
	return (struct shunt_view){ tuple->src.all, tuple->dst.all, shunt_ports(&tuple->sport),
				    tuple->protocol, tuple->family };
}

/* Of a plain packet. */
static __always_inline struct shunt_view shunt_packet_view(const struct sk_buff *skb, u8 family)
{
	const void *header = skb->data;
	const struct ipv6hdr *ip6 = header;
	const struct iphdr *ip = header;
	const struct udphdr *udp;

	if (family == NFPROTO_IPV4) {
		udp = header + sizeof(*ip);
		return (struct shunt_view){ (__force const u32 *)&ip->saddr,
					    (__force const u32 *)&ip->daddr,
					    shunt_ports(&udp->source), ip->protocol, family };
	}
	udp = header + sizeof(*ip6);
	return (struct shunt_view){ (__force const u32 *)ip6->saddr.s6_addr32,
				    (__force const u32 *)ip6->daddr.s6_addr32,
				    shunt_ports(&udp->source), ip6->nexthdr, family };
}

static __always_inline u32 shunt_view_hash(const struct shunt_net *sn, struct shunt_view view)
{
	return shunt_hash(&sn->key, view.family, view.src, view.dst, view.ports, view.protocol);
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

/* The port of the server that a connection's packets are for. */
static __always_inline __be16 shunt_conn_server_port(const struct shunt_conn *conn)
{
	return READ_ONCE(conn->server->port) ?: conn->dport;
}

/* Whether answers of a NAT connection of the view's family and protocol have this tuple. */
static __always_inline bool shunt_conn_back_is(const struct shunt_conn *conn,
					       struct shunt_view view)
{
	const struct shunt_server *server = conn->server;
	const __be16 ports[] = { shunt_conn_server_port(conn), conn->sport };
	const void *client;

	if (view.family == NFPROTO_IPV6)
		client = &container_of(conn, struct shunt_conn_ipv6, conn)->src;
	else
		client = &container_of(conn, struct shunt_conn_ipv4, conn)->src;
	return shunt_ports(ports) == view.ports &&
	       shunt_addr_equal(server->addr.all, view.src, view.family == NFPROTO_IPV6) &&
	       shunt_addr_equal(client, view.dst, view.family == NFPROTO_IPV6);
}

/* Whether an end with the same hash has this tuple. */
static __always_inline bool shunt_end_is(unsigned long end, struct shunt_view view)
{
	const struct shunt_conn *conn = shunt_end_conn(end);

	if (conn->kind != shunt_kind(view.protocol, view.family))
		return false;
	if (shunt_end_dir(end) == SHUNT_DIR_SERVER)
		return shunt_conn_back_is(conn, view);
	if (shunt_ports(&conn->sport) != view.ports)
		return false;
	if (view.family == NFPROTO_IPV6) {
		const struct shunt_conn_ipv6 *ipv6 =
			container_of(conn, struct shunt_conn_ipv6, conn);

		return shunt_addr_equal((__force u32 *)ipv6->src.s6_addr32, view.src, true) &&
		       shunt_addr_equal((__force u32 *)ipv6->dst.s6_addr32, view.dst, true);
	} else {
		const struct shunt_conn_ipv4 *ipv4 =
			container_of(conn, struct shunt_conn_ipv4, conn);

		return shunt_addr_equal((__force u32 *)&ipv4->src, view.src, false) &&
		       shunt_addr_equal((__force u32 *)&ipv4->dst, view.dst, false);
	}
}

/*
 * The end with this tuple, whether or not its connection has expired; 0 if there
 * is none. Under RCU, or under the hash's lock.
 */
static __always_inline unsigned long shunt_table_find(const struct shunt_net *sn,
						      struct shunt_view view, u32 hash)
{
	const struct shunt_buckets *buckets = rcu_dereference_check(sn->buckets, in_softirq());
	unsigned long end;

	do {
		for (end = shunt_chain_first(buckets, hash); end; end = shunt_end_next(end))
			if (shunt_end_hash(end) == hash && shunt_end_is(end, view))
				return end;
		buckets = shunt_buckets_next(buckets);
	} while (unlikely(buckets));
	return 0;
}

/* The end, or 0 if its connection has expired. */
static inline unsigned long shunt_end_living(unsigned long end)
{
	return end && !shunt_conn_is_expired(shunt_end_conn(end)) ? end : 0;
}

/*
 * The end that a packet belongs to, of a living connection; 0 if there is none.
 * Fills in pkt->hash. Under RCU, any context.
 */
static inline unsigned long shunt_conn_find(struct shunt_packet *pkt)
{
	struct shunt_view view = shunt_tuple_view(&pkt->tuple);

	RCU_LOCKDEP_WARN(!rcu_read_lock_held(), "connection lookup outside RCU");

	pkt->hash = shunt_view_hash(pkt->sn, view);
	return shunt_end_living(shunt_table_find(pkt->sn, view, pkt->hash));
}

#endif
