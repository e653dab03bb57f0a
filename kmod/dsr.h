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
#include "server.h"
#include "service.h"

/*
 * As forward.h says: a client's packet, or an ICMP error on the client's way. The
 * packet that an error is about was sent by the server, or relayed to it
 * unchanged; either way the server is who must know.
 */
enum shunt_reason shunt_dsr_send_any(struct shunt_packet *pkt, const struct shunt_server *server);

/*
 * Whether nothing is in the way of a packet of a connection. Else it is for
 * shunt_dsr_send_any(), which says what is. As shunt_forward_is_easy().
 */
static __always_inline bool shunt_dsr_is_easy(const struct shunt_link *link,
					      const struct sk_buff *skb, u8 family)
{
	/* A server that is this host has no link. */
	return likely(link && link->header_len == ETH_HLEN) &&
	       shunt_forward_is_easy(skb, READ_ONCE(link->dev->mtu), family);
}

/* Room for the header, and what the stack knew of the packet forgotten. */
static __always_inline bool shunt_dsr_prepare(struct sk_buff *skb, const struct shunt_link *link)
{
	if (unlikely(skb_cow_head(skb, link->headroom)))
		return false;
	skb_forward_csum(skb);
	skb_clear_tstamp(skb);
	nf_reset_ct(skb);
	skb_dst_drop(skb);
	return true;
}

/* The link's header is complete, and so long. The device takes the skb, whatever it answers. */
static __always_inline enum shunt_reason shunt_dsr_transmit(struct sk_buff *skb,
							    const struct shunt_link *link,
							    unsigned int header_len)
{
	int err;

	skb->dev = link->dev;
	__skb_push(skb, header_len);
	memcpy(skb->data, link->header, header_len);
	skb_reset_mac_header(skb);
	if (shunt_selftest_takes(skb))
		return SHUNT_FORWARDED;
	err = dev_queue_xmit(skb);
	return likely(!net_xmit_eval(err)) ? SHUNT_FORWARDED : SHUNT_DROP_NOT_SENT;
}

/* As shunt_dsr_send_any(), without its call if nothing is in the packet's way. */
static __always_inline enum shunt_reason shunt_dsr_send(struct shunt_packet *pkt,
							const struct shunt_server *server,
							u8 family)
{
	const struct shunt_link *link = rcu_dereference(server->link);
	struct sk_buff *skb = pkt->skb;

	if (unlikely(!shunt_dsr_is_easy(link, skb, family) || pkt->local || skb_is_gso(skb) ||
		     shunt_addr_equal(pkt->tuple.src.all, pkt->tuple.dst.all,
				      family == NFPROTO_IPV6)))
		return shunt_dsr_send_any(pkt, server);
	if (unlikely(!shunt_dsr_prepare(skb, link)))
		return SHUNT_DROP_NO_MEMORY;
	shunt_forward_hop_off(skb->data, family);
	pkt->skb = NULL;
	return shunt_dsr_transmit(skb, link, ETH_HLEN);
}

#endif
