// SPDX-License-Identifier: GPL-2.0
/*
 * All counters are 64 bits and per CPU: the data path writes its own CPU's
 * block and nothing else. A service has no block of its own; its counters are
 * the sum over its servers, so that a packet is counted once.
 */
#include <linux/percpu.h>

#include "stats.h"

static const struct {
	const char *name;
	const char *meaning;
} reasons[SHUNT_REASONS] = {
	[SHUNT_DROP_NO_SERVER] = {
		"no-server",
		"No server of the service could take a new connection, and the client was refused, or told nothing with on-empty drop; see 'shunt server show' for servers that drain, are down, full or unreachable, or have weight 0."
	},
	[SHUNT_DROP_NO_CONNECTION] = {
		"no-connection",
		"A TCP packet in mid-stream belonged to no connection in the table and was answered with a reset; the connection had expired (see timeout), or the director was restarted (see midstream)."
	},
	[SHUNT_DROP_SERVER_REMOVED] = {
		"server-removed",
		"The connection's server was removed, or is down, and the service says on-remove reset, so the client was reset; with keep its connections would have gone on to their end."
	},
	[SHUNT_DROP_UNREACHABLE] = {
		"unreachable",
		"The DSR server of the connection does not answer to ARP or neighbour discovery, or is on no link of the director any more; see whether it is up and has its address on this segment."
	},
	[SHUNT_DROP_NO_ROUTE] = {
		"no-route",
		"There was no route to the NAT server, or back to the client; see 'ip route get'."
	},
	[SHUNT_DROP_TUPLE_IN_USE] = {
		"tuple-in-use",
		"The client reached the same NAT server through another service from the same port, and the server could not tell the two apart; give each service its own server port."
	},
	[SHUNT_DROP_FRAGMENT] = {
		"fragment",
		"Fragments for a virtual address, or from a NAT server, could not be put together: they overlapped, were too long or too many; something on the way is broken or means harm."
	},
	[SHUNT_DROP_MALFORMED] = {
		"malformed",
		"The packet was too short for its own headers."
	},
	[SHUNT_DROP_TTL] = {
		"ttl",
		"The packet's TTL or hop limit ran out, and its sender was told; look for a routing loop, unless it was traceroute."
	},
	[SHUNT_DROP_MTU] = {
		"mtu",
		"The packet was larger than the MTU of the way to the server, and its sender was told unless it allowed fragmentation; a few are path MTU discovery at work."
	},
	[SHUNT_DROP_SOURCE_IS_VIP] = {
		"source-is-vip",
		"The packet's source was the virtual address itself, which DSR cannot serve; a client on the director needs the VIP to be no local address, or mode nat."
	},
	[SHUNT_DROP_LRO] = {
		"lro",
		"The receiving device merged packets with LRO, which loses their boundaries; turn it off with 'ethtool -K DEVICE lro off'."
	},
	[SHUNT_DROP_LIMIT] = {
		"limit",
		"There were as many connections as allowed, and none to spare for a new one to a NAT server; raise the limit if there is memory, see 'shunt limit'."
	},
	[SHUNT_DROP_NO_MEMORY] = {
		"no-memory",
		"There was no memory for a connection entry or a packet header."
	},
	[SHUNT_DROP_NOT_SENT] = {
		"not-sent",
		"The way out refused the packet: a full queue, a device that is down, or a firewall rule at postrouting; see 'tc -s qdisc' and 'nft list ruleset'."
	},
};

struct shunt_counters __percpu *shunt_counters_alloc(void)
{
	struct shunt_counters __percpu *counters;
	int cpu;

	counters = alloc_percpu_gfp(struct shunt_counters, GFP_KERNEL_ACCOUNT);
	if (!counters)
		return NULL;
	for_each_possible_cpu(cpu)
		u64_stats_init(&per_cpu_ptr(counters, cpu)->sync);
	return counters;
}

struct shunt_drops __percpu *shunt_drops_alloc(void)
{
	struct shunt_drops __percpu *drops;
	int cpu;

	drops = alloc_percpu_gfp(struct shunt_drops, GFP_KERNEL_ACCOUNT);
	if (!drops)
		return NULL;
	for_each_possible_cpu(cpu)
		u64_stats_init(&per_cpu_ptr(drops, cpu)->sync);
	return drops;
}

void shunt_counters_connection(struct shunt_counters __percpu *counters)
{
	struct shunt_counters *mine = this_cpu_ptr(counters);

	u64_stats_update_begin(&mine->sync);
	u64_stats_inc(&mine->connections);
	u64_stats_update_end(&mine->sync);
}

void shunt_counters_add(const struct shunt_counters __percpu *counters,
			struct shunt_totals *totals)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		const struct shunt_counters *one = per_cpu_ptr(counters, cpu);
		struct shunt_totals now;
		unsigned int start;

		do {
			start = u64_stats_fetch_begin(&one->sync);
			now.packets = u64_stats_read(&one->packets);
			now.bytes = u64_stats_read(&one->bytes);
			now.return_packets = u64_stats_read(&one->return_packets);
			now.return_bytes = u64_stats_read(&one->return_bytes);
			now.connections = u64_stats_read(&one->connections);
		} while (u64_stats_fetch_retry(&one->sync, start));

		totals->packets += now.packets;
		totals->bytes += now.bytes;
		totals->return_packets += now.return_packets;
		totals->return_bytes += now.return_bytes;
		totals->connections += now.connections;
	}
}

void shunt_drop_count(struct shunt_drops __percpu *drops, enum shunt_reason reason)
{
	struct shunt_drops *mine = this_cpu_ptr(drops);

	u64_stats_update_begin(&mine->sync);
	u64_stats_inc(&mine->count[reason]);
	u64_stats_update_end(&mine->sync);
}

void shunt_drops_add(const struct shunt_drops __percpu *drops, u64 *counts)
{
	u64 now[SHUNT_COUNTS];
	unsigned int i;
	int cpu;

	for_each_possible_cpu(cpu) {
		const struct shunt_drops *one = per_cpu_ptr(drops, cpu);
		unsigned int start;

		do {
			start = u64_stats_fetch_begin(&one->sync);
			for (i = 0; i < SHUNT_COUNTS; i++)
				now[i] = u64_stats_read(&one->count[i]);
		} while (u64_stats_fetch_retry(&one->sync, start));
		for (i = 0; i < SHUNT_COUNTS; i++)
			counts[i] += now[i];
	}
}

const char *shunt_drop_name(enum shunt_reason reason)
{
	return reasons[reason].name;
}

const char *shunt_drop_meaning(enum shunt_reason reason)
{
	return reasons[reason].meaning;
}
