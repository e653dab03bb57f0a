/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The way of nearly all packets, inline in the hooks: a plain one that goes on its
 * connection, changes nothing that is known of it, and may be sent at once: in DSR
 * from here, in NAT by nat.c.
 * All that is needed of it is read where it stands and kept in registers; a
 * struct shunt_packet is filled in for whatever else comes, on the general way.
 *
 * Nothing is decided here. What is not surely such a packet is left untouched, with
 * what was found of it, to forward.c, which would have sent it just so. So a
 * condition here may be too narrow, but never too wide.
 */
#ifndef SHUNT_ESTABLISHED_H
#define SHUNT_ESTABLISHED_H

#include <net/ip.h>
#include <net/ipv6.h>

#include "conn.h"
#include "dsr.h"
#include "forward.h"
#include "lookup.h"
#include "net.h"
#include "server.h"
#include "service.h"

/*
 * The one cheap test that packets of no service leave by: is its destination a
 * VIP, is its source a NAT server? What it carries besides TCP and UDP may be
 * an ICMP error about others. The skb's data begins at the IP header.
 */
static __always_inline bool shunt_concerns(const struct shunt_net *sn, const struct sk_buff *skb,
					   u8 family)
{
	if (family == NFPROTO_IPV4) {
		const struct iphdr *ip = (const void *)skb->data;

		return unlikely(skb_headlen(skb) < sizeof(*ip)) ||
		       shunt_filter_maybe_ipv4(&sn->vips, ip->daddr) ||
		       shunt_filter_maybe_ipv4(&sn->nat_servers, ip->saddr) ||
		       ip->protocol == IPPROTO_ICMP;
	} else {
		const struct ipv6hdr *ip = (const void *)skb->data;

		return unlikely(skb_headlen(skb) < sizeof(*ip)) ||
		       shunt_filter_maybe_ipv6(&sn->vips, &ip->daddr) ||
		       shunt_filter_maybe_ipv6(&sn->nat_servers, &ip->saddr) ||
		       (ip->nexthdr != IPPROTO_TCP && ip->nexthdr != IPPROTO_UDP);
	}
}

/*
 * Whether a client's packet changes nothing of its connection but the time it was
 * last seen: one of DSR, and, if it is TCP, established and with both sides about
 * where they are known to stand.
 */
static __always_inline bool shunt_established_goes_on(const struct shunt_conn *conn,
						      const struct tcphdr *tcp, u8 protocol,
						      u8 family)
{
	const u8 kind = shunt_kind(protocol, family);

	if (protocol == IPPROTO_UDP)
		return READ_ONCE(conn->nature) == shunt_conn_nature(SHUNT_CONN_STATE_ONE_WAY, 0,
								    SHUNT_MODE_DSR, kind);
	return READ_ONCE(conn->nature) == shunt_conn_nature(SHUNT_CONN_STATE_ESTABLISHED,
							    SHUNT_MARKS_KNOWN, SHUNT_MODE_DSR,
							    kind) &&
	       shunt_tcp_in_step(conn, shunt_tcp_flags(tcp), ntohl(tcp->seq), ntohl(tcp->ack_seq),
				 SHUNT_DIR_CLIENT);
}

/* Sends the packet of such a connection if nothing is in the way. False: it is as it was. */
static __always_inline bool shunt_established_send(struct shunt_net *sn, struct sk_buff *skb,
						   struct shunt_conn *conn, u8 family, bool fast)
{
	const struct shunt_server *server = conn->server;
	const struct shunt_link *link = rcu_dereference(server->link);
	unsigned int bytes = skb->len;

	if (unlikely(shunt_server_in_trouble(server)) || !shunt_dsr_is_easy(link, skb, family))
		return false;
	/* The first packet in a second is noted. */
	if (unlikely((u32)jiffies - READ_ONCE(conn->seen) >= HZ) &&
	    !shunt_forward_note(skb, conn, SHUNT_DIR_CLIENT))
		return false;
	if (fast)
		skb_orphan(skb);
	if (unlikely(!shunt_dsr_prepare(skb, link)))
		return false;
	shunt_forward_hop_off(skb->data, family);
	if (unlikely(shunt_dsr_transmit(skb, link, ETH_HLEN)))
		shunt_forward_not_sent(sn, conn, SHUNT_DIR_CLIENT);
	else
		shunt_counters_packet(server->counters, 1, bytes, false);
	return true;
}

/*
 * Whether a packet went this way, and is no longer the caller's; else *found is
 * filled in. "fast": at the fast hook, which has checked the IP header, and where the
 * skb may still be its sender's. Under RCU with bottom halves off.
 */
static __always_inline bool shunt_established_take(struct shunt_net *sn, struct sk_buff *skb,
						   u8 family, bool fast,
						   struct shunt_found *found)
{
	const void *l4 = skb->data + (family == NFPROTO_IPV4 ? sizeof(struct iphdr) :
								sizeof(struct ipv6hdr));
	struct shunt_view view;
	struct shunt_conn *conn;

	RCU_LOCKDEP_WARN(!rcu_read_lock_held(), "packet outside RCU");

	*found = (struct shunt_found){};
	if (unlikely(!shunt_packet_is_plain(skb, family, fast)))
		return false;
	view = shunt_packet_view(skb, family);
	found->plain = true;
	found->hash = shunt_view_hash(sn, view);
	found->end = shunt_table_find(sn, view, found->hash);
	conn = shunt_end_conn(found->end);
	if (unlikely(!conn))
		return false;
	if (conn->mode == SHUNT_MODE_NAT)
		return fast ? shunt_nat_take_fast(sn, skb, found->end, family) :
			      shunt_nat_take(sn, skb, found->end, family);
	return likely(shunt_established_goes_on(conn, l4, view.protocol, family)) &&
	       likely(shunt_established_send(sn, skb, conn, family, fast));
}

#endif
