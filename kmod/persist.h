/* SPDX-License-Identifier: GPL-2.0 */
/* Servers that clients are given again. Their design opens persist.c. */
#ifndef SHUNT_PERSIST_H
#define SHUNT_PERSIST_H

#include <linux/jiffies.h>
#include <linux/netfilter.h>
#include <linux/rhashtable-types.h>
#include <linux/siphash.h>
#include <linux/xarray.h>

#include "net.h"
#include "note.h"
#include "packet.h"

struct shunt_pool;
struct shunt_server;
struct shunt_service;

/* A client of those who share what is remembered. Compared whole. */
struct shunt_persist_key {
	union nf_inet_addr client;	/* the bits that count, the rest zero */
	u32 scope;			/* id of the group, or of the service that has none */
};

struct shunt_persist_entry {
	struct rhash_head node;
	struct shunt_persist_key key;
	u32 mark;			/* the server's; fixed, as what follows */
	union nf_inet_addr server;
	__be16 port;
	u16 index;			/* in the pool of a service that asked last; a hint */
	u32 seen;			/* jiffies of the last new connection */
	u32 seconds;			/* for which that counts */
	struct rcu_head rcu;
};

enum {
	SHUNT_PERSIST_GLANCE = 64,	/* entries that a walk looks at before others may run */
};

/* All that a namespace remembers, from the first service that persists to its end. */
struct shunt_persists {
	struct shunt_net *sn;
	struct rhashtable entries;
	atomic_t count;			/* of them */
	struct shunt_notes *notes;
	siphash_key_t key;		/* of clients' hashes */
	struct xarray groups;		/* by id; the namespace's lock */
	struct delayed_work sweep;
	struct rhashtable_iter walk;	/* of the sweep, while it sweeps */
	bool sweeping;			/* the worker's own, as what follows */
	u32 least;			/* jiffies until an entry that it met expires */
};

/* What a service persists by: immutable, read under RCU and replaced whole. */
struct shunt_persist {
	struct shunt_persists *persists;
	union nf_inet_addr mask;	/* of the bits of an address that make one client */
	u32 scope;
	u32 seconds;
	bool grouped;
	struct rcu_head rcu;
};

/* A packet's client, and a hash of it. */
struct shunt_persist_client {
	struct shunt_persist_key key;
	u64 hash;
};

/* May sleep. The module's slab cache. */
int shunt_persist_init(void);
void shunt_persist_exit(void);

/* What a network namespace begins with. */
u32 shunt_persist_limit_default(void);

/*
 * Under the namespace's lock, may sleep. What the namespace has of this, or has from
 * now on; NULL if there is no memory.
 */
struct shunt_persists *shunt_persist_start(struct shunt_net *sn);
/* No packet can reach the namespace any more, and a grace period has passed. */
void shunt_persist_net_exit(struct shunt_net *sn);

/*
 * Under the namespace's lock, may sleep. Deletes the entries that fn, which is called
 * under RCU, says yes to, and all notes. Returns how many entries had not expired. What
 * packets that are under way remember meanwhile may stay.
 */
unsigned int shunt_persist_delete(struct shunt_net *sn,
				  bool (*fn)(const struct shunt_persist_entry *entry,
					     const void *arg),
				  const void *arg);
/* The same for all entries of a scope. */
void shunt_persist_delete_scope(struct shunt_net *sn, u32 scope);
/* Of a namespace: once, where each service would look for its own among all. */
void shunt_persist_delete_all(struct shunt_net *sn);

/*
 * May sleep. Begins a walk of the entries, or goes on with one that was stopped, where
 * it was: the entry that it stands on, or the next if that has gone, or NULL at the
 * end. Under RCU from then on, until rhashtable_walk_stop(). Entries that are there all
 * the time are met, but for a few whose neighbours in a chain come or go while the walk
 * is stopped, and more than once if the table has changed its size meanwhile.
 */
struct shunt_persist_entry *shunt_persist_walk_resume(struct rhashtable_iter *walk)
	__acquires(RCU);
/* Of a walk that goes on. NULL at the end. */
struct shunt_persist_entry *shunt_persist_walk_next(struct rhashtable_iter *walk);

/*
 * Under the namespace's lock. The port of an entry's server, as the service has it now
 * if that has changed. Of services without a group, for in one it says nothing.
 */
__be16 shunt_persist_port(const struct shunt_service *service,
			  const struct shunt_persist_entry *entry);

/* Under RCU, any context: */

struct shunt_persist_client shunt_persist_client(const struct shunt_persist *persist,
						 const union nf_inet_addr *addr);

/*
 * The server that a client was given, if the service has it and it can take new
 * connections; NULL otherwise.
 */
struct shunt_server *shunt_persist_find(const struct shunt_persist *persist,
					const struct shunt_service *service,
					const struct shunt_persist_client *client);

/* The server that the client's address alone chooses; NULL if none is usable. */
struct shunt_server *shunt_persist_row(const struct shunt_persist *persist,
				       struct shunt_service *service,
				       const struct shunt_packet *pkt,
				       const struct shunt_persist_client *client);

/* Whether a client that is not remembered cannot be. */
static inline bool shunt_persist_full(const struct shunt_persist *persist)
{
	return (u32)atomic_read(&persist->persists->count) >=
	       READ_ONCE(persist->persists->sn->persist_limit);
}

/* Bottom halves off. The scheduler chose a server for a client in its handshake. */
void shunt_persist_note(const struct shunt_persist *persist, const struct shunt_server *server,
			const struct shunt_persist_client *client);

/*
 * Bottom halves off. A client has a new connection to a server of the service, which
 * is the one it is given from now on, unless another is that can be given still, or
 * the server has been removed.
 */
void shunt_persist_keep(const struct shunt_persist *persist, const struct shunt_service *service,
			const struct shunt_server *server, const union nf_inet_addr *addr);

/* Jiffies until the entry is absent to lookups; 0 if it is. */
static inline u32 shunt_persist_left(const struct shunt_persist_entry *entry)
{
	u32 idle = (u32)jiffies - READ_ONCE(entry->seen);
	/* One more, because the stamp's had begun. */
	u32 allowed = READ_ONCE(entry->seconds) * HZ + 1;

	/* Another CPU may stamp it with the next jiffy before this one has seen that. */
	if (idle > U32_MAX - HZ)
		idle = 0;
	return idle < allowed ? allowed - idle : 0;
}

#endif
