/* SPDX-License-Identifier: GPL-2.0 */
/* Direct server return: what is inline on the way of an established packet. */
#ifndef SHUNT_DSR_H
#define SHUNT_DSR_H

#include <linux/etherdevice.h>
#include <linux/netdevice.h>
#include <net/neighbour.h>

#include "conn.h"
#include "forward.h"
#include "link.h"
#include "selftest.h"
#include "service.h"

/*
 * The rest of shunt_dsr_send(): of a packet that may not take a hop, or not fit,
 * or a server whose link is not ready, or none.
 */
enum shunt_reason shunt_dsr_send_checked(struct shunt_packet *pkt,
					 const struct shunt_server *server,
					 const struct shunt_link *link);

/* Room for the header, and what the stack knew of the packet forgotten. */
static __always_inline bool shunt_dsr_prepare(struct shunt_packet *pkt,
					      const struct shunt_link *link, u8 family)
{
	struct sk_buff *skb = pkt->skb;

	if (unlikely(skb_cow_head(skb, link->headroom)))
		return false;
	shunt_forward_hop(pkt, family);
	skb_forward_csum(skb);
	skb_clear_tstamp(skb);
	nf_reset_ct(skb);
	skb_dst_drop(skb);
	return true;
}

/* The device takes the skb, whatever it answers. */
static __always_inline enum shunt_reason shunt_dsr_transmit(struct shunt_packet *pkt,
							    const struct shunt_link *link)
{
	struct sk_buff *skb = pkt->skb;
	int err;

	pkt->skb = NULL;
	skb->dev = link->dev;
	if (likely(link->valid)) {
		__skb_push(skb, link->header_len);
		if (likely(link->header_len == ETH_HLEN))
			memcpy(skb->data, link->header, ETH_HLEN);
		else
			memcpy(skb->data, link->header, link->header_len);
		skb_reset_mac_header(skb);
		if (shunt_selftest_takes(skb))
			return SHUNT_FORWARDED;
		err = dev_queue_xmit(skb);
	} else {
		/* Waits in the neighbour's own queue until it has resolved. */
		err = neigh_output(link->neigh, skb, true);
	}
	return likely(!net_xmit_eval(err)) ? SHUNT_FORWARDED : SHUNT_DROP_NOT_SENT;
}

/*
 * As forward.h says: a client's packet, or an ICMP error on the client's way. The
 * packet that an error is about was sent by the server, or relayed to it
 * unchanged; either way the server is who must know.
 */
static __always_inline enum shunt_reason shunt_dsr_send(struct shunt_packet *pkt,
							const struct shunt_server *server,
							u8 family)
{
	const struct shunt_link *link = rcu_dereference(server->link);

	/* A server that is this host has no link. */
	if (unlikely(!pkt->easy || !link || !link->valid ||
		     pkt->bytes > READ_ONCE(link->dev->mtu)))
		return shunt_dsr_send_checked(pkt, server, link);
	if (unlikely(!shunt_dsr_prepare(pkt, link, family)))
		return SHUNT_DROP_NO_MEMORY;
	return shunt_dsr_transmit(pkt, link);
}

#endif
