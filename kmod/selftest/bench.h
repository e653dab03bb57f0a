/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Whole packets through the module without a device: the state of a namespace
 * with services and servers that only the tests know of, and a queue where what
 * the modes would have sent ends up.
 *
 * NAT looks up routes in the initial namespace. It has those to the loopback
 * addresses, so clients and NAT servers have these.
 */
#ifndef SHUNT_SELFTEST_BENCH_H
#define SHUNT_SELFTEST_BENCH_H

#include "../forward.h"
#include "../link.h"
#include "../net.h"

/* Ports. Those of services are there for TCP, UDP, IPv4 and IPv6. */
enum {
	DSR = 80,		/* one DSR server */
	NAT,			/* one NAT server */
	TWO,			/* two NAT servers in turn */
	EMPTY,			/* no server */
	SILENT,			/* no server, on-empty drop */
	MIDSTREAM,		/* a NAT server, midstream rehash; TCP only */
	KEEP,			/* two NAT servers in turn, on-remove keep */
	RESET,			/* the same, on-remove reset */
	REHASH,			/* the same, on-remove rehash */
	EACH,			/* a NAT server, packet on; UDP only */
	EACH_DSR,		/* a DSR server, packet on; UDP only */
	NOBODY,			/* no service */
	CLIENT = 1000,
	SERVER = 8080,		/* of NAT servers, but */
	SECOND,			/* of the second one */
	ALONE,			/* of that of EACH */
};

struct shunt_bench {
	struct shunt_net sn;
	struct sk_buff_head sent;	/* each with what the mode put before it */
	struct net_device *dev;		/* to the DSR servers; MTU 1500 */
	struct shunt_link link;		/* over it */
	struct shunt_tuple seen[8];	/* since all was forgotten */
	unsigned int seen_count;
};

/* May sleep. NULL if there is no memory. */
struct shunt_bench *shunt_bench_up(void);
void shunt_bench_down(struct shunt_bench *bench);

/* May sleep. A packet as the IP layer hands it to the hooks; in is not kept. */
struct sk_buff *shunt_bench_skb(const u8 *in, unsigned int len, bool paged);
/* What the IP layer has set in an skb whose data starts at the IP header. */
void shunt_bench_arrive(struct sk_buff *skb);

/*
 * Hands a packet over as the hooks do. What is not taken stays with the caller.
 * Whoever forwards must forget, now and then.
 */
enum shunt_verdict shunt_bench_forward(struct shunt_bench *bench, struct sk_buff *skb,
				       bool local);

/* Packets not forwarded since the beginning, by reason. */
void shunt_bench_drops(struct shunt_bench *bench, u64 counts[SHUNT_COUNTS]);

/* Removes the first server of the service that the last packet was to. */
int shunt_bench_remove(struct shunt_bench *bench);

/*
 * Ends the connections of all packets since the last time, empties the queue,
 * and has schedulers begin with the first server.
 */
void shunt_bench_forget(struct shunt_bench *bench);

/*
 * Completes a packet of len bytes of which the first cut bytes will be sent:
 * lengths that are 0, and checksums that say SUM. A packet inside an ICMP error
 * gets those of the whole, as it had when it was sent. Returns how many bytes the
 * module has to see to know whose the packet is.
 */
unsigned int shunt_bench_seal(u8 *packet, unsigned int len, unsigned int cut);

/* Where the transport header is, behind all extension headers, and what it is. */
unsigned int shunt_bench_l4(const u8 *packet, u8 *protocol);

/*
 * The checksum from the transport header on, whose sum is given, with what the
 * IP header adds. 0 if the one in it is right.
 */
__sum16 shunt_bench_sum(const u8 *ip, unsigned int len, u8 protocol, __wsum sum);

/* Bytes of packets. */
#define SUM 0x5e, 0xa1
#define HALF(n) ((n) >> 8) & 0xff, (n) & 0xff
#define WORD(n) HALF((u32)(n) >> 16), HALF(n)
#define CLIENT4 127, 0, 0, 2
#define SERVER4 127, 0, 0, 1
#define ROUTER4 127, 0, 0, 3
#define VIP4 198, 51, 100, 1
#define CLIENT6 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1
#define SERVER6 CLIENT6
#define ROUTER6 CLIENT6
#define VIP6 0x20, 0x01, 0x0d, 0xb8, 0, 0x0f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1
#define IP4(ttl, protocol, src, dst)						\
	0x45, 0, HALF(0), 0, 1, 0x40, 0, ttl, protocol, SUM, src, dst
/* With a record route option that has room for one, and an end. */
#define IP4_OPTIONS(ttl, protocol, src, dst)					\
	0x47, 0, HALF(0), 0, 1, 0x40, 0, ttl, protocol, SUM, src, dst,		\
	7, 7, 4, 0, 0, 0, 0, 0
#define IP6(hops, next, src, dst) 0x60, 0x12, 0x34, 0x56, HALF(0), next, hops, src, dst
#define OPTIONS6(next) next, 0, 1, 4, 0, 0, 0, 0
#define ROUTING6(next, left) next, 0, 253, left, 0, 0, 0, 0
#define FRAGMENT6(next) next, 0, 0, 0, 0, 0, 0, 1
#define TCP(sport, dport, flags, seq, ack)					\
	HALF(sport), HALF(dport), WORD(seq), WORD(ack), 0x50, flags, HALF(512), SUM, HALF(0)
#define UDP(sport, dport) HALF(sport), HALF(dport), HALF(0), SUM
#define UDP_PLAIN(sport, dport) HALF(sport), HALF(dport), HALF(0), HALF(0)
#define ICMP(type, code, rest) type, code, SUM, WORD(rest)
#define DATA 'o', 'd', 'd', 'l', 'y'

#endif
