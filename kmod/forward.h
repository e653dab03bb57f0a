/* SPDX-License-Identifier: GPL-2.0 */
/* A packet's way through the module, from parsed to sent. */
#ifndef SHUNT_FORWARD_H
#define SHUNT_FORWARD_H

#include <linux/ipv6.h>
#include <net/ip.h>

#include "conn.h"
#include "packet.h"
#include "stats.h"

enum shunt_verdict {
	SHUNT_PASS,	/* not a service's: untouched */
	SHUNT_TAKEN,	/* the skb is no longer the caller's */
	SHUNT_DROP,	/* counted; the caller frees the skb */
	SHUNT_REJECT,	/* counted; the caller tells the sender and frees the skb */
};

/* What is known already of a packet that is not simply to go on; established.h. */
struct shunt_found {
	unsigned long end;	/* it belongs to, though that may have expired; 0: to none */
	u32 hash;
	bool plain;		/* else nothing is known */
};

/*
 * Decides and forwards. pkt->sn, pkt->skb, pkt->local and pkt->fast are set. Under
 * RCU with bottom halves off. May reallocate skb data.
 */
enum shunt_verdict shunt_forward(struct shunt_packet *pkt, u8 family, struct shunt_found found);

/*
 * The same at the fast hook, for a packet whose IP header was checked: sends
 * what goes on a known connection and needs no decision, or plainly begins one in
 * DSR. SHUNT_TAKEN, or SHUNT_PASS with nothing said or counted, and at most done
 * what shunt_forward() would do, and will not do again.
 */
enum shunt_verdict shunt_forward_fast(struct shunt_packet *pkt, u8 family,
				      struct shunt_found found);

/*
 * Notes a plain packet that goes on its connection, as any other of it. False if the
 * connection has expired.
 */
bool shunt_forward_note(struct sk_buff *skb, struct shunt_conn *conn, enum shunt_dir dir);

/* Counts a packet of an established connection that the device did not take. */
void shunt_forward_not_sent(struct shunt_net *sn, const struct shunt_conn *conn,
			    enum shunt_dir dir);

/*
 * How the modes send, DSR in dsr.h. Each returns SHUNT_FORWARDED, or the reason why it did not,
 * or SHUNT_DELIVER when the server is this host and the packet is to be passed.
 * pkt->skb is NULL afterwards if the skb was used up, which it may be in both
 * cases; otherwise it is unchanged. May reallocate skb data. Under RCU with
 * bottom halves off.
 */

/* As shunt_established_take(), of a plain packet of the end of a NAT connection. */
bool shunt_nat_take(struct shunt_net *sn, struct sk_buff *skb, unsigned long end, u8 family);
bool shunt_nat_take_fast(struct shunt_net *sn, struct sk_buff *skb, unsigned long end, u8 family);
/* A packet of the connection, which notes its way. */
enum shunt_reason shunt_nat_send(struct shunt_packet *pkt, struct shunt_conn *conn,
				 enum shunt_dir dir);
/* The same as if it were of one. */
enum shunt_reason shunt_nat_send_alone(struct shunt_packet *pkt, const struct shunt_conn *conn,
				       enum shunt_dir dir);
/* An ICMP error about one, on its way to the side dir leads to. */
enum shunt_reason shunt_nat_send_error(struct shunt_packet *pkt, const struct shunt_conn *conn,
				       enum shunt_dir dir);

/*
 * Sends a packet that is in nobody's way but a connection's, by its mode; as
 * the mode's send.
 */
enum shunt_reason shunt_forward_send(struct shunt_packet *pkt, struct shunt_conn *conn,
				     enum shunt_dir dir);

/*
 * The checks every router makes: that the packet may take one more hop, and
 * fits the way out or may be cut so that it does. Tells the sender by ICMP if
 * not. May set the skb's dst.
 */
enum shunt_reason shunt_forward_check(struct shunt_packet *pkt, unsigned int mtu);

/* Whether a packet that passed the checks has to leave in fragments. */
bool shunt_forward_in_fragments(const struct shunt_packet *pkt, unsigned int mtu);

/*
 * Whether a packet that is not GSO, and whose data begins at its IP header, surely
 * passes the checks and leaves in one piece.
 */
static __always_inline bool shunt_forward_is_easy(const struct sk_buff *skb, unsigned int mtu,
						  u8 family)
{
	const struct ipv6hdr *ip6 = (const void *)skb->data;
	const struct iphdr *ip = (const void *)skb->data;

	if (unlikely(skb->len > mtu))
		return false;
	if (family == NFPROTO_IPV4)
		return likely(ip->ttl > 1 && !IPCB(skb)->frag_max_size);
	return likely(ip6->hop_limit > 1 && !IP6CB(skb)->frag_max_size);
}

/* Takes the hop off an IP header, which is writable. */
static __always_inline void shunt_forward_hop_off(void *header, u8 family)
{
	if (family == NFPROTO_IPV4)
		ip_decrease_ttl(header);
	else
		((struct ipv6hdr *)header)->hop_limit--;
}

static inline void shunt_forward_hop(const struct shunt_packet *pkt, u8 family)
{
	if (!pkt->local)
		shunt_forward_hop_off(skb_network_header(pkt->skb), family);
}

#endif
