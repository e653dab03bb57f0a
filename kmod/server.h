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
	__be16 port;			/* 0: what the client sent to */
	u8 mode;			/* enum shunt_mode, of new connections */
	bool local;			/* DSR: this host itself; link.c */
	union {
		struct {
			bool removed;		/* no longer configured, but has connections */
			bool unreachable;	/* DSR: nobody answers at addr; link.c */
			bool down;		/* said to be, or its drain's time is up */
			bool full;		/* has its limit of connections; watch.c */
		};
		u32 out;		/* any: takes no new connection */
	};
	u32 index;			/* in the service's newest pool; a hint */

	/* What new connections write, away from what every packet reads. */
	atomic_t conns ____cacheline_aligned;	/* in the table */
	atomic_t states[SHUNT_CONN_STATES];	/* of those, by enum shunt_conn_state */
	u32 awaited;			/* shunt_server_awaited() ... */
	u32 awaited_in;			/* ... in this second */
	u32 upper_limit;		/* full from so many established ones on, 0: never ... */
	u32 lower_limit;		/* ... until there are fewer; 0: three quarters */
	bool draining;			/* somebody waits for its last connection to go */

	/* Configuration; the namespace's lock. */
	struct list_head list;		/* in service->servers, in order of id */
	struct list_head leaving;	/* in the reaper's list while removed */
	u32 id;
	u32 host;			/* of addr, never 0; persist.c */
	u32 weight;
	u8 state;			/* enum shunt_server_state, as configured */
	bool backup;
	struct list_head watched;	/* in the namespace's list; watch.c */
	u64 drain_until;		/* jiffies, 0: no end */
	u8 drain_then;			/* enum shunt_drain_then */
	u32 slow_start;			/* seconds */
	u64 started_at;			/* jiffies; 0: has its full weight */
	u32 step;			/* of its slow start, in the newest pool */
	bool said_full;			/* to those who listen for events */
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

/* What can be said of a server, each a number. */
enum shunt_server_setting {
	SHUNT_SERVER_MODE,		/* enum shunt_mode */
	SHUNT_SERVER_WEIGHT,
	SHUNT_SERVER_STATE,		/* enum shunt_server_state */
	SHUNT_SERVER_BACKUP,		/* yes or no */
	SHUNT_SERVER_UPPER_LIMIT,
	SHUNT_SERVER_LOWER_LIMIT,
	SHUNT_SERVER_SLOW_START,	/* seconds */
	SHUNT_SERVER_SETTINGS,
};

/* A change to a server, or what a new one is to be like. */
struct shunt_server_change {
	u32 has;			/* BIT(enum shunt_server_setting) of those meant */
	u32 value[SHUNT_SERVER_SETTINGS];
};

enum {
	SHUNT_SERVER_STEPS = 16,	/* of a slow start */
};

/*
 * Under the namespace's lock, may sleep. Changes return 0, or a negative errno
 * with *no filled in and nothing changed.
 */
/* Port 0 stands for a server that was given none. */
struct shunt_server *shunt_server_by_addr(struct shunt_service *service,
					  const union nf_inet_addr *addr, __be16 port);
int shunt_server_add(struct shunt_service *service, const union nf_inet_addr *addr,
		     __be16 port, const struct shunt_server_change *change,
		     struct shunt_refusal *no);
int shunt_server_set(struct shunt_server *server, const struct shunt_server_change *change,
		     struct shunt_refusal *no);
int shunt_server_del(struct shunt_server *server, struct shunt_refusal *no);
/* Seconds, 0 for no end; what then is of enum shunt_drain_then. */
int shunt_server_drain(struct shunt_server *server, u32 seconds, u8 then,
		       struct shunt_refusal *no);
/*
 * Makes a server's slow start begin, if it is to have one. Its weight rises with the
 * pools that are published from then on.
 */
void shunt_server_start(struct shunt_server *server);
/* The step that a slow start has come to, from 1 to SHUNT_SERVER_STEPS. */
u32 shunt_server_step(const struct shunt_server *server);
/* Whether the configuration lets the server take connections. */
static inline bool shunt_server_is_on(const struct shunt_server *server)
{
	return !server->removed && server->weight && server->state == SHUNT_SERVER_STATE_UP;
}

/*
 * Whether anybody answers at its address, if that has changed; one that did not begins
 * anew. The caller has the service reviewed; event.h.
 */
void shunt_server_reach(struct shunt_server *server, bool reached);

/*
 * Whether the service can match this while it has its servers. The attribute at fault
 * is as for shunt_match_check().
 */
int shunt_server_check_match(struct shunt_service *service, const struct shunt_match *match,
			     struct shunt_refusal *no);
/* DSR servers are reached on the service's own port, 0 for several: it is to be this. */
void shunt_server_follow(struct shunt_service *service, __be16 port);

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

/* Any context. Connections that are closing, or closed. */
static inline u32 shunt_server_inactive(const struct shunt_server *server)
{
	return (u32)atomic_read(&server->states[SHUNT_CONN_STATE_CLOSING]) +
	       (u32)atomic_read(&server->states[SHUNT_CONN_STATE_CLOSED]);
}

/* Any context. All others, and the SYNs that wait. */
static inline u32 shunt_server_active(const struct shunt_server *server)
{
	u32 conns = atomic_read(&server->conns), inactive = shunt_server_inactive(server);

	/* The counters are not read all at once. */
	return (conns > inactive ? conns - inactive : 0) + shunt_server_awaited(server);
}

/* Any context. Looks again whether a server with a limit is full. */
void shunt_server_review(struct shunt_server *server);

/* Any context. A connection to the server was linked, was unlinked, in this state. */
static inline void shunt_server_conn_made(struct shunt_server *server, u8 state)
{
	atomic_inc(&server->service->conns);
	atomic_inc(&server->conns);
	atomic_inc(&server->states[state]);
	if (unlikely(READ_ONCE(server->upper_limit)))
		shunt_server_review(server);
}

void shunt_server_conn_gone(struct shunt_server *server, u8 state);
/* The same of one that went from a state to another. */
void shunt_server_conn_became(struct shunt_server *server, u8 from, u8 to);

/* Any context. Whether packets of the server's connections are to be decided about. */
static __always_inline bool shunt_server_in_trouble(const struct shunt_server *server)
{
	BUILD_BUG_ON(offsetof(struct shunt_server, full) !=
		     offsetof(struct shunt_server, out) + 3);
	return READ_ONCE(server->out) & (__force u32)cpu_to_le32(0xffffff);
}

/* Any context. Whether a scheduler may choose the server. */
static inline bool shunt_server_usable(const struct shunt_server *server)
{
	return !READ_ONCE(server->out);
}

#endif
