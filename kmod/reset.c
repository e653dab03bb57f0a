// SPDX-License-Identifier: GPL-2.0
/*
 * Ends a connection from the middle. A RST counts only with exactly the
 * sequence number that its receiver expects next (RFC 5961 3.2), which is why
 * connections of a service that wants this note every packet's.
 */
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <net/ip.h>
#include <net/ip6_checksum.h>
#include <net/ip6_route.h>
#include <net/ipv6.h>
#include <net/route.h>

#include "conn.h"
#include "forward.h"
#include "net.h"
#include "reset.h"
#include "service.h"

enum {
	RESET_ROOM = 128,	/* for link headers, as the kernel's LL_MAX_HEADER */
	RESET_TTL = 64,
};

static void put_ipv4(struct sk_buff *skb, const struct shunt_tuple *tuple)
{
	struct iphdr *ip = skb_put_zero(skb, sizeof(*ip));

	ip->version = 4;
	ip->ihl = 5;
	ip->frag_off = htons(IP_DF);
	ip->ttl = RESET_TTL;
	ip->protocol = IPPROTO_TCP;
	ip->saddr = tuple->src.ip;
	ip->daddr = tuple->dst.ip;
	ip->tot_len = htons(sizeof(*ip) + sizeof(struct tcphdr));
	ip->check = ip_fast_csum(ip, ip->ihl);
	skb->protocol = htons(ETH_P_IP);
}

static void put_ipv6(struct sk_buff *skb, const struct shunt_tuple *tuple)
{
	struct ipv6hdr *ip = skb_put_zero(skb, sizeof(*ip));

	ip->version = 6;
	ip->payload_len = htons(sizeof(struct tcphdr));
	ip->nexthdr = IPPROTO_TCP;
	ip->hop_limit = RESET_TTL;
	ip->saddr = tuple->src.in6;
	ip->daddr = tuple->dst.in6;
	skb->protocol = htons(ETH_P_IPV6);
}

/* A RST from a tuple's source to its destination, seq in host byte order. */
static struct sk_buff *reset_alloc(const struct shunt_tuple *tuple, u32 seq, u32 ack)
{
	struct sk_buff *skb = alloc_skb(RESET_ROOM + sizeof(struct ipv6hdr) +
					sizeof(struct tcphdr), GFP_ATOMIC);
	struct tcphdr *tcp;
	__wsum sum;

	if (!skb)
		return NULL;
	skb_reserve(skb, RESET_ROOM);
	skb_reset_network_header(skb);
	if (tuple->family == NFPROTO_IPV4)
		put_ipv4(skb, tuple);
	else
		put_ipv6(skb, tuple);

	skb_set_transport_header(skb, skb->len);
	tcp = skb_put_zero(skb, sizeof(*tcp));
	tcp->source = tuple->sport;
	tcp->dest = tuple->dport;
	tcp->seq = htonl(seq);
	tcp->ack_seq = htonl(ack);
	tcp->doff = sizeof(*tcp) / 4;
	tcp->rst = 1;
	tcp->ack = 1;
	sum = csum_partial(tcp, sizeof(*tcp), 0);
	if (tuple->family == NFPROTO_IPV4)
		tcp->check = csum_tcpudp_magic(tuple->src.ip, tuple->dst.ip, sizeof(*tcp),
					       IPPROTO_TCP, sum);
	else
		tcp->check = csum_ipv6_magic(&tuple->src.in6, &tuple->dst.in6, sizeof(*tcp),
					     IPPROTO_TCP, sum);
	return skb;
}

/* The way a client's packet goes. */
static void reset_server(struct shunt_net *sn, struct shunt_conn *conn)
{
	struct shunt_packet pkt = { .sn = sn, .local = true };
	struct shunt_tuple tuple;

	shunt_conn_tuple(conn, &tuple);
	pkt.skb = reset_alloc(&tuple, conn->seq[SHUNT_DIR_CLIENT],
			      conn->seq[SHUNT_DIR_SERVER]);
	if (!pkt.skb)
		return;
	shunt_packet_parse(&pkt, tuple.family);
	shunt_forward_send(&pkt, conn, SHUNT_DIR_CLIENT);
	kfree_skb(pkt.skb);
}

static struct dst_entry *route_ipv4(struct net *net, const struct shunt_tuple *tuple)
{
	struct flowi4 fl4 = {
		.saddr = tuple->src.ip,
		.daddr = tuple->dst.ip,
		.flowi4_proto = IPPROTO_TCP,
		.flowi4_flags = FLOWI_FLAG_ANYSRC,
	};
	struct rtable *rt = ip_route_output_key(net, &fl4);

	return IS_ERR(rt) ? NULL : &rt->dst;
}

static struct dst_entry *route_ipv6(struct net *net, const struct shunt_tuple *tuple)
{
	struct flowi6 fl6 = {
		.saddr = tuple->src.in6,
		.daddr = tuple->dst.in6,
		.flowi6_proto = IPPROTO_TCP,
		.flowi6_flags = FLOWI_FLAG_ANYSRC,
	};
	struct dst_entry *dst = ip6_route_output(net, NULL, &fl6);

	if (!dst->error)
		return dst;
	dst_release(dst);
	return NULL;
}

static void reset_client(struct shunt_net *sn, const struct shunt_conn *conn)
{
	struct shunt_tuple tuple;
	struct dst_entry *dst;
	struct sk_buff *skb;

	shunt_conn_tuple(conn, &tuple);
	swap(tuple.src, tuple.dst);
	swap(tuple.sport, tuple.dport);
	dst = tuple.family == NFPROTO_IPV4 ? route_ipv4(sn->net, &tuple) :
					     route_ipv6(sn->net, &tuple);
	if (!dst)
		return;
	skb = reset_alloc(&tuple, conn->seq[SHUNT_DIR_SERVER], conn->seq[SHUNT_DIR_CLIENT]);
	if (!skb) {
		dst_release(dst);
		return;
	}
	skb_dst_set(skb, dst);
	skb->dev = dst->dev;
	dst_output(sn->net, NULL, skb);
}

void shunt_reset_both(struct shunt_net *sn, struct shunt_conn *conn)
{
	/* Of a server that was never heard of there is nothing to tell the client. */
	reset_server(sn, conn);
	if (conn->marks & SHUNT_MARK_KNOWN << SHUNT_DIR_SERVER)
		reset_client(sn, conn);
}
