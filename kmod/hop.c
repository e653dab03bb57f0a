// SPDX-License-Identifier: GPL-2.0
/*
 * The next hops of NAT connections, so that an established packet is not routed
 * again.
 *
 * A hop is a neighbour with a route that leads to it. The packet of a connection's
 * direction that finds none is routed, and its next hop is noted: there is one
 * hop for all connections that leave by the same neighbour. A connection keeps a
 * number for each direction. Its lower bits are the hop's slot; a hop has its
 * number from a counter that does not come round, so a number that is not that
 * of the slot's hop any more is known to be old.
 *
 * When a hop is no longer to be used: when routes have changed. The kernel counts
 * changes of routes, rules, next hops and policies in each family; what it does
 * not count there, routes of IPv6 that go, notifiers tell link.c. Any change makes all
 * hops old, and the next packet of each connection is routed. A neighbour that
 * fails or moves is no such change: the hop sends through the neighbour's own
 * output, which knows. Two changes are not seen. A path MTU that is learned
 * later concerns the sender, who is told by the same ICMP error, translated. A
 * redirect is a router's advice, and the way it advises against works.
 *
 * Which packets: those with the mark of the one that was routed. Packets of the
 * same connection with another type of service go the same way.
 * Multicast, tunnels in routes, IPsec, and routes with an MTU of their own are
 * always routed.
 *
 * New connections to a server begin with the hop of the one before them if their
 * clients cannot matter: there are no rules and no IPsec policies, and the server
 * is on a link, by one route and no other. Adding any of these is a change of routes.
 * Otherwise each connection's first packet is routed.
 *
 * Who owns what: a slot owns its hop, the hop a reference on route and neighbour.
 * Slots change by compare and exchange, and whoever has taken a hop out frees
 * it. Readers hold RCU; route and neighbour are freed after a grace period, too.
 * A full set of slots gives up its first that is old, or has been there for a
 * while: a hop holds a neighbour that the kernel might want to forget. When a
 * device goes, its hops go at once; who notes one at that moment looks at the
 * device after it is in its slot, and the notifier at the slot after the device
 * is down.
 */
#include <linux/hash.h>
#include <linux/inetdevice.h>
#include <linux/mm.h>
#include <net/ip6_route.h>
#include <net/ip_fib.h>
#include <net/nexthop.h>
#include <net/route.h>

#include "hop.h"

enum {
	HOP_BITS = ilog2(SHUNT_HOPS),
	HOP_WAYS = 4,
	HOP_STAYS = 10 * HZ,
};

struct shunt_hops *shunt_hops_alloc(void)
{
	return kzalloc(sizeof(struct shunt_hops), GFP_KERNEL_ACCOUNT);
}

static void hop_free(struct shunt_hop *hop)
{
	dst_release(hop->dst);
	neigh_release(hop->neigh);
	kfree_rcu(hop, rcu);
}

static bool hop_replace(struct shunt_hop __rcu **slot, struct shunt_hop *from,
			struct shunt_hop *to)
{
	if (unrcu_pointer(cmpxchg(slot, RCU_INITIALIZER(from), RCU_INITIALIZER(to))) != from)
		return false;
	if (from)
		hop_free(from);
	return true;
}

void shunt_hops_flush(struct shunt_net *sn, const struct net_device *dev)
{
	struct shunt_hop *hop;
	unsigned int i;

	lockdep_assert_held(&sn->lock);
	if (!sn->hops)
		return;
	for (i = 0; i < SHUNT_HOPS; i++) {
		rcu_read_lock();
		hop = rcu_dereference(sn->hops->slot[i]);
		if (hop && hop->neigh->dev == dev)
			hop_replace(&sn->hops->slot[i], hop, NULL);
		rcu_read_unlock();
	}
}

void shunt_hops_free(struct shunt_hops *hops)
{
	struct shunt_hop *hop;
	unsigned int i;

	for (i = 0; hops && i < SHUNT_HOPS; i++) {
		hop = rcu_dereference_protected(hops->slot[i], true);
		if (hop)
			hop_free(hop);
	}
	kfree(hops);
}

/* Whether all that sending by this route does is to give the packet to a neighbour. */
static bool is_plain(const struct dst_entry *dst, const union nf_inet_addr *to, u8 family)
{
	if (dst_xfrm(dst) || dst->lwtstate || dst->dev->flags & IFF_LOOPBACK ||
	    dst_mtu(dst) != READ_ONCE(dst->dev->mtu))
		return false;
	if (family == NFPROTO_IPV6)
		return dst->output == ip6_output && !ipv6_addr_is_multicast(&to->in6);
	return dst->output == ip_output &&
	       container_of(dst, const struct rtable, dst)->rt_type == RTN_UNICAST;
}

/* Whether nothing would be lost without it. */
static bool is_spare(const struct shunt_net *sn, const struct shunt_hop *hop)
{
	return hop->stamp != shunt_hop_stamp(sn, hop->family) || READ_ONCE(hop->neigh->dead) ||
	       time_after(jiffies, hop->born + HOP_STAYS);
}

static struct shunt_hop __rcu **slot_at(struct shunt_hops *hops, const struct neighbour *neigh,
					unsigned int way)
{
	return &hops->slot[hash_ptr(neigh, HOP_BITS) ^ way];
}

/* The hop that leads to a neighbour already, or NULL. */
static const struct shunt_hop *hop_to(struct shunt_hops *hops, const struct neighbour *neigh,
				      u32 mark, u32 stamp)
{
	const struct shunt_hop *hop;
	unsigned int i;

	for (i = 0; i < HOP_WAYS; i++) {
		hop = rcu_dereference(*slot_at(hops, neigh, i));
		if (hop && hop->neigh == neigh && hop->mark == mark && hop->stamp == stamp &&
		    !READ_ONCE(neigh->dead))
			return hop;
	}
	return NULL;
}

/* A slot for such a hop, and what is in it, which may go; NULL if none may. */
static struct shunt_hop __rcu **slot_for(const struct shunt_net *sn,
					 const struct neighbour *neigh, struct shunt_hop **old)
{
	unsigned int i;

	for (i = 0; i < HOP_WAYS; i++) {
		*old = rcu_dereference(*slot_at(sn->hops, neigh, i));
		if (!*old || is_spare(sn, *old))
			return slot_at(sn->hops, neigh, i);
	}
	return NULL;
}

/* A hop with references of its own. */
static struct shunt_hop *hop_alloc(const struct shunt_packet *pkt, struct dst_entry *dst,
				   struct neighbour *neigh, u32 stamp)
{
	struct shunt_hop *hop = kmalloc(sizeof(*hop), GFP_ATOMIC);

	if (!hop)
		return NULL;
	hop->stamp = stamp;
	hop->mark = pkt->skb->mark;
	hop->family = pkt->tuple.family;
	hop->mtu = dst_mtu(dst);
	hop->headroom = LL_RESERVED_SPACE(dst->dev);
	hop->born = jiffies;
	hop->dst = dst_clone(dst);
	hop->neigh = neigh_clone(neigh);
	return hop;
}

/* Puts a hop in a slot that may have one. Returns its id, or 0 if it is gone again. */
static u64 hop_add(const struct shunt_packet *pkt, struct dst_entry *dst,
		   struct neighbour *neigh, u32 stamp)
{
	const struct net_device *dev = neigh->dev;
	struct shunt_hops *hops = pkt->sn->hops;
	struct shunt_hop __rcu **slot;
	struct shunt_hop *hop, *old;

	slot = slot_for(pkt->sn, neigh, &old);
	hop = slot ? hop_alloc(pkt, dst, neigh, stamp) : NULL;
	if (!hop)
		return 0;
	hop->id = atomic64_inc_return(&hops->serial) * SHUNT_HOPS + (slot - hops->slot);
	if (!hop_replace(slot, old, hop)) {
		hop_free(hop);
		return 0;
	}
	/* The exchange is a barrier, as is what the notifier waits for. */
	if (netif_running(dev) && dev->reg_state == NETREG_REGISTERED)
		return hop->id;
	hop_replace(slot, hop, NULL);
	return 0;
}

u64 shunt_hop_note(const struct shunt_packet *pkt, struct dst_entry *dst,
		   const union nf_inet_addr *to, u32 stamp)
{
	const struct shunt_hop *hop;
	struct neighbour *neigh;
	u64 id;

	if (!is_plain(dst, to, pkt->tuple.family))
		return 0;
	neigh = dst_neigh_lookup(dst, to);
	if (!neigh)
		return 0;
	hop = hop_to(pkt->sn->hops, neigh, pkt->skb->mark, stamp);
	id = hop ? hop->id : hop_add(pkt, dst, neigh, stamp);
	neigh_release(neigh);
	return id;
}

static bool has_policies(const struct net *net)
{
#ifdef CONFIG_XFRM
	return net->xfrm.policy_count[XFRM_POLICY_OUT];
#else
	return false;
#endif
}

static bool is_only_way_ipv4(struct net *net, const union nf_inet_addr *to)
{
	struct flowi4 fl4 = { .daddr = to->ip };
	struct fib_result res;

	return !fib4_has_custom_rules(net) && !fib_lookup(net, &fl4, &res, 0) &&
	       fib_info_num_path(res.fi) == 1;
}

/* Routes with the same prefix may take turns, whether or not they are one of several hops. */
static bool is_only_way_ipv6(struct net *net, const union nf_inet_addr *to)
{
	struct flowi6 fl6 = { .daddr = to->in6 };
	const struct fib6_info *from;
	const struct fib6_node *node;
	struct dst_entry *dst;
	bool only = false;

	if (fib6_has_custom_rules(net) || fib6_routes_require_src(net))
		return false;
	dst = ip6_route_output(net, NULL, &fl6);
	from = rcu_dereference(dst_rt6_info(dst)->from);
	node = from ? rcu_dereference(from->fib6_node) : NULL;
	if (node)
		only = !from->nh && rcu_access_pointer(node->leaf) == from &&
		       !rcu_access_pointer(from->fib6_next);
	dst_release(dst);
	return only;
}

void shunt_hop_share(struct shunt_net *sn, struct shunt_server *server, u64 id)
{
	const struct shunt_hop *hop = rcu_dereference(sn->hops->slot[id % SHUNT_HOPS]);
	const union nf_inet_addr *to = &server->addr;
	bool ipv4;

	if (!hop || hop->id != id || has_policies(sn->net))
		return;
	ipv4 = hop->family == NFPROTO_IPV4;
	if (memcmp(hop->neigh->primary_key, to, ipv4 ? sizeof(to->in) : sizeof(to->in6)))
		return;
	if (ipv4 ? is_only_way_ipv4(sn->net, to) : is_only_way_ipv6(sn->net, to))
		WRITE_ONCE(server->hop, id);
}
