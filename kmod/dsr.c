// SPDX-License-Identifier: GPL-2.0
/*
 * Direct server return: the packet goes to the server as it came, with the
 * server's MAC before it. Only its TTL changes, so that loops end.
 */
#include <linux/netdevice.h>
#include <net/dst.h>
#include <net/neighbour.h>

#include "conn.h"
#include "forward.h"
#include "link.h"
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
		err = dev_queue_xmit(skb);
	} else {
		/* Waits in the neighbour's own queue until it has resolved. */
		err = neigh_output(neigh, skb, true);
	}
	return net_xmit_eval(err) ? SHUNT_DROP_NOT_SENT : SHUNT_FORWARDED;
}

static enum shunt_reason dsr_send(struct shunt_packet *pkt, const struct shunt_conn *conn,
				  enum shunt_dir dir)
{
	const struct shunt_link *link = rcu_dereference(conn->server->link);
	struct sk_buff *skb = pkt->skb;
	enum shunt_reason reason;
	struct net_device *dev;

	if (!link || (!link->valid && READ_ONCE(conn->server->unreachable)))
		return SHUNT_DROP_UNREACHABLE;
	if (nf_inet_addr_cmp(&pkt->tuple.src, &pkt->tuple.dst))
		return SHUNT_DROP_SOURCE_IS_VIP;

	dev = link->neigh->dev;
	reason = shunt_forward_check(pkt, READ_ONCE(dev->mtu));
	if (reason)
		return reason;
	if (skb_cow_head(skb, LL_RESERVED_SPACE(dev)))
		return SHUNT_DROP_NO_MEMORY;

	shunt_forward_hop(pkt);
	skb_forward_csum(skb);
	skb_clear_tstamp(skb);
	nf_reset_ct(skb);
	skb_dst_drop(skb);
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
