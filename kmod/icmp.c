// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel's icmp_send() answers in the name of an address of this host, and
 * refuses to in that of a virtual address that is none, as it need not be. So
 * the one error that must come from there, that a client's packet was too big, is
 * built here for IPv4; icmp6_send() takes any source.
 */
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <net/icmp.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/route.h>

#include "answer.h"
#include "icmp.h"
#include "match.h"
#include "net.h"
#include "service.h"

enum {
	/* RFC 1812 4.3.2.3: as much of the packet as fits without fragmentation. */
	ICMP_ERROR_SIZE = 576,
};

/*
 * icmp_send() wants a route on the skb; before routing there is none, so the
 * way back to the sender stands in.
 */
static bool have_route(struct shunt_packet *pkt)
{
	struct sk_buff *skb = pkt->skb;
	struct flowi4 fl4 = { .daddr = ip_hdr(skb)->saddr };
	struct rtable *rt;

	if (skb_dst(skb))
		return true;
	rt = ip_route_output_key(pkt->sn->net, &fl4);
	if (IS_ERR(rt))
		return false;
	skb_dst_set(skb, &rt->dst);
	return true;
}

void shunt_icmp_ttl(struct shunt_packet *pkt)
{
	if (pkt->fast)
		return;
	if (pkt->tuple.family == NFPROTO_IPV6)
		icmpv6_send(pkt->skb, ICMPV6_TIME_EXCEED, ICMPV6_EXC_HOPLIMIT, 0);
	else if (have_route(pkt))
		icmp_send(pkt->skb, ICMP_TIME_EXCEEDED, ICMP_EXC_TTL, 0);
}

/* Room for an error that carries this much of the packet, and the way to its sender. */
static struct sk_buff *error_alloc(const struct shunt_packet *pkt, unsigned int payload)
{
	const struct iphdr *ip = ip_hdr(pkt->skb);
	struct flowi4 fl4 = {
		.daddr = ip->saddr,
		.saddr = ip->daddr,
		.flowi4_mark = IP4_REPLY_MARK(pkt->sn->net, pkt->skb->mark),
		.flowi4_proto = IPPROTO_ICMP,
		.flowi4_flags = FLOWI_FLAG_ANYSRC,
	};
	struct sk_buff *skb;
	struct rtable *rt;

	rt = ip_route_output_key(pkt->sn->net, &fl4);
	if (IS_ERR(rt))
		return NULL;
	skb = alloc_skb(LL_RESERVED_SPACE(rt->dst.dev) + sizeof(*ip) + sizeof(struct icmphdr) +
			payload, GFP_ATOMIC);
	if (!skb) {
		ip_rt_put(rt);
		return NULL;
	}
	skb_reserve(skb, LL_RESERVED_SPACE(rt->dst.dev));
	skb_dst_set(skb, &rt->dst);
	skb->dev = rt->dst.dev;
	skb->mark = fl4.flowi4_mark;
	skb->protocol = htons(ETH_P_IP);
	return skb;
}

static void tell_ipv4(const struct shunt_packet *pkt, unsigned int mtu)
{
	const struct iphdr *about = ip_hdr(pkt->skb);
	unsigned int payload;
	struct icmphdr *icmp;
	struct sk_buff *skb;
	struct iphdr *ip;

	/* Never about an error, or to more than one host (RFC 1122 3.2.2). */
	if (about->protocol == IPPROTO_ICMP || ipv4_is_multicast(about->saddr) ||
	    ipv4_is_lbcast(about->saddr) || ipv4_is_zeronet(about->saddr) ||
	    !shunt_may_answer(pkt->sn))
		return;
	payload = min_t(unsigned int, pkt->skb->len,
			ICMP_ERROR_SIZE - sizeof(*ip) - sizeof(*icmp));
	skb = error_alloc(pkt, payload);
	if (!skb)
		return;

	skb_reset_network_header(skb);
	ip = skb_put_zero(skb, sizeof(*ip));
	ip->version = 4;
	ip->ihl = 5;
	ip->tos = (about->tos & IPTOS_TOS_MASK) | IPTOS_PREC_INTERNETCONTROL;
	ip->ttl = ip4_dst_hoplimit(skb_dst(skb));
	ip->protocol = IPPROTO_ICMP;
	ip->saddr = about->daddr;
	ip->daddr = about->saddr;

	skb_set_transport_header(skb, skb->len);
	icmp = skb_put_zero(skb, sizeof(*icmp));
	icmp->type = ICMP_DEST_UNREACH;
	icmp->code = ICMP_FRAG_NEEDED;
	icmp->un.frag.mtu = htons(mtu);
	if (skb_copy_bits(pkt->skb, 0, skb_put(skb, payload), payload)) {
		kfree_skb(skb);
		return;
	}
	icmp->checksum = csum_fold(skb_checksum(skb, sizeof(*ip), skb->len - sizeof(*ip), 0));
	ip_local_out(pkt->sn->net, NULL, skb);
}

void shunt_icmp_mtu(struct shunt_packet *pkt, unsigned int mtu)
{
	bool to_service;

	if (pkt->fast)
		return;
	to_service = shunt_match_service(pkt);
	if (pkt->tuple.family == NFPROTO_IPV6)
		icmp6_send(pkt->skb, ICMPV6_PKT_TOOBIG, 0, mtu,
			   to_service ? &pkt->tuple.dst.in6 : NULL, IP6CB(pkt->skb));
	else if (to_service)
		tell_ipv4(pkt, mtu);
	else if (have_route(pkt))
		icmp_send(pkt->skb, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, htonl(mtu));
}
