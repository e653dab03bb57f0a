/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Virtual services and their real servers. Their life is told in service.c.
 * Addresses and ports are in network byte order throughout.
 */
#ifndef SHUNT_SERVICE_H
#define SHUNT_SERVICE_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/netfilter.h>
#include <linux/rhashtable-types.h>
#include <linux/siphash.h>
#include <uapi/linux/shunt.h>

#include "conn.h"
#include "net.h"
#include "packet.h"
#include "stats.h"

struct shunt_group;
struct shunt_match;
struct shunt_persist;
struct shunt_pool;
struct shunt_sched;

/* One port of an address. Compared whole, so padding must be zero. */
struct shunt_service_key {
	union nf_inet_addr addr;
	__be16 port;
	u8 family;
	u8 protocol;
};

/* The protocols of a service; either, or both. */
enum {
	SHUNT_CARRIES_TCP = BIT(0),
	SHUNT_CARRIES_UDP = BIT(1),
};

/* How schedulers that hash go about it; kept for those that do not, too. */
struct shunt_hashing {
	u32 table_size;			/* a prime */
	u8 by;				/* enum shunt_hash_by */
	char seed[SHUNT_SEED_MAX + 1];	/* "": none */
};

struct shunt_service {
	struct shunt_match __rcu *match;	/* written under the namespace's lock */
	struct shunt_pool __rcu *pool;
	struct shunt_persist __rcu *persist;	/* NULL: clients are not remembered; persist.c */
	spinlock_t sched_lock;		/* state that a scheduler keeps in servers */
	u32 credits;			/* the measure of sched_wrr's; sched_lock */
	atomic_t cursor;		/* of sched_rr */
	atomic_t conns;			/* in the table */
	unsigned long limited_at;	/* jiffies, 0: never; limit.h */
	struct shunt_drops __percpu *drops;
	/* Settings; written under the namespace's lock. */
	u32 timeouts[SHUNT_CONN_STATES];	/* seconds */
	u32 limit;			/* maximum of connections, 0: none */
	u8 on_expire;			/* enum shunt_on_expire */
	u8 on_remove;			/* enum shunt_on_remove, or default by protocol */
	u8 on_empty;			/* enum shunt_on_empty */
	u8 midstream;			/* enum shunt_midstream */
	u8 packet;			/* 1: each of UDP's on its own, without connections */
	u8 family;			/* never changes */
	u8 protocols;			/* SHUNT_CARRIES_*; never changes */

	/* Configuration; the namespace's lock. */
	struct shunt_net *sn;
	struct rhash_head by_name;
	char name[SHUNT_NAME_MAX + 1];
	u32 id;
	u8 mode;			/* of servers that name none */
	struct shunt_hashing hashing;
	siphash_key_t secret;		/* for schedulers that hash, without a seed */
	u32 persist_seconds;		/* 0: off; group.c */
	u8 persist_prefix;
	struct shunt_group *group;	/* NULL: none */
	struct list_head servers;	/* with the removed ones */
	struct shunt_totals retired;	/* counters of servers freed */
	struct shunt_recycling recycling;	/* any CPU, under its limit */
	u8 served;			/* by whom new connections are; event.c */
	struct list_head leaving;	/* while being freed */
	struct list_head points;	/* match.c */
	struct list_head vips;		/* the same */
	struct rcu_head rcu;
};

static inline bool shunt_service_has(const struct shunt_service *service, u8 protocol)
{
	return service->protocols & (protocol == IPPROTO_TCP ? SHUNT_CARRIES_TCP :
								SHUNT_CARRIES_UDP);
}

/* Why a change was refused: a sentence, and the netlink attribute at fault or 0. */
struct shunt_refusal {
	const char *why;
	int attr;
	unsigned int nth;	/* of those that there may be several of */
};

/* The settings of a service that are numbers of an enum, or yes or no. */
enum shunt_setting {
	SHUNT_SET_MODE,
	SHUNT_SET_ON_EXPIRE,
	SHUNT_SET_ON_REMOVE,
	SHUNT_SET_ON_EMPTY,
	SHUNT_SET_MIDSTREAM,
	SHUNT_SET_PACKET,
	SHUNT_SET_HASH,		/* the last, and part of struct shunt_hashing */
	SHUNT_SETTINGS,
};

/* A change to a service, or what a new one is to be like. */
struct shunt_service_change {
	struct shunt_match *match;		/* the service's once applied; NULL: as it is */
	const struct shunt_sched *sched;	/* NULL: as it is */
	u32 timeouts[SHUNT_CONN_STATES];	/* seconds; 0: as it is */
	bool has_limit;
	u32 limit;
	u32 table_size;				/* 0: as it is */
	const char *seed;			/* NULL: as it is */
	bool has_persist;
	u32 persist;				/* seconds; 0: off */
	u8 persist_prefix;			/* 0: as it is */
	const char *persist_group;		/* NULL: as it is; "": none */
	u32 has;				/* BIT(enum shunt_setting) of those meant */
	u8 value[SHUNT_SETTINGS];
};

static inline int shunt_refuse(struct shunt_refusal *no, int err, int attr, const char *why)
{
	no->why = why;
	no->attr = attr;
	return err;
}

/* May sleep. */
int shunt_service_net_init(struct shunt_net *sn);
/* No packet can reach the namespace any more, and a grace period has passed. */
void shunt_service_net_exit(struct shunt_net *sn);

/*
 * Under the namespace's lock, may sleep. Changes return 0, or a negative errno
 * with *no filled in and nothing changed.
 */
struct shunt_service *shunt_service_by_name(struct shunt_net *sn, const char *name);
int shunt_service_add(struct shunt_net *sn, const char *name, u8 family, u8 protocols,
		      const struct shunt_service_change *change, struct shunt_refusal *no);
int shunt_service_set(struct shunt_service *service,
		      const struct shunt_service_change *change, struct shunt_refusal *no);
void shunt_service_del(struct shunt_service *service);
void shunt_service_flush(struct shunt_net *sn);
void shunt_service_totals(const struct shunt_service *service, struct shunt_totals *totals,
			  u64 *connections, u32 *states);

#endif
