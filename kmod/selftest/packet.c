// SPDX-License-Identifier: GPL-2.0
/* Golden packets for the parser: to add one is to add a line or two. */
#include "../selftest.h"

struct packet_fixture {
	const char *what;
	u8 family;
	enum shunt_parsed parsed;
	u16 sport, dport;	/* of the tuple; host byte order */
	u8 src, dst;		/* last byte of the tuple's addresses */
	u8 tcp_flags;
	u16 len;
	u8 bytes[160];
};

/* 192.0.2.10 -> 198.51.100.1 and 2001:db8::10 -> 2001:db8::1, ports 1000 and 80. */
#define V4(ihl, len, frag, proto)						\
	0x40 | (ihl), 0, 0, len, 0, 1, (frag) >> 8, (frag) & 0xff, 64, proto, 0, 0,	\
	192, 0, 2, 10, 198, 51, 100, 1
#define V4_BACK(len, proto)							\
	0x45, 0, 0, len, 0, 1, 0, 0, 64, proto, 0, 0,				\
	198, 51, 100, 1, 192, 0, 2, 10
#define V6_ADDR(last) 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last
#define V6(len, next) 0x60, 0, 0, 0, 0, len, next, 64, V6_ADDR(0x10), V6_ADDR(1)
#define V6_BACK(len, next) 0x60, 0, 0, 0, 0, len, next, 64, V6_ADDR(1), V6_ADDR(0x10)
#define PORTS 0x03, 0xe8, 0, 80
#define PORTS_BACK 0, 80, 0x03, 0xe8
#define TCP(flags) PORTS, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, flags, 1, 0, 0, 0, 0, 0
#define UDP PORTS, 0, 8, 0, 0
#define UDP_BACK PORTS_BACK, 0, 8, 0, 0
#define ICMP(type, code) type, code, 0, 0, 0, 0, 0, 0

static const struct packet_fixture packet_fixtures[] __initconst = {
	{ "TCP SYN", NFPROTO_IPV4, SHUNT_PARSED_WHOLE, 1000, 80, 10, 1, 0x02, 40,
	  { V4(5, 40, 0, 6), TCP(0x02) } },
	{ "TCP behind IP options", NFPROTO_IPV4, SHUNT_PARSED_WHOLE, 1000, 80, 10, 1, 0x11, 48,
	  { V4(7, 48, 0, 6), 1, 1, 1, 1, 1, 1, 1, 0, TCP(0x11) } },
	{ "TCP cut in its header", NFPROTO_IPV4, SHUNT_PARSED_MALFORMED, 1000, 80, 10, 1, 0, 30,
	  { V4(5, 30, 0, 6), TCP(0x02) } },
	{ "TCP without ports", NFPROTO_IPV4, SHUNT_PARSED_OTHER, 0, 0, 10, 1, 0, 22,
	  { V4(5, 22, 0, 6), TCP(0x02) } },
	{ "TCP data offset 4", NFPROTO_IPV4, SHUNT_PARSED_MALFORMED, 1000, 80, 10, 1, 0, 40,
	  { V4(5, 40, 0, 6), PORTS, 0, 0, 0, 1, 0, 0, 0, 2, 0x40, 2, 1, 0, 0, 0, 0, 0 } },
	{ "UDP", NFPROTO_IPV4, SHUNT_PARSED_WHOLE, 1000, 80, 10, 1, 0, 28,
	  { V4(5, 28, 0, 17), UDP } },
	{ "UDP cut in its header", NFPROTO_IPV4, SHUNT_PARSED_MALFORMED, 1000, 80, 10, 1, 0, 26,
	  { V4(5, 26, 0, 17), UDP } },
	{ "first fragment", NFPROTO_IPV4, SHUNT_PARSED_FRAGMENT, 0, 0, 10, 1, 0, 28,
	  { V4(5, 28, 0x2000, 17), UDP } },
	{ "later fragment", NFPROTO_IPV4, SHUNT_PARSED_FRAGMENT, 0, 0, 10, 1, 0, 28,
	  { V4(5, 28, 0x0003, 17), UDP } },
	{ "DF is no fragment", NFPROTO_IPV4, SHUNT_PARSED_WHOLE, 1000, 80, 10, 1, 0, 28,
	  { V4(5, 28, 0x4000, 17), UDP } },
	{ "ICMP echo", NFPROTO_IPV4, SHUNT_PARSED_OTHER, 0, 0, 10, 1, 0, 28,
	  { V4(5, 28, 0, 1), ICMP(8, 0) } },
	{ "SCTP", NFPROTO_IPV4, SHUNT_PARSED_OTHER, 0, 0, 10, 1, 0, 32,
	  { V4(5, 32, 0, 132), PORTS, 0, 0, 0, 0, 0, 0, 0, 0 } },
	/* From a router by the client: about the server's answer, on the client's way. */
	{ "ICMP error, turned round", NFPROTO_IPV4, SHUNT_PARSED_ERROR, 1000, 80, 10, 1, 0, 56,
	  { V4(5, 56, 0, 1), ICMP(3, 4), V4_BACK(28, 17), UDP_BACK } },
	{ "ICMP error cut before the ports", NFPROTO_IPV4, SHUNT_PARSED_OTHER, 0, 0, 1, 10, 0, 50,
	  { V4(5, 50, 0, 1), ICMP(3, 4), V4_BACK(28, 17), UDP_BACK } },
	{ "ICMP error cut in the inner header", NFPROTO_IPV4,
	  SHUNT_PARSED_OTHER, 0, 0, 10, 1, 0, 40,
	  { V4(5, 40, 0, 1), ICMP(3, 4), V4_BACK(28, 17), UDP_BACK } },
	{ "IPv6 TCP", NFPROTO_IPV6, SHUNT_PARSED_WHOLE, 1000, 80, 0x10, 1, 0x10, 60,
	  { V6(20, 6), TCP(0x10) } },
	{ "IPv6 UDP behind hop-by-hop and destination options", NFPROTO_IPV6,
	  SHUNT_PARSED_WHOLE, 1000, 80, 0x10, 1, 0, 64,
	  { V6(24, 0), 60, 0, 1, 4, 0, 0, 0, 0, 17, 0, 1, 4, 0, 0, 0, 0, UDP } },
	{ "IPv6 atomic fragment is whole", NFPROTO_IPV6,
	  SHUNT_PARSED_WHOLE, 1000, 80, 0x10, 1, 0, 56,
	  { V6(16, 44), 17, 0, 0, 0, 0, 0, 0, 1, UDP } },
	{ "IPv6 first fragment", NFPROTO_IPV6, SHUNT_PARSED_FRAGMENT, 0, 0, 0x10, 1, 0, 56,
	  { V6(16, 44), 17, 0, 0, 1, 0, 0, 0, 1, UDP } },
	{ "IPv6 later fragment", NFPROTO_IPV6, SHUNT_PARSED_FRAGMENT, 0, 0, 0x10, 1, 0, 56,
	  { V6(16, 44), 17, 0, 0, 8, 0, 0, 0, 1, UDP } },
	{ "IPv6 routing header at its end", NFPROTO_IPV6,
	  SHUNT_PARSED_WHOLE, 1000, 80, 0x10, 1, 0, 56,
	  { V6(16, 43), 17, 0, 253, 0, 0, 0, 0, 0, UDP } },
	{ "IPv6 routing header that leads on", NFPROTO_IPV6,
	  SHUNT_PARSED_OTHER, 0, 0, 0x10, 1, 0, 56,
	  { V6(16, 43), 17, 0, 253, 1, 0, 0, 0, 0, UDP } },
	{ "IPv6 extension header cut", NFPROTO_IPV6, SHUNT_PARSED_OTHER, 0, 0, 0x10, 1, 0, 41,
	  { V6(1, 0), 17 } },
	{ "ICMPv6 error, turned round", NFPROTO_IPV6, SHUNT_PARSED_ERROR, 1000, 80, 0x10, 1, 0, 96,
	  { V6(56, 58), ICMP(2, 0), V6_BACK(8, 17), UDP_BACK } },
	{ "ICMPv6 neighbour solicitation", NFPROTO_IPV6, SHUNT_PARSED_OTHER, 0, 0, 0x10, 1, 0, 64,
	  { V6(24, 58), ICMP(135, 0), V6_ADDR(1) } },
};

static u8 __init last_byte(const union nf_inet_addr *addr, u8 family)
{
	return ((const u8 *)addr)[family == NFPROTO_IPV4 ? 3 : 15];
}

static int __init packet_try(const struct packet_fixture *f, struct sk_buff *skb)
{
	struct shunt_packet pkt = { .skb = skb };

	skb_put_data(skb, f->bytes, f->len);
	skb_reset_network_header(skb);
	SHUNT_EXPECT(f->what, shunt_packet_parse(&pkt, f->family) == f->parsed);
	SHUNT_EXPECT(f->what, pkt.bytes == f->len && pkt.segments == 1);
	if (f->parsed == SHUNT_PARSED_OTHER)
		return 0;
	SHUNT_EXPECT(f->what, ntohs(pkt.tuple.sport) == f->sport);
	SHUNT_EXPECT(f->what, ntohs(pkt.tuple.dport) == f->dport);
	SHUNT_EXPECT(f->what, last_byte(&pkt.tuple.src, f->family) == f->src);
	SHUNT_EXPECT(f->what, last_byte(&pkt.tuple.dst, f->family) == f->dst);
	SHUNT_EXPECT(f->what, pkt.tcp_flags == f->tcp_flags);
	return 0;
}

int __init shunt_packet_selftest(void)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < ARRAY_SIZE(packet_fixtures) && !err; i++) {
		struct sk_buff *skb = alloc_skb(sizeof(packet_fixtures[i].bytes), GFP_KERNEL);

		if (!skb)
			return -ENOMEM;
		err = packet_try(&packet_fixtures[i], skb);
		kfree_skb(skb);
	}
	return err;
}
