// SPDX-License-Identifier: GPL-2.0
/*
 * Destination NAT: a client's packet gets the server's address and port as its
 * destination, the server's answer gets the service's back as its source. Both
 * are routed here, once for many packets (hop.c), and leave through POST_ROUTING,
 * like forwarded packets; but what the fast hook takes and simply goes on its
 * connection leaves without, as what a flowtable takes does.
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
#include "hop.h"
#include "lookup.h"
#include "net.h"
#include "selftest.h"
#include "server.h"
#include "service.h"

/* What one side of a packet is to become. */
struct rewrite {
	bool source;			/* else the destination */
	__be16 port;
	const union nf_inet_addr *addr;	/* as many bytes as the family has */
};

static __always_inline struct rewrite rewrite_for(const struct shunt_conn *conn,
						  enum shunt_dir dir, u8 family)
{
	const void *vip;

	if (dir == SHUNT_DIR_CLIENT)
		return (struct rewrite){ false, shunt_conn_server_port(conn), &conn->server->addr };
	if (family == NFPROTO_IPV4)
		vip = &container_of(conn, struct shunt_conn_ipv4, conn)->dst;
	else
		vip = &container_of(conn, struct shunt_conn_ipv6, conn)->dst;
	return (struct rewrite){ true, conn->dport, vip };
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

/* The bytes up to end, with room in front of them. */
static __always_inline bool make_writable(struct sk_buff *skb, unsigned int end,
					  unsigned int headroom)
{
	if (likely(!skb_cloned(skb) && skb_headlen(skb) >= end && skb_headroom(skb) >= headroom))
		return true;
	return !skb_ensure_writable(skb, end) && !skb_cow_head(skb, headroom);
}

/* Routes the packet and makes its bytes up to end writable. */
static enum shunt_reason prepare(struct shunt_packet *pkt, const struct rewrite *to,
				 unsigned int end, struct dst_entry **entry)
{
	const struct shunt_tuple *tuple = &pkt->tuple;
	enum shunt_reason reason;

	*entry = to->source ? route(pkt, to->addr, &tuple->dst) :
			      route(pkt, &tuple->src, to->addr);
	if (!*entry)
		return SHUNT_DROP_NO_ROUTE;
	reason = shunt_forward_check(pkt, dst_mtu(*entry));
	if (!reason && !make_writable(pkt->skb, end, LL_RESERVED_SPACE((*entry)->dev)))
		reason = SHUNT_DROP_NO_MEMORY;
	if (reason)
		dst_release(*entry);
	return reason;
}

/* What the stack knew of the packet is forgotten. */
static __always_inline void let_go(struct sk_buff *skb)
{
	skb_clear_tstamp(skb);
	nf_reset_ct(skb);
	skb_dst_drop(skb);
}

/* The stack takes the skb, whatever it answers. */
static enum shunt_reason transmit(struct shunt_packet *pkt, struct dst_entry *entry)
{
	struct sk_buff *skb = pkt->skb;
	int err;

	shunt_forward_hop(pkt, pkt->tuple.family);
	let_go(skb);
	skb_dst_set(skb, entry);
	pkt->skb = NULL;
	if (shunt_selftest_takes(skb))
		return SHUNT_FORWARDED;
	err = dst_output(pkt->sn->net, skb->sk, skb);
	return net_xmit_eval(err) ? SHUNT_DROP_NOT_SENT : SHUNT_FORWARDED;
}

/* Goes on with a packet that a hook at POST_ROUTING has kept for a while. */
static int transmit_later(struct net *net, struct sock *sk, struct sk_buff *skb)
{
	struct neighbour *neigh = dst_neigh_lookup_skb(skb_dst(skb), skb);
	int err;

	if (!neigh) {
		kfree_skb(skb);
		return -ENOMEM;
	}
	err = neigh_output(neigh, skb, false);
	neigh_release(neigh);
	return err;
}

/*
 * As transmit(), of a packet that arrived, and what dst_output() would come to. The
 * route is the hop's. "fast": without POST_ROUTING.
 */
static __always_inline enum shunt_reason transmit_by(struct net *net, struct sk_buff *skb,
						     const struct shunt_hop *hop, u8 family,
						     bool fast)
{
	struct net_device *dev = hop->neigh->dev;
	struct net_device *in;
	int err = 1;

	shunt_forward_hop_off(skb->data, family);
	let_go(skb);
	skb_dst_set_noref(skb, hop->dst);
	if (shunt_selftest_takes(skb))
		return SHUNT_FORWARDED;
	in = skb->dev;
	skb->dev = dev;
	if (!fast)
		err = nf_hook(family, NF_INET_POST_ROUTING, net, skb->sk, skb, in, dev,
			      transmit_later);
	if (fast || (err == 1 && likely(skb_dst(skb) == hop->dst)))
		err = neigh_output(hop->neigh, skb, false);
	else if (err == 1)
		err = dst_output(net, skb->sk, skb);
	return net_xmit_eval(err) ? SHUNT_DROP_NOT_SENT : SHUNT_FORWARDED;
}

/* The address in an IP header that is to change. */
static __always_inline __be32 *addr_in(void *header, bool source, u8 family)
{
	struct ipv6hdr *ip6 = header;
	struct iphdr *ip = header;

	if (family == NFPROTO_IPV4)
		return source ? &ip->saddr : &ip->daddr;
	return (source ? &ip6->saddr : &ip6->daddr)->s6_addr32;
}

/* What an address adds to a checksum. */
static __always_inline __wsum addr_sum(const __be32 *addr, u8 family)
{
	u64 sum = (__force u32)addr[0];

	if (family == NFPROTO_IPV4)
		return (__force __wsum)sum;
	sum += (__force u32)addr[1];
	sum += (__force u32)addr[2];
	sum += (__force u32)addr[3];
	return csum_add((__force __wsum)sum, (__force __wsum)(sum >> 32));
}

/* What is added to a checksum for another address. */
static __always_inline __wsum addr_delta(const __be32 *from, const union nf_inet_addr *to,
					 u8 family)
{
	return csum_sub(addr_sum(to->ip6, family), addr_sum(from, family));
}

/* Writes the address into an IP header, whose own checksum changes by delta. */
static __always_inline void put_addr(void *header, __be32 *at, const union nf_inet_addr *to,
				     __wsum delta, u8 family)
{
	if (family == NFPROTO_IPV4) {
		csum_replace_by_diff(&((struct iphdr *)header)->check, delta);
		*at = to->ip;
	} else {
		*(struct in6_addr *)at = to->in6;
	}
}

/* An address changes that a checksum covers through the pseudo-header. */
static void put_pseudo(struct sk_buff *skb, __sum16 *sum, const __be32 *from,
		       const union nf_inet_addr *to, u8 family)
{
	if (family == NFPROTO_IPV4)
		inet_proto_csum_replace4(sum, skb, *from, to->ip, true);
	else
		inet_proto_csum_replace16(sum, skb, from, to->ip6, true);
}

/* The checksum of a TCP or UDP header, NULL if its sender made none. */
static __always_inline __sum16 *l4_sum(const struct sk_buff *skb, u8 protocol, void *l4)
{
	struct udphdr *udp = l4;

	if (protocol == IPPROTO_TCP)
		return &((struct tcphdr *)l4)->check;
	if (!udp->check && skb->ip_summed != CHECKSUM_PARTIAL)
		return NULL;
	return &udp->check;
}

/*
 * Writes address and port. A checksum that a device has yet to finish covers the
 * pseudo-header only, which the kernel's helpers know.
 */
static __always_inline void translate(struct sk_buff *skb, unsigned int l4, u8 protocol,
				      const struct rewrite *to, u8 family)
{
	void *header = skb->data;
	__be32 *at = addr_in(header, to->source, family);
	__wsum delta = addr_delta(at, to->addr, family);
	__be16 *port = header + l4;
	__sum16 *sum = l4_sum(skb, protocol, port);

	port += !to->source;
	skb_forward_csum(skb);
	if (unlikely(skb->ip_summed == CHECKSUM_PARTIAL)) {
		put_pseudo(skb, sum, at, to->addr, family);
	} else if (sum) {
		csum_replace_by_diff(sum, csum_add(delta, csum_sub((__force __wsum)to->port,
								   (__force __wsum)*port)));
		/* In UDP 0 would say that there is none (RFC 768). */
		if (protocol == IPPROTO_UDP && !*sum)
			*sum = CSUM_MANGLED_0;
	}
	put_addr(header, at, to->addr, delta, family);
	*port = to->port;
}

/* Where a packet goes on without being routed, NULL if it is to be. */
static __always_inline const struct shunt_hop *hop_for(const struct shunt_packet *pkt,
						       struct shunt_conn *conn,
						       enum shunt_dir dir, u8 family)
{
	const struct shunt_hop *hop;

	hop = shunt_hop_find(pkt->sn, pkt->skb, READ_ONCE(shunt_conn_back(conn)->hop[dir]), family);
	if (unlikely(!hop || pkt->local || skb_is_gso(pkt->skb) ||
		     !shunt_forward_is_easy(pkt->skb, hop->mtu, family)))
		return NULL;
	return hop;
}

/* Sends a packet that has to be routed; its connection, if it has one, notes the way. */
static noinline enum shunt_reason send_routed(struct shunt_packet *pkt,
					      const struct rewrite *to, unsigned int end,
					      u64 *noted)
{
	u8 family = pkt->tuple.family;
	u32 stamp = shunt_hop_stamp(pkt->sn, family);
	enum shunt_reason reason;
	struct dst_entry *entry;

	reason = prepare(pkt, to, end, &entry);
	if (reason)
		return reason;
	if (noted)
		WRITE_ONCE(*noted, shunt_hop_note(pkt, entry,
						  to->source ? &pkt->tuple.dst : to->addr, stamp));
	translate(pkt->skb, pkt->l4, pkt->tuple.protocol, to, family);
	return transmit(pkt, entry);
}

static __always_inline unsigned int header_end(const struct shunt_packet *pkt)
{
	return pkt->l4 + (pkt->tuple.protocol == IPPROTO_TCP ? sizeof(struct tcphdr) :
							       sizeof(struct udphdr));
}

static __always_inline enum shunt_reason send(struct shunt_packet *pkt, struct shunt_conn *conn,
					      enum shunt_dir dir, u8 family)
{
	const struct shunt_hop *hop = hop_for(pkt, conn, dir, family);
	struct rewrite to = rewrite_for(conn, dir, family);
	unsigned int end = header_end(pkt);
	struct sk_buff *skb = pkt->skb;

	if (unlikely(!hop))
		return send_routed(pkt, &to, end, &shunt_conn_back(conn)->hop[dir]);
	if (unlikely(!make_writable(skb, end, hop->headroom)))
		return SHUNT_DROP_NO_MEMORY;
	translate(skb, pkt->l4, pkt->tuple.protocol, &to, family);
	pkt->skb = NULL;
	return transmit_by(pkt->sn->net, skb, hop, family, false);
}

enum shunt_reason shunt_nat_send(struct shunt_packet *pkt, struct shunt_conn *conn,
				 enum shunt_dir dir)
{
	return pkt->tuple.family == NFPROTO_IPV4 ? send(pkt, conn, dir, NFPROTO_IPV4) :
						   send(pkt, conn, dir, NFPROTO_IPV6);
}

/*
 * Whether a packet changes nothing of its connection but the time it was last seen.
 * As shunt_established_goes_on().
 */
static __always_inline bool goes_on(const struct shunt_conn *conn, const struct tcphdr *tcp,
				    enum shunt_dir dir, u8 protocol, u8 family)
{
	const u32 nature = READ_ONCE(conn->nature);
	const u8 kind = shunt_kind(protocol, family);

	if (protocol == IPPROTO_UDP)
		return nature == shunt_conn_nature(SHUNT_CONN_STATE_ANSWERED, 0,
						   SHUNT_MODE_NAT, kind) ||
		       (dir == SHUNT_DIR_CLIENT &&
			nature == shunt_conn_nature(SHUNT_CONN_STATE_ONE_WAY, 0,
						    SHUNT_MODE_NAT, kind));
	return nature == shunt_conn_nature(SHUNT_CONN_STATE_ESTABLISHED, SHUNT_MARKS_KNOWN,
					   SHUNT_MODE_NAT, kind) &&
	       shunt_tcp_in_step(conn, shunt_tcp_flags(tcp), ntohl(tcp->seq), ntohl(tcp->ack_seq),
				 dir);
}

static __always_inline bool take(struct shunt_net *sn, struct sk_buff *skb, unsigned long end,
				 u8 family, bool fast)
{
	const unsigned int l4 = family == NFPROTO_IPV4 ? sizeof(struct iphdr) :
							 sizeof(struct ipv6hdr);
	const void *header = skb->data;
	const u8 protocol = family == NFPROTO_IPV4 ? ((const struct iphdr *)header)->protocol :
						     ((const struct ipv6hdr *)header)->nexthdr;
	struct shunt_conn *conn = shunt_end_conn(end);
	const enum shunt_dir dir = shunt_end_dir(end);
	const unsigned int bytes = skb->len;
	const struct shunt_hop *hop;
	struct rewrite to;

	if (!goes_on(conn, header + l4, dir, protocol, family) ||
	    unlikely(shunt_server_in_trouble(conn->server)))
		return false;
	hop = shunt_hop_find(sn, skb, READ_ONCE(shunt_conn_back_in(conn, family)->hop[dir]),
			     family);
	if (unlikely(!hop || skb_cloned(skb) || skb_headroom(skb) < hop->headroom ||
		     !shunt_forward_is_easy(skb, hop->mtu, family)))
		return false;
	/* The first packet in a second is noted. */
	if (unlikely((u32)jiffies - READ_ONCE(conn->seen) >= HZ) &&
	    !shunt_forward_note(skb, conn, dir))
		return false;
	if (fast)
		skb_orphan(skb);
	to = rewrite_for(conn, dir, family);
	translate(skb, l4, protocol, &to, family);
	if (unlikely(transmit_by(sn->net, skb, hop, family, fast)))
		shunt_forward_not_sent(sn, conn, dir);
	else
		shunt_counters_packet(conn->server->counters, 1, bytes, dir == SHUNT_DIR_SERVER);
	return true;
}

bool shunt_nat_take(struct shunt_net *sn, struct sk_buff *skb, unsigned long end, u8 family)
{
	return family == NFPROTO_IPV4 ? take(sn, skb, end, NFPROTO_IPV4, false) :
					take(sn, skb, end, NFPROTO_IPV6, false);
}

bool shunt_nat_take_fast(struct shunt_net *sn, struct sk_buff *skb, unsigned long end, u8 family)
{
	return family == NFPROTO_IPV4 ? take(sn, skb, end, NFPROTO_IPV4, true) :
					take(sn, skb, end, NFPROTO_IPV6, true);
}

enum shunt_reason shunt_nat_send_alone(struct shunt_packet *pkt, const struct shunt_conn *conn,
				       enum shunt_dir dir)
{
	struct rewrite to = rewrite_for(conn, dir, pkt->tuple.family);

	return send_routed(pkt, &to, header_end(pkt), NULL);
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
	delta = csum_sub(csum_partial(to->addr, addr_size, 0),
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
	put_covered(icmp_sum, data + addr_at, to->addr, addr_size);
	put_covered(icmp_sum, port, &to->port, sizeof(to->port));
}

/* The error goes on in the service's name to a client, to the server in its own. */
enum shunt_reason shunt_nat_send_error(struct shunt_packet *pkt, const struct shunt_conn *conn,
				       enum shunt_dir dir)
{
	const u8 family = pkt->tuple.family;
	const bool ipv4 = family == NFPROTO_IPV4;
	struct rewrite to = rewrite_for(conn, dir, family);
	struct sk_buff *skb = pkt->skb;
	enum shunt_reason reason;
	struct dst_entry *entry;
	__sum16 *icmp_sum;
	unsigned int end;
	__be32 *at;

	/* Up to the inner TCP checksum, or what there is of it. */
	end = min_t(unsigned int, skb->len, pkt->inner_l4 + sizeof(struct tcphdr));
	reason = prepare(pkt, &to, end, &entry);
	if (reason)
		return reason;

	icmp_sum = ipv4 ? &((struct icmphdr *)(skb->data + pkt->l4))->checksum :
			  &((struct icmp6hdr *)(skb->data + pkt->l4))->icmp6_cksum;
	translate_inner(pkt, &to, icmp_sum);
	at = addr_in(skb->data, to.source, family);
	/* ICMPv6 covers the addresses outside, ICMP does not. */
	if (!ipv4)
		put_pseudo(skb, icmp_sum, at, to.addr, family);
	put_addr(skb->data, at, to.addr, addr_delta(at, to.addr, family), family);
	return transmit(pkt, entry);
}

#ifdef SHUNT_SELFTEST
#include "selftest/nat.c"
#endif
