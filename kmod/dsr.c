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
#include "forward.h"
#include "link.h"
#include "net.h"
#include "selftest.h"
#include "service.h"

/* The device takes the skb, whatever it answers. */
static enum shunt_reason transmit(struct shunt_packet *pkt, const struct shunt_link *link)
{
	struct neighbour *neigh = link->neigh;
	struct sk_buff *skb = pkt->skb;
	int err;

	pkt->skb = NULL;
	skb->dev = neigh->dev;
	if (likely(link->valid)) {
		skb_push(skb, link->header_len);
		memcpy(skb->data, link->header, link->header_len);
		skb_reset_mac_header(skb);
		if (shunt_selftest_takes(skb))
			return SHUNT_FORWARDED;
		err = dev_queue_xmit(skb);
	} else {
		/* Waits in the neighbour's own queue until it has resolved. */
		err = neigh_output(neigh, skb, true);
	}
	return net_xmit_eval(err) ? SHUNT_DROP_NOT_SENT : SHUNT_FORWARDED;
}

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

static enum shunt_reason dsr_send(struct shunt_packet *pkt, const struct shunt_conn *conn,
				  enum shunt_dir dir)
{
	const struct shunt_link *link = rcu_dereference(conn->server->link);
	struct sk_buff *skb = pkt->skb;
	enum shunt_reason reason;
	struct net_device *dev;
	unsigned int mtu;

	if (unlikely(READ_ONCE(conn->server->local)))
		return SHUNT_DELIVER;
	if (!link || (!link->valid && READ_ONCE(conn->server->unreachable)))
		return SHUNT_DROP_UNREACHABLE;
	if (nf_inet_addr_cmp(&pkt->tuple.src, &pkt->tuple.dst))
		return SHUNT_DROP_SOURCE_IS_VIP;

	dev = link->neigh->dev;
	mtu = READ_ONCE(dev->mtu);
	reason = shunt_forward_check(pkt, mtu);
	if (reason)
		return reason;
	if (skb_cow_head(skb, LL_RESERVED_SPACE(dev)))
		return SHUNT_DROP_NO_MEMORY;

	shunt_forward_hop(pkt);
	skb_forward_csum(skb);
	skb_clear_tstamp(skb);
	nf_reset_ct(skb);
	skb_dst_drop(skb);
	if (unlikely(shunt_forward_in_fragments(pkt, mtu)))
		return transmit_in_fragments(pkt, conn->server, dev->ifindex);
	return transmit(pkt, link);
}

/*
 * The packet an error is about was sent by the server, or relayed to it
 * unchanged; either way the server is who must know.
 */
const struct shunt_mode_ops shunt_dsr_ops = {
	.send = dsr_send,
	.send_error = dsr_send,
};
