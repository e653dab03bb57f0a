/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the module wants to know of an skb.
 *
 * A tuple names one direction of a connection: for a client's packet to a
 * virtual service src is the client. All of it is in network byte order, an
 * IPv4 address stands in the first word of its union with the others zero, so
 * that tuples can be compared whole.
 */
#ifndef SHUNT_PACKET_H
#define SHUNT_PACKET_H

#include <linux/netfilter.h>
#include <linux/skbuff.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <net/ip.h>
#include <net/ipv6.h>

struct shunt_net;

struct shunt_tuple {
	union nf_inet_addr src;
	union nf_inet_addr dst;
	__be16 sport;
	__be16 dport;
	u8 family;	/* NFPROTO_IPV4 or NFPROTO_IPV6 */
	u8 protocol;	/* IPPROTO_TCP or IPPROTO_UDP */
};

/* The bytes of a tuple that mean something; padding may follow. */
#define SHUNT_TUPLE_SIZE offsetofend(struct shunt_tuple, protocol)

enum shunt_parsed {
	SHUNT_PARSED_OTHER,	/* nothing a service could match */
	SHUNT_PARSED_WHOLE,	/* a TCP or UDP packet */
	SHUNT_PARSED_FRAGMENT,	/* part of a datagram; of the tuple, addresses only */
	SHUNT_PARSED_ERROR,	/* an ICMP error about one */
	SHUNT_PARSED_MALFORMED,	/* too short for its own headers */
};

struct shunt_packet {
	struct shunt_net *sn;
	struct sk_buff *skb;	/* NULL once it was sent on, or freed */
	/*
	 * Of an ICMP error, the tuple of the packet it is about, turned round:
	 * the direction in which the error itself travels.
	 */
	struct shunt_tuple tuple;
	unsigned int l4;	/* offset of the outermost TCP, UDP or ICMP header */
	unsigned int inner;	/* of an ICMP error, offset of the inner IP header */
	unsigned int inner_l4;	/* and of the inner TCP or UDP header */
	unsigned int segments;	/* packets this was, or will be, on the wire */
	unsigned int bytes;	/* of those, from their IP headers on */
	u32 hash;		/* of the tuple; shunt_conn_find() */
	/* Of TCP, in host byte order. */
	u32 seq;
	u32 ack;		/* means something with the flag ACK only */
	u32 payload;		/* bytes of it */
	u8 tcp_flags;		/* byte 13 of the TCP header; 0 for others */
	bool local;		/* made by this host */
	/* At the fast hook: the general one decides about what cannot be sent. */
	bool fast;
};

/* What tcp_flags is made of. RFC 9293, 3.1. */
enum {
	SHUNT_TCP_FIN = 0x01,
	SHUNT_TCP_SYN = 0x02,
	SHUNT_TCP_RST = 0x04,
	SHUNT_TCP_ACK = 0x10,
};

/*
 * Softirq or process context. Read only: changes neither skb nor its data. Fills
 * in all of *pkt that means something for what was found, but sn, skb, hash,
 * local and fast.
 */
enum shunt_parsed shunt_packet_parse(struct shunt_packet *pkt, u8 family);

/* Of a TCP packet: of the byte after its last. SYN and FIN count (RFC 9293, 3.4). */
static inline u32 shunt_packet_seq_end(const struct shunt_packet *pkt)
{
	return pkt->seq + pkt->payload + !!(pkt->tcp_flags & SHUNT_TCP_SYN) +
	       !!(pkt->tcp_flags & SHUNT_TCP_FIN);
}

/* A source port with the destination port behind it, as one word. */
static __always_inline u32 shunt_ports(const __be16 *sport)
{
	return *(const u32 *)sport;
}

static __always_inline bool shunt_addr_equal(const u32 *a, const u32 *b, bool ipv6)
{
	return ipv6 ? ipv6_addr_equal((const struct in6_addr *)a, (const struct in6_addr *)b) :
		      *a == *b;
}

static __always_inline u8 shunt_tcp_flags(const struct tcphdr *tcp)
{
	return ((const u8 *)tcp)[13];
}

static __always_inline void shunt_packet_take_tcp(struct shunt_packet *pkt,
						  const struct tcphdr *tcp)
{
	unsigned int end = pkt->l4 + tcp->doff * 4;

	pkt->tcp_flags = shunt_tcp_flags(tcp);
	pkt->seq = ntohl(tcp->seq);
	pkt->ack = ntohl(tcp->ack_seq);
	pkt->payload = pkt->skb->len > end ? pkt->skb->len - end : 0;
}

/*
 * Whether a packet is what nearly all are: headers without options or extensions,
 * in one piece. Any doubt is left to shunt_packet_parse(). "checked": its IP header
 * is known to be such a one, of TCP or UDP.
 */
static __always_inline bool shunt_packet_is_plain(const struct sk_buff *skb, u8 family,
						  bool checked)
{
	const bool ipv4 = family == NFPROTO_IPV4;
	const unsigned int size = ipv4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
	const unsigned int there = skb_headlen(skb);
	const void *header = skb->data;
	const struct tcphdr *tcp = header + size;
	const struct ipv6hdr *ip6 = header;
	const struct iphdr *ip = header;
	u8 protocol;

	if (there < size + sizeof(struct udphdr) || skb_is_gso(skb))
		return false;
	protocol = ipv4 ? ip->protocol : ip6->nexthdr;
	if (!checked && (ipv4 ? *(const u8 *)ip != 0x45 || ip_is_fragment(ip) : ip6->version != 6))
		return false;
	if (protocol == IPPROTO_UDP)
		return true;
	return (checked || protocol == IPPROTO_TCP) && there >= size + sizeof(*tcp) &&
	       tcp->doff >= 5;
}

/* As shunt_packet_parse(), of a plain packet. */
static __always_inline void shunt_packet_take_plain(struct shunt_packet *pkt, u8 family)
{
	const struct sk_buff *skb = pkt->skb;
	struct shunt_tuple *tuple = &pkt->tuple;
	const void *header = skb->data;
	const struct ipv6hdr *ip6 = header;
	const struct iphdr *ip = header;
	const struct tcphdr *tcp;

	if (family == NFPROTO_IPV4) {
		memset(tuple, 0, sizeof(*tuple));
		tuple->src.ip = ip->saddr;
		tuple->dst.ip = ip->daddr;
		tuple->protocol = ip->protocol;
		pkt->l4 = sizeof(*ip);
	} else {
		tuple->src.in6 = ip6->saddr;
		tuple->dst.in6 = ip6->daddr;
		tuple->protocol = ip6->nexthdr;
		pkt->l4 = sizeof(*ip6);
	}
	tcp = header + pkt->l4;
	tuple->sport = tcp->source;
	tuple->dport = tcp->dest;
	tuple->family = family;
	pkt->segments = 1;
	pkt->bytes = skb->len;
	pkt->tcp_flags = 0;
	if (tuple->protocol == IPPROTO_TCP)
		shunt_packet_take_tcp(pkt, tcp);
}

#endif
