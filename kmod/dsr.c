// SPDX-License-Identifier: GPL-2.0
/*
 * Direct server return: the packet goes to the server as it came, with the
 * server's MAC before it. Only its TTL changes, so that loops end.
 */
#include <linux/netdevice.h>
#include <net/dst.h>
#include <net/ip6_route.h>
#include <net/neighbour.h>
#include <net/route.h>

#include "conn.h"
#include "dsr.h"
#include "forward.h"
#include "link.h"
#include "net.h"
#include "server.h"
#include "service.h"

static struct dst_entry *route_ipv4(const struct shunt_packet *pkt,
				    const struct shunt_server *server, int oif)
{
	struct flowi4 fl4 = {
		.flowi4_oif = oif,
		.daddr = server->addr.ip,
		.flowi4_flags = FLOWI_FLAG_KNOWN_NH,
	};
	struct rtable *rt = ip_route_output_key(pkt->sn->net, &fl4);

	return IS_ERR(rt) ? NULL : &rt->dst;
}

static struct dst_entry *route_ipv6(const struct shunt_packet *pkt,
				    const struct shunt_server *server, int oif)
{
	struct flowi6 fl6 = {
		.flowi6_oif = oif,
		.daddr = server->addr.in6,
		.flowi6_flags = FLOWI_FLAG_KNOWN_NH,
	};
	struct dst_entry *dst = ip6_route_output(pkt->sn->net, NULL, &fl6);

	if (!dst->error)
		return dst;
	dst_release(dst);
	return NULL;
}

/*
 * Leaves the cutting to the kernel's own output, by a route whose next hop is
 * the server although the packet is addressed to the VIP.
 */
static enum shunt_reason transmit_in_fragments(struct shunt_packet *pkt,
					       const struct shunt_server *server, int oif)
{
	struct sk_buff *skb = pkt->skb;
	struct dst_entry *dst;
	int err;

	dst = pkt->tuple.family == NFPROTO_IPV4 ? route_ipv4(pkt, server, oif) :
						  route_ipv6(pkt, server, oif);
	if (!dst)
		return SHUNT_DROP_NO_ROUTE;
	skb_dst_set(skb, dst);
	skb->dev = dst->dev;
	pkt->skb = NULL;
	err = dst_output(pkt->sn->net, NULL, skb);
	return net_xmit_eval(err) ? SHUNT_DROP_NOT_SENT : SHUNT_FORWARDED;
}

/* The device takes the skb, whatever it answers. */
static enum shunt_reason transmit(struct shunt_packet *pkt, const struct shunt_link *link)
{
	struct sk_buff *skb = pkt->skb;
	int err;

	pkt->skb = NULL;
	if (link->valid)
		return shunt_dsr_transmit(skb, link, link->header_len);
	/* Waits in the neighbour's own queue until it has resolved. */
	skb->dev = link->dev;
	err = neigh_output(link->neigh, skb, true);
	return net_xmit_eval(err) ? SHUNT_DROP_NOT_SENT : SHUNT_FORWARDED;
}

enum shunt_reason shunt_dsr_send_any(struct shunt_packet *pkt, const struct shunt_server *server)
{
	const struct shunt_link *link = rcu_dereference(server->link);
	enum shunt_reason reason;
	unsigned int mtu;

	if (READ_ONCE(server->local))
		return SHUNT_DELIVER;
	if (!link || (!link->valid && READ_ONCE(server->unreachable)))
		return SHUNT_DROP_UNREACHABLE;
	if (nf_inet_addr_cmp(&pkt->tuple.src, &pkt->tuple.dst))
		return SHUNT_DROP_SOURCE_IS_VIP;

	mtu = READ_ONCE(link->dev->mtu);
	reason = shunt_forward_check(pkt, mtu);
	if (reason)
		return reason;
	if (!shunt_dsr_prepare(pkt->skb, link))
		return SHUNT_DROP_NO_MEMORY;
	shunt_forward_hop(pkt, pkt->tuple.family);
	if (shunt_forward_in_fragments(pkt, mtu))
		return transmit_in_fragments(pkt, server, link->dev->ifindex);
	return transmit(pkt, link);
}
