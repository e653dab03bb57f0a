/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Counters of servers and services, and the reasons for which packets of a
 * service are not forwarded.
 */
#ifndef SHUNT_STATS_H
#define SHUNT_STATS_H

#include <linux/percpu.h>
#include <linux/u64_stats_sync.h>

#include "packet.h"

/* One per CPU and server; written with bottom halves off on its own CPU only. */
struct shunt_counters {
	u64_stats_t packets;
	u64_stats_t bytes;
	u64_stats_t return_packets;
	u64_stats_t return_bytes;
	u64_stats_t connections;
	struct u64_stats_sync sync;
};

/* Their sum over all CPUs. */
struct shunt_totals {
	u64 packets;
	u64 bytes;
	u64 return_packets;
	u64 return_bytes;
	u64 connections;
};

enum shunt_reason {
	SHUNT_FORWARDED,	/* none: the packet went its way */
	SHUNT_DROP_NO_SERVER,
	SHUNT_DROP_NO_CONNECTION,
	SHUNT_DROP_SERVER_REMOVED,
	SHUNT_DROP_UNREACHABLE,
	SHUNT_DROP_NO_ROUTE,
	SHUNT_DROP_TUPLE_IN_USE,
	SHUNT_DROP_FRAGMENT,
	SHUNT_DROP_MALFORMED,
	SHUNT_DROP_TTL,
	SHUNT_DROP_MTU,
	SHUNT_DROP_SOURCE_IS_VIP,
	SHUNT_DROP_LRO,
	SHUNT_DROP_LIMIT,
	SHUNT_DROP_NO_MEMORY,
	SHUNT_DROP_NOT_SENT,
	SHUNT_REASONS,
	/* Counted with them, though no packet was dropped; limit.c, syn.c. */
	SHUNT_COUNT_STATELESS = SHUNT_REASONS,	/* packets without a connection */
	SHUNT_COUNT_RECYCLED,			/* connections that gave their place */
	SHUNT_COUNT_HALF_OPEN,			/* the same, for too many handshakes */
	SHUNT_COUNT_SYN_FORGOTTEN,		/* young SYNs that others overwrote */
	SHUNT_COUNT_PERSIST_BEYOND,		/* connections of clients without a place */
	SHUNT_COUNTS,
	/* Not a reason: the packet is for this host, which is the server. */
	SHUNT_DELIVER = SHUNT_COUNTS,
};

/* One per CPU of each service, and of each network namespace for the rest. */
struct shunt_drops {
	u64_stats_t count[SHUNT_COUNTS];
	struct u64_stats_sync sync;
};

/* Per-CPU counters, zero. May sleep. NULL if there is no memory. */
struct shunt_counters __percpu *shunt_counters_alloc(void);
struct shunt_drops __percpu *shunt_drops_alloc(void);

/* Any context, bottom halves off. One connection made. */
void shunt_counters_connection(struct shunt_counters __percpu *counters);
/* Adds the counters of all CPUs to *totals. Any context. */
void shunt_counters_add(const struct shunt_counters __percpu *counters,
			struct shunt_totals *totals);

/* Any context, bottom halves off. One packet not forwarded, or one of SHUNT_COUNT_*. */
void shunt_drop_count(struct shunt_drops __percpu *drops, enum shunt_reason reason);
/* Adds those of all CPUs to SHUNT_COUNTS counts, by reason. Any context. */
void shunt_drops_add(const struct shunt_drops __percpu *drops, u64 *counts);
/* The name in listings, and a sentence with meaning and remedy. */
const char *shunt_drop_name(enum shunt_reason reason);
const char *shunt_drop_meaning(enum shunt_reason reason);

/*
 * Any context, bottom halves off. A forwarded packet, or the way back's: so many on
 * the wire, of so many bytes in all.
 */
static __always_inline void shunt_counters_packet(struct shunt_counters __percpu *counters,
						  u32 segments, u32 bytes, bool back)
{
	struct shunt_counters *mine = this_cpu_ptr(counters);

	u64_stats_update_begin(&mine->sync);
	if (back) {
		u64_stats_add(&mine->return_packets, segments);
		u64_stats_add(&mine->return_bytes, bytes);
	} else {
		u64_stats_add(&mine->packets, segments);
		u64_stats_add(&mine->bytes, bytes);
	}
	u64_stats_update_end(&mine->sync);
}

#endif
