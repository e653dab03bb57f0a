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

struct shunt_link;
struct shunt_pool;
struct shunt_sched;

/* What packets are matched by. Compared whole, so padding must be zero. */
struct shunt_service_key {
	union nf_inet_addr addr;
	__be16 port;
	u8 family;
	u8 protocol;
};

struct shunt_server {
	/* What the data path reads, under RCU. */
	struct shunt_service *service;
	struct shunt_counters __percpu *counters;
	struct shunt_link __rcu *link;	/* written under the namespace's lock */
	u64 hop;			/* NAT: of new connections, or 0; hop.c */
	union nf_inet_addr addr;
	__be16 port;
	u8 mode;			/* enum shunt_mode, of new connections */
	union {
		struct {
			bool removed;		/* no longer configured, but has connections */
			bool unreachable;	/* DSR: nobody answers at addr; link.c */
		};
		u16 trouble;		/* either */
	};
	bool local;			/* DSR: this host itself; link.c */
	u32 index;			/* in the service's newest pool; a hint */

	/* What new connections write, away from what every packet reads. */
	atomic_t conns ____cacheline_aligned;	/* in the table */
	atomic_t states[SHUNT_CONN_STATES];	/* of those, by enum shunt_conn_state */
	u32 awaited;			/* shunt_server_awaited() ... */
	u32 awaited_in;			/* ... in this second */

	/* Configuration; the namespace's lock. */
	struct list_head list;		/* in service->servers, in order of id */
	struct list_head leaving;	/* in the reaper's list while removed */
	u32 id;
	u32 weight;
	bool linked;			/* has been DSR: in dsr_servers, has a link */
	bool natted;			/* has been NAT: in nat_servers */
	struct shunt_filter_member in_dsr_servers;
	struct shunt_filter_member in_nat_servers;
	bool answers;			/* in the namespace's by_answer */
	unsigned long removed_at;	/* grace period cookie of its removal */
	struct shunt_service_key answer;	/* source of its answers */
	struct rhlist_head by_answer;

	s64 credit;			/* of sched_wrr; service->sched_lock */
	struct rcu_head rcu;
};

/* How schedulers that hash go about it; kept for those that do not, too. */
struct shunt_hashing {
	u32 table_size;			/* a prime */
	u8 by;				/* enum shunt_hash_by */
	char seed[SHUNT_SEED_MAX + 1];	/* "": none */
};

struct shunt_service {
	struct rhash_head by_tuple;
	struct shunt_service_key key;
	struct shunt_pool __rcu *pool;
	spinlock_t sched_lock;		/* state that a scheduler keeps in servers */
	atomic_t cursor;		/* of sched_rr */
	atomic_t conns;			/* in the table */
	u32 pressed_at;			/* jiffies, 0: never; limit.h */
	struct shunt_drops __percpu *drops;
	/* Settings; written under the namespace's lock. */
	u32 timeouts[SHUNT_CONN_STATES];	/* seconds */
	u32 limit;			/* maximum of connections, 0: none */
	u8 on_expire;			/* enum shunt_on_expire */
	u8 on_remove;			/* enum shunt_on_remove */
	u8 on_empty;			/* enum shunt_on_empty */
	u8 midstream;			/* enum shunt_midstream */
	u8 packet;			/* 1: each packet on its own, without connections */

	/* Configuration; the namespace's lock. */
	struct shunt_net *sn;
	struct rhash_head by_name;
	char name[SHUNT_NAME_MAX + 1];
	u32 id;
	u8 mode;			/* of servers that name none */
	struct shunt_hashing hashing;
	siphash_key_t secret;		/* for schedulers that hash, without a seed */
	struct list_head servers;	/* with the removed ones */
	struct shunt_totals retired;	/* counters of servers freed */
	struct list_head leaving;	/* while being freed */
	struct shunt_filter_member in_vips;
	struct rcu_head rcu;
};

/* Why a change was refused: a sentence, and the netlink attribute at fault or 0. */
struct shunt_refusal {
	const char *why;
	int attr;
};

/* The settings of a service that are numbers of an enum, or yes or no. */
enum shunt_setting {
	SHUNT_SET_MODE,
	SHUNT_SET_ON_EXPIRE,
	SHUNT_SET_ON_REMOVE,
	SHUNT_SET_ON_EMPTY,
	SHUNT_SET_MIDSTREAM,
	SHUNT_SET_PACKET,
	SHUNT_SET_HASH,
	SHUNT_SETTINGS,
};

/* A change to a service, or what a new one is to be like. */
struct shunt_service_change {
	const struct shunt_sched *sched;	/* NULL: as it is */
	u32 timeouts[SHUNT_CONN_STATES];	/* seconds; 0: as it is */
	bool has_limit;
	u32 limit;
	u32 table_size;				/* 0: as it is */
	const char *seed;			/* NULL: as it is */
	u32 has;				/* BIT(enum shunt_setting) of those meant */
	u8 value[SHUNT_SETTINGS];
};

/* A change to a server; "has" tells which members are meant. */
struct shunt_server_change {
	bool has_mode;
	bool has_weight;
	u8 mode;
	u32 weight;
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
int shunt_service_add(struct shunt_net *sn, const char *name,
		      const struct shunt_service_key *key,
		      const struct shunt_service_change *change, struct shunt_refusal *no);
int shunt_service_set(struct shunt_service *service,
		      const struct shunt_service_change *change, struct shunt_refusal *no);
void shunt_service_del(struct shunt_service *service);
void shunt_service_flush(struct shunt_net *sn);
void shunt_service_totals(const struct shunt_service *service, struct shunt_totals *totals,
			  u64 *connections, u32 *states);

struct shunt_server *shunt_server_by_addr(struct shunt_service *service,
					  const union nf_inet_addr *addr, __be16 port);
int shunt_server_add(struct shunt_service *service, const union nf_inet_addr *addr,
		     __be16 port, u8 mode, u32 weight, struct shunt_refusal *no);
int shunt_server_set(struct shunt_server *server, const struct shunt_server_change *change,
		     struct shunt_refusal *no);
int shunt_server_del(struct shunt_server *server, struct shunt_refusal *no);

/*
 * Any context. SYNs of the current second whose clients have not answered yet,
 * which are no connections in DSR: what a scheduler that counts connections has
 * to add. About so many, since CPUs that write at once lose some.
 */
static inline u32 shunt_server_awaited(const struct shunt_server *server)
{
	return READ_ONCE(server->awaited_in) == (u32)(jiffies / HZ) ?
		READ_ONCE(server->awaited) : 0;
}

/* Any context. One SYN more, or less. */
static inline void shunt_server_await(struct shunt_server *server, int n)
{
	u32 awaited = shunt_server_awaited(server);

	WRITE_ONCE(server->awaited, awaited || n > 0 ? awaited + n : 0);
	WRITE_ONCE(server->awaited_in, (u32)(jiffies / HZ));
}

/* Any context. A connection to the server was linked, was unlinked, in this state. */
static inline void shunt_server_conn_made(struct shunt_server *server, u8 state)
{
	atomic_inc(&server->service->conns);
	atomic_inc(&server->conns);
	atomic_inc(&server->states[state]);
}

void shunt_server_conn_gone(struct shunt_server *server, u8 state);

/* Any context. Whether a scheduler may choose the server. */
static inline bool shunt_server_usable(const struct shunt_server *server)
{
	return !READ_ONCE(server->unreachable);
}

#endif
