// SPDX-License-Identifier: GPL-2.0
/*
 * Golden packets: what comes in, the verdict, and what goes out, byte for byte.
 * To add one is to add a line or two.
 *
 * Each goes through in one piece and with all but its IP header in a page, and
 * then cut off after every byte. As long as the headers that tell whose it is are
 * there, what goes out is what goes out of the whole packet, cut off likewise;
 * with less, the packet is left alone.
 */
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/init.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/slab.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#include "bench.h"
#include "../conn.h"
#include "../limit.h"
#include "../selftest.h"
#include "../table.h"

enum {
	SYN = SHUNT_TCP_SYN,
	ACK = SHUNT_TCP_ACK,
	FIN = SHUNT_TCP_FIN,
	RST = SHUNT_TCP_RST,
	FAR = 1 << 24,		/* of a sequence number that is not to be believed */
	FIXTURE_MAX = 1600,
};

struct fixture_bytes {
	const u8 *bytes;
	unsigned int len;
};

struct fixture {
	const char *what;
	struct fixture_bytes after[4];	/* to be forwarded first */
	struct fixture_bytes in;
	struct fixture_bytes out;	/* of NAT; of DSR it follows from in */
	enum shunt_verdict verdict;
	enum shunt_reason reason;
	u16 pad;			/* zeros at the end of both */
	bool dsr;
	bool local;			/* made by this host */
	bool removed;			/* the service's first server, before in; for good */
	bool stateless;			/* makes no entry */
	bool connected;			/* has made one */
	bool pressed;			/* connections go without one, or SYNs are forgotten */
};

#define P(...) { (const u8 []){ __VA_ARGS__ }, sizeof((const u8 []){ __VA_ARGS__ }) }
#define AFTER(...) .after = { __VA_ARGS__ }
#define IN(...) .in = P(__VA_ARGS__)
#define PASSED .verdict = SHUNT_PASS
#define TO_DSR .verdict = SHUNT_TAKEN, .dsr = true
#define TO_NAT(...) .verdict = SHUNT_TAKEN, .out = P(__VA_ARGS__)
#define DROPPED(why) .verdict = SHUNT_DROP, .reason = SHUNT_DROP_##why
#define REJECTED(why) .verdict = SHUNT_REJECT, .reason = SHUNT_DROP_##why

/* The client's and the server's packets, before and behind a NAT service. */
#define TCP4(port, ...) IP4(64, 6, CLIENT4, VIP4), TCP(CLIENT, port, __VA_ARGS__)
#define TCP4_OUT(port, ...) IP4(63, 6, CLIENT4, SERVER4), TCP(CLIENT, port, __VA_ARGS__)
#define TCP4_BACK(port, ...) IP4(64, 6, SERVER4, CLIENT4), TCP(port, CLIENT, __VA_ARGS__)
#define TCP4_BACK_OUT(port, ...) IP4(63, 6, VIP4, CLIENT4), TCP(port, CLIENT, __VA_ARGS__)
#define UDP4(port) IP4(64, 17, CLIENT4, VIP4), UDP(CLIENT, port)
#define UDP4_OUT(port) IP4(63, 17, CLIENT4, SERVER4), UDP(CLIENT, port)
#define TCP6(port, ...) IP6(64, 6, CLIENT6, VIP6), TCP(CLIENT, port, __VA_ARGS__)
#define TCP6_OUT(port, ...) IP6(63, 6, CLIENT6, SERVER6), TCP(CLIENT, port, __VA_ARGS__)
#define TCP6_BACK(port, ...) IP6(64, 6, SERVER6, CLIENT6), TCP(port, CLIENT, __VA_ARGS__)
#define TCP6_BACK_OUT(port, ...) IP6(63, 6, VIP6, CLIENT6), TCP(port, CLIENT, __VA_ARGS__)
#define UDP6(port) IP6(64, 17, CLIENT6, VIP6), UDP(CLIENT, port)
#define UDP6_OUT(port) IP6(63, 17, CLIENT6, SERVER6), UDP(CLIENT, port)

/* A handshake; the client's first byte is 101, the server's 501. */
#define SYN4(port) P(TCP4(port, SYN, 100, 0))
#define OPEN4(port) SYN4(port), P(TCP4_BACK(SERVER, SYN | ACK, 500, 101)),	\
	P(TCP4(port, ACK, 101, 501))
#define SYN6(port) P(TCP6(port, SYN, 100, 0))
#define OPEN6(port) SYN6(port), P(TCP6_BACK(SERVER, SYN | ACK, 500, 101)),	\
	P(TCP6(port, ACK, 101, 501))

static const struct fixture fixtures[] __initconst = {
	/* Checksums computed elsewhere, which show that those computed here are right. */
	{ "known checksums, TCP over IPv4",
	  IN(0x45, 0, 0, 43, 0x12, 0x34, 0x40, 0, 64, 6, 0x7f, 0x62, CLIENT4, VIP4,
	     HALF(CLIENT), HALF(NAT), WORD(1), WORD(0), 0x50, SYN, HALF(512), 0x3c, 0x0c, 0, 0,
	     'a', 'b', 'c'),
	  TO_NAT(0x45, 0, 0, 43, 0x12, 0x34, 0x40, 0, 63, 6, 0x2b, 0x96, CLIENT4, SERVER4,
		 HALF(CLIENT), HALF(SERVER), WORD(1), WORD(0), 0x50, SYN, HALF(512), 0xc8, 0x00,
		 0, 0, 'a', 'b', 'c') },
	{ "known checksums, UDP over IPv6",
	  IN(0x60, 0, 0, 0, 0, 11, 17, 64, CLIENT6, VIP6,
	     HALF(CLIENT), HALF(NAT), 0, 11, 0x09, 0x73, 'a', 'b', 'c'),
	  TO_NAT(0x60, 0, 0, 0, 0, 11, 17, 63, CLIENT6, SERVER6,
		 HALF(CLIENT), HALF(SERVER), 0, 11, 0x17, 0xfc, 'a', 'b', 'c') },

	{ "TCP, DSR, new", .stateless = true, IN(TCP4(DSR, SYN, 100, 0)), TO_DSR },
	{ "TCP, DSR, known", .connected = true, AFTER(SYN4(DSR)),
	  IN(TCP4(DSR, ACK, 101, 501), DATA), TO_DSR },
	{ "TCP6, DSR, new", .stateless = true, IN(TCP6(DSR, SYN, 100, 0)), TO_DSR },
	{ "TCP6, DSR, known", AFTER(SYN6(DSR)), IN(TCP6(DSR, ACK, 101, 501), DATA), TO_DSR },
	{ "UDP, DSR", IN(UDP4(DSR), DATA), TO_DSR },
	{ "UDP without a checksum, DSR",
	  IN(IP4(64, 17, CLIENT4, VIP4), UDP_PLAIN(CLIENT, DSR), DATA), TO_DSR },
	{ "UDP6, DSR", IN(UDP6(DSR), DATA), TO_DSR },
	{ "a broken checksum is DSR's no more than its own",
	  IN(IP4(64, 17, CLIENT4, VIP4), HALF(CLIENT), HALF(DSR), HALF(0), 1, 2), TO_DSR },

	{ "TCP, NAT, new", IN(TCP4(NAT, SYN, 100, 0)), TO_NAT(TCP4_OUT(SERVER, SYN, 100, 0)) },
	{ "TCP, NAT, the server's answer", AFTER(SYN4(NAT)),
	  IN(TCP4_BACK(SERVER, SYN | ACK, 500, 101)),
	  TO_NAT(TCP4_BACK_OUT(NAT, SYN | ACK, 500, 101)) },
	{ "TCP, NAT, known", AFTER(OPEN4(NAT)), IN(TCP4(NAT, ACK, 101, 501), DATA),
	  TO_NAT(TCP4_OUT(SERVER, ACK, 101, 501), DATA) },
	{ "TCP, NAT, the server's data", AFTER(OPEN4(NAT)),
	  IN(TCP4_BACK(SERVER, ACK, 501, 101), DATA),
	  TO_NAT(TCP4_BACK_OUT(NAT, ACK, 501, 101), DATA) },
	{ "TCP6, NAT, new", IN(TCP6(NAT, SYN, 100, 0)), TO_NAT(TCP6_OUT(SERVER, SYN, 100, 0)) },
	{ "TCP6, NAT, known", AFTER(OPEN6(NAT)), IN(TCP6(NAT, ACK, 101, 501), DATA),
	  TO_NAT(TCP6_OUT(SERVER, ACK, 101, 501), DATA) },
	{ "TCP6, NAT, the server's data", AFTER(OPEN6(NAT)),
	  IN(TCP6_BACK(SERVER, ACK, 501, 101), DATA),
	  TO_NAT(TCP6_BACK_OUT(NAT, ACK, 501, 101), DATA) },
	{ "UDP, NAT", IN(UDP4(NAT), DATA), TO_NAT(UDP4_OUT(SERVER), DATA) },
	{ "UDP, NAT, answer", AFTER(P(UDP4(NAT))),
	  IN(IP4(64, 17, SERVER4, CLIENT4), UDP(SERVER, CLIENT), DATA),
	  TO_NAT(IP4(63, 17, VIP4, CLIENT4), UDP(NAT, CLIENT), DATA) },
	{ "UDP without a checksum, NAT",
	  IN(IP4(64, 17, CLIENT4, VIP4), UDP_PLAIN(CLIENT, NAT), DATA),
	  TO_NAT(IP4(63, 17, CLIENT4, SERVER4), UDP_PLAIN(CLIENT, SERVER), DATA) },
	{ "UDP without a checksum, NAT, answer", AFTER(P(UDP4(NAT))),
	  IN(IP4(64, 17, SERVER4, CLIENT4), UDP_PLAIN(SERVER, CLIENT), DATA),
	  TO_NAT(IP4(63, 17, VIP4, CLIENT4), UDP_PLAIN(NAT, CLIENT), DATA) },
	{ "UDP6, NAT", IN(UDP6(NAT), DATA), TO_NAT(UDP6_OUT(SERVER), DATA) },
	{ "UDP6, NAT, answer", AFTER(P(UDP6(NAT))),
	  IN(IP6(64, 17, SERVER6, CLIENT6), UDP(SERVER, CLIENT), DATA),
	  TO_NAT(IP6(63, 17, VIP6, CLIENT6), UDP(NAT, CLIENT), DATA) },
	{ "IP options, DSR", IN(IP4_OPTIONS(64, 6, CLIENT4, VIP4), TCP(CLIENT, DSR, SYN, 100, 0)),
	  TO_DSR },
	{ "IP options, NAT", IN(IP4_OPTIONS(64, 17, CLIENT4, VIP4), UDP(CLIENT, NAT), DATA),
	  TO_NAT(IP4_OPTIONS(63, 17, CLIENT4, SERVER4), UDP(CLIENT, SERVER), DATA) },
	{ "TCP options, NAT",
	  IN(IP4(64, 6, CLIENT4, VIP4), HALF(CLIENT), HALF(NAT), WORD(100), WORD(0), 0x60, SYN,
	     HALF(512), SUM, HALF(0), 2, 4, HALF(1460)),
	  TO_NAT(IP4(63, 6, CLIENT4, SERVER4), HALF(CLIENT), HALF(SERVER), WORD(100), WORD(0),
		 0x60, SYN, HALF(512), SUM, HALF(0), 2, 4, HALF(1460)) },

	/* Routers and hosts on the client's side, about what VIP and server sent. */
	{ "ICMP, DSR", AFTER(SYN4(DSR), P(TCP4(DSR, ACK, 101, 501))),
	  IN(IP4(64, 1, ROUTER4, VIP4), ICMP(ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, 1400),
	     IP4(60, 6, VIP4, CLIENT4), TCP(DSR, CLIENT, ACK, 501, 101), DATA), TO_DSR },
	{ "ICMPv6, DSR", AFTER(SYN6(DSR), P(TCP6(DSR, ACK, 101, 501))),
	  IN(IP6(64, 58, ROUTER6, VIP6), ICMP(ICMPV6_PKT_TOOBIG, 0, 1400),
	     IP6(60, 6, VIP6, CLIENT6), TCP(DSR, CLIENT, ACK, 501, 101), DATA), TO_DSR },
	{ "ICMP to a NAT server, TCP", AFTER(SYN4(NAT)),
	  IN(IP4(64, 1, ROUTER4, VIP4), ICMP(ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, 1400),
	     IP4(60, 6, VIP4, CLIENT4), TCP(NAT, CLIENT, ACK, 501, 101), DATA),
	  TO_NAT(IP4(63, 1, ROUTER4, SERVER4), ICMP(ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, 1400),
		 IP4(60, 6, SERVER4, CLIENT4), TCP(SERVER, CLIENT, ACK, 501, 101), DATA) },
	{ "ICMP to a NAT server, UDP, options on both", AFTER(P(UDP4(NAT))),
	  IN(IP4_OPTIONS(64, 1, ROUTER4, VIP4), ICMP(ICMP_TIME_EXCEEDED, 0, 0),
	     IP4_OPTIONS(1, 17, VIP4, CLIENT4), UDP(NAT, CLIENT), DATA),
	  TO_NAT(IP4_OPTIONS(63, 1, ROUTER4, SERVER4), ICMP(ICMP_TIME_EXCEEDED, 0, 0),
		 IP4_OPTIONS(1, 17, SERVER4, CLIENT4), UDP(SERVER, CLIENT), DATA) },
	{ "ICMP to a NAT server, UDP without a checksum", AFTER(P(UDP4(NAT))),
	  IN(IP4(64, 1, CLIENT4, VIP4), ICMP(ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, 0),
	     IP4(60, 17, VIP4, CLIENT4), UDP_PLAIN(NAT, CLIENT), DATA),
	  TO_NAT(IP4(63, 1, CLIENT4, SERVER4), ICMP(ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, 0),
		 IP4(60, 17, SERVER4, CLIENT4), UDP_PLAIN(SERVER, CLIENT), DATA) },
	{ "ICMPv6 to a NAT server, TCP", AFTER(SYN6(NAT)),
	  IN(IP6(64, 58, ROUTER6, VIP6), ICMP(ICMPV6_PKT_TOOBIG, 0, 1400),
	     IP6(60, 6, VIP6, CLIENT6), TCP(NAT, CLIENT, ACK, 501, 101), DATA),
	  TO_NAT(IP6(63, 58, ROUTER6, SERVER6), ICMP(ICMPV6_PKT_TOOBIG, 0, 1400),
		 IP6(60, 6, SERVER6, CLIENT6), TCP(SERVER, CLIENT, ACK, 501, 101), DATA) },
	{ "ICMPv6 to a NAT server, UDP, options on both", AFTER(P(UDP6(NAT))),
	  IN(IP6(64, 60, ROUTER6, VIP6), OPTIONS6(58), ICMP(ICMPV6_TIME_EXCEED, 0, 0),
	     IP6(1, 60, VIP6, CLIENT6), OPTIONS6(17), UDP(NAT, CLIENT), DATA),
	  TO_NAT(IP6(63, 60, ROUTER6, SERVER6), OPTIONS6(58), ICMP(ICMPV6_TIME_EXCEED, 0, 0),
		 IP6(1, 60, SERVER6, CLIENT6), OPTIONS6(17), UDP(SERVER, CLIENT), DATA) },
	/* On a NAT server's side, about what the client sent. */
	{ "ICMP to the client, TCP", AFTER(SYN4(NAT)),
	  IN(IP4(64, 1, ROUTER4, CLIENT4), ICMP(ICMP_TIME_EXCEEDED, 0, 0),
	     IP4(1, 6, CLIENT4, SERVER4), TCP(CLIENT, SERVER, SYN, 100, 0), DATA),
	  TO_NAT(IP4(63, 1, VIP4, CLIENT4), ICMP(ICMP_TIME_EXCEEDED, 0, 0),
		 IP4(1, 6, CLIENT4, VIP4), TCP(CLIENT, NAT, SYN, 100, 0), DATA) },
	{ "ICMP to the client, UDP, options inside", AFTER(P(UDP4(NAT))),
	  IN(IP4(64, 1, SERVER4, CLIENT4), ICMP(ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, 0),
	     IP4_OPTIONS(60, 17, CLIENT4, SERVER4), UDP(CLIENT, SERVER), DATA),
	  TO_NAT(IP4(63, 1, VIP4, CLIENT4), ICMP(ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, 0),
		 IP4_OPTIONS(60, 17, CLIENT4, VIP4), UDP(CLIENT, NAT), DATA) },
	{ "ICMPv6 to the client, TCP", AFTER(SYN6(NAT)),
	  IN(IP6(64, 58, SERVER6, CLIENT6), ICMP(ICMPV6_DEST_UNREACH, ICMPV6_ADM_PROHIBITED, 0),
	     IP6(60, 6, CLIENT6, SERVER6), TCP(CLIENT, SERVER, SYN, 100, 0), DATA),
	  TO_NAT(IP6(63, 58, VIP6, CLIENT6),
		 ICMP(ICMPV6_DEST_UNREACH, ICMPV6_ADM_PROHIBITED, 0),
		 IP6(60, 6, CLIENT6, VIP6), TCP(CLIENT, NAT, SYN, 100, 0), DATA) },
	{ "ICMPv6 to the client, UDP", AFTER(P(UDP6(NAT))),
	  IN(IP6(64, 58, SERVER6, CLIENT6), ICMP(ICMPV6_DEST_UNREACH, ICMPV6_PORT_UNREACH, 0),
	     IP6(60, 17, CLIENT6, SERVER6), UDP(CLIENT, SERVER), DATA),
	  TO_NAT(IP6(63, 58, VIP6, CLIENT6), ICMP(ICMPV6_DEST_UNREACH, ICMPV6_PORT_UNREACH, 0),
		 IP6(60, 17, CLIENT6, VIP6), UDP(CLIENT, NAT), DATA) },
	{ "ICMP about no connection",
	  IN(IP4(64, 1, ROUTER4, VIP4), ICMP(ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, 0),
	     IP4(60, 17, VIP4, CLIENT4), UDP(NAT, CLIENT), DATA), PASSED },
	{ "ICMP redirect is no error", AFTER(P(UDP4(NAT))),
	  IN(IP4(64, 1, ROUTER4, VIP4), ICMP(ICMP_REDIRECT, 0, 0),
	     IP4(60, 17, VIP4, CLIENT4), UDP(NAT, CLIENT), DATA), PASSED },
	{ "ICMP about a later fragment", AFTER(P(UDP4(NAT))),
	  IN(IP4(64, 1, ROUTER4, VIP4), ICMP(ICMP_TIME_EXCEEDED, 0, 0), 0x45, 0, HALF(100),
	     0, 1, 0, 9, 1, 17, HALF(0), VIP4, CLIENT4, HALF(NAT), HALF(CLIENT), WORD(0)),
	  PASSED },
	{ "ping", IN(IP4(64, 1, CLIENT4, VIP4), ICMP(ICMP_ECHO, 0, 0), DATA), PASSED },
	{ "ping6", IN(IP6(64, 58, CLIENT6, VIP6), ICMP(ICMPV6_ECHO_REQUEST, 0, 0), DATA),
	  PASSED },

	{ "no service, TCP", IN(TCP4(NOBODY, SYN, 100, 0)), PASSED },
	{ "no service, UDP6", IN(UDP6(NOBODY), DATA), PASSED },
	{ "service of another protocol", IN(UDP4(MIDSTREAM), DATA), PASSED },
	{ "not the VIP", IN(IP4(64, 17, CLIENT4, ROUTER4), UDP(CLIENT, NAT), DATA), PASSED },
	{ "of a NAT server, no answer",
	  IN(IP4(64, 17, SERVER4, CLIENT4), UDP(SERVER, CLIENT), DATA), PASSED },
	{ "another transport", IN(IP4(64, 132, CLIENT4, VIP4), HALF(CLIENT), HALF(NAT), WORD(0)),
	  PASSED },
	{ "a route that goes on", IN(IP6(64, 43, CLIENT6, VIP6), ROUTING6(17, 1),
				     UDP(CLIENT, NAT), DATA), PASSED },
	{ "nothing behind the headers", IN(IP6(64, 59, CLIENT6, VIP6)), PASSED },

	{ "the hop was the last, DSR", IN(IP4(1, 17, CLIENT4, VIP4), UDP(CLIENT, DSR)),
	  DROPPED(TTL) },
	{ "the hop was the last, DSR, IPv6", IN(IP6(1, 17, CLIENT6, VIP6), UDP(CLIENT, DSR)),
	  DROPPED(TTL) },
	{ "the hop was the last, NAT", IN(IP4(1, 17, CLIENT4, VIP4), UDP(CLIENT, NAT)),
	  DROPPED(TTL) },
	{ "the hop was the last, NAT, IPv6", IN(IP6(1, 17, CLIENT6, VIP6), UDP(CLIENT, NAT)),
	  DROPPED(TTL) },
	{ "a TTL of 0", IN(IP4(0, 17, CLIENT4, VIP4), UDP(CLIENT, NAT)), DROPPED(TTL) },
	{ "this host's own is no hop, DSR", .local = true,
	  IN(IP4(1, 17, CLIENT4, VIP4), UDP(CLIENT, DSR), DATA), TO_DSR },
	{ "this host's own is no hop, NAT", .local = true,
	  IN(IP6(1, 17, CLIENT6, VIP6), UDP(CLIENT, NAT), DATA),
	  TO_NAT(IP6(1, 17, CLIENT6, SERVER6), UDP(CLIENT, SERVER), DATA) },
	{ "from the VIP, DSR", IN(IP4(64, 17, VIP4, VIP4), UDP(CLIENT, DSR)),
	  DROPPED(SOURCE_IS_VIP) },
	{ "from the VIP, DSR, IPv6", IN(IP6(64, 17, VIP6, VIP6), UDP(CLIENT, DSR)),
	  DROPPED(SOURCE_IS_VIP) },
	{ "too big for the link, DF", IN(UDP4(DSR)), .pad = 1473, DROPPED(MTU) },
	{ "too big for the link, IPv6", IN(UDP6(DSR)), .pad = 1453, DROPPED(MTU) },
	{ "as big as the link, DF", IN(UDP4(DSR)), .pad = 1472, TO_DSR },
	{ "as big as the link, IPv6", IN(UDP6(DSR)), .pad = 1452, TO_DSR },
	{ "UDP cut in its header", IN(IP4(64, 17, CLIENT4, VIP4), HALF(CLIENT), HALF(NAT), HALF(9)),
	  DROPPED(MALFORMED) },
	{ "UDP6 cut in its header", IN(IP6(64, 17, CLIENT6, VIP6), HALF(CLIENT), HALF(DSR)),
	  DROPPED(MALFORMED) },
	{ "a TCP header shorter than it can be",
	  IN(IP4(64, 6, CLIENT4, VIP4), HALF(CLIENT), HALF(NAT), WORD(0), WORD(0), 0x40, SYN,
	     HALF(512), SUM, HALF(0)), DROPPED(MALFORMED) },

	{ "no server, TCP", IN(TCP4(EMPTY, SYN, 100, 0)), REJECTED(NO_SERVER) },
	{ "no server, UDP6", IN(UDP6(EMPTY), DATA), REJECTED(NO_SERVER) },
	{ "no server, on-empty drop, TCP6", IN(TCP6(SILENT, SYN, 100, 0)), DROPPED(NO_SERVER) },
	{ "no server, on-empty drop, UDP", IN(UDP4(SILENT), DATA), DROPPED(NO_SERVER) },
	{ "no server, mid-stream", IN(TCP4(EMPTY, ACK, 101, 501)), REJECTED(NO_CONNECTION) },
	{ "mid-stream, DSR", IN(TCP4(DSR, ACK, 101, 501)), REJECTED(NO_CONNECTION) },
	{ "mid-stream, NAT", IN(TCP6(NAT, ACK, 101, 501)), REJECTED(NO_CONNECTION) },
	{ "FIN of no connection", IN(TCP4(NAT, FIN | ACK, 101, 501)), REJECTED(NO_CONNECTION) },
	{ "SYN-ACK of no connection", IN(TCP4(NAT, SYN | ACK, 101, 501)),
	  REJECTED(NO_CONNECTION) },
	{ "no flags", IN(TCP4(NAT, 0, 101, 501)), REJECTED(NO_CONNECTION) },
	{ "midstream rehash", IN(TCP4(MIDSTREAM, ACK, 101, 501), DATA),
	  TO_NAT(TCP4_OUT(SERVER, ACK, 101, 501), DATA) },
	{ "midstream rehash, FIN", IN(TCP6(MIDSTREAM, FIN | ACK, 101, 501)),
	  TO_NAT(TCP6_OUT(SERVER, FIN | ACK, 101, 501)) },
	/* The hook's answer to a RST is none. */
	{ "RST of no connection", IN(TCP4(NAT, RST | ACK, 101, 501)), DROPPED(NO_CONNECTION) },
	{ "midstream rehash, RST", IN(TCP6(MIDSTREAM, RST, 101, 0)), DROPPED(NO_CONNECTION) },
	{ "midstream rehash, no flags", IN(TCP4(MIDSTREAM, 0, 101, 501)),
	  REJECTED(NO_CONNECTION) },
	{ "tuple in use", AFTER(SYN4(NAT)), IN(TCP4(TWO, SYN, 100, 0)), DROPPED(TUPLE_IN_USE) },

	/* What may follow a SYN in DSR, while it makes no connection. */
	{ "a SYN waits, RST", .stateless = true, AFTER(SYN4(DSR)), IN(TCP4(DSR, RST, 101, 0)),
	  TO_DSR },
	{ "a SYN waited, RST", .stateless = true, AFTER(SYN4(DSR), P(TCP4(DSR, RST, 101, 0))),
	  IN(TCP4(DSR, ACK, 101, 501)), REJECTED(NO_CONNECTION) },
	{ "a SYN waits, ACK of another", .stateless = true, AFTER(SYN6(DSR)),
	  IN(TCP6(DSR, ACK, FAR, 501)), REJECTED(NO_CONNECTION) },
	{ "a SYN waits, RST of another", .stateless = true, AFTER(SYN6(DSR)),
	  IN(TCP6(DSR, RST, FAR, 0)), DROPPED(NO_CONNECTION) },
	{ "a SYN waits, no flags", .stateless = true, AFTER(SYN4(DSR)),
	  IN(TCP4(DSR, 0, 101, 501)), REJECTED(NO_CONNECTION) },
	{ "a SYN waits, an error about the answer", .stateless = true, AFTER(SYN4(DSR)),
	  IN(IP4(64, 1, ROUTER4, VIP4), ICMP(ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, 1400),
	     IP4(60, 6, VIP4, CLIENT4), TCP(DSR, CLIENT, SYN | ACK, 500, 101)), TO_DSR },
	{ "an error about no SYN's answer", .stateless = true,
	  IN(IP4(64, 1, ROUTER4, VIP4), ICMP(ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, 1400),
	     IP4(60, 6, VIP4, CLIENT4), TCP(DSR, CLIENT, SYN | ACK, 500, 101)), PASSED },

	{ "a SYN may be forgotten, ACK", .pressed = true, .stateless = true,
	  IN(TCP4(DSR, ACK, 101, 501), DATA), TO_DSR },
	{ "a SYN may be forgotten, the second ACK", .pressed = true, .connected = true,
	  AFTER(P(TCP6(DSR, ACK, 101, 501))), IN(TCP6(DSR, ACK, 101, 501), DATA), TO_DSR },
	{ "a SYN may be forgotten, another's ACK", .pressed = true, .stateless = true,
	  AFTER(P(TCP4(DSR, ACK, 101, 501))), IN(TCP4(DSR, ACK, FAR, 501), DATA), TO_DSR },
	{ "no SYN to NAT is forgotten, ACK", .pressed = true, .stateless = true,
	  IN(TCP4(NAT, ACK, 101, 501)), REJECTED(NO_CONNECTION) },
	{ "a SYN may be forgotten, RST", .pressed = true, .stateless = true,
	  IN(TCP6(DSR, RST, 101, 0)), DROPPED(NO_CONNECTION) },
	{ "an error about a flow without a connection", .pressed = true, .stateless = true,
	  IN(IP4(64, 1, ROUTER4, VIP4), ICMP(ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, 1400),
	     IP4(60, 17, VIP4, CLIENT4), UDP(DSR, CLIENT), DATA), TO_DSR },
	{ "an error about a flow to NAT without a connection", .pressed = true,
	  .stateless = true,
	  IN(IP4(64, 1, ROUTER4, VIP4), ICMP(ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, 1400),
	     IP4(60, 17, VIP4, CLIENT4), UDP(NAT, CLIENT), DATA), PASSED },

	/* Who is in turn tells whether a server was chosen. */
	{ "SYN again", AFTER(SYN4(TWO)), IN(TCP4(TWO, SYN, 100, 0)),
	  TO_NAT(TCP4_OUT(SERVER, SYN, 100, 0)) },
	{ "another SYN", AFTER(OPEN4(TWO)), IN(TCP4(TWO, SYN, FAR, 0)),
	  TO_NAT(TCP4_OUT(SECOND, SYN, FAR, 0)) },
	{ "SYN after FIN", AFTER(SYN4(TWO), P(TCP4(TWO, FIN | ACK, 101, 501))),
	  IN(TCP4(TWO, SYN, 200, 0)), TO_NAT(TCP4_OUT(SECOND, SYN, 200, 0)) },
	{ "SYN after the server's FIN",
	  AFTER(OPEN6(TWO), P(TCP6_BACK(SERVER, FIN | ACK, 501, 101))),
	  IN(TCP6(TWO, SYN, 200, 0)), TO_NAT(TCP6_OUT(SECOND, SYN, 200, 0)) },
	{ "SYN after RST", AFTER(SYN4(TWO), P(TCP4(TWO, RST, 101, 0))),
	  IN(TCP4(TWO, SYN, 200, 0)), TO_NAT(TCP4_OUT(SECOND, SYN, 200, 0)) },
	{ "SYN after the server's RST", AFTER(SYN4(TWO), P(TCP4_BACK(SERVER, RST | ACK, 0, 101))),
	  IN(TCP4(TWO, SYN, 200, 0)), TO_NAT(TCP4_OUT(SECOND, SYN, 200, 0)) },
	{ "a far FIN is forwarded", AFTER(OPEN4(TWO)), IN(TCP4(TWO, FIN | ACK, FAR, FAR)),
	  TO_NAT(TCP4_OUT(SERVER, FIN | ACK, FAR, FAR)) },
	{ "and ends nothing", AFTER(OPEN4(TWO), P(TCP4(TWO, FIN | ACK, FAR, FAR))),
	  IN(TCP4(TWO, SYN, 100, 0)), TO_NAT(TCP4_OUT(SERVER, SYN, 100, 0)) },
	{ "a far RST is forwarded", AFTER(OPEN6(TWO)), IN(TCP6_BACK(SERVER, RST, FAR, 0)),
	  TO_NAT(TCP6_BACK_OUT(TWO, RST, FAR, 0)) },
	{ "and ends nothing", AFTER(OPEN6(TWO), P(TCP6_BACK(SERVER, RST, FAR, 0))),
	  IN(TCP6(TWO, SYN, 100, 0)), TO_NAT(TCP6_OUT(SERVER, SYN, 100, 0)) },
	{ "a RST that was not the client's",
	  AFTER(SYN4(TWO), P(TCP4(TWO, RST, 101, 0)), P(TCP4(TWO, ACK, 101, 501))),
	  IN(TCP4(TWO, SYN, 100, 0)), TO_NAT(TCP4_OUT(SERVER, SYN, 100, 0)) },
	{ "UDP again", AFTER(P(UDP4(TWO))), IN(UDP4(TWO), DATA),
	  TO_NAT(UDP4_OUT(SERVER), DATA) },

	{ "each packet on its own, NAT", .stateless = true, IN(UDP4(EACH), DATA),
	  TO_NAT(UDP4_OUT(ALONE), DATA) },
	{ "each packet on its own, NAT, answer", .stateless = true,
	  IN(IP4(64, 17, SERVER4, CLIENT4), UDP(ALONE, CLIENT), DATA),
	  TO_NAT(IP4(63, 17, VIP4, CLIENT4), UDP(EACH, CLIENT), DATA) },
	{ "each packet on its own, NAT, IPv6", .stateless = true, IN(UDP6(EACH), DATA),
	  TO_NAT(UDP6_OUT(ALONE), DATA) },
	{ "each packet on its own, NAT, answer, IPv6", .stateless = true,
	  IN(IP6(64, 17, SERVER6, CLIENT6), UDP(ALONE, CLIENT), DATA),
	  TO_NAT(IP6(63, 17, VIP6, CLIENT6), UDP(EACH, CLIENT), DATA) },
	{ "each packet on its own, DSR", .stateless = true, IN(UDP4(EACH_DSR), DATA), TO_DSR },

	{ "removed server, keep", .removed = true, AFTER(OPEN4(KEEP)),
	  IN(TCP4(KEEP, ACK, 101, 501), DATA), TO_NAT(TCP4_OUT(SERVER, ACK, 101, 501), DATA) },
	{ "removed server, keep, SYN again", .removed = true, AFTER(SYN6(KEEP)),
	  IN(TCP6(KEEP, SYN, 100, 0)), TO_NAT(TCP6_OUT(SECOND, SYN, 100, 0)) },
	{ "removed server, keep, UDP", .removed = true, AFTER(P(UDP4(KEEP))),
	  IN(UDP4(KEEP), DATA), TO_NAT(UDP4_OUT(SERVER), DATA) },
	{ "removed server, reset", .removed = true, AFTER(OPEN4(RESET)),
	  IN(TCP4(RESET, ACK, 101, 501), DATA), REJECTED(SERVER_REMOVED) },
	{ "removed server, reset, UDP6", .removed = true, AFTER(P(UDP6(RESET))),
	  IN(UDP6(RESET), DATA), REJECTED(SERVER_REMOVED) },
	{ "removed server, rehash", .removed = true, AFTER(OPEN4(REHASH)),
	  IN(TCP4(REHASH, ACK, 101, 501), DATA), TO_NAT(TCP4_OUT(SECOND, ACK, 101, 501), DATA) },
	{ "removed server, rehash, the server's last words", .removed = true, AFTER(OPEN6(REHASH)),
	  IN(TCP6_BACK(SERVER, ACK, 501, 101), DATA),
	  TO_NAT(TCP6_BACK_OUT(REHASH, ACK, 501, 101), DATA) },
	{ "removed server, rehash, UDP", .removed = true, AFTER(P(UDP4(REHASH))),
	  IN(UDP4(REHASH), DATA), TO_NAT(UDP4_OUT(SECOND), DATA) },
};

struct fixture_buffers {
	u8 in[FIXTURE_MAX];
	u8 want[FIXTURE_MAX];
	u8 got[FIXTURE_MAX];
	u8 ordered_in[FIXTURE_MAX];
	u8 ordered_out[FIXTURE_MAX];
	u64 before[SHUNT_COUNTS];
	u64 now[SHUNT_COUNTS];
};

/* Copies and completes bytes of which cut will be sent. Returns as the sealing. */
static unsigned int __init fixture_seal(u8 *to, const struct fixture_bytes *from,
					unsigned int pad, unsigned int cut)
{
	memcpy(to, from->bytes, from->len);
	memset(to + from->len, 0, pad);
	return shunt_bench_seal(to, from->len + pad, cut);
}

/* What DSR makes of a packet, behind the L2 header. */
static void __init fixture_hop(u8 *packet)
{
	struct iphdr *ip = (struct iphdr *)packet;

	if (ip->version == 6) {
		((struct ipv6hdr *)packet)->hop_limit--;
		return;
	}
	ip->ttl--;
	ip->check = 0;
	ip->check = ip_fast_csum(packet, ip->ihl);
}

static int __init fixture_same(const struct fixture *f, struct sk_buff *skb, const u8 *want,
			       u8 *got, unsigned int len)
{
	SHUNT_EXPECT(f->what, skb->len == len);
	SHUNT_EXPECT(f->what, !skb_copy_bits(skb, 0, got, len));
	if (!memcmp(got, want, len))
		return 0;
	pr_err("shunt: selftest: %s: %u bytes differ; wanted and got:\n", f->what, len);
	print_hex_dump(KERN_ERR, "want ", DUMP_PREFIX_OFFSET, 16, 1, want, len, false);
	print_hex_dump(KERN_ERR, "got  ", DUMP_PREFIX_OFFSET, 16, 1, got, len, false);
	return -EINVAL;
}

static int __init fixture_prepare(struct shunt_bench *bench, const struct fixture *f,
				  struct fixture_buffers *b)
{
	unsigned int i;

	bench->sn.pressed_at = 0;
	if (f->pressed)
		shunt_stamp(&bench->sn.pressed_at);
	for (i = 0; i < ARRAY_SIZE(f->after) && f->after[i].len; i++) {
		const struct fixture_bytes *after = &f->after[i];
		enum shunt_verdict verdict;
		struct sk_buff *skb;

		fixture_seal(b->in, after, 0, after->len);
		skb = shunt_bench_skb(b->in, after->len, false);
		if (!skb)
			return -ENOMEM;
		verdict = shunt_bench_forward(bench, skb, false);
		if (verdict != SHUNT_TAKEN)
			kfree_skb(skb);
		SHUNT_EXPECT(f->what, verdict == SHUNT_TAKEN);
	}
	__skb_queue_purge(&bench->sent);
	return f->removed ? shunt_bench_remove(bench) : 0;
}

/* The packet went out, and as it should. */
static int __init fixture_sent(struct shunt_bench *bench, const struct fixture *f,
			       struct fixture_buffers *b, unsigned int len)
{
	struct sk_buff *skb = skb_peek(&bench->sent);
	const struct shunt_link *link = &bench->link;

	SHUNT_EXPECT(f->what, skb_queue_len(&bench->sent) == 1);
	if (f->dsr) {
		SHUNT_EXPECT(f->what, skb->dev == bench->dev);
		SHUNT_EXPECT(f->what, skb_mac_header(skb) == skb->data);
		SHUNT_EXPECT(f->what, skb_headlen(skb) >= link->header_len);
		SHUNT_EXPECT(f->what, !memcmp(skb->data, link->header, link->header_len));
		__skb_pull(skb, link->header_len);
	} else {
		SHUNT_EXPECT(f->what, skb_dst(skb));
	}
	SHUNT_EXPECT(f->what, !skb_network_offset(skb));
	return fixture_same(f, skb, b->want, b->got, len);
}

/* What has to be so besides when the packet was not cut. */
static int __init fixture_counted(struct shunt_bench *bench, const struct fixture *f,
				  struct fixture_buffers *b)
{
	unsigned int i;

	/* One reason for what is matched and not forwarded, none for others. */
	shunt_bench_drops(bench, b->now);
	for (i = 1; i < SHUNT_REASONS; i++)
		SHUNT_EXPECT(f->what, b->now[i] - b->before[i] == (i == f->reason));
	SHUNT_EXPECT(f->what, !f->stateless || !shunt_table_conns(&bench->sn));
	SHUNT_EXPECT(f->what, !f->connected || shunt_table_conns(&bench->sn) == 1);
	return 0;
}

/* Forwards the packet in b->in, which needs so many bytes to be forwarded, up to cut. */
static int __init fixture_forward(struct shunt_bench *bench, const struct fixture *f,
				  struct fixture_buffers *b, unsigned int cut,
				  unsigned int needed, bool paged)
{
	bool whole = cut == f->in.len + f->pad;
	enum shunt_verdict verdict;
	struct sk_buff *skb;
	int err;

	skb = shunt_bench_skb(b->in, cut, paged);
	if (!skb)
		return -ENOMEM;
	if (whole)
		shunt_bench_drops(bench, b->before);
	verdict = shunt_bench_forward(bench, skb, f->local);
	if (verdict == SHUNT_TAKEN) {
		SHUNT_EXPECT(f->what, f->verdict == SHUNT_TAKEN && cut >= needed);
		err = fixture_sent(bench, f, b, cut);
	} else {
		err = fixture_same(f, skb, b->in, b->got, cut);
		kfree_skb(skb);
		SHUNT_EXPECT(f->what, f->verdict != SHUNT_TAKEN || cut < needed);
		SHUNT_EXPECT(f->what, skb_queue_empty(&bench->sent));
	}
	if (err || !whole)
		return err;
	SHUNT_EXPECT(f->what, verdict == f->verdict);
	return fixture_counted(bench, f, b);
}

static int __init fixture_once(struct shunt_bench *bench, const struct fixture *f,
			       struct fixture_buffers *b, unsigned int cut, bool paged)
{
	unsigned int needed;
	int err;

	err = fixture_prepare(bench, f, b);
	if (err)
		return err;
	needed = fixture_seal(b->in, &f->in, f->pad, cut);
	if (f->out.len)
		fixture_seal(b->want, &f->out, f->pad, cut);
	else
		memcpy(b->want, b->in, cut);
	if (f->dsr && !f->local)
		fixture_hop(b->want);
	err = fixture_forward(bench, f, b, cut, needed, paged);
	if (err)
		pr_err("shunt: selftest: %s: that was with %u bytes, %s\n", f->what, cut,
		       paged ? "paged" : "linear");
	shunt_bench_forget(bench);
	return err;
}

/* Of a checksum inside an ICMP error, half can neither be adjusted nor be used. */
static bool __init fixture_halves_sum(const struct fixture *f, unsigned int cut)
{
	const u8 *in = f->in.bytes;
	unsigned int at;
	u8 protocol;

	at = shunt_bench_l4(in, &protocol);
	if (protocol != IPPROTO_ICMP && protocol != IPPROTO_ICMPV6)
		return false;
	at += sizeof(struct icmphdr);
	if (f->in.len < at + sizeof(struct iphdr))
		return false;
	at += shunt_bench_l4(in + at, &protocol);
	at += protocol == IPPROTO_TCP ? offsetof(struct tcphdr, check) :
					offsetof(struct udphdr, check);
	return cut == at + 1;
}

static int __init fixture_try(struct shunt_bench *bench, const struct fixture *f,
			      struct fixture_buffers *b)
{
	unsigned int len = f->in.len + f->pad;
	unsigned int cut = f->in.bytes[0] >> 4 == 4 ? sizeof(struct iphdr) :
						      sizeof(struct ipv6hdr);
	int err;

	err = fixture_once(bench, f, b, len, false);
	if (f->removed || err)
		return err;
	err = fixture_once(bench, f, b, len, true);
	for (; !f->pad && cut < len && !err; cut++)
		if (!fixture_halves_sum(f, cut))
			err = fixture_once(bench, f, b, cut, cut & 1);
	return err;
}

static int __init fixture_rows(struct shunt_bench *bench, struct fixture_buffers *b)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < ARRAY_SIZE(fixtures) && !err; i++) {
		err = fixture_try(bench, &fixtures[i], b);
		cond_resched();
	}
	return err;
}

/*
 * Extension headers in every order that RFC 8200 allows: hop-by-hop options
 * first if at all, then the others, destination options up to twice. AH is left
 * out, since it covers the addresses that NAT changes.
 */
enum {
	ORDER_MAX = 4,
	ORDERS = 3 * 3 * 3 * 3,	/* of each length, with those that are not allowed */
};

struct order {
	bool hop_by_hop;
	unsigned int count;
	u8 header[ORDER_MAX];
};

static bool __init order_make(struct order *order, unsigned int n)
{
	static const u8 others[] __initconst = { IPPROTO_DSTOPTS, IPPROTO_ROUTING,
						 IPPROTO_FRAGMENT };
	unsigned int i, times[ARRAY_SIZE(others)] = {};

	for (i = 0; i < order->count; i++, n /= ARRAY_SIZE(others)) {
		unsigned int which = n % ARRAY_SIZE(others);

		order->header[i] = others[which];
		times[which]++;
	}
	return !n && times[0] <= 2 && times[1] <= 1 && times[2] <= 1;
}

/* Puts an extension header and returns where the next one's type belongs. */
static u8 * __init order_put(u8 *packet, unsigned int *len, u8 *next, u8 type)
{
	static const u8 options[] __initconst = { OPTIONS6(0) };
	static const u8 routing[] __initconst = { ROUTING6(0, 0) };
	static const u8 fragment[] __initconst = { FRAGMENT6(0) };
	u8 *at = packet + *len;

	BUILD_BUG_ON(sizeof(options) != 8 || sizeof(routing) != 8 || sizeof(fragment) != 8);
	*next = type;
	*len += 8;
	memcpy(at, type == IPPROTO_ROUTING ? routing :
		   type == IPPROTO_FRAGMENT ? fragment : options, 8);
	return at;
}

/* Puts the headers of an order between those of a packet. */
static void __init order_insert(u8 *to, struct fixture_bytes *packet, const struct order *order)
{
	unsigned int i, len = sizeof(struct ipv6hdr);
	const u8 *from = packet->bytes;
	u8 *next = to + offsetof(struct ipv6hdr, nexthdr);

	memcpy(to, from, len);
	if (order->hop_by_hop)
		next = order_put(to, &len, next, IPPROTO_HOPOPTS);
	for (i = 0; i < order->count; i++)
		next = order_put(to, &len, next, order->header[i]);
	*next = from[offsetof(struct ipv6hdr, nexthdr)];
	memcpy(to + len, from + sizeof(struct ipv6hdr), packet->len - sizeof(struct ipv6hdr));
	packet->bytes = to;
	packet->len += len - sizeof(struct ipv6hdr);
}

/* What the headers are put into. */
static const struct fixture ordered[] __initconst = {
	{ "TCP behind extension headers, DSR", IN(TCP6(DSR, SYN, 100, 0)), TO_DSR },
	{ "UDP behind extension headers, NAT", IN(UDP6(NAT), DATA),
	  TO_NAT(UDP6_OUT(SERVER), DATA) },
	{ "TCP behind extension headers, the server's, NAT", AFTER(SYN6(NAT)),
	  IN(TCP6_BACK(SERVER, SYN | ACK, 500, 101)),
	  TO_NAT(TCP6_BACK_OUT(NAT, SYN | ACK, 500, 101)) },
	{ "ICMPv6 behind extension headers, NAT", AFTER(P(UDP6(NAT))),
	  IN(IP6(64, 58, ROUTER6, VIP6), ICMP(ICMPV6_TIME_EXCEED, 0, 0),
	     IP6(1, 17, VIP6, CLIENT6), UDP(NAT, CLIENT), DATA),
	  TO_NAT(IP6(63, 58, ROUTER6, SERVER6), ICMP(ICMPV6_TIME_EXCEED, 0, 0),
		 IP6(1, 17, SERVER6, CLIENT6), UDP(SERVER, CLIENT), DATA) },
};

static int __init fixture_order(struct shunt_bench *bench, struct fixture_buffers *b,
				const struct order *order)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < ARRAY_SIZE(ordered) && !err; i++) {
		struct fixture f = ordered[i];

		order_insert(b->ordered_in, &f.in, order);
		if (f.out.len)
			order_insert(b->ordered_out, &f.out, order);
		err = fixture_once(bench, &f, b, f.in.len, false) ?:
		      fixture_once(bench, &f, b, f.in.len, true);
	}
	return err;
}

static int __init fixture_orders(struct shunt_bench *bench, struct fixture_buffers *b)
{
	struct order order;
	unsigned int n;
	int err = 0;

	for (order.count = 0; order.count <= ORDER_MAX; order.count++) {
		for (n = 0; n < ORDERS && !err; n++) {
			if (!order_make(&order, n))
				continue;
			order.hop_by_hop = false;
			err = fixture_order(bench, b, &order);
			order.hop_by_hop = true;
			err = err ?: fixture_order(bench, b, &order);
		}
		cond_resched();
	}
	return err;
}

int __init shunt_fixture_selftest(void)
{
	struct fixture_buffers *b = kzalloc(sizeof(*b), GFP_KERNEL);
	struct shunt_bench *bench = shunt_bench_up();
	int err = -ENOMEM;

	/* Removals are for good, and so come last. */
	if (b && bench)
		err = fixture_orders(bench, b) ?: fixture_rows(bench, b);
	if (bench)
		shunt_bench_down(bench);
	kfree(b);
	return err;
}
