// SPDX-License-Identifier: GPL-2.0
/*
 * Parses an skb whose data starts at its IP header, as netfilter hands it over
 * after the IP layer has checked version, length and header checksum.
 *
 * Everything is read through skb_header_pointer(), so that nothing is moved
 * and no pointer into the packet outlives the function.
 */
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <net/ip.h>
#include <net/ipv6.h>

#include "packet.h"

/* Where an IP header's payload starts and what it is. */
struct ip_part {
	unsigned int l4;
	u8 protocol;
	bool fragment;	/* one of several ... */
	bool later;	/* ... and not the first, so that it has no ports */
};

static bool parse_ipv4(const struct sk_buff *skb, unsigned int at,
		       struct shunt_tuple *tuple, struct ip_part *part)
{
	const struct iphdr *ip;
	struct iphdr buffer;

	ip = skb_header_pointer(skb, at, sizeof(buffer), &buffer);
	if (!ip || ip->version != 4 || ip->ihl < 5)
		return false;

	tuple->src.ip = ip->saddr;
	tuple->dst.ip = ip->daddr;
	part->l4 = at + ip->ihl * 4;
	part->protocol = ip->protocol;
	part->fragment = ip_is_fragment(ip);
	part->later = ip->frag_off & htons(IP_OFFSET);
	return true;
}

/* Whether a routing header leads on from the destination address to others. */
static bool routed_on(const struct sk_buff *skb, unsigned int at)
{
	int flags = IP6_FH_F_SKIP_RH;	/* but those that have led to their end */

	return ipv6_find_hdr(skb, &at, NEXTHDR_ROUTING, NULL, &flags) >= 0;
}

static bool parse_ipv6(const struct sk_buff *skb, unsigned int at,
		       struct shunt_tuple *tuple, struct ip_part *part)
{
	const struct ipv6hdr *ip;
	struct ipv6hdr buffer;
	__be16 frag = 0;
	int l4;

	ip = skb_header_pointer(skb, at, sizeof(buffer), &buffer);
	if (!ip || ip->version != 6)
		return false;

	tuple->src.in6 = ip->saddr;
	tuple->dst.in6 = ip->daddr;
	part->protocol = ip->nexthdr;
	l4 = ipv6_skip_exthdr(skb, at + sizeof(*ip), &part->protocol, &frag);
	if (l4 < 0)
		return false;

	part->l4 = l4;
	part->fragment = frag & htons(IP6_OFFSET | IP6_MF);
	part->later = frag & htons(IP6_OFFSET);
	return l4 == at + sizeof(*ip) || !routed_on(skb, at);
}

static bool parse_ip(const struct sk_buff *skb, unsigned int at,
		     struct shunt_tuple *tuple, struct ip_part *part)
{
	if (tuple->family == NFPROTO_IPV4)
		return parse_ipv4(skb, at, tuple, part);
	return parse_ipv6(skb, at, tuple, part);
}

/* Source and destination port stand first in TCP and in UDP. */
static bool parse_ports(const struct sk_buff *skb, unsigned int l4,
			struct shunt_tuple *tuple)
{
	const __be16 *ports;
	__be16 buffer[2];

	ports = skb_header_pointer(skb, l4, sizeof(buffer), buffer);
	if (!ports)
		return false;
	tuple->sport = ports[0];
	tuple->dport = ports[1];
	return true;
}

static bool is_icmp_error(const struct sk_buff *skb, unsigned int l4, u8 family)
{
	const u8 *type;
	u8 buffer;

	type = skb_header_pointer(skb, l4, sizeof(buffer), &buffer);
	if (!type)
		return false;
	if (family == NFPROTO_IPV6)
		return !(*type & ICMPV6_INFOMSG_MASK);
	return *type == ICMP_DEST_UNREACH || *type == ICMP_SOURCE_QUENCH ||
	       *type == ICMP_TIME_EXCEEDED || *type == ICMP_PARAMETERPROB;
}

static void turn_round(struct shunt_tuple *tuple)
{
	swap(tuple->src, tuple->dst);
	swap(tuple->sport, tuple->dport);
}

/* An error is matched by the packet that it carries, RFC 1122 3.2.2, RFC 4443 2.4. */
static enum shunt_parsed parse_error(struct shunt_packet *pkt, u8 family)
{
	struct shunt_tuple *tuple = &pkt->tuple;
	struct ip_part part;

	BUILD_BUG_ON(sizeof(struct icmphdr) != sizeof(struct icmp6hdr));

	if (!is_icmp_error(pkt->skb, pkt->l4, family))
		return SHUNT_PARSED_OTHER;

	pkt->inner = pkt->l4 + sizeof(struct icmphdr);
	if (!parse_ip(pkt->skb, pkt->inner, tuple, &part) || part.later)
		return SHUNT_PARSED_OTHER;
	if (part.protocol != IPPROTO_TCP && part.protocol != IPPROTO_UDP)
		return SHUNT_PARSED_OTHER;

	pkt->inner_l4 = part.l4;
	tuple->protocol = part.protocol;
	if (!parse_ports(pkt->skb, part.l4, tuple))
		return SHUNT_PARSED_OTHER;
	turn_round(tuple);
	return SHUNT_PARSED_ERROR;
}

/* An aggregated buffer has the headers, up to this length, once for all segments. */
static void count_segments(struct shunt_packet *pkt, unsigned int headers)
{
	const struct skb_shared_info *info = skb_shinfo(pkt->skb);

	if (!info->gso_size || pkt->bytes <= headers)
		return;
	/* A guest's or a tap's buffer does not tell how many. */
	pkt->segments = info->gso_segs ?: DIV_ROUND_UP(pkt->bytes - headers, info->gso_size);
	pkt->bytes += (pkt->segments - 1) * headers;
}

static enum shunt_parsed parse_tcp(struct shunt_packet *pkt)
{
	unsigned int at = skb_network_offset(pkt->skb);
	const struct tcphdr *tcp;
	struct tcphdr buffer;

	tcp = skb_header_pointer(pkt->skb, pkt->l4, sizeof(buffer), &buffer);
	if (!tcp || tcp->doff * 4 < sizeof(*tcp))
		return SHUNT_PARSED_MALFORMED;
	shunt_packet_take_tcp(pkt, tcp);
	count_segments(pkt, pkt->l4 - at + tcp->doff * 4);
	return SHUNT_PARSED_WHOLE;
}

enum shunt_parsed shunt_packet_parse(struct shunt_packet *pkt, u8 family)
{
	struct sk_buff *skb = pkt->skb;
	struct shunt_tuple *tuple = &pkt->tuple;
	unsigned int at = skb_network_offset(skb);
	struct ip_part part;

	memset(tuple, 0, sizeof(*tuple));
	tuple->family = family;
	pkt->tcp_flags = 0;
	pkt->segments = 1;
	pkt->bytes = skb->len - at;

	if (!parse_ip(skb, at, tuple, &part))
		return SHUNT_PARSED_OTHER;
	if (part.fragment)
		return SHUNT_PARSED_FRAGMENT;

	pkt->l4 = part.l4;
	if (part.protocol == (family == NFPROTO_IPV4 ? IPPROTO_ICMP : IPPROTO_ICMPV6))
		return parse_error(pkt, family);
	if (part.protocol != IPPROTO_TCP && part.protocol != IPPROTO_UDP)
		return SHUNT_PARSED_OTHER;

	tuple->protocol = part.protocol;
	if (!parse_ports(skb, pkt->l4, tuple))
		return SHUNT_PARSED_OTHER;
	if (part.protocol == IPPROTO_TCP)
		return parse_tcp(pkt);
	if (skb->len < pkt->l4 + sizeof(struct udphdr))
		return SHUNT_PARSED_MALFORMED;
	count_segments(pkt, pkt->l4 - at + sizeof(struct udphdr));
	return SHUNT_PARSED_WHOLE;
}

#ifdef SHUNT_SELFTEST
#include "selftest/packet.c"
#endif
