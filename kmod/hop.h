/* SPDX-License-Identifier: GPL-2.0 */
/* The next hops of NAT connections. Their design opens hop.c. */
#ifndef SHUNT_HOP_H
#define SHUNT_HOP_H

#include <linux/atomic.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/rcupdate.h>
#include <net/dst.h>
#include <net/neighbour.h>
#include <net/net_namespace.h>

#include "net.h"
#include "packet.h"
#include "server.h"
#include "service.h"

enum {
	SHUNT_HOPS = 256,	/* a power of two */
};

/* Immutable, read under RCU. */
struct shunt_hop {
	struct rcu_head rcu;
	u64 id;			/* its slot in the lower bits; never 0, never used again */
	u32 stamp;		/* shunt_hop_stamp() before its route was looked up */
	u32 mark;		/* of the packets that may take it */
	u8 family;
	unsigned int mtu;
	unsigned int headroom;	/* that the device wants */
	unsigned long born;	/* jiffies */
	struct dst_entry *dst;	/* a route with this next hop, maybe to another destination */
	struct neighbour *neigh;
};

struct shunt_hops {
	atomic64_t serial;
	struct shunt_hop __rcu *slot[SHUNT_HOPS];
};

/* May sleep. NULL if there is no memory. */
struct shunt_hops *shunt_hops_alloc(void);
/* No packet can reach the hops any more. */
void shunt_hops_free(struct shunt_hops *hops);
/* Under the namespace's lock, may sleep. Lets go of a device. */
void shunt_hops_flush(struct shunt_net *sn, const struct net_device *dev);

/* Any context. Routes may have changed. */
static inline void shunt_hop_recheck(struct shunt_net *sn)
{
	atomic_inc(&sn->routes);
}

/* Any context. Another number after each change of the family's routes. */
static __always_inline u32 shunt_hop_stamp(const struct shunt_net *sn, u8 family)
{
	u32 stamp = atomic_read(&sn->routes);

#if IS_ENABLED(CONFIG_IPV6)
	if (family == NFPROTO_IPV6)
		return stamp + rt_genid_ipv6(sn->net);
#endif
	return stamp + rt_genid_ipv4(sn->net);
}

/*
 * Under RCU, any context. The hop that was noted, if a packet may take it now; NULL
 * if not, and for id 0.
 */
static __always_inline const struct shunt_hop *shunt_hop_find(const struct shunt_net *sn,
							      const struct sk_buff *skb, u64 id,
							      u8 family)
{
	const struct shunt_hops *hops = sn->hops;
	const struct shunt_hop *hop = rcu_dereference(hops->slot[id % SHUNT_HOPS]);

	if (unlikely(!hop || hop->id != id || hop->mark != skb->mark ||
		     hop->stamp != shunt_hop_stamp(sn, family) ||
		     READ_ONCE(hop->neigh->dead)))
		return NULL;
	return hop;
}

/*
 * Under RCU, bottom halves off. Notes the next hop of a packet's route to an
 * address, for packets that go the same way. The stamp is from before the route
 * was looked up. Returns the id, or 0 if such packets have to be routed.
 */
u64 shunt_hop_note(const struct shunt_packet *pkt, struct dst_entry *dst,
		   const union nf_inet_addr *to, u32 stamp);

/* Whether neither source nor type of service make a client's packet another's way, or none. */
static __always_inline bool shunt_hop_is_common(const struct shunt_packet *pkt)
{
	__be32 src = pkt->tuple.src.ip;

	if (pkt->tuple.family == NFPROTO_IPV6)
		return true;
	return !(ip_hdr(pkt->skb)->tos & IPTOS_TOS_MASK) && !ipv4_is_multicast(src) &&
	       !ipv4_is_lbcast(src) && !ipv4_is_zeronet(src);
}

/* Under RCU, any context. The id to begin a connection to a server with, or 0. */
static __always_inline u64 shunt_hop_shared(const struct shunt_packet *pkt,
					    const struct shunt_server *server)
{
	return likely(shunt_hop_is_common(pkt)) ? READ_ONCE(server->hop) : 0;
}

/*
 * Under RCU, bottom halves off. New connections to the server begin with the hop
 * that a common packet to it has noted, if that is surely theirs, too.
 */
void shunt_hop_share(struct shunt_net *sn, struct shunt_server *server, u64 id);

#endif
