// SPDX-License-Identifier: GPL-2.0
/*
 * Translation as a property: whatever the packet, after the rewrite each
 * checksum is what a full computation says, a broken one is as broken as
 * before, and UDP's none stays none.
 */
#include <linux/slab.h>
#include <net/ip6_checksum.h>

#include "../selftest.h"

enum {
	NAT_ROUNDS = 20000,
	NAT_PAYLOAD = 11,
};

/* What a full computation over pseudo-header, header and data says; 0 if right. */
static __sum16 __init nat_verify(const struct shunt_packet *pkt)
{
	struct sk_buff *skb = pkt->skb;
	unsigned int len = skb->len - pkt->l4;
	__wsum sum = skb_checksum(skb, pkt->l4, len, 0);

	if (pkt->tuple.family == NFPROTO_IPV4)
		return csum_tcpudp_magic(ip_hdr(skb)->saddr, ip_hdr(skb)->daddr, len,
					 pkt->tuple.protocol, sum);
	return csum_ipv6_magic(&ipv6_hdr(skb)->saddr, &ipv6_hdr(skb)->daddr, len,
			       pkt->tuple.protocol, sum);
}

/* A packet of random addresses, ports and data, its checksum right. */
static void __init nat_packet(struct shunt_packet *pkt, bool ipv4, bool tcp)
{
	unsigned int ip = ipv4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
	unsigned int l4 = tcp ? sizeof(struct tcphdr) : sizeof(struct udphdr);
	struct sk_buff *skb = pkt->skb;
	__sum16 *check;

	skb_trim(skb, 0);
	skb_put(skb, ip + l4 + NAT_PAYLOAD);
	skb_reset_network_header(skb);
	get_random_bytes(skb->data, skb->len);
	pkt->l4 = ip;
	pkt->tuple.family = ipv4 ? NFPROTO_IPV4 : NFPROTO_IPV6;
	pkt->tuple.protocol = tcp ? IPPROTO_TCP : IPPROTO_UDP;
	if (ipv4) {
		ip_hdr(skb)->ihl = 5;
		ip_hdr(skb)->check = 0;
		ip_hdr(skb)->check = ip_fast_csum(skb->data, 5);
	}
	check = tcp ? &((struct tcphdr *)(skb->data + ip))->check :
		      &((struct udphdr *)(skb->data + ip))->check;
	*check = 0;
	*check = nat_verify(pkt) ?: CSUM_MANGLED_0;
}

static void __init nat_translate(struct shunt_packet *pkt, const struct rewrite *to)
{
	translate(pkt->skb, pkt->l4, pkt->tuple.protocol, to, pkt->tuple.family);
}

static int __init nat_round(struct shunt_packet *pkt, bool ipv4, bool tcp)
{
	struct sk_buff *skb = pkt->skb;
	union nf_inet_addr addr;
	struct rewrite to = {
		.source = get_random_u32() & 1,
		.port = (__force __be16)get_random_u32(),
		.addr = &addr,
	};
	struct udphdr *udp;

	get_random_bytes(&addr, sizeof(addr));

	nat_packet(pkt, ipv4, tcp);
	SHUNT_EXPECT("before", !nat_verify(pkt));
	nat_translate(pkt, &to);
	SHUNT_EXPECT("checksum adjusted", !nat_verify(pkt));
	SHUNT_EXPECT("header checksum adjusted", !ipv4 || !ip_fast_csum(skb->data, 5));

	nat_packet(pkt, ipv4, tcp);
	skb->data[skb->len - 1] ^= 1;
	nat_translate(pkt, &to);
	SHUNT_EXPECT("broken stays broken", nat_verify(pkt));
	if (tcp)
		return 0;

	nat_packet(pkt, ipv4, false);
	udp = (struct udphdr *)(skb->data + pkt->l4);
	udp->check = 0;
	nat_translate(pkt, &to);
	SHUNT_EXPECT("no checksum stays none", !udp->check);

	/* A port chosen so that the sum comes to 0, which UDP writes as all ones. */
	nat_packet(pkt, ipv4, false);
	nat_translate(pkt, &to);
	to.port = (__force __be16)csum16_add((__force __sum16)to.port,
					     (__force __be16)udp->check);
	nat_translate(pkt, &to);
	SHUNT_EXPECT("UDP's 0 is written as all ones", udp->check == CSUM_MANGLED_0);
	return 0;
}

int __init shunt_nat_selftest(void)
{
	struct shunt_packet pkt = { .skb = alloc_skb(256, GFP_KERNEL) };
	unsigned int i;
	int err = 0;

	if (!pkt.skb)
		return -ENOMEM;
	for (i = 0; i < NAT_ROUNDS && !err; i++)
		err = nat_round(&pkt, i & 1, i & 2);
	kfree_skb(pkt.skb);
	return err;
}
