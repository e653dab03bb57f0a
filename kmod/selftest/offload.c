// SPDX-License-Identifier: GPL-2.0
/*
 * Whatever shape a packet has and whoever is still to compute its checksum, what
 * reaches the wire is right: each combination goes through, what comes out is
 * finished in software as for a device that can do nothing, and each packet is
 * looked at whole.
 *
 * Combinations that do not exist are left out: a datagram without a checksum has
 * none to be finished, and is never merged. A merged packet has CHECKSUM_PARTIAL,
 * or if TCP UNNECESSARY from devices that merge themselves; of others the kernel
 * itself warns when it takes them apart.
 *
 * An skb that somebody else holds a reference on never gets to the hooks, because
 * the IP layer makes its own copy first. But others may have a clone, and pages
 * are shared freely; both must stay as they were.
 */
#include <linux/if_ether.h>
#include <linux/init.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/slab.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <net/gso.h>
#include <net/ip.h>
#include <net/ip6_checksum.h>

#include "bench.h"
#include "../selftest.h"

enum {
	SEGMENT = 400,
	SEGMENTS = 5,
	WHOLE = SEGMENT * 3 - 1,	/* of a packet that is not merged; odd */
	MERGED = SEGMENT * SEGMENTS,	/* more than the MTU of the link to DSR servers */
	FIRST_PART = 8,			/* of a transport header whose rest is elsewhere */
	PAGE_START = 3,			/* where bytes in a page begin */
	PAGE_FIRST = 701,		/* how many there are in the first */
	PACKET_MAX = 128 + MERGED,
	ROOM = 66,
};

enum shape {
	LINEAR,
	PAGED,
	LISTED,		/* further skbs behind the first, as defragmentation leaves them */
	GSO_PAGED,
	GSO_LISTED,	/* what GRO makes of linear packets */
	GSO_PACKETS,	/* and of datagrams if the device has rx-gro-list on */
	SHAPES,
};

enum way {
	TO_DSR,
	TO_NAT,
	FROM_NAT,
	WAYS,
};

enum transport {
	WITH_TCP,
	WITH_UDP,
	WITH_UDP_PLAIN,
	TRANSPORTS,
};

enum {
	SUMS = CHECKSUM_PARTIAL + 1,
};

struct combination {
	enum shape shape;
	enum way way;
	enum transport transport;
	u8 ip_summed;
	bool ipv4;
	bool cloned;
	bool roomy;	/* the head need not move for an L2 header */
};

struct offload {
	struct shunt_bench *bench;
	const struct combination *of;
	char what[80];
	u8 protocol;
	unsigned int l4;		/* where these begin in the packet */
	unsigned int payload;
	unsigned int len;
	u8 in[PACKET_MAX];
	u8 out[PACKET_MAX];
	unsigned int seen;		/* payload bytes that came out */

	/* Others who hold the packet, or NULL, and what they had before. */
	struct sk_buff *clone;
	struct page *page;
	u8 held[PACKET_MAX];
};

static bool is_merged(const struct combination *of)
{
	return of->shape >= GSO_PAGED;
}

static bool __init exists(const struct combination *of)
{
	/* Each has a checksum of its own, and the device has seen to it. */
	if (of->shape == GSO_PACKETS)
		return of->ip_summed == CHECKSUM_UNNECESSARY && of->transport == WITH_UDP;
	if (is_merged(of))
		return of->ip_summed == CHECKSUM_PARTIAL ? of->transport != WITH_UDP_PLAIN :
		       of->ip_summed == CHECKSUM_UNNECESSARY && of->transport == WITH_TCP;
	return of->ip_summed != CHECKSUM_PARTIAL || of->transport != WITH_UDP_PLAIN;
}

static void __init describe(struct offload *o)
{
	static const char *const shapes[] __initconst = {
		"linear", "paged", "listed", "gso paged", "gso listed",
		"gso packets" };
	static const char *const ways[] __initconst = { "to dsr", "to nat", "from nat" };
	static const char *const transports[] __initconst = { "tcp", "udp", "udp plain" };
	static const char *const sums[] __initconst = {
		[CHECKSUM_NONE] = "none", [CHECKSUM_UNNECESSARY] = "unnecessary",
		[CHECKSUM_COMPLETE] = "complete", [CHECKSUM_PARTIAL] = "partial" };
	const struct combination *of = o->of;

	snprintf(o->what, sizeof(o->what), "%s %s %s %s %s%s%s", ways[of->way],
		 of->ipv4 ? "ipv4" : "ipv6", transports[of->transport], shapes[of->shape],
		 sums[of->ip_summed], of->roomy ? " roomy" : "",
		 of->cloned ? " cloned" : "");
}

static u8 payload_at(unsigned int i)
{
	return i * 7 + (i >> 8) + 3;
}

/* The packet in one piece, its checksum computed: of so much payload, from a server or to it. */
static void __init make_bytes(struct offload *o, bool back, u8 flags, unsigned int size)
{
	static const u8 ip4[] __initconst = { IP4(64, 0, CLIENT4, VIP4) };
	static const u8 ip4_back[] __initconst = { IP4(64, 0, SERVER4, CLIENT4) };
	static const u8 ip6[] __initconst = { IP6(64, 0, CLIENT6, VIP6) };
	static const u8 ip6_back[] __initconst = { IP6(64, 0, SERVER6, CLIENT6) };
	static const u8 tcp[] __initconst = { TCP(0, 0, 0, 101, 501) };
	static const u8 udp[] __initconst = { UDP(0, 0) };
	const struct combination *of = o->of;
	bool is_tcp = of->transport == WITH_TCP;
	unsigned int i;
	__be16 *ports;

	o->protocol = is_tcp ? IPPROTO_TCP : IPPROTO_UDP;
	o->l4 = of->ipv4 ? sizeof(ip4) : sizeof(ip6);
	if (of->ipv4)
		memcpy(o->in, back ? ip4_back : ip4, o->l4);
	else
		memcpy(o->in, back ? ip6_back : ip6, o->l4);
	o->in[of->ipv4 ? offsetof(struct iphdr, protocol) :
			 offsetof(struct ipv6hdr, nexthdr)] = o->protocol;

	o->payload = o->l4 + (is_tcp ? sizeof(tcp) : sizeof(udp));
	memcpy(o->in + o->l4, is_tcp ? tcp : udp, o->payload - o->l4);
	if (is_tcp)
		o->in[o->l4 + 13] = flags;
	if (of->transport == WITH_UDP_PLAIN)
		((struct udphdr *)(o->in + o->l4))->check = 0;
	ports = (__be16 *)(o->in + o->l4);
	ports[0] = htons(back ? SERVER : CLIENT);
	ports[1] = htons(back ? CLIENT : of->way == TO_DSR ? DSR : NAT);

	for (i = 0; i < size; i++)
		o->in[o->payload + i] = payload_at(i);
	o->len = o->payload + size;
	shunt_bench_seal(o->in, o->len, o->len);
}

/* Appends bytes in pages, in pieces of which no boundary is aligned. */
static int __init put_pages(struct sk_buff *skb, const u8 *from, unsigned int len)
{
	unsigned int n = 0;

	while (len) {
		unsigned int size = min(len, PAGE_FIRST + 2 * n);
		struct page *page = alloc_page(GFP_KERNEL);

		if (!page)
			return -ENOMEM;
		memcpy(page_address(page) + PAGE_START, from, size);
		skb_add_rx_frag(skb, n++, page, PAGE_START, size, PAGE_SIZE);
		from += size;
		len -= size;
	}
	return 0;
}

/* Appends bytes in skbs of their own. */
static int __init put_list(struct sk_buff *skb, const u8 *from, unsigned int len,
			   unsigned int size)
{
	struct sk_buff **next = &skb_shinfo(skb)->frag_list;

	while (len) {
		unsigned int part = min(len, size);
		struct sk_buff *one = alloc_skb(part, GFP_KERNEL);

		if (!one)
			return -ENOMEM;
		skb_put_data(one, from, part);
		skb->len += part;
		skb->data_len += part;
		skb->truesize += one->truesize;
		*next = one;
		next = &one->next;
		from += part;
		len -= part;
	}
	return 0;
}

/* One datagram of those that make up a merged one. */
static void __init make_segment(const struct offload *o, u8 *to, unsigned int n)
{
	static const u8 blank[] __initconst = { SUM };
	struct udphdr *udp = (struct udphdr *)(to + o->l4);

	memcpy(to, o->in, o->payload);
	memcpy(to + o->payload, o->in + o->payload + n * SEGMENT, SEGMENT);
	if (o->of->ipv4) {
		((struct iphdr *)to)->tot_len = 0;
		memcpy(&((struct iphdr *)to)->check, blank, sizeof(blank));
	} else {
		((struct ipv6hdr *)to)->payload_len = 0;
	}
	udp->len = 0;
	memcpy(&udp->check, blank, sizeof(blank));
	shunt_bench_seal(to, o->payload + SEGMENT, o->payload + SEGMENT);
}

/* Appends datagrams whose headers stand before their data. */
static int __init put_packets(struct sk_buff *skb, struct offload *o)
{
	struct sk_buff **next = &skb_shinfo(skb)->frag_list;
	unsigned int n;

	make_segment(o, o->out, 0);
	((struct udphdr *)(skb->data + o->l4))->check = ((struct udphdr *)(o->out + o->l4))->check;
	for (n = 1; n < SEGMENTS; n++) {
		struct sk_buff *one = alloc_skb(ROOM + o->payload + SEGMENT, GFP_KERNEL);

		if (!one)
			return -ENOMEM;
		skb_reserve(one, ROOM);
		make_segment(o, o->out, n);
		skb_put_data(one, o->out, o->payload + SEGMENT);
		shunt_bench_arrive(one);
		__skb_pull(one, o->payload);
		one->ip_summed = CHECKSUM_UNNECESSARY;
		skb->len += one->len;
		skb->data_len += one->len;
		skb->truesize += one->truesize;
		*next = one;
		next = &one->next;
	}
	return 0;
}

/* Bytes up to which the packet is in the skb itself. */
static unsigned int __init linear_size(const struct offload *o)
{
	const struct combination *of = o->of;

	switch (of->shape) {
	case LINEAR:
		return o->len;
	case GSO_LISTED:
	case GSO_PACKETS:
		return o->payload + SEGMENT;
	case GSO_PAGED:
		return o->payload;
	case LISTED:
		/* The first fragment may have been that short. */
		return of->ip_summed == CHECKSUM_PARTIAL ? o->payload : o->l4 + FIRST_PART;
	default:
		/* Where a checksum is to be put has to be at hand. */
		return of->ip_summed == CHECKSUM_PARTIAL ? o->payload : o->l4;
	}
}

static unsigned int __init sum_offset(const struct offload *o)
{
	return o->protocol == IPPROTO_TCP ? offsetof(struct tcphdr, check) :
					    offsetof(struct udphdr, check);
}

/* What device and stack say of the packet's checksum. */
static void __init set_sum(const struct offload *o, struct sk_buff *skb)
{
	unsigned int len = o->len - o->l4;
	__sum16 *check;

	skb->ip_summed = o->of->ip_summed;
	if (skb->ip_summed == CHECKSUM_COMPLETE)
		skb->csum = skb_checksum(skb, 0, skb->len, 0);
	if (skb->ip_summed != CHECKSUM_PARTIAL)
		return;
	skb->csum_start = skb_headroom(skb) + o->l4;
	skb->csum_offset = sum_offset(o);
	check = (__sum16 *)(skb->data + o->l4 + skb->csum_offset);
	*check = ~shunt_bench_sum(o->in, len, o->protocol, 0);
}

static void __init set_gso(const struct offload *o, struct sk_buff *skb)
{
	struct skb_shared_info *info = skb_shinfo(skb);

	info->gso_size = SEGMENT;
	info->gso_segs = SEGMENTS;
	if (o->of->shape == GSO_PACKETS)
		info->gso_type = SKB_GSO_UDP_L4 | SKB_GSO_FRAGLIST;
	else if (o->protocol == IPPROTO_UDP)
		info->gso_type = SKB_GSO_UDP_L4;
	else
		info->gso_type = o->of->ipv4 ? SKB_GSO_TCPV4 : SKB_GSO_TCPV6;
}

static struct sk_buff * __init make_skb(struct offload *o)
{
	const struct combination *of = o->of;
	unsigned int linear = linear_size(o), rest = o->len - linear;
	unsigned int room = of->roomy ? ROOM : NET_IP_ALIGN;
	struct sk_buff *skb;
	int err = 0;

	skb = alloc_skb(room + linear, GFP_KERNEL);
	if (!skb)
		return NULL;
	skb_reserve(skb, room);
	skb_put_data(skb, o->in, linear);
	switch (of->shape) {
	case LINEAR:
		break;
	case PAGED:
	case GSO_PAGED:
		err = put_pages(skb, o->in + linear, rest);
		break;
	case GSO_PACKETS:
		err = put_packets(skb, o);
		break;
	default:
		err = put_list(skb, o->in + linear, rest, of->shape == LISTED ? 511 : SEGMENT);
	}
	if (err) {
		kfree_skb(skb);
		return NULL;
	}
	shunt_bench_arrive(skb);
	set_sum(o, skb);
	if (is_merged(of))
		set_gso(o, skb);
	return skb;
}

/* Header of a packet that came out: the hop, the addresses, the ports. */
static int __init check_headers(const struct offload *o, const u8 *packet)
{
	static const u8 ip4[] __initconst = { CLIENT4, VIP4, CLIENT4, SERVER4, VIP4, CLIENT4 };
	static const u8 ip6[] __initconst = { CLIENT6, VIP6, CLIENT6, SERVER6, VIP6, CLIENT6 };
	static const u16 ports[WAYS][2] __initconst = {
		[TO_DSR] = { CLIENT, DSR },
		[TO_NAT] = { CLIENT, SERVER },
		[FROM_NAT] = { NAT, CLIENT },
	};
	const struct combination *of = o->of;
	const __be16 *l4 = (const __be16 *)(packet + o->l4);
	unsigned int size = of->ipv4 ? 8 : 32;
	const u8 *want = (of->ipv4 ? ip4 : ip6) + of->way * size;

	SHUNT_EXPECT(o->what, packet[0] == o->in[0]);
	/* Of datagrams merged in a list, a router counts the first one's hop only. */
	SHUNT_EXPECT(o->what, packet[of->ipv4 ? 8 : 7] ==
			      (of->shape == GSO_PACKETS && o->seen ? 64 : 63));
	SHUNT_EXPECT(o->what, !memcmp(packet + (of->ipv4 ? 12 : 8), want, size));
	SHUNT_EXPECT(o->what, l4[0] == htons(ports[of->way][0]));
	SHUNT_EXPECT(o->what, l4[1] == htons(ports[of->way][1]));
	return 0;
}

/* Lengths and checksums of a packet that came out, of len bytes. */
static int __init check_sums(const struct offload *o, const u8 *packet, unsigned int len)
{
	const struct udphdr *udp = (const struct udphdr *)(packet + o->l4);
	const struct ipv6hdr *ip6 = (const struct ipv6hdr *)packet;
	const struct iphdr *ip4 = (const struct iphdr *)packet;
	__wsum sum = csum_partial(udp, len - o->l4, 0);

	if (o->of->ipv4) {
		SHUNT_EXPECT(o->what, ntohs(ip4->tot_len) == len);
		SHUNT_EXPECT(o->what, !ip_fast_csum(packet, ip4->ihl));
	} else {
		SHUNT_EXPECT(o->what, ntohs(ip6->payload_len) == len - o->l4);
	}
	SHUNT_EXPECT(o->what, o->protocol != IPPROTO_UDP || ntohs(udp->len) == len - o->l4);
	if (o->of->transport == WITH_UDP_PLAIN) {
		SHUNT_EXPECT(o->what, !udp->check);
		return 0;
	}
	SHUNT_EXPECT(o->what, o->protocol != IPPROTO_UDP || udp->check);
	SHUNT_EXPECT(o->what, !shunt_bench_sum(packet, len - o->l4, o->protocol, sum));
	return 0;
}

/* One packet as it is on the wire, its IP header at the skb's network header. */
static int __init check_packet(struct offload *o, const struct sk_buff *skb)
{
	unsigned int len = skb->len - skb_network_offset(skb);
	unsigned int i;
	int err;

	SHUNT_EXPECT(o->what, len >= o->payload && len <= o->len);
	SHUNT_EXPECT(o->what, !skb_copy_bits(skb, skb_network_offset(skb), o->out, len));
	err = check_headers(o, o->out) ?: check_sums(o, o->out, len);
	if (err)
		return err;
	for (i = o->payload; i < len; i++, o->seen++)
		SHUNT_EXPECT(o->what, o->out[i] == payload_at(o->seen));
	return 0;
}

/* The segments of a merged packet, which stays. */
static int __init check_segments(struct offload *o, struct sk_buff *skb)
{
	struct sk_buff *segments, *one, *next;
	unsigned int count = 0;
	int err = 0;

	segments = skb_gso_segment(skb, 0);
	SHUNT_EXPECT(o->what, !IS_ERR_OR_NULL(segments));
	skb_list_walk_safe(segments, one, next) {
		err = err ?: check_packet(o, one);
		count++;
		kfree_skb(one);
	}
	if (err)
		return err;
	SHUNT_EXPECT(o->what, count == SEGMENTS);
	return 0;
}

/* What the skb says of its checksum, before anybody acts on it. */
static int __init check_promise(const struct offload *o, const struct sk_buff *skb)
{
	int at = skb_network_offset(skb);
	u8 was = o->of->ip_summed;

	/* CHECKSUM_NONE says the least, but does not get a checksum finished. */
	if (skb->ip_summed != CHECKSUM_NONE || was == CHECKSUM_PARTIAL)
		SHUNT_EXPECT(o->what, skb->ip_summed == was);
	if (skb->ip_summed == CHECKSUM_COMPLETE) {
		__wsum sum = skb_checksum(skb, at, skb->len - at, 0);

		SHUNT_EXPECT(o->what, csum_fold(sum) == csum_fold(skb->csum));
	}
	if (skb->ip_summed == CHECKSUM_PARTIAL) {
		SHUNT_EXPECT(o->what, skb_checksum_start_offset(skb) == at + (int)o->l4);
		SHUNT_EXPECT(o->what, skb->csum_offset == sum_offset(o));
	}
	return 0;
}

static int __init check_finished(struct offload *o, struct sk_buff *skb)
{
	int err;

	SHUNT_EXPECT(o->what, skb_is_gso(skb) == is_merged(o->of));
	err = check_promise(o, skb);
	if (err)
		return err;
	o->seen = 0;
	if (is_merged(o->of)) {
		err = check_segments(o, skb);
	} else {
		if (skb->ip_summed == CHECKSUM_PARTIAL)
			SHUNT_EXPECT(o->what, !skb_checksum_help(skb));
		err = check_packet(o, skb);
	}
	if (err)
		return err;
	SHUNT_EXPECT(o->what, o->seen == o->len - o->payload);
	return 0;
}

static int __init check_sent(struct offload *o)
{
	struct sk_buff *skb = __skb_dequeue(&o->bench->sent);
	int err;

	SHUNT_EXPECT(o->what, skb && skb_queue_empty(&o->bench->sent));
	err = check_finished(o, skb);
	kfree_skb(skb);
	return err;
}

/* Somebody else gets hold of the packet. */
static int __init hold(struct offload *o, struct sk_buff *skb)
{
	const skb_frag_t *frag = &skb_shinfo(skb)->frags[0];

	o->clone = NULL;
	o->page = NULL;
	if (o->of->cloned) {
		o->clone = skb_clone(skb, GFP_KERNEL);
		return o->clone ? skb_copy_bits(skb, 0, o->held, skb->len) : -ENOMEM;
	}
	if (skb_shinfo(skb)->nr_frags) {
		o->page = skb_frag_page(frag);
		get_page(o->page);
		memcpy(o->held, skb_frag_address(frag), skb_frag_size(frag));
	}
	return 0;
}

/* And has what he had. */
static int __init check_held(struct offload *o)
{
	if (o->clone) {
		SHUNT_EXPECT(o->what, o->clone->len == o->len);
		SHUNT_EXPECT(o->what, !skb_copy_bits(o->clone, 0, o->out, o->len));
		SHUNT_EXPECT(o->what, !memcmp(o->out, o->held, o->len));
	}
	if (o->page)
		SHUNT_EXPECT(o->what, !memcmp(page_address(o->page) + PAGE_START, o->held,
					      PAGE_FIRST));
	return 0;
}

static void __init release(struct offload *o)
{
	kfree_skb(o->clone);
	if (o->page)
		put_page(o->page);
}

/* Makes the connection that the packet belongs to. */
static int __init open_connection(struct offload *o)
{
	struct sk_buff *skb;

	make_bytes(o, false, SHUNT_TCP_SYN, 1);
	skb = shunt_bench_skb(o->in, o->len, false);
	if (!skb)
		return -ENOMEM;
	SHUNT_EXPECT(o->what, shunt_bench_forward(o->bench, skb, false) == SHUNT_TAKEN);
	__skb_queue_purge(&o->bench->sent);
	return 0;
}

static int __init offload_try(struct offload *o)
{
	const struct combination *of = o->of;
	enum shunt_verdict verdict;
	struct sk_buff *skb;
	int err;

	describe(o);
	err = open_connection(o);
	if (err)
		return err;
	make_bytes(o, of->way == FROM_NAT, SHUNT_TCP_ACK, is_merged(of) ? MERGED : WHOLE);
	skb = make_skb(o);
	if (!skb)
		return -ENOMEM;
	err = hold(o, skb);
	if (err) {
		kfree_skb(skb);
		return err;
	}
	verdict = shunt_bench_forward(o->bench, skb, false);
	err = check_held(o);
	if (!err && verdict == SHUNT_TAKEN)
		err = check_sent(o);
	release(o);
	shunt_bench_forget(o->bench);
	if (err)
		return err;
	SHUNT_EXPECT(o->what, verdict == SHUNT_TAKEN);
	return 0;
}

/* The n-th combination; false when there are no more. */
static bool __init combine(struct combination *of, unsigned int n)
{
	of->cloned = n % 2;
	n /= 2;
	of->roomy = n % 2;
	n /= 2;
	of->ipv4 = n % 2;
	n /= 2;
	of->ip_summed = n % SUMS;
	n /= SUMS;
	of->transport = n % TRANSPORTS;
	n /= TRANSPORTS;
	of->way = n % WAYS;
	n /= WAYS;
	of->shape = n;
	return n < SHAPES;
}

int __init shunt_offload_selftest(void)
{
	struct offload *o = kzalloc(sizeof(*o), GFP_KERNEL);
	struct combination of;
	unsigned int n;
	int err = 0;

	if (!o)
		return -ENOMEM;
	o->of = &of;
	o->bench = shunt_bench_up();
	if (!o->bench)
		err = -ENOMEM;
	for (n = 0; !err && combine(&of, n); n++) {
		if (exists(&of))
			err = offload_try(o);
		cond_resched();
	}
	if (o->bench)
		shunt_bench_down(o->bench);
	kfree(o);
	return err;
}
