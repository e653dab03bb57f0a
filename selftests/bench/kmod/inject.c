// SPDX-License-Identifier: GPL-2.0
/*
 * Generates packets of many flows and hands them to the stack as if they had
 * arrived on a device. "send" takes these words:
 *
 *   dev=NAME          the device they arrive on, an Ethernet one
 *   family=4|6 protocol=tcp|udp
 *   src=ADDR:PORT dst=ADDR:PORT   as ADDR,PORT
 *   flags=HEX         of TCP; 0x02 is SYN, 0x10 ACK, 0x18 data
 *   vary=src|dst      which of the two is the client, that differs by flow
 *   count=N           how many packets, a multiple of the chunk
 *   flows=N           of how many flows, in turn; the default is count
 *   first=N           the number of the first flow
 *   step=N            from one packet's flow to the next, 1 by default
 *   random=1          clients at random from half of 32.0.0.0/3, by number
 *   cpus=N            on so many processors at once, each its share of the flows
 *   fragment=1        each is the first fragment of a datagram; IPv4
 *   warm=1            one of each flow before, that is in no chunk
 *   pace=US           eight at a time, so often, by a timer in softirq
 *
 * Client number N has the Nth address after ADDR and a port of its own. The
 * work on a packet is the same whatever the words, so that it cancels out when
 * two batches of the same kind of packet are compared.
 *
 * The packets go in chunks of 64, as a driver's poll would bring them, with
 * bottom halves off. No-operations mark for selftests/bench/plugin.c where
 * batches and chunks begin and end.
 *
 * Those that a timer paces tell how long anything else keeps packets waiting:
 * how late the timer was at most. A task that sleeps as long each time tells the
 * same of tasks.
 */
#include <linux/etherdevice.h>
#include <linux/hash.h>
#include <linux/hrtimer.h>
#include <linux/inet.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/kthread.h>
#include <linux/netdevice.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <linux/workqueue.h>
#include <net/checksum.h>
#include <net/ip.h>
#include <net/ip6_checksum.h>
#include <net/net_namespace.h>

#include "bench.h"

enum {
	CHUNK = 64,
	PACED = 8,
	FRAME_MIN = 60,		/* without the checksum that ends a frame */
	HEADERS_MAX = ETH_HLEN + sizeof(struct ipv6hdr) + sizeof(struct tcphdr),
	FRAME_MAX = HEADERS_MAX + 6,
	FIRST_PORT = 1024,
	PORTS = 64000,
	TTL = 64,
};

/* What the plugin is told, by its number. */
enum mark {
	BATCH_BEGINS = 1,
	BATCH_ENDS,
	CHUNK_BEGINS,
	CHUNK_ENDS,
};

/* A no-operation that nobody else executes; the plugin knows it by its bytes. */
static __always_inline void mark(const enum mark number)
{
	asm volatile(".byte 0x0f,0x1f,0x84,0x00,%c0,0x00,0x5a,0x5a" : : "i" (number) : "memory");
}

struct end {
	u8 addr[16];
	u16 port;
};

struct batch {
	struct net_device *dev;
	struct end src, dst;
	u64 count, flows, first, step, cpus, random, fragment, warm, pace;
	u64 flags;
	bool ipv6, tcp, vary_dst;

	unsigned int length;
};

/*
 * The frame of the batch, but for what differs by packet. How many instructions
 * memcpy() takes depends on how the addresses are aligned.
 */
static u8 frame[FRAME_MAX] __aligned(256);

/* A processor's share of a batch. */
struct share {
	struct work_struct work;
	const struct batch *batch;
	u64 first, flows, count, step;
	u64 began, ended;		/* ns */
};

static struct workqueue_struct *workers;
static u64 last_packets;
static u64 last_ns;
static u64 last_late;
static u64 last_task_late;

/* A batch that a timer sends. */
struct pacer {
	struct hrtimer timer;
	const struct batch *batch;
	u64 sent;
	u64 late;			/* ns, at most */
	s64 task_late;
	struct completion done;
};

/* ADDR,PORT */
static int parse_end(char *value, struct end *end, bool ipv6)
{
	char *addr = strsep(&value, ",");

	if (!value || kstrtou16(value, 10, &end->port))
		return -EINVAL;
	if (ipv6)
		return in6_pton(addr, -1, end->addr, -1, NULL) ? 0 : -EINVAL;
	return in4_pton(addr, -1, end->addr, -1, NULL) ? 0 : -EINVAL;
}

/* The numbers of a batch by their names. */
static u64 *number_of(struct batch *batch, const char *key)
{
	const struct {
		const char *key;
		u64 *to;
	} numbers[] = {
		{ "count", &batch->count },
		{ "flows", &batch->flows },
		{ "first", &batch->first },
		{ "step", &batch->step },
		{ "random", &batch->random },
		{ "cpus", &batch->cpus },
		{ "fragment", &batch->fragment },
		{ "warm", &batch->warm },
		{ "pace", &batch->pace },
		{ "flags", &batch->flags },
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(numbers); i++)
		if (!strcmp(key, numbers[i].key))
			return numbers[i].to;
	return NULL;
}

static int parse_word(struct net *net, struct batch *batch, const char *key, char *value)
{
	u64 *number = number_of(batch, key);

	if (number)
		return kstrtou64(value, 0, number);
	if (!strcmp(key, "dev")) {
		batch->dev = dev_get_by_name(net, value);
		return batch->dev ? 0 : -ENODEV;
	}
	if (!strcmp(key, "family")) {
		batch->ipv6 = !strcmp(value, "6");
		return 0;
	}
	if (!strcmp(key, "protocol")) {
		batch->tcp = !strcmp(value, "tcp");
		return 0;
	}
	if (!strcmp(key, "vary")) {
		batch->vary_dst = !strcmp(value, "dst");
		return 0;
	}
	if (!strcmp(key, "src"))
		return parse_end(value, &batch->src, batch->ipv6);
	if (!strcmp(key, "dst"))
		return parse_end(value, &batch->dst, batch->ipv6);
	return -EINVAL;
}

static int parse(struct net *net, struct batch *batch, char *words)
{
	char *word, *key;
	int err;

	while ((word = strsep(&words, " "))) {
		key = strsep(&word, "=");
		if (!word)
			return -EINVAL;
		err = parse_word(net, batch, key, word);
		if (err)
			return err;
	}
	if (!batch->flows)
		batch->flows = batch->count;
	if (!batch->dev || !batch->cpus || batch->cpus > num_online_cpus() ||
	    (batch->pace && batch->cpus > 1) ||
	    batch->flows < batch->cpus || batch->count % (CHUNK * batch->cpus))
		return -EINVAL;
	return 0;
}

static unsigned int network_length(const struct batch *batch)
{
	return batch->ipv6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
}

static void make_frame(struct batch *batch)
{
	unsigned int transport = batch->tcp ? sizeof(struct tcphdr) : sizeof(struct udphdr);
	struct ethhdr *eth = (struct ethhdr *)frame;
	struct ipv6hdr *ip6 = (void *)(eth + 1);
	struct iphdr *ip4 = (void *)(eth + 1);
	struct tcphdr *tcp = (void *)(eth + 1) + network_length(batch);
	struct udphdr *udp = (void *)tcp;
	unsigned int inner;

	memset(frame, 0, sizeof(frame));
	batch->length = max_t(unsigned int, FRAME_MIN,
			      ETH_HLEN + network_length(batch) + transport);
	inner = batch->length - ETH_HLEN - network_length(batch);
	ether_addr_copy(eth->h_dest, batch->dev->dev_addr);
	eth->h_source[0] = 2;
	if (batch->ipv6) {
		eth->h_proto = htons(ETH_P_IPV6);
		ip6->version = 6;
		ip6->payload_len = htons(inner);
		ip6->nexthdr = batch->tcp ? IPPROTO_TCP : IPPROTO_UDP;
		ip6->hop_limit = TTL;
		memcpy(&ip6->saddr, batch->src.addr, sizeof(ip6->saddr));
		memcpy(&ip6->daddr, batch->dst.addr, sizeof(ip6->daddr));
	} else {
		eth->h_proto = htons(ETH_P_IP);
		ip4->version = 4;
		ip4->ihl = sizeof(*ip4) / 4;
		ip4->tot_len = htons(batch->length - ETH_HLEN);
		ip4->frag_off = batch->fragment ? htons(IP_MF) : 0;
		ip4->ttl = TTL;
		ip4->protocol = batch->tcp ? IPPROTO_TCP : IPPROTO_UDP;
		memcpy(&ip4->saddr, batch->src.addr, sizeof(ip4->saddr));
		memcpy(&ip4->daddr, batch->dst.addr, sizeof(ip4->daddr));
	}
	if (batch->tcp) {
		tcp->seq = htonl(1);
		tcp->ack_seq = htonl(1);
		tcp->doff = sizeof(*tcp) / 4;
		((u8 *)tcp)[13] = batch->flags;
		tcp->window = htons(8192);
	} else {
		udp->len = htons(inner);
	}
	/* Ports are at the same place in both. */
	udp->source = htons(batch->src.port);
	udp->dest = htons(batch->dst.port);
}

/* Where the client of a flow is, given the last 32 bits of the first one's address. */
static void client_of(const struct batch *batch, u64 flow, __be32 *addr, __be16 *port)
{
	u64 mixed = (flow + 1) * GOLDEN_RATIO_64;

	if (batch->random) {
		*addr = htonl(0x20000000 | (u32)(mixed >> 36));
		*port = htons(FIRST_PORT + (mixed & 0x7fff));
	} else {
		*addr = htonl(ntohl(*addr) + (u32)flow);
		*port = htons(FIRST_PORT + (u32)flow % PORTS);
	}
}

static __sum16 checksum_ipv4(const struct iphdr *ip4, void *transport, unsigned int length)
{
	return csum_tcpudp_magic(ip4->saddr, ip4->daddr, length, ip4->protocol,
				 csum_partial(transport, length, 0));
}

static __sum16 checksum_ipv6(const struct ipv6hdr *ip6, void *transport, unsigned int length)
{
	return csum_ipv6_magic(&ip6->saddr, &ip6->daddr, length, ip6->nexthdr,
			       csum_partial(transport, length, 0));
}

static void fill_packet(const struct batch *batch, u8 *data, u64 flow)
{
	unsigned int network = network_length(batch);
	struct iphdr *ip4 = (void *)(data + ETH_HLEN);
	struct ipv6hdr *ip6 = (void *)ip4;
	struct udphdr *udp = (void *)ip4 + network;
	struct tcphdr *tcp = (void *)udp;
	__be16 *port = batch->vary_dst ? &udp->dest : &udp->source;
	__sum16 *check = batch->tcp ? &tcp->check : &udp->check;
	unsigned int length = batch->length - ETH_HLEN - network;

	if (batch->ipv6) {
		client_of(batch, flow, batch->vary_dst ? &ip6->daddr.s6_addr32[3] :
			  &ip6->saddr.s6_addr32[3], port);
		*check = checksum_ipv6(ip6, udp, length);
	} else {
		client_of(batch, flow, batch->vary_dst ? &ip4->daddr : &ip4->saddr, port);
		ip4->check = ip_fast_csum(ip4, ip4->ihl);
		*check = checksum_ipv4(ip4, udp, length);
	}
}

static void inject(const struct batch *batch, u64 flow)
{
	struct sk_buff *skb = netdev_alloc_skb(batch->dev, FRAME_MAX);

	if (!skb)
		return;
	skb_put_data(skb, frame, batch->length);
	fill_packet(batch, skb->data, flow);
	skb->protocol = eth_type_trans(skb, batch->dev);
	skb->ip_summed = CHECKSUM_UNNECESSARY;
	netif_receive_skb(skb);
}

static void warm_up(const struct share *share)
{
	u64 flow;

	for (flow = 0; flow < share->flows; flow++) {
		local_bh_disable();
		inject(share->batch, share->first + flow);
		local_bh_enable();
		cond_resched();
	}
}

static void run_share(struct work_struct *work)
{
	struct share *share = container_of(work, struct share, work);
	u64 left, flow = 0;
	int i;

	if (share->batch->warm)
		warm_up(share);
	share->began = ktime_get_ns();
	for (left = share->count; left; left -= CHUNK) {
		local_bh_disable();
		mark(CHUNK_BEGINS);
		for (i = 0; i < CHUNK; i++) {
			inject(share->batch, share->first + flow);
			flow += share->step;
			if (flow >= share->flows)
				flow -= share->flows;
		}
		mark(CHUNK_ENDS);
		local_bh_enable();
		cond_resched();
	}
	share->ended = ktime_get_ns();
}

static int run(const struct batch *batch)
{
	u64 began = U64_MAX, ended = 0;
	struct share *shares;
	unsigned int i;

	shares = kcalloc(batch->cpus, sizeof(*shares), GFP_KERNEL);
	if (!shares)
		return -ENOMEM;
	for (i = 0; i < batch->cpus; i++) {
		shares[i].batch = batch;
		shares[i].flows = batch->flows / batch->cpus;
		shares[i].first = batch->first + i * shares[i].flows;
		shares[i].count = batch->count / batch->cpus;
		shares[i].step = batch->step % shares[i].flows;
		INIT_WORK(&shares[i].work, run_share);
	}
	mark(BATCH_BEGINS);
	for (i = 0; i < batch->cpus; i++)
		queue_work_on(i, workers, &shares[i].work);
	for (i = 0; i < batch->cpus; i++) {
		flush_work(&shares[i].work);
		began = min(began, shares[i].began);
		ended = max(ended, shares[i].ended);
	}
	mark(BATCH_ENDS);
	kfree(shares);
	last_packets = batch->count;
	last_ns = ended - began;
	last_late = 0;
	last_task_late = 0;
	return 0;
}

static enum hrtimer_restart send_paced(struct hrtimer *timer)
{
	struct pacer *pacer = container_of(timer, struct pacer, timer);
	const struct batch *batch = pacer->batch;
	u64 late = ktime_get_ns() - ktime_to_ns(hrtimer_get_expires(timer));
	int i;

	pacer->late = max(pacer->late, late);
	for (i = 0; i < PACED; i++)
		inject(batch, batch->first + pacer->sent++ * batch->step % batch->flows);
	if (pacer->sent >= batch->count) {
		complete(&pacer->done);
		return HRTIMER_NORESTART;
	}
	/* What has been missed is made up for, as packets arrive whether or not one waits. */
	hrtimer_add_expires_ns(timer, batch->pace * NSEC_PER_USEC);
	return HRTIMER_RESTART;
}

/* Goes before all other tasks, so that it waits for those only that hold the processor. */
static int sleep_paced(void *arg)
{
	struct pacer *pacer = arg;
	ktime_t until;
	s64 late;

	sched_set_fifo(current);
	while (!kthread_should_stop()) {
		until = ktime_add_us(ktime_get(), pacer->batch->pace);
		set_current_state(TASK_IDLE);
		schedule_hrtimeout(&until, HRTIMER_MODE_ABS);
		late = ktime_to_ns(ktime_sub(ktime_get(), until));
		pacer->task_late = max(pacer->task_late, late);
	}
	return 0;
}

static int run_paced(const struct batch *batch)
{
	struct pacer *pacer = kzalloc(sizeof(*pacer), GFP_KERNEL);
	u64 began = ktime_get_ns();
	struct task_struct *task;

	if (!pacer)
		return -ENOMEM;
	pacer->batch = batch;
	task = kthread_run(sleep_paced, pacer, "shunt_bench");
	if (IS_ERR(task)) {
		kfree(pacer);
		return PTR_ERR(task);
	}
	init_completion(&pacer->done);
	hrtimer_init(&pacer->timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL_SOFT);
	pacer->timer.function = send_paced;
	mark(BATCH_BEGINS);
	hrtimer_start(&pacer->timer, ns_to_ktime(batch->pace * NSEC_PER_USEC),
		      HRTIMER_MODE_REL_SOFT);
	wait_for_completion(&pacer->done);
	mark(BATCH_ENDS);
	/* It may still be about to return. */
	hrtimer_cancel(&pacer->timer);
	kthread_stop(task);
	last_packets = batch->count;
	last_ns = ktime_get_ns() - began;
	last_late = pacer->late;
	last_task_late = pacer->task_late;
	kfree(pacer);
	return 0;
}

int bench_send(struct net *net, char *words)
{
	struct batch *batch;
	int err;

	batch = kzalloc(sizeof(*batch), GFP_KERNEL);
	if (!batch)
		return -ENOMEM;
	batch->cpus = 1;
	batch->step = 1;
	err = parse(net, batch, words);
	if (!err) {
		make_frame(batch);
		err = batch->pace ? run_paced(batch) : run(batch);
	}
	dev_put(batch->dev);
	kfree(batch);
	return err;
}

int bench_idle(char *words)
{
	unsigned int seconds;
	u64 began = ktime_get_ns();

	if (kstrtouint(words, 10, &seconds))
		return -EINVAL;
	mark(BATCH_BEGINS);
	schedule_timeout_uninterruptible(seconds * HZ);
	mark(BATCH_ENDS);
	last_packets = 0;
	last_ns = ktime_get_ns() - began;
	last_late = 0;
	last_task_late = 0;
	return 0;
}

void bench_show(struct seq_file *out)
{
	seq_printf(out, "%llu packets %llu ns %llu late %llu task\n", last_packets, last_ns,
		   last_late, last_task_late);
}

int bench_inject_init(void)
{
	workers = alloc_workqueue("shunt_bench", WQ_CPU_INTENSIVE, 0);
	return workers ? 0 : -ENOMEM;
}

void bench_inject_exit(void)
{
	destroy_workqueue(workers);
}
