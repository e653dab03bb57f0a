/* SPDX-License-Identifier: GPL-2.0 */
/* The connection table of a network namespace. Its design opens table.c. */
#ifndef SHUNT_TABLE_H
#define SHUNT_TABLE_H

#include <linux/compiler.h>
#include <linux/jiffies.h>
#include <linux/llist.h>
#include <linux/minmax.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "conn.h"
#include "net.h"

enum {
	SHUNT_TABLE_LOCK_BITS = 8,
	SHUNT_TABLE_LOCKS = 1 << SHUNT_TABLE_LOCK_BITS,
	SHUNT_TABLE_GROUP_BITS = 4,	/* buckets that share a time to be swept */
	SHUNT_TABLE_CROWD = 8,		/* ends without the eighth part are more than buckets */
	SHUNT_TABLE_FAR = 1 << 30,	/* jiffies, farther than any */
};

struct shunt_table {
	struct shunt_net *sn;
	struct work_struct resize;
	bool starved;			/* there was no memory for other buckets */
	struct delayed_work sweep;
	u64 sweep_at;			/* a hash; the worker's own, and what follows */
	struct llist_node *dying;	/* connections, to be freed after the grace period */
	unsigned long grace;
	struct llist_head dead;		/* those for the next */
	spinlock_t locks[SHUNT_TABLE_LOCKS];	/* of chains, by the upper bits of their hashes */
};

/* One size of the table. */
struct shunt_buckets {
	unsigned long *chain;
	u32 *due;			/* when a group of buckets is to be swept */
	struct shunt_buckets __rcu *next;	/* where its chains are moving to */
	unsigned int bits;
	unsigned int shift;		/* a hash without its lower bits tells the chain */
};

/* May sleep. The table and its workers; sn->buckets points into it. NULL if there is no memory. */
struct shunt_table *shunt_table_alloc(struct shunt_net *sn);
/* The same when no packet can reach the table any more. Ends the workers; it is empty. */
void shunt_table_free(struct shunt_table *table);

/* Any context. Connections and buckets there are. */
static inline unsigned long shunt_table_conns(const struct shunt_net *sn)
{
	return atomic_long_read(&sn->conns);
}

unsigned int shunt_table_buckets(const struct shunt_table *table);

/* Any context. n connections more, which are in one chain each, or in two. */
static inline void shunt_table_count(struct shunt_net *sn, int n, bool two)
{
	atomic_long_add(n, &sn->conns);
	if (two)
		atomic_long_add(n, &sn->backs);
}

/* Bottom halves off. The locks of the chains of two hashes, or of one twice. */
void shunt_table_lock(struct shunt_table *table, u32 a, u32 b);
void shunt_table_unlock(struct shunt_table *table, u32 a, u32 b);

static inline spinlock_t *shunt_table_lock_of(struct shunt_table *table, u32 hash)
{
	return &table->locks[hash >> (32 - SHUNT_TABLE_LOCK_BITS)];
}

static inline void shunt_table_lock_one(struct shunt_table *table, u32 hash)
	__acquires(lock)
{
	spin_lock(shunt_table_lock_of(table, hash));
}

static inline void shunt_table_unlock_one(struct shunt_table *table, u32 hash)
	__releases(lock)
{
	spin_unlock(shunt_table_lock_of(table, hash));
}

/* Under the end's lock. */
void shunt_table_remove(struct shunt_table *table, unsigned long end);

/* Any context. Has a connection that is unlinked freed after a grace period. */
void shunt_table_bury(struct shunt_table *table, struct shunt_conn *conn);

/*
 * Under RCU, bottom halves off. Unlinks the first connection that fn says yes to
 * in the chain of a hash. False if there is none.
 */
bool shunt_table_evict(struct shunt_net *sn, u32 hash,
		       bool (*fn)(const struct shunt_conn *conn, const void *arg),
		       const void *arg);

/*
 * The same, in the chains from that of *hash on, which it moves: so many at most,
 * until *conns connections have been looked at, or a few more; those that have been
 * are taken from it. While chains move to a larger or smaller table, those that have
 * moved are passed over.
 */
bool shunt_table_recycle(struct shunt_net *sn, u32 *hash, unsigned int chains, u32 *conns,
			 bool (*fn)(const struct shunt_conn *conn, const void *arg),
			 const void *arg);

/* Any context. Connections may expire earlier than was said. */
void shunt_table_recheck(struct shunt_net *sn);

/*
 * Under the namespace's lock, may sleep. Unlinks the connections that fn, which
 * is called under RCU with bottom halves off, says yes to. Returns how many.
 */
unsigned int shunt_table_delete(struct shunt_net *sn,
				bool (*fn)(const struct shunt_conn *conn, const void *arg),
				const void *arg);

/* The same for the connections of a dead service, or all with NULL. */
void shunt_table_flush(struct shunt_net *sn, const struct shunt_service *service);

/*
 * Under the namespace's lock, may sleep. Calls fn with bottom halves off for
 * each living connection from *hash and the *skip-th of that hash on, until
 * it returns nonzero, which is returned; a later call goes on with the
 * connection that fn refused. A connection that is there all the while is shown
 * once, also when the table changes its size.
 */
int shunt_table_walk(struct shunt_net *sn, u64 *hash, unsigned long *skip,
		     int (*fn)(const struct shunt_conn *conn, void *arg), void *arg);

static inline unsigned long *shunt_end_link(unsigned long end)
{
	struct shunt_conn *conn = shunt_end_conn(end);

	return shunt_end_dir(end) == SHUNT_DIR_CLIENT ? &conn->next :
							&shunt_conn_back(conn)->next;
}

static inline unsigned long shunt_end_next(unsigned long end)
{
	return READ_ONCE(*shunt_end_link(end));
}

static inline u32 shunt_end_hash(unsigned long end)
{
	struct shunt_conn *conn = shunt_end_conn(end);

	return shunt_end_dir(end) == SHUNT_DIR_CLIENT ? conn->hash : shunt_conn_back(conn)->hash;
}

static inline unsigned long shunt_chain_first(const struct shunt_buckets *buckets, u32 hash)
{
	return READ_ONCE(buckets->chain[hash >> buckets->shift]);
}

/*
 * Where else to look for what was not found: NULL, or the buckets that the
 * chains are moving to. Under RCU or a chain's lock.
 */
static inline struct shunt_buckets *shunt_buckets_next(const struct shunt_buckets *buckets)
{
	/* Pairs with the move, which links anew before it unlinks. */
	smp_rmb();
	return rcu_dereference_check(buckets->next, in_softirq());
}

static inline unsigned long *shunt_chain_of(struct shunt_buckets *buckets, u32 hash)
{
	return &buckets->chain[hash >> buckets->shift];
}

static inline unsigned long shunt_table_ends(const struct shunt_table *table)
{
	return shunt_table_conns(table->sn) + atomic_long_read(&table->sn->backs);
}

/* Nonzero if so many ends are too many for 2^bits buckets. */
static inline unsigned long shunt_table_crowd(unsigned long ends, unsigned int bits)
{
	return (ends - ends / SHUNT_TABLE_CROWD) >> bits;
}

/* Under RCU, any context. There are more ends than these buckets are for. */
void shunt_table_grow(struct shunt_table *table, const struct shunt_buckets *buckets);

/* Under the end's lock. */
static inline void shunt_table_insert(struct shunt_table *table, unsigned long end)
{
	struct shunt_buckets *buckets = rcu_dereference_check(table->sn->buckets, in_softirq());
	struct shunt_buckets *next = shunt_buckets_next(buckets);
	u32 hash = shunt_end_hash(end);
	unsigned long *chain;

	lockdep_assert_held(shunt_table_lock_of(table, hash));
	chain = shunt_chain_of(unlikely(next) ? next : buckets, hash);
	*shunt_end_link(end) = *chain;
	/* Complete before it can be found. */
	smp_store_release(chain, end);
	if (unlikely(shunt_table_crowd(shunt_table_ends(table), buckets->bits)) && !next)
		shunt_table_grow(table, buckets);
}

static inline u32 *shunt_buckets_due(const struct shunt_buckets *buckets, u32 hash)
{
	return &buckets->due[hash >> (buckets->shift + SHUNT_TABLE_GROUP_BITS)];
}

/* Any context. Lowers the time a group is due, by that of one of its connections. */
static inline void shunt_due_lower(u32 *due, u32 at)
{
	u32 old = READ_ONCE(*due);

	while ((s32)(at - old) < 0 && !try_cmpxchg(due, &old, at))
		;
}

/* Under RCU. A connection of this hash may expire in so many jiffies, and not before. */
static inline void shunt_table_due(struct shunt_net *sn, u32 hash, u32 left)
{
	struct shunt_buckets *buckets = rcu_dereference_check(sn->buckets, in_softirq());
	u32 at = (u32)jiffies + min_t(u32, left, SHUNT_TABLE_FAR);

	/* What the connection has become is seen by a sweep that has begun before. */
	smp_mb();
	for (; buckets; buckets = shunt_buckets_next(buckets))
		shunt_due_lower(shunt_buckets_due(buckets, hash), at);
}

#endif
