// SPDX-License-Identifier: GPL-2.0
/*
 * Destination NAT: a client's packet gets the server's address and port as its
 * destination, the server's answer gets the service's back as its source. Both
 * are routed here and leave through POST_ROUTING, like forwarded packets.
 *
 * Checksums are adjusted, not computed (RFC 1624): a packet that came broken
 * stays broken, for its receiver to see. The kernel's helpers know what a
 * checksum is while an offload has yet to finish it.
 */
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <net/checksum.h>
#include <net/dst.h>
#include <net/ip6_route.h>
#include <net/ipv6.h>
#include <net/l3mdev.h>
#include <net/route.h>

#include "conn.h"
#include "forward.h"
#include "net.h"
#include "selftest.h"
#include "service.h"

/* What one side of a packet is to become. */
struct rewrite {
	bool source;			/* else the destination */
	__be16 port;
	union nf_inet_addr addr;
};

static struct rewrite rewrite_for(const struct shunt_conn *conn, enum shunt_dir dir)
{
	struct shunt_tuple client;

	if (dir == SHUNT_DIR_CLIENT)
		return (struct rewrite){ false, conn->server->port, conn->server->addr };
	shunt_conn_tuple(conn, &client);
	return (struct rewrite){ true, client.dport, client.dst };
}

/*
 * The way to where the packet will then go, or NULL. Returns a reference. The
 * source is a client, or a VIP that need not be local.
 */
static struct dst_entry *route_ipv4(const struct shunt_packet *pkt, int master,
				    __be32 src, __be32 dst)
{
	struct flowi4 fl4 = {
		.flowi4_oif = master,
		.saddr = src,
		.daddr = dst,
		.flowi4_mark = pkt->skb->mark,
		.flowi4_tos = RT_TOS(ip_hdr(pkt->skb)->tos),
		.flowi4_proto = pkt->tuple.protocol,
		.flowi4_flags = FLOWI_FLAG_ANYSRC,
	};
	struct rtable *rt = ip_route_output_key(pkt->sn->net, &fl4);

	return IS_ERR(rt) ? NULL : &rt->dst;
}

static struct dst_entry *route_ipv6(const struct shunt_packet *pkt, int master,
				    const struct in6_addr *src, const struct in6_addr *dst)
{
	struct flowi6 fl6 = {
		.flowi6_oif = master,
		.saddr = *src,
		.daddr = *dst,
		.flowi6_mark = pkt->skb->mark,
		.flowi6_proto = pkt->tuple.protocol,
		.flowi6_flags = FLOWI_FLAG_ANYSRC,
	};
	struct dst_entry *entry = ip6_route_output(pkt->sn->net, NULL, &fl6);

	if (!entry->error)
		return entry;
	dst_release(entry);
	return NULL;
}

static struct dst_entry *route_in(const struct shunt_packet *pkt, int master,
				  const union nf_inet_addr *src, const union nf_inet_addr *dst)
{
	if (pkt->tuple.family == NFPROTO_IPV4)
		return route_ipv4(pkt, master, src->ip, dst->ip);
	return route_ipv6(pkt, master, &src->in6, &dst->in6);
}

/* What came in by a VRF finds its way there, or else as if there were none. */
static struct dst_entry *route(const struct shunt_packet *pkt, const union nf_inet_addr *src,
			       const union nf_inet_addr *dst)
{
	const struct net_device *dev = pkt->skb->dev;
	int master = dev && !pkt->local ? l3mdev_master_ifindex_rcu(dev) : 0;
	struct dst_entry *entry = NULL;

	if (unlikely(master))
		entry = route_in(pkt, master, src, dst);
	return entry ?: route_in(pkt, 0, src, dst);
}

/* Routes the packet and makes its bytes up to end writable. */
static enum shunt_reason prepare(struct shunt_packet *pkt, const struct rewrite *to,
				 unsigned int end, struct dst_entry **entry)
{
	const struct shunt_tuple *tuple = &pkt->tuple;
	enum shunt_reason reason;

	*entry = to->source ? route(pkt, &to->addr, &tuple->dst) :
			      route(pkt, &tuple->src, &to->addr);
	if (!*entry)
		return SHUNT_DROP_NO_ROUTE;
	reason = shunt_forward_check(pkt, dst_mtu(*entry));
	if (!reason && (skb_ensure_writable(pkt->skb, end) ||
			skb_cow_head(pkt->skb, LL_RESERVED_SPACE((*entry)->dev))))
		reason = SHUNT_DROP_NO_MEMORY;
	if (reason)
		dst_release(*entry);
	return reason;
}

/* The stack takes the skb, whatever it answers. */
static enum shunt_reason transmit(struct shunt_packet *pkt, struct dst_entry *entry)
{
	struct sk_buff *skb = pkt->skb;
	int err;

	shunt_forward_hop(pkt, pkt->tuple.family);
	skb_forward_csum(skb);
	skb_clear_tstamp(skb);
	nf_reset_ct(skb);
	skb_dst_drop(skb);
	skb_dst_set(skb, entry);
	pkt->skb = NULL;
	if (shunt_selftest_takes(skb))
		return SHUNT_FORWARDED;
	err = dst_output(pkt->sn->net, skb->sk, skb);
	return net_xmit_eval(err) ? SHUNT_DROP_NOT_SENT : SHUNT_FORWARDED;
}

/* Writes the address into an IP header; *sum covers it through the pseudo-header. */
static void put_addr(struct sk_buff *skb, u8 family, void *header, const struct rewrite *to,
		     __sum16 *sum)
{
	if (family == NFPROTO_IPV4) {
		struct iphdr *ip = header;
		__be32 *addr = to->source ? &ip->saddr : &ip->daddr;

		if (sum)
			inet_proto_csum_replace4(sum, skb, *addr, to->addr.ip, true);
		csum_replace4(&ip->check, *addr, to->addr.ip);
		*addr = to->addr.ip;
	} else {
		struct ipv6hdr *ip = header;
		struct in6_addr *addr = to->source ? &ip->saddr : &ip->daddr;

		if (sum)
			inet_proto_csum_replace16(sum, skb, addr->s6_addr32,
						  to->addr.in6.s6_addr32, true);
		*addr = to->addr.in6;
	}
}

static void put_port(struct sk_buff *skb, __be16 *ports, const struct rewrite *to, __sum16 *sum)
{
	__be16 *port = to->source ? &ports[0] : &ports[1];

	if (sum)
		inet_proto_csum_replace2(sum, skb, *port, to->port, false);
	*port = to->port;
}

/* The checksum of a TCP or UDP header, NULL if its sender made none. */
static __sum16 *l4_sum(const struct sk_buff *skb, u8 protocol, void *l4)
{
	struct udphdr *udp = l4;

	if (protocol == IPPROTO_TCP)
		return &((struct tcphdr *)l4)->check;
	if (!udp->check && skb->ip_summed != CHECKSUM_PARTIAL)
		return NULL;
	return &udp->check;
}

static void translate(struct shunt_packet *pkt, const struct rewrite *to)
{
	u8 protocol = pkt->tuple.protocol;
	struct sk_buff *skb = pkt->skb;
	void *l4 = skb->data + pkt->l4;
	__sum16 *sum = l4_sum(skb, protocol, l4);

	put_addr(skb, pkt->tuple.family, skb_network_header(skb), to, sum);
	put_port(skb, l4, to, sum);
	/* In UDP 0 would say that there is none (RFC 768). */
	if (protocol == IPPROTO_UDP && sum && !*sum && skb->ip_summed != CHECKSUM_PARTIAL)
		*sum = CSUM_MANGLED_0;
}

enum shunt_reason shunt_nat_send(struct shunt_packet *pkt, const struct shunt_conn *conn,
				 enum shunt_dir dir)
{
	struct rewrite to = rewrite_for(conn, dir);
	enum shunt_reason reason;
	struct dst_entry *entry;
	unsigned int header;

	header = pkt->tuple.protocol == IPPROTO_TCP ? sizeof(struct tcphdr) : sizeof(struct udphdr);
	reason = prepare(pkt, &to, pkt->l4 + header, &entry);
	if (reason)
		return reason;
	translate(pkt, &to);
	return transmit(pkt, entry);
}

/* Replaces bytes that an ICMP checksum covers as plain data. */
static void put_covered(__sum16 *icmp_sum, void *field, const void *value, unsigned int size)
{
	csum_replace_by_diff(icmp_sum, csum_sub(csum_partial(value, size, 0),
						csum_partial(field, size, 0)));
	memcpy(field, value, size);
}

/* Where the packet inside an error has its TCP or UDP checksum. */
static unsigned int inner_sum_at(const struct shunt_packet *pkt)
{
	return pkt->inner_l4 + (pkt->tuple.protocol == IPPROTO_TCP ?
				offsetof(struct tcphdr, check) : offsetof(struct udphdr, check));
}

/*
 * The packet inside an error went the other way, so its other side changes.
 * A router need not return more of it than the ports (RFC 792); its checksum is
 * adjusted if it was returned.
 */
static void translate_inner(struct shunt_packet *pkt, const struct rewrite *to,
			    __sum16 *icmp_sum)
{
	unsigned int addr_at, addr_size, at = inner_sum_at(pkt);
	u8 *data = pkt->skb->data;
	__be16 *port;
	__sum16 sum;
	__wsum delta;

	if (pkt->tuple.family == NFPROTO_IPV4) {
		addr_at = to->source ? offsetof(struct iphdr, daddr) :
				       offsetof(struct iphdr, saddr);
		addr_size = sizeof(struct in_addr);
	} else {
		addr_at = to->source ? offsetof(struct ipv6hdr, daddr) :
				       offsetof(struct ipv6hdr, saddr);
		addr_size = sizeof(struct in6_addr);
	}
	addr_at += pkt->inner;
	port = (__be16 *)(data + pkt->inner_l4) + (to->source ? 1 : 0);

	/* What the inner headers' checksums have to make up for. */
	delta = csum_sub(csum_partial(&to->addr, addr_size, 0),
			 csum_partial(data + addr_at, addr_size, 0));
	if (pkt->tuple.family == NFPROTO_IPV4) {
		u8 *check = data + pkt->inner + offsetof(struct iphdr, check);

		memcpy(&sum, check, sizeof(sum));
		csum_replace_by_diff(&sum, delta);
		put_covered(icmp_sum, check, &sum, sizeof(sum));
	}
	delta = csum_add(delta, csum_sub((__force __wsum)to->port, (__force __wsum)*port));
	if (at + sizeof(sum) <= pkt->skb->len) {
		memcpy(&sum, data + at, sizeof(sum));
		if (sum || pkt->tuple.protocol == IPPROTO_TCP) {
			csum_replace_by_diff(&sum, delta);
			if (!sum && pkt->tuple.protocol == IPPROTO_UDP)
				sum = CSUM_MANGLED_0;
			put_covered(icmp_sum, data + at, &sum, sizeof(sum));
		}
	}
	put_covered(icmp_sum, data + addr_at, &to->addr, addr_size);
	put_covered(icmp_sum, port, &to->port, sizeof(to->port));
}

/* The error goes on in the service's name to a client, to the server in its own. */
enum shunt_reason shunt_nat_send_error(struct shunt_packet *pkt, const struct shunt_conn *conn,
				       enum shunt_dir dir)
{
	bool ipv4 = pkt->tuple.family == NFPROTO_IPV4;
	struct rewrite to = rewrite_for(conn, dir);
	struct sk_buff *skb = pkt->skb;
	enum shunt_reason reason;
	struct dst_entry *entry;
	__sum16 *icmp_sum;
	unsigned int end;

	/* Up to the inner TCP checksum, or what there is of it. */
	end = min_t(unsigned int, skb->len, pkt->inner_l4 + sizeof(struct tcphdr));
	reason = prepare(pkt, &to, end, &entry);
	if (reason)
		return reason;

	icmp_sum = ipv4 ? &((struct icmphdr *)(skb->data + pkt->l4))->checksum :
			  &((struct icmp6hdr *)(skb->data + pkt->l4))->icmp6_cksum;
	translate_inner(pkt, &to, icmp_sum);
	/* ICMPv6 covers the addresses outside, ICMP does not. */
	put_addr(skb, pkt->tuple.family, skb_network_header(skb), &to, ipv4 ? NULL : icmp_sum);
	return transmit(pkt, entry);
}

#ifdef SHUNT_SELFTEST
#include "selftest/nat.c"
#endif
