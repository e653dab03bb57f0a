/* SPDX-License-Identifier: GPL-2.0 */
/* All that the module keeps of one network namespace. */
#ifndef SHUNT_NET_H
#define SHUNT_NET_H

#include <linux/mutex.h>
#include <linux/netfilter.h>
#include <linux/notifier.h>
#include <linux/rhashtable.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>
#include <net/net_namespace.h>
#include <net/netns/generic.h>

#include "filter.h"
#include "hash.h"

struct shunt_buckets;
struct shunt_drops;
struct shunt_half_open;
struct shunt_hops;
struct shunt_persists;
struct shunt_ranges;
struct shunt_syns;
struct shunt_table;

/* The search for connections to spare, of all or of one service's; limit.c. */
struct shunt_recycling {
	u32 at;			/* a hash */
	u32 looked_in;		/* jiffies */
	u32 looked;		/* at so many connections in those */
	bool found;		/* since the beginning of the table */
	unsigned long failed_at;	/* jiffies when all had been looked at, 0: never */
};

struct shunt_net {
	struct net *net;

	/*
	 * What the data path reads of a packet first. Set while the hooks are
	 * registered, which is while there is a service.
	 */
	struct shunt_buckets __rcu *buckets;	/* table.c */
	struct shunt_filter vips;		/* virtual addresses */
	struct shunt_filter nat_servers;	/* addresses of NAT servers */
	struct shunt_drops __percpu *drops;
	struct shunt_hash_key key;		/* of tuples */
	struct shunt_hops *hops;		/* hop.c */
	atomic_t routes;			/* changes of them; hop.c */
	struct shunt_ranges __rcu *ranges;	/* NULL: no service has such; range.c */

	/*
	 * Held for every change of services, servers and links, and for
	 * listing them. Taken inside RTNL by the device notifier, so RTNL must
	 * not be taken inside it.
	 */
	struct mutex lock;
	struct rhashtable by_tuple;		/* ports of services; read under RCU */
	struct rhltable by_answer;		/* NAT servers of per-packet services; the same */
	struct rhashtable by_name;		/* services; lock */
	struct xarray services;			/* by id, the order of listings; lock */
	u32 next_id;				/* of services and servers; lock */
	u32 generation;				/* of the configuration; lock */
	u32 limit;				/* maximum of connections; written under lock */
	u32 persist_limit;			/* of clients remembered; the same */
	u32 service_count;			/* lock */
	u32 server_count;			/* lock */
	u64 *retired_drops;			/* of services deleted, by reason; lock */

	struct shunt_filter dsr_servers;	/* neighbours that matter; link.c */
	struct notifier_block fib;		/* link.c */
	struct delayed_work refresh;		/* link.c */
	struct list_head attachments;		/* devices with the fast hook; lock */
	unsigned int attachment_count;		/* lock */
	bool attachments_hooked;		/* while there is a service; lock */
	struct nf_hook_ops hooks[4];		/* while there is a service; hook.c */
	struct shunt_syns *syns;		/* the same; syn.c */
	struct shunt_half_open *half_open;	/* the same; limit.c */
	struct shunt_table *table;		/* with the hooks, too; table.c */
	struct list_head leaving;		/* removed servers; lock */
	struct list_head watched;		/* servers that time changes; lock */
	struct delayed_work watch;		/* watch.c */
	struct work_struct reap;		/* service.c */
	struct shunt_persists *persists;	/* NULL before the first; lock; persist.c */

	/* What new connections and refused packets write, away from what every packet reads. */
	atomic_long_t conns ____cacheline_aligned;	/* in the table */
	atomic_long_t backs;				/* of those, with a second end */
	unsigned long pressed_at;		/* jiffies, 0: never; limit.h */
	unsigned long limited_at;		/* the same, by the limit alone */
	struct shunt_recycling recycling;
	/* Answers to senders of packets not forwarded, in this second; hook.c. */
	unsigned long answers_at;
	atomic_t answers;
};

extern unsigned int shunt_net_id;

/* The state of a namespace. Valid until the namespace's exit has run. */
static inline struct shunt_net *shunt_net(const struct net *net)
{
	return net_generic(net, shunt_net_id);
}

#endif
