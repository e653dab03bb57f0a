/* SPDX-License-Identifier: GPL-2.0 */
/* Real servers of virtual services. Their life is told in service.c. */
#ifndef SHUNT_SERVER_H
#define SHUNT_SERVER_H

#include "service.h"

struct shunt_link;

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

/* A change to a server; "has" tells which members are meant. */
struct shunt_server_change {
	bool has_mode;
	bool has_weight;
	u8 mode;
	u32 weight;
};

/*
 * Under the namespace's lock, may sleep. Changes return 0, or a negative errno
 * with *no filled in and nothing changed.
 */
struct shunt_server *shunt_server_by_addr(struct shunt_service *service,
					  const union nf_inet_addr *addr, __be16 port);
int shunt_server_add(struct shunt_service *service, const union nf_inet_addr *addr,
		     __be16 port, u8 mode, u32 weight, struct shunt_refusal *no);
int shunt_server_set(struct shunt_server *server, const struct shunt_server_change *change,
		     struct shunt_refusal *no);
int shunt_server_del(struct shunt_server *server, struct shunt_refusal *no);

/*
 * Whether anybody answers at its address, if that has changed. The caller has
 * the service reviewed; event.h.
 */
void shunt_server_reach(struct shunt_server *server, bool reached);

/* Has no connection, and gets none any more. Freed after a grace period. */
void shunt_server_release(struct shunt_server *server);
/* The worker that releases those of a namespace that are removed, when they may go. */
void shunt_server_reap(struct work_struct *work);

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
