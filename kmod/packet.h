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
	u32 hash;		/* of the tuple; shunt_conn_hash() */
	/* Of TCP, in host byte order. */
	u32 seq;
	u32 seq_end;		/* of the byte after the last, SYN and FIN count */
	u32 ack;		/* means something with the flag ACK only */
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

/* Softirq or process context. Read only: changes neither skb nor its data. */
enum shunt_parsed shunt_packet_parse(struct shunt_packet *pkt, u8 family);

static inline bool shunt_tuple_equal(const struct shunt_tuple *a,
				     const struct shunt_tuple *b)
{
	return !memcmp(a, b, SHUNT_TUPLE_SIZE);
}

#endif
