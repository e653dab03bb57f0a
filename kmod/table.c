// SPDX-License-Identifier: GPL-2.0
/*
 * The connection table.
 *
 * Goals: a lookup costs one load more than a fixed array of buckets would, at
 * every size; the table follows the number of connections without a packet that
 * waits for it; what has expired goes without a look at what has not.
 *
 * Layout: an array of buckets, a power of two, chosen by a hash's upper bits;
 * each is the first end of a chain of ends (conn.h) that ends with 0. Growing
 * so splits a bucket into neighbours, and a range of hashes is a range of
 * buckets at every size, which walks go by.
 *
 * Who writes what: a chain changes under the spinlock that the eight upper bits
 * of its hashes select, which are the same at every size. A connection in two
 * chains is linked and unlinked with both locks, taken in the order of their
 * addresses.
 *
 * Resizing, as rhashtable does it (T. Graf, H. Xu, lib/rhashtable.c): a worker
 * makes the new buckets and lets the old ones point to them. From then on what
 * is new goes there. It moves one chain after the other, each under its lock and
 * from its last end on: the end is linked into the new chain, which it leads
 * on into from then, and then cut off the old one. A reader who stands on it has
 * passed all others of the old chain. A reader who comes too late for it in the
 * old chain finds it in the new one, where it must look after the old one. When
 * all are moved the new buckets become the table's, and the old ones are freed
 * after a grace period; only then may the next change begin. There is room for
 * seven quarters of the ends at most, 14 bytes for each, so that a chain has 8/7
 * on the average at most, and for eight times before it shrinks. If there is no
 * memory for it, the chains get longer until there is.
 *
 * Expiry: for each group of buckets "due" tells when it is to be swept: none of
 * its connections expires before. It is lowered by whoever makes a connection
 * or changes its state, and set anew by the sweep. A worker looks at all groups
 * once a second and sweeps those that are due, in slices of less than two
 * milliseconds. Small groups make a sweep for one connection cheap, large ones
 * the look at all: with 16 buckets, where ten million connections come and go
 * within five minutes, a second has 19 million instructions of the one and 9 of
 * the other.
 *
 * What a task takes out in numbers, the sweep or a command, the worker frees, in
 * slices too, after a grace period; RCU's own callbacks would do it in a softirq,
 * where packets wait. What a packet takes out is freed by a callback, for that
 * keeps pace with packets.
 *
 * Life: the table comes before the hooks and goes after them, when a grace
 * period has shown that no packet is inside.
 */
#include <linux/llist.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/timekeeping.h>
#include <linux/workqueue.h>

#include "server.h"
#include "service.h"
#include "table.h"

enum {
	TABLE_BITS_MIN = 10,
	TABLE_BITS_MAX = 26,
	TABLE_SHRINK = 8,		/* times more buckets than ends */
	TABLE_STRIDE = 256,		/* chains moved before another may run */
	TABLE_SLICE = 1500 * NSEC_PER_USEC,
	TABLE_GLANCE = 1024,		/* groups looked at before the clock is */
	TABLE_BURIAL = 64,		/* connections freed, likewise */
};

static unsigned int groups_of(const struct shunt_buckets *buckets)
{
	return 1U << (buckets->bits - SHUNT_TABLE_GROUP_BITS);
}

static void buckets_free(struct shunt_buckets *buckets)
{
	if (!buckets)
		return;
	kvfree(buckets->chain);
	kvfree(buckets->due);
	kfree(buckets);
}

/*
 * Each array by itself, a power of two in size: a little more takes twice as much
 * where pages come in powers of two, and 2 MiB more where pages are huge.
 */
static struct shunt_buckets *buckets_alloc(unsigned int bits)
{
	const gfp_t gfp = GFP_KERNEL_ACCOUNT | __GFP_NOWARN;
	size_t groups = 1UL << (bits - SHUNT_TABLE_GROUP_BITS);
	struct shunt_buckets *buckets;

	buckets = kzalloc(sizeof(*buckets), gfp);
	if (!buckets)
		return NULL;
	buckets->chain = kvcalloc(1UL << bits, sizeof(*buckets->chain), gfp);
	buckets->due = kvmalloc_array(groups, sizeof(*buckets->due), gfp);
	if (!buckets->chain || !buckets->due) {
		buckets_free(buckets);
		return NULL;
	}
	buckets->bits = bits;
	buckets->shift = 32 - bits;
	memset32(buckets->due, (u32)jiffies + SHUNT_TABLE_FAR, groups);
	return buckets;
}

/* How many buckets so many ends need; as few as possible. */
static unsigned int bits_for(unsigned long ends)
{
	return clamp_t(unsigned int, fls_long(shunt_table_crowd(ends, 0)),
		       TABLE_BITS_MIN, TABLE_BITS_MAX);
}

void shunt_table_lock(struct shunt_table *table, u32 hash_a, u32 hash_b)
	__acquires(a) __acquires(b)
{
	spinlock_t *a = shunt_table_lock_of(table, hash_a);
	spinlock_t *b = shunt_table_lock_of(table, hash_b);

	spin_lock(min(a, b));
	if (a != b)
		spin_lock_nested(max(a, b), SINGLE_DEPTH_NESTING);
	else
		__acquire(b);
}

void shunt_table_unlock(struct shunt_table *table, u32 hash_a, u32 hash_b)
	__releases(a) __releases(b)
{
	spinlock_t *a = shunt_table_lock_of(table, hash_a);
	spinlock_t *b = shunt_table_lock_of(table, hash_b);

	spin_unlock(a);
	if (a != b)
		spin_unlock(b);
	else
		__release(b);
}

void shunt_table_grow(struct shunt_table *table, const struct shunt_buckets *buckets)
{
	if (buckets->bits < TABLE_BITS_MAX && !READ_ONCE(table->starved) &&
	    !work_pending(&table->resize))
		queue_work(system_unbound_wq, &table->resize);
}

static bool chain_remove(unsigned long *link, unsigned long end)
{
	for (; *link; link = shunt_end_link(*link)) {
		if (*link != end)
			continue;
		/* The end keeps its own way on, for readers who stand on it. */
		WRITE_ONCE(*link, *shunt_end_link(end));
		return true;
	}
	return false;
}

void shunt_table_remove(struct shunt_table *table, unsigned long end)
{
	struct shunt_buckets *buckets = rcu_dereference_check(table->sn->buckets, in_softirq());
	u32 hash = shunt_end_hash(end);

	lockdep_assert_held(shunt_table_lock_of(table, hash));
	while (buckets && !chain_remove(shunt_chain_of(buckets, hash), end))
		buckets = shunt_buckets_next(buckets);
	WARN_ON_ONCE(!buckets);
}

void shunt_table_recheck(struct shunt_net *sn)
{
	struct shunt_buckets *buckets;
	unsigned int i;

	rcu_read_lock();
	/* As shunt_table_due(). */
	smp_mb();
	for (buckets = rcu_dereference(sn->buckets); buckets; buckets = shunt_buckets_next(buckets))
		for (i = 0; i < groups_of(buckets); i++)
			shunt_due_lower(&buckets->due[i], jiffies);
	rcu_read_unlock();
}

/* Moves the last end of a chain, which is not empty. Under its lock. */
static void move_last(unsigned long *link, struct shunt_buckets *to)
{
	unsigned long end, *chain;
	u32 hash;

	while (*shunt_end_link(*link))
		link = shunt_end_link(*link);
	end = *link;
	hash = shunt_end_hash(end);
	chain = shunt_chain_of(to, hash);
	WRITE_ONCE(*shunt_end_link(end), *chain);
	/* From here on it is found there, too. */
	smp_store_release(chain, end);
	/* Pairs with shunt_buckets_next(). */
	smp_store_release(link, 0);
	if (shunt_end_dir(end) == SHUNT_DIR_CLIENT)
		shunt_due_lower(shunt_buckets_due(to, hash),
				(u32)jiffies + shunt_conn_left(shunt_end_conn(end)));
}

static void move_chain(struct shunt_table *table, struct shunt_buckets *from,
		       struct shunt_buckets *to, u32 hash)
{
	spinlock_t *lock = shunt_table_lock_of(table, hash);
	unsigned long *chain = shunt_chain_of(from, hash);

	spin_lock_bh(lock);
	while (*chain)
		move_last(chain, to);
	spin_unlock_bh(lock);
}

static bool wants_resize(const struct shunt_table *table, unsigned int bits)
{
	unsigned long ends = shunt_table_ends(table);

	return bits_for(ends) > bits || (bits > TABLE_BITS_MIN && ends * TABLE_SHRINK >> bits == 0);
}

static void table_resize(struct work_struct *work)
{
	struct shunt_table *table = container_of(work, struct shunt_table, resize);
	struct shunt_net *sn = table->sn;
	struct shunt_buckets *from, *to;
	u64 hash;

	/* This worker is the only one to change it. */
	from = rcu_dereference_protected(sn->buckets, true);
	if (!wants_resize(table, from->bits))
		return;
	to = buckets_alloc(bits_for(shunt_table_ends(table)));
	/* Then only the sweep asks again, once a second. */
	WRITE_ONCE(table->starved, !to);
	if (!to)
		return;
	rcu_assign_pointer(from->next, to);
	/* Pairs with shunt_table_due(): it sees "to", or what it tells is seen here. */
	smp_mb();
	for (hash = 0; hash >> 32 == 0; hash += 1ULL << from->shift) {
		move_chain(table, from, to, hash);
		if ((hash >> from->shift) % TABLE_STRIDE == 0)
			cond_resched();
	}
	rcu_assign_pointer(sn->buckets, to);
	synchronize_rcu();
	buckets_free(from);
}

/* Expires what it may of a chain. Jiffies until there is more to do. Under RCU. */
static u32 sweep_chain(struct shunt_net *sn, const unsigned long *chain)
{
	u32 left, least = SHUNT_TABLE_FAR;
	unsigned long end;

	for (end = READ_ONCE(*chain); end; end = shunt_end_next(end)) {
		struct shunt_conn *conn = shunt_end_conn(end);

		if (shunt_end_dir(end) != SHUNT_DIR_CLIENT)
			continue;
		left = shunt_conn_left(conn);
		if (left) {
			least = min(least, left);
			continue;
		}
		local_bh_disable();
		shunt_conn_expire(sn, conn);
		local_bh_enable();
	}
	return least;
}

static void sweep_group(struct shunt_net *sn, struct shunt_buckets *buckets, unsigned int group)
{
	unsigned long *chain = &buckets->chain[group << SHUNT_TABLE_GROUP_BITS];
	u32 *due = &buckets->due[group];
	u32 least = SHUNT_TABLE_FAR;
	unsigned int i;

	/* From here on, what becomes due is told; the barrier is xchg()'s. */
	xchg(due, (u32)jiffies + SHUNT_TABLE_FAR);
	for (i = 0; i < 1 << SHUNT_TABLE_GROUP_BITS; i++)
		least = min(least, sweep_chain(sn, &chain[i]));
	shunt_due_lower(due, (u32)jiffies + least);
}

/* The first group that is due, or "end". */
static unsigned int first_due(const struct shunt_buckets *buckets, unsigned int group,
			      unsigned int end)
{
	u32 now = jiffies;

	while (group < end && (s32)(READ_ONCE(buckets->due[group]) - now) > 0)
		group++;
	return group;
}

/*
 * A slice of the sweep: the table's buckets, for hashes up to 2^32, and those
 * that chains are moving to, for 2^32 more. Returns whether that was all.
 */
static bool sweep_slice(struct shunt_table *table)
{
	u64 until = ktime_get_ns() + TABLE_SLICE;
	struct shunt_buckets *buckets;
	unsigned int group, end, shift;

	buckets = rcu_dereference(table->sn->buckets);
	if (table->sweep_at >> 32)
		buckets = shunt_buckets_next(buckets);
	if (!buckets)
		return true;
	shift = buckets->shift + SHUNT_TABLE_GROUP_BITS;
	group = (u32)table->sweep_at >> shift;
	do {
		end = min(group + TABLE_GLANCE, groups_of(buckets));
		group = first_due(buckets, group, end);
		if (group < end)
			sweep_group(table->sn, buckets, group++);
	} while (group < groups_of(buckets) && ktime_get_ns() <= until);
	table->sweep_at = (table->sweep_at & BIT_ULL(32)) + ((u64)group << shift);
	return table->sweep_at >> 33;
}

void shunt_table_bury(struct shunt_table *table, struct shunt_conn *conn)
{
	llist_add(&conn->dead, &table->dead);
}

static struct llist_node *free_one(struct llist_node *node)
{
	struct llist_node *next = node->next;

	shunt_conn_free(llist_entry(node, struct shunt_conn, dead));
	return next;
}

/* A slice of freeing, if there is what no reader can stand on any more. */
static bool free_slice(struct shunt_table *table)
{
	u64 until = ktime_get_ns() + TABLE_SLICE;
	unsigned int n;

	if (!table->dying) {
		table->dying = llist_del_all(&table->dead);
		if (table->dying)
			table->grace = start_poll_synchronize_rcu();
		return false;
	}
	if (!poll_state_synchronize_rcu(table->grace))
		return false;
	for (n = 1; table->dying && (n % TABLE_BURIAL || ktime_get_ns() <= until); n++)
		table->dying = free_one(table->dying);
	return true;
}

/* When nobody reads the table any more. */
static void free_all(struct llist_node *node)
{
	while (node) {
		node = free_one(node);
		cond_resched();
	}
}

static void table_sweep(struct work_struct *work)
{
	struct shunt_table *table = container_of(work, struct shunt_table, sweep.work);
	unsigned long delay = 1;
	unsigned int bits;
	bool done;

	if (free_slice(table)) {
		schedule_delayed_work(&table->sweep, delay);
		return;
	}
	rcu_read_lock();
	done = !shunt_table_conns(table->sn) || sweep_slice(table);
	bits = rcu_dereference(table->sn->buckets)->bits;
	rcu_read_unlock();
	if (done) {
		table->sweep_at = 0;
		delay = HZ;
		if (wants_resize(table, bits))
			queue_work(system_unbound_wq, &table->resize);
	}
	schedule_delayed_work(&table->sweep, delay);
}

static unsigned int delete_from(struct shunt_net *sn, unsigned long end,
				bool (*fn)(const struct shunt_conn *conn, const void *arg),
				const void *arg)
{
	unsigned int n = 0;

	/* An end just unlinked keeps its way on until a grace period. */
	for (; end; end = shunt_end_next(end)) {
		struct shunt_conn *conn = shunt_end_conn(end);

		if (shunt_end_dir(end) != SHUNT_DIR_CLIENT)
			continue;
		local_bh_disable();
		n += fn(conn, arg) && shunt_conn_delete(sn, conn);
		local_bh_enable();
	}
	return n;
}

/* Unlinks the first of a chain that fn says yes to. *seen counts those looked at. */
static bool evict_from(struct shunt_net *sn, unsigned long end, unsigned int *seen,
		       bool (*fn)(const struct shunt_conn *conn, const void *arg),
		       const void *arg)
{
	for (; end; end = shunt_end_next(end)) {
		struct shunt_conn *conn = shunt_end_conn(end);

		if (shunt_end_dir(end) != SHUNT_DIR_CLIENT)
			continue;
		(*seen)++;
		if (fn(conn, arg) && shunt_conn_unlink(sn, conn))
			return true;
	}
	return false;
}

bool shunt_table_evict(struct shunt_net *sn, u32 hash,
		       bool (*fn)(const struct shunt_conn *conn, const void *arg),
		       const void *arg)
{
	const struct shunt_buckets *buckets = rcu_dereference_check(sn->buckets, in_softirq());
	unsigned int seen = 0;

	for (; buckets; buckets = shunt_buckets_next(buckets))
		if (evict_from(sn, shunt_chain_first(buckets, hash), &seen, fn, arg))
			return true;
	return false;
}

bool shunt_table_recycle(struct shunt_net *sn, u32 *hash, unsigned int chains, u32 *conns,
			 bool (*fn)(const struct shunt_conn *conn, const void *arg),
			 const void *arg)
{
	const struct shunt_buckets *buckets = rcu_dereference_check(sn->buckets, in_softirq());
	unsigned int seen = 0;
	bool found = false;

	while (chains-- && seen < *conns && !found) {
		found = evict_from(sn, shunt_chain_first(buckets, *hash), &seen, fn, arg);
		*hash += 1U << buckets->shift;
	}
	*conns -= min(seen, *conns);
	return found;
}

/* Where the chains of hashes from "hash" on end, that are one chain now. */
static u64 chain_end(const struct shunt_buckets *buckets, u64 hash)
{
	return ((hash >> buckets->shift) + 1) << buckets->shift;
}

unsigned int shunt_table_delete(struct shunt_net *sn,
				bool (*fn)(const struct shunt_conn *conn, const void *arg),
				const void *arg)
{
	struct shunt_buckets *buckets, *next;
	unsigned int n = 0;
	u64 hash, end, at;

	lockdep_assert_held(&sn->lock);
	for (hash = 0; hash >> 32 == 0; hash = end) {
		rcu_read_lock();
		buckets = rcu_dereference(sn->buckets);
		end = chain_end(buckets, hash);
		n += delete_from(sn, shunt_chain_first(buckets, hash), fn, arg);
		next = shunt_buckets_next(buckets);
		for (at = hash; next && at < end; at = chain_end(next, at))
			n += delete_from(sn, shunt_chain_first(next, at), fn, arg);
		rcu_read_unlock();
		cond_resched();
	}
	return n;
}

static bool conn_belongs(const struct shunt_conn *conn, const void *arg)
{
	return !arg || conn->server->service == arg;
}

void shunt_table_flush(struct shunt_net *sn, const struct shunt_service *service)
{
	shunt_table_delete(sn, conn_belongs, service);
}

/*
 * One step of a walk: the connections of what is one chain now, which may be
 * about to move to several. They are visited in the order of their hashes,
 * looking for the next one each time, so that a walk can be taken up again
 * whatever became of the chain.
 */
struct walk {
	u64 hash;		/* the next, or a later one */
	u64 end;		/* the first of the next step */
	unsigned long skip;	/* connections of the next hash passed over */
	struct shunt_buckets *buckets;
	struct shunt_buckets *next;
	int (*fn)(const struct shunt_conn *conn, void *arg);
	void *arg;
};

/* The least hash of a connection from "from" on in a chain, or "least". */
static u64 chain_least(unsigned long end, u64 from, u64 least)
{
	for (; end; end = shunt_end_next(end)) {
		u32 hash = shunt_end_hash(end);

		if (shunt_end_dir(end) == SHUNT_DIR_CLIENT && hash >= from && hash < least)
			least = hash;
	}
	return least;
}

/* The hash to visit next; the step's end if there is none. */
static u64 walk_next(const struct walk *walk)
{
	u64 at, least;

	least = chain_least(shunt_chain_first(walk->buckets, walk->hash), walk->hash, walk->end);
	for (at = walk->hash; walk->next && at < least; at = chain_end(walk->next, at))
		least = chain_least(shunt_chain_first(walk->next, at), walk->hash, least);
	return least;
}

/* Visits the connections of walk->hash in a chain. *seen counts them. */
static int walk_visit(struct walk *walk, unsigned long end, unsigned long *seen)
{
	int stop;

	for (; end; end = shunt_end_next(end)) {
		const struct shunt_conn *conn = shunt_end_conn(end);

		if (shunt_end_dir(end) != SHUNT_DIR_CLIENT || conn->hash != walk->hash ||
		    (*seen)++ < walk->skip || !shunt_conn_left(conn))
			continue;
		stop = walk->fn(conn, walk->arg);
		if (stop) {
			walk->skip = *seen - 1;
			return stop;
		}
	}
	return 0;
}

/* Under the lock of the step's chains, so that nothing moves. */
static int walk_step(struct walk *walk)
{
	unsigned long seen;
	u64 hash;
	int stop;

	while ((hash = walk_next(walk)) < walk->end) {
		if (hash != walk->hash)
			walk->skip = 0;
		walk->hash = hash;
		seen = 0;
		stop = walk_visit(walk, shunt_chain_first(walk->buckets, hash), &seen);
		if (!stop && walk->next)
			stop = walk_visit(walk, shunt_chain_first(walk->next, hash), &seen);
		if (stop)
			return stop;
		walk->hash++;
		walk->skip = 0;
	}
	walk->hash = walk->end;
	walk->skip = 0;
	return 0;
}

int shunt_table_walk(struct shunt_net *sn, u64 *hash, unsigned long *skip,
		     int (*fn)(const struct shunt_conn *conn, void *arg), void *arg)
{
	struct walk walk = { .hash = *hash, .skip = *skip, .fn = fn, .arg = arg };
	spinlock_t *lock;	/* of the chains of one step */
	int stop = 0;

	lockdep_assert_held(&sn->lock);
	while (!stop && walk.hash >> 32 == 0) {
		lock = shunt_table_lock_of(sn->table, walk.hash);
		rcu_read_lock();
		spin_lock_bh(lock);
		walk.buckets = rcu_dereference(sn->buckets);
		walk.next = shunt_buckets_next(walk.buckets);
		walk.end = chain_end(walk.buckets, walk.hash);
		stop = walk_step(&walk);
		spin_unlock_bh(lock);
		rcu_read_unlock();
		cond_resched();
	}
	*hash = walk.hash;
	*skip = walk.skip;
	return stop;
}

struct shunt_table *shunt_table_alloc(struct shunt_net *sn)
{
	struct shunt_table *table = kzalloc(sizeof(*table), GFP_KERNEL_ACCOUNT);
	struct shunt_buckets *buckets = buckets_alloc(TABLE_BITS_MIN);
	unsigned int i;

	if (!table || !buckets) {
		buckets_free(buckets);
		kfree(table);
		return NULL;
	}
	table->sn = sn;
	for (i = 0; i < SHUNT_TABLE_LOCKS; i++)
		spin_lock_init(&table->locks[i]);
	rcu_assign_pointer(sn->buckets, buckets);
	INIT_WORK(&table->resize, table_resize);
	INIT_DELAYED_WORK(&table->sweep, table_sweep);
	schedule_delayed_work(&table->sweep, HZ);
	return table;
}

void shunt_table_free(struct shunt_table *table)
{
	struct shunt_net *sn = table->sn;

	cancel_delayed_work_sync(&table->sweep);
	cancel_work_sync(&table->resize);
	free_all(table->dying);
	free_all(llist_del_all(&table->dead));
	buckets_free(rcu_dereference_protected(sn->buckets, true));
	RCU_INIT_POINTER(sn->buckets, NULL);
	kfree(table);
}

unsigned int shunt_table_buckets(const struct shunt_table *table)
{
	unsigned int bits;

	rcu_read_lock();
	bits = rcu_dereference(table->sn->buckets)->bits;
	rcu_read_unlock();
	return 1U << bits;
}

#ifdef SHUNT_SELFTEST
#include "selftest/hash.c"
#endif
