// SPDX-License-Identifier: GPL-2.0
/*
 * A namespace's state that is in no namespace: what service.c keeps, made
 * by its own functions, without the hooks that would lead packets in.
 */
#include <linux/etherdevice.h>
#include <linux/icmp.h>
#include <linux/init.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/slab.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <net/ip6_checksum.h>

#include "bench.h"
#include "../conn.h"
#include "../established.h"
#include "../hop.h"
#include "../limit.h"
#include "../lookup.h"
#include "../match.h"
#include "../sched.h"
#include "../selftest.h"
#include "../server.h"
#include "../service.h"
#include "../syn.h"
#include "../table.h"

enum {
	HEADROOM = 18,	/* of an Ethernet header, to an IP header that is aligned */
};

struct sk_buff_head *shunt_selftest_capture;

#define SETTING(number, setting) .has = BIT(number), .value[number] = (setting)

struct bench_service {
	u16 port;
	u8 protocol;	/* 0: both */
	u8 mode;
	u16 server;
	u8 servers;
	struct shunt_service_change change;
};

static const struct bench_service services[] __initconst = {
	{ DSR, 0, SHUNT_MODE_DSR, DSR, 1 },
	{ NAT, 0, SHUNT_MODE_NAT, SERVER, 1 },
	{ TWO, 0, SHUNT_MODE_NAT, SERVER, 2 },
	{ EMPTY },
	{ SILENT, .change = { SETTING(SHUNT_SET_ON_EMPTY, SHUNT_ON_EMPTY_DROP) } },
	{ MIDSTREAM, IPPROTO_TCP, SHUNT_MODE_NAT, SERVER, 1,
	  { SETTING(SHUNT_SET_MIDSTREAM, SHUNT_MIDSTREAM_REHASH) } },
	{ KEEP, 0, SHUNT_MODE_NAT, SERVER, 2,
	  { SETTING(SHUNT_SET_ON_REMOVE, SHUNT_ON_REMOVE_KEEP) } },
	{ RESET, 0, SHUNT_MODE_NAT, SERVER, 2,
	  { SETTING(SHUNT_SET_ON_REMOVE, SHUNT_ON_REMOVE_RESET) } },
	{ REHASH, 0, SHUNT_MODE_NAT, SERVER, 2,
	  { SETTING(SHUNT_SET_ON_REMOVE, SHUNT_ON_REMOVE_REHASH) } },
	{ EACH, IPPROTO_UDP, SHUNT_MODE_NAT, ALONE, 1, { SETTING(SHUNT_SET_PACKET, true) } },
	{ EACH_DSR, IPPROTO_UDP, SHUNT_MODE_DSR, EACH_DSR, 1,
	  { SETTING(SHUNT_SET_PACKET, true) } },
};

static const u8 vip4[] __initconst = { VIP4 };
static const u8 vip6[] __initconst = { VIP6 };
static const u8 server4[] __initconst = { SERVER4 };
static const u8 server6[] __initconst = { SERVER6 };
/* To 02:00:00:00:00:02 from ..:01. The type is no concern of the data path. */
static const u8 header[] __initconst = { 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0 };

/* A server is made as one of NAT, for which it need not exist, and then turned. */
static int __init add_server(struct shunt_bench *bench, struct shunt_service *service,
			     u8 mode, __be16 port)
{
	bool ipv4 = service->family == NFPROTO_IPV4;
	const struct shunt_server_change change = {
		.has = BIT(SHUNT_SERVER_MODE),
		.value = { [SHUNT_SERVER_MODE] = SHUNT_MODE_NAT },
	};
	union nf_inet_addr addr = {};
	struct shunt_server *server;
	struct shunt_refusal no;
	int err;

	memcpy(&addr, ipv4 ? server4 : server6, ipv4 ? sizeof(server4) : sizeof(server6));
	err = shunt_server_add(service, &addr, port, &change, &no);
	if (err || mode == SHUNT_MODE_NAT)
		return err;
	server = shunt_server_by_addr(service, &addr, port);
	server->mode = mode;
	rcu_assign_pointer(server->link, &bench->link);
	return 0;
}

static int __init add_service(struct shunt_bench *bench, const struct bench_service *of,
			      u8 protocol, u8 family)
{
	bool ipv4 = family == NFPROTO_IPV4;
	struct shunt_service_change change = of->change;
	struct shunt_match_entry *entry;
	struct shunt_service *service;
	char name[SHUNT_NAME_MAX + 1];
	struct shunt_refusal no;
	unsigned int i;
	int err;

	if (of->protocol && of->protocol != protocol)
		return 0;
	change.match = kzalloc(struct_size(change.match, entry, 1), GFP_KERNEL);
	if (!change.match)
		return -ENOMEM;
	change.match->count = 1;
	entry = change.match->entry;
	entry->first = of->port;
	entry->last = of->port;
	memcpy(&entry->addr, ipv4 ? vip4 : vip6, ipv4 ? sizeof(vip4) : sizeof(vip6));
	snprintf(name, sizeof(name), "%u-%u-%u", of->port, protocol, family);
	change.sched = &shunt_sched_rr;
	err = shunt_service_add(&bench->sn, name, family,
				protocol == IPPROTO_TCP ? SHUNT_CARRIES_TCP : SHUNT_CARRIES_UDP,
				&change, &no);
	if (err)
		kfree(change.match);
	service = shunt_service_by_name(&bench->sn, name);
	for (i = 0; i < of->servers && !err; i++)
		err = add_server(bench, service, of->mode, htons(of->server + i));
	return err;
}

/* What the first service of a namespace brings with it, but the hooks. */
static int __init net_start(struct shunt_net *sn)
{
	if (shunt_filter_init(&sn->vips) || shunt_filter_init(&sn->nat_servers) ||
	    shunt_filter_init(&sn->dsr_servers))
		return -ENOMEM;
	sn->syns = shunt_syns_alloc();
	sn->half_open = shunt_half_open_alloc();
	sn->hops = shunt_hops_alloc();
	sn->table = shunt_table_alloc(sn);
	if (!sn->syns || !sn->half_open || !sn->hops || !sn->table)
		return -ENOMEM;
	/* One that is always there, so that none is the first. */
	sn->service_count = 1;
	return 0;
}

static void __init net_stop(struct shunt_net *sn)
{
	if (!sn->table) {
		shunt_filter_exit(&sn->dsr_servers);
		shunt_filter_exit(&sn->nat_servers);
		shunt_filter_exit(&sn->vips);
		return;
	}
	/* The last one takes the rest along. */
	sn->service_count--;
}

static int __init configure(struct shunt_bench *bench)
{
	unsigned int i;
	int err;

	mutex_lock(&bench->sn.lock);
	err = net_start(&bench->sn);
	for (i = 0; i < ARRAY_SIZE(services) && !err; i++)
		err = add_service(bench, &services[i], IPPROTO_TCP, NFPROTO_IPV4) ?:
		      add_service(bench, &services[i], IPPROTO_TCP, NFPROTO_IPV6) ?:
		      add_service(bench, &services[i], IPPROTO_UDP, NFPROTO_IPV4) ?:
		      add_service(bench, &services[i], IPPROTO_UDP, NFPROTO_IPV6);
	mutex_unlock(&bench->sn.lock);
	return err;
}

/* The neighbour is never resolved or probed; it only holds the device. */
static int __init make_link(struct shunt_bench *bench)
{
	struct neighbour *neigh = kzalloc(sizeof(*neigh), GFP_KERNEL);

	bench->dev = alloc_etherdev(0);
	bench->link.neigh = neigh;
	if (!bench->dev || !neigh)
		return -ENOMEM;
	neigh->dev = bench->dev;
	bench->link.dev = bench->dev;
	bench->link.headroom = LL_RESERVED_SPACE(bench->dev);
	bench->link.valid = true;
	bench->link.header_len = sizeof(header);
	memcpy(bench->link.header, header, sizeof(header));
	return 0;
}

static void __init bench_free(struct shunt_bench *bench)
{
	kfree(bench->link.neigh);
	if (bench->dev)
		free_netdev(bench->dev);
	free_percpu(bench->sn.drops);
	kfree(bench);
}

struct shunt_bench * __init shunt_bench_up(void)
{
	struct shunt_bench *bench = kzalloc(sizeof(*bench), GFP_KERNEL);

	if (!bench)
		return NULL;
	bench->sn.net = &init_net;
	shunt_hash_init(&bench->sn.key);
	__skb_queue_head_init(&bench->sent);
	bench->sn.drops = shunt_drops_alloc();
	if (!bench->sn.drops || make_link(bench) || shunt_service_net_init(&bench->sn)) {
		bench_free(bench);
		return NULL;
	}
	shunt_selftest_capture = &bench->sent;
	if (configure(bench)) {
		shunt_bench_down(bench);
		return NULL;
	}
	return bench;
}

void __init shunt_bench_down(struct shunt_bench *bench)
{
	shunt_selftest_capture = NULL;
	net_stop(&bench->sn);
	shunt_service_net_exit(&bench->sn);
	/* Servers and services are freed by callbacks. */
	rcu_barrier();
	bench_free(bench);
}

void __init shunt_bench_arrive(struct sk_buff *skb)
{
	bool ipv4 = skb->data[0] >> 4 == 4;

	skb_reset_network_header(skb);
	skb_set_mac_header(skb, -ETH_HLEN);
	skb_set_transport_header(skb, ipv4 ? ip_hdrlen(skb) : sizeof(struct ipv6hdr));
	skb->protocol = ipv4 ? htons(ETH_P_IP) : htons(ETH_P_IPV6);
	skb->dev = init_net.loopback_dev;
	skb->pkt_type = PACKET_HOST;
}

struct sk_buff * __init shunt_bench_skb(const u8 *in, unsigned int len, bool paged)
{
	unsigned int linear = len;
	struct sk_buff *skb;
	struct page *page;

	/* The IP layer has seen to it that its own header can be read. */
	if (paged && len >= sizeof(struct iphdr))
		linear = in[0] >> 4 == 4 ? (in[0] & 15) * 4 : sizeof(struct ipv6hdr);
	linear = min(linear, len);
	skb = alloc_skb(HEADROOM + max_t(unsigned int, linear, 1), GFP_KERNEL);
	if (!skb)
		return NULL;
	skb_reserve(skb, HEADROOM);
	skb_put_data(skb, in, linear);
	shunt_bench_arrive(skb);
	if (linear == len)
		return skb;

	page = alloc_page(GFP_KERNEL);
	if (!page) {
		kfree_skb(skb);
		return NULL;
	}
	memcpy(page_address(page), in + linear, len - linear);
	skb_add_rx_frag(skb, 0, page, 0, len - linear, PAGE_SIZE);
	return skb;
}

enum shunt_verdict __init shunt_bench_forward(struct shunt_bench *bench, struct sk_buff *skb,
					      bool local)
{
	struct shunt_packet pkt = { .sn = &bench->sn, .skb = skb, .local = local };
	u8 family = skb->protocol == htons(ETH_P_IP) ? NFPROTO_IPV4 : NFPROTO_IPV6;
	struct shunt_found found = {};
	enum shunt_verdict verdict;

	shunt_packet_parse(&pkt, family);
	if (!WARN_ON(bench->seen_count == ARRAY_SIZE(bench->seen)))
		bench->seen[bench->seen_count++] = pkt.tuple;

	rcu_read_lock();
	local_bh_disable();
	if (!shunt_concerns(&bench->sn, skb, family))
		verdict = SHUNT_PASS;
	else if (!local && shunt_established_take(&bench->sn, skb, family, false, &found))
		verdict = SHUNT_TAKEN;
	else
		verdict = shunt_forward(&pkt, family, found);
	local_bh_enable();
	rcu_read_unlock();
	return verdict;
}

void __init shunt_bench_drops(struct shunt_bench *bench, u64 counts[SHUNT_COUNTS])
{
	struct shunt_service *service;
	unsigned long id;

	memset(counts, 0, SHUNT_COUNTS * sizeof(*counts));
	shunt_drops_add(bench->sn.drops, counts);
	xa_for_each(&bench->sn.services, id, service)
		shunt_drops_add(service->drops, counts);
}

int __init shunt_bench_remove(struct shunt_bench *bench)
{
	const struct shunt_tuple *tuple = &bench->seen[bench->seen_count - 1];
	struct shunt_service *service;
	struct shunt_server *server;
	struct shunt_refusal no;
	int err;

	rcu_read_lock();
	service = shunt_match_tuple(&bench->sn, tuple, 0);
	rcu_read_unlock();
	mutex_lock(&bench->sn.lock);
	server = list_first_entry(&service->servers, struct shunt_server, list);
	err = shunt_server_del(server, &no);
	mutex_unlock(&bench->sn.lock);
	return err;
}

static void __init forget(struct shunt_net *sn, const struct shunt_tuple *tuple)
{
	struct shunt_service *service = shunt_match_tuple(sn, tuple, 0);
	struct shunt_packet pkt = { .sn = sn, .tuple = *tuple };
	struct shunt_conn *conn;
	struct shunt_syn syn;

	conn = shunt_end_conn(shunt_conn_find(&pkt));
	if (conn)
		shunt_conn_unlink(sn, conn);
	if (!service)
		return;
	syn = shunt_syn_find(&pkt, service);
	if (syn.slot)
		shunt_syn_forget(&pkt, syn);
	atomic_set(&service->cursor, 0);
}

void __init shunt_bench_forget(struct shunt_bench *bench)
{
	rcu_read_lock();
	local_bh_disable();
	while (bench->seen_count)
		forget(&bench->sn, &bench->seen[--bench->seen_count]);
	local_bh_enable();
	rcu_read_unlock();
	__skb_queue_purge(&bench->sent);
}

unsigned int __init shunt_bench_l4(const u8 *packet, u8 *protocol)
{
	unsigned int at = sizeof(struct ipv6hdr);

	if (packet[0] >> 4 == 4) {
		*protocol = packet[offsetof(struct iphdr, protocol)];
		return (packet[0] & 15) * 4;
	}
	*protocol = packet[offsetof(struct ipv6hdr, nexthdr)];
	for (;;) {
		unsigned int size;

		switch (*protocol) {
		case IPPROTO_FRAGMENT:
			size = 8;
			break;
		case IPPROTO_HOPOPTS:
		case IPPROTO_ROUTING:
		case IPPROTO_DSTOPTS:
			size = (packet[at + 1] + 1) * 8;
			break;
		default:
			return at;
		}
		*protocol = packet[at];
		at += size;
	}
}

__sum16 __init shunt_bench_sum(const u8 *ip, unsigned int len, u8 protocol, __wsum sum)
{
	const struct ipv6hdr *ip6 = (const struct ipv6hdr *)ip;
	const struct iphdr *ip4 = (const struct iphdr *)ip;

	if (protocol == IPPROTO_ICMP)
		return csum_fold(sum);
	if (ip[0] >> 4 == 4)
		return csum_tcpudp_magic(ip4->saddr, ip4->daddr, len, protocol, sum);
	return csum_ipv6_magic(&ip6->saddr, &ip6->daddr, len, protocol, sum);
}

/* Fills a field in unless it says something already, or is cut off. */
static bool __init fill(u8 *field, const u8 *end, const u8 blank[2], unsigned int value)
{
	if (field + 2 > end || memcmp(field, blank, 2))
		return false;
	field[0] = value >> 8;
	field[1] = value;
	return true;
}

static void __init fill_sum(u8 *ip, unsigned int l4, unsigned int cut, u8 protocol,
			    unsigned int field)
{
	static const u8 blank[] __initconst = { SUM };
	u8 *at = ip + l4 + field;
	__sum16 sum;

	if (!fill(at, ip + cut, blank, 0))
		return;
	sum = shunt_bench_sum(ip, cut - l4, protocol, csum_partial(ip + l4, cut - l4, 0));
	if (!sum && protocol == IPPROTO_UDP)
		sum = CSUM_MANGLED_0;
	memcpy(at, &sum, sizeof(sum));
}

static void __init fill_ip(u8 *packet, unsigned int cut)
{
	static const u8 none[2] __initconst;
	static const u8 blank[] __initconst = { SUM };
	u8 *sum = packet + offsetof(struct iphdr, check);
	const u8 *end = packet + cut;
	__sum16 check;

	if (packet[0] >> 4 == 6) {
		fill(packet + offsetof(struct ipv6hdr, payload_len), end, none,
		     cut - sizeof(struct ipv6hdr));
		return;
	}
	fill(packet + offsetof(struct iphdr, tot_len), end, none, cut);
	if (cut < (packet[0] & 15) * 4 || !fill(sum, end, blank, 0))
		return;
	check = ip_fast_csum(packet, packet[0] & 15);
	memcpy(sum, &check, sizeof(check));
}

unsigned int __init shunt_bench_seal(u8 *packet, unsigned int len, unsigned int cut)
{
	static const u8 none[2] __initconst;
	unsigned int l4, inner;
	u8 protocol;

	l4 = shunt_bench_l4(packet, &protocol);
	fill_ip(packet, cut);
	switch (protocol) {
	case IPPROTO_TCP:
		fill_sum(packet, l4, cut, protocol, offsetof(struct tcphdr, check));
		return l4 + sizeof(struct tcphdr);
	case IPPROTO_UDP:
		fill(packet + l4 + offsetof(struct udphdr, len), packet + cut, none, cut - l4);
		fill_sum(packet, l4, cut, protocol, offsetof(struct udphdr, check));
		return l4 + sizeof(struct udphdr);
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		inner = l4 + sizeof(struct icmphdr);
		if (len >= inner + sizeof(struct iphdr)) {
			shunt_bench_seal(packet + inner, len - inner, len - inner);
			inner += shunt_bench_l4(packet + inner, &(u8){ 0 }) + 2 * sizeof(__be16);
		}
		fill_sum(packet, l4, cut, protocol, offsetof(struct icmphdr, checksum));
		return inner;
	default:
		return len;
	}
}
