// SPDX-License-Identifier: GPL-2.0
/*
 * What all is compared with, as hooks at netdev ingress: "drop", the cost of
 * the generator and of having a packet at all, and "floor", the least that can
 * be done for one that is forwarded: a lookup in a table of connections, other
 * MACs, and away. The first packet of a connection makes its entry.
 *
 * The floor is no forwarder: it has no services, looks at no TTL, counts
 * nothing and never forgets a connection.
 */
#include <linux/etherdevice.h>
#include <linux/hashtable.h>
#include <linux/ip.h>
#include <linux/jhash.h>
#include <linux/netdevice.h>
#include <linux/netfilter.h>
#include <linux/netfilter_netdev.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <net/net_namespace.h>

#include "bench.h"

struct entry {
	struct hlist_node node;
	__be32 src, dst;
	u32 ports;
};

static DEFINE_HASHTABLE(table, 16);
static u32 seed;

static struct net *hooked_net;		/* NULL while there is no hook */
static struct net_device *in;
static struct net_device *out;
static struct ethhdr header;

static unsigned int drop(void *priv, struct sk_buff *skb, const struct nf_hook_state *state)
{
	return NF_DROP;
}

static bool find_entry(const struct iphdr *ip4, u32 ports, u32 hash)
{
	const struct entry *entry;

	hlist_for_each_entry_rcu(entry, &table[hash_min(hash, HASH_BITS(table))], node)
		if (entry->src == ip4->saddr && entry->dst == ip4->daddr && entry->ports == ports)
			return true;
	return false;
}

static bool add_entry(const struct iphdr *ip4, u32 ports, u32 hash)
{
	struct entry *entry = kmalloc(sizeof(*entry), GFP_ATOMIC);

	if (!entry)
		return false;
	entry->src = ip4->saddr;
	entry->dst = ip4->daddr;
	entry->ports = ports;
	hlist_add_head_rcu(&entry->node, &table[hash_min(hash, HASH_BITS(table))]);
	return true;
}

static unsigned int forward(void *priv, struct sk_buff *skb, const struct nf_hook_state *state)
{
	const struct iphdr *ip4;
	u32 ports, hash;

	if (skb->protocol != htons(ETH_P_IP) || !pskb_may_pull(skb, sizeof(*ip4) + sizeof(ports)))
		return NF_DROP;
	ip4 = (const struct iphdr *)skb->data;
	ports = *(const u32 *)(ip4 + 1);
	hash = jhash_3words((__force u32)ip4->saddr, (__force u32)ip4->daddr, ports, seed);
	if (!find_entry(ip4, ports, hash) && !add_entry(ip4, ports, hash))
		return NF_DROP;
	skb_push(skb, ETH_HLEN);
	memcpy(skb->data, &header, ETH_HLEN);
	skb->dev = out;
	dev_queue_xmit(skb);
	return NF_STOLEN;
}

static struct nf_hook_ops ops = {
	.pf = NFPROTO_NETDEV,
	.hooknum = NF_NETDEV_INGRESS,
};

/* drop IN, or floor IN OUT MAC */
static int parse(struct net *net, char *words)
{
	const char *what = strsep(&words, " "), *name = strsep(&words, " ");

	if (!name)
		return -EINVAL;
	in = dev_get_by_name(net, name);
	if (!strcmp(what, "drop")) {
		ops.hook = drop;
		return in ? 0 : -ENODEV;
	}
	name = strsep(&words, " ");
	if (strcmp(what, "floor") || !name || !words || !mac_pton(words, header.h_dest))
		return -EINVAL;
	out = dev_get_by_name(net, name);
	if (!in || !out)
		return -ENODEV;
	ether_addr_copy(header.h_source, out->dev_addr);
	header.h_proto = htons(ETH_P_IP);
	ops.hook = forward;
	return 0;
}

static void forget_devices(void)
{
	dev_put(in);
	dev_put(out);
	in = NULL;
	out = NULL;
}

int bench_hook(struct net *net, char *words)
{
	int err;

	if (hooked_net)
		return -EBUSY;
	err = parse(net, words);
	if (!err) {
		ops.dev = in;
		seed = get_random_u32();
		err = nf_register_net_hook(net, &ops);
	}
	if (err) {
		forget_devices();
		return err;
	}
	hooked_net = get_net(net);
	return 0;
}

void bench_unhook(void)
{
	struct hlist_node *next;
	struct entry *entry;
	int i;

	if (!hooked_net)
		return;
	nf_unregister_net_hook(hooked_net, &ops);
	/* A packet may still be in the hook. */
	synchronize_net();
	put_net(hooked_net);
	hooked_net = NULL;
	forget_devices();
	hash_for_each_safe(table, i, next, entry, node) {
		hash_del(&entry->node);
		kfree(entry);
	}
}
