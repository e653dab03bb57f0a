// SPDX-License-Identifier: GPL-2.0
/*
 * The connection table.
 *
 * Goals: a packet of a known connection finds it without a lock, a reference
 * count or a timer, and writes nothing but a time stamp once a second.
 *
 * Layout: an array of hash buckets, its size fixed when the namespace's first
 * service appears, by memory. A connection is linked under the tuple of the
 * client's packets and, in NAT, under that of the server's answers. The hash is
 * siphash with a key per namespace, since clients choose tuples.
 *
 * Who writes what: a bucket's chain changes under the spinlock its number
 * selects; a connection in two buckets is linked and unlinked with both locks,
 * taken in the order of their addresses. "linked" changes under the same locks,
 * so that of several that unlink a connection one does. Tuples, server and mode
 * never change. "seen", "seq" and "marks" are written without a lock by whoever
 * carries a packet; two CPUs that race leave one of two true values. "state"
 * changes by compare and exchange, since the server counts its connections by
 * state; whoever unlinks a connection puts it in a state that it never leaves.
 *
 * What a reader may observe: lookups and walks hold RCU only. A connection that
 * they find may be unlinked meanwhile; it, its server and the server's service
 * stay readable until they let go, for all three are freed after a grace
 * period: the connection after its unlinking, the server after its last
 * connection's, the service after its last server's.
 *
 * Expiry: an entry whose time is up is absent to lookups from that moment,
 * whether or not the sweep has reached it. A worker sweeps the table once a
 * second in slices of at most two milliseconds and frees what it finds; it also
 * sends the resets that a service asks for. No
 * packet pays for another's expiry, except one that finds its own tuple taken
 * by an expired entry, which it replaces.
 *
 * Life: the table comes before the hooks and goes after them, when a grace
 * period has shown that no packet is inside. The module's exit waits for the
 * callbacks that free entries before it destroys their cache.
 */
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>

#include "conn.h"
#include "net.h"
#include "reset.h"
#include "service.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

enum {
	CONN_LOCKS = 256,
	CONN_BITS_MIN = 12,
	CONN_BITS_MAX = 20,
	SWEEP_STRIDE = 256,		/* buckets between two looks at the clock */
	SWEEP_SLICE = 2 * NSEC_PER_MSEC,
};

struct shunt_table {
	struct shunt_net *sn;
	atomic_long_t count;
	struct delayed_work sweep;
	unsigned int sweep_at;		/* the worker's own */
	unsigned int mask;
	spinlock_t locks[CONN_LOCKS];	/* chains of the buckets i, i + CONN_LOCKS ... */
	struct hlist_head buckets[];
};

static struct kmem_cache *conn_cache __ro_after_init;

static unsigned int conn_hash(const struct shunt_net *sn, const struct shunt_tuple *tuple)
{
	if (tuple->family == NFPROTO_IPV4) {
		u32 ports = (__force u32)tuple->sport << 16 | (__force u32)tuple->dport;

		return siphash_4u32((__force u32)tuple->src.ip, (__force u32)tuple->dst.ip,
				    ports, tuple->protocol, &sn->key);
	}
	return siphash(tuple, SHUNT_TUPLE_SIZE, &sn->key);
}

static struct hlist_head *conn_bucket(struct shunt_table *table,
				      const struct shunt_tuple *tuple)
{
	return &table->buckets[conn_hash(table->sn, tuple) & table->mask];
}

static spinlock_t *conn_lock(struct shunt_table *table, const struct hlist_head *bucket)
{
	return &table->locks[(bucket - table->buckets) % CONN_LOCKS];
}

/* The two may be one. */
static void conn_lock_two(spinlock_t *a, spinlock_t *b)
	__acquires(a) __acquires(b)
{
	spin_lock(min(a, b));
	if (a != b)
		spin_lock_nested(max(a, b), SINGLE_DEPTH_NESTING);
	else
		__acquire(b);
}

static void conn_unlock_two(spinlock_t *a, spinlock_t *b)
	__releases(a) __releases(b)
{
	spin_unlock(a);
	if (a != b)
		spin_unlock(b);
	else
		__release(b);
}

/* Seconds; none for a connection that is out of the table. */
static u32 conn_timeout(const struct shunt_conn *conn)
{
	u8 state = READ_ONCE(conn->state);

	if (state == SHUNT_CONN_GONE)
		return 0;
	return READ_ONCE(conn->server->service->timeouts[state]);
}

/*
 * Jiffies since the stamp. Another CPU may have written it in a jiffy that this
 * one has yet to see: that is no time at all, and not the whole range.
 */
static u32 conn_idle(const struct shunt_conn *conn)
{
	u32 idle = (u32)jiffies - READ_ONCE(conn->seen);

	return idle > U32_MAX - HZ ? 0 : idle;
}

/*
 * Jiffies. The stamp may be a second old, unless the connection is exact, so an
 * entry gets one second more; and a jiffy, because the stamp's had begun.
 */
static u32 conn_left(const struct shunt_conn *conn)
{
	u32 idle = conn_idle(conn);
	u32 more = READ_ONCE(conn->marks) & SHUNT_MARK_EXACT ? 1 : HZ + 1;
	u32 allowed = conn_timeout(conn) * HZ + more;

	return idle < allowed ? allowed - idle : 0;
}

/* As !conn_left(), without looking at the service of a connection in use. */
static bool conn_is_expired(const struct shunt_conn *conn)
{
	return conn_idle(conn) >= HZ && !conn_left(conn);
}

u32 shunt_conn_expires(const struct shunt_conn *conn)
{
	u32 left = DIV_ROUND_UP(conn_left(conn), HZ);

	/* The second more that stands in for the stamp's age is not promised. */
	return min(left, conn_timeout(conn));
}

static struct shunt_conn *conn_of(struct shunt_conn_end *end)
{
	return container_of(end, struct shunt_conn, end[end->dir]);
}

/* Finds an entry whether or not it has expired. Under RCU or the bucket's lock. */
static struct shunt_conn_end *conn_scan(const struct hlist_head *bucket,
					const struct shunt_tuple *tuple)
{
	struct shunt_conn_end *end;

	hlist_for_each_entry_rcu(end, bucket, node)
		if (shunt_tuple_equal(&end->tuple, tuple))
			return end;
	return NULL;
}

struct shunt_conn *shunt_conn_find(struct shunt_net *sn, const struct shunt_tuple *tuple,
				   enum shunt_dir *dir)
{
	struct shunt_conn_end *end;
	struct shunt_conn *conn;

	RCU_LOCKDEP_WARN(!rcu_read_lock_held(), "connection lookup outside RCU");

	end = conn_scan(conn_bucket(sn->table, tuple), tuple);
	if (!end)
		return NULL;
	conn = conn_of(end);
	if (conn_is_expired(conn))
		return NULL;
	*dir = end->dir;
	return conn;
}

static void conn_free(struct rcu_head *rcu)
{
	kmem_cache_free(conn_cache, container_of(rcu, struct shunt_conn, rcu));
}

void shunt_conn_become(struct shunt_conn *conn, u8 from, u8 to)
{
	struct shunt_server *server = conn->server;

	/* A shorter timeout counts from this very packet. */
	WRITE_ONCE(conn->seen, (u32)jiffies);
	if (cmpxchg(&conn->state, from, to) != from)
		return;
	atomic_dec(&server->states[from]);
	atomic_inc(&server->states[to]);
}

bool shunt_conn_unlink(struct shunt_net *sn, struct shunt_conn *conn)
{
	struct shunt_table *table = sn->table;
	bool two = conn->mode == SHUNT_MODE_NAT;
	struct hlist_head *first = conn_bucket(table, &conn->end[SHUNT_DIR_CLIENT].tuple);
	struct hlist_head *second = first;
	spinlock_t *a, *b;
	bool linked;

	lockdep_assert(in_softirq());

	if (two)
		second = conn_bucket(table, &conn->end[SHUNT_DIR_SERVER].tuple);
	a = conn_lock(table, first);
	b = conn_lock(table, second);
	conn_lock_two(a, b);
	linked = conn->linked;
	if (linked) {
		conn->linked = false;
		hlist_del_rcu(&conn->end[SHUNT_DIR_CLIENT].node);
		if (two)
			hlist_del_rcu(&conn->end[SHUNT_DIR_SERVER].node);
	}
	conn_unlock_two(a, b);
	if (!linked)
		return false;

	atomic_long_dec(&table->count);
	shunt_server_conn_gone(conn->server, xchg(&conn->state, SHUNT_CONN_GONE));
	call_rcu(&conn->rcu, conn_free);
	return true;
}

void shunt_conn_fill(struct shunt_conn *conn, const struct shunt_tuple *tuple,
		     struct shunt_server *server)
{
	struct shunt_tuple *back = &conn->end[SHUNT_DIR_SERVER].tuple;

	conn->end[SHUNT_DIR_CLIENT].tuple = *tuple;
	conn->end[SHUNT_DIR_SERVER].dir = SHUNT_DIR_SERVER;
	back->src = server->addr;
	back->dst = tuple->src;
	back->sport = server->port;
	back->dport = tuple->sport;
	back->family = tuple->family;
	back->protocol = tuple->protocol;

	conn->server = server;
	conn->seen = jiffies;
	conn->mode = READ_ONCE(server->mode);
}

static struct shunt_conn *conn_alloc(const struct shunt_packet *pkt, struct shunt_server *server)
{
	struct shunt_conn *conn = kmem_cache_zalloc(conn_cache, GFP_ATOMIC);

	if (!conn)
		return NULL;
	shunt_conn_fill(conn, &pkt->tuple, server);
	if (pkt->tuple.protocol == IPPROTO_TCP)
		shunt_tcp_first(conn, pkt);
	else
		conn->state = SHUNT_CONN_STATE_ONE_WAY;
	conn->linked = true;
	return conn;
}

/*
 * Links a connection unless one of its tuples is taken, and returns the end
 * that takes it.
 */
static struct shunt_conn_end *conn_link(struct shunt_table *table, struct shunt_conn *conn)
{
	struct shunt_conn_end *client = &conn->end[SHUNT_DIR_CLIENT];
	struct shunt_conn_end *server = &conn->end[SHUNT_DIR_SERVER];
	bool two = conn->mode == SHUNT_MODE_NAT;
	struct hlist_head *first = conn_bucket(table, &client->tuple);
	struct hlist_head *second = two ? conn_bucket(table, &server->tuple) : first;
	spinlock_t *a = conn_lock(table, first);
	spinlock_t *b = conn_lock(table, second);
	struct shunt_conn_end *taken;

	conn_lock_two(a, b);
	taken = conn_scan(first, &client->tuple);
	if (!taken && two)
		taken = conn_scan(second, &server->tuple);
	if (!taken) {
		/* Counted before it can be found, so that the count never lags. */
		atomic_long_inc(&table->count);
		shunt_server_conn_made(conn->server, conn->state);
		hlist_add_head_rcu(&client->node, first);
		if (two)
			hlist_add_head_rcu(&server->node, second);
	}
	conn_unlock_two(a, b);
	return taken;
}

struct shunt_conn *shunt_conn_make(const struct shunt_packet *pkt, struct shunt_server *server,
				   enum shunt_reason *reason)
{
	struct shunt_conn *conn = conn_alloc(pkt, server);
	const struct shunt_tuple *tuple = &pkt->tuple;
	struct shunt_net *sn = pkt->sn;
	struct shunt_conn_end *taken;
	struct shunt_conn *other;

	lockdep_assert(in_softirq());

	if (!conn) {
		*reason = SHUNT_DROP_NO_MEMORY;
		return NULL;
	}
	while ((taken = conn_link(sn->table, conn))) {
		other = conn_of(taken);
		if (!conn_left(other) || shunt_conn_over(other)) {
			shunt_conn_unlink(sn, other);
			continue;
		}
		kmem_cache_free(conn_cache, conn);
		if (taken->dir == SHUNT_DIR_CLIENT && shunt_tuple_equal(&taken->tuple, tuple))
			return other;
		*reason = SHUNT_DROP_TUPLE_IN_USE;
		return NULL;
	}
	shunt_counters_connection(server->counters);
	trace_shunt_conn_new(conn, conn->state);
	return conn;
}

/* A connection's time was up. It is out of the table, and readable under RCU. */
static void conn_expire(struct shunt_net *sn, const struct shunt_conn *conn, u8 state)
{
	trace_shunt_conn_expired(conn, state);
	if (!(conn->marks & SHUNT_MARK_EXACT) || state > SHUNT_CONN_STATE_CLOSING ||
	    READ_ONCE(conn->server->service->on_expire) != SHUNT_ON_EXPIRE_RESET)
		return;
	trace_shunt_conn_reset(conn, state);
	shunt_reset_both(sn, conn);
}

static bool conn_expired(const struct shunt_conn *conn, const void *arg)
{
	return !conn_left(conn);
}

/* Unlinks the entries of a bucket that fn picks. Returns how many. */
static unsigned int conn_prune(struct shunt_net *sn, struct hlist_head *bucket,
			       bool (*fn)(const struct shunt_conn *conn, const void *arg),
			       const void *arg)
{
	struct shunt_conn_end *end;
	unsigned int n = 0;

	if (hlist_empty(bucket))
		return 0;
	rcu_read_lock();
	local_bh_disable();
	/* The entry just unlinked keeps its way forward until a grace period. */
	hlist_for_each_entry_rcu(end, bucket, node) {
		struct shunt_conn *conn = conn_of(end);
		u8 state = READ_ONCE(conn->state);

		if (end->dir != SHUNT_DIR_CLIENT || !fn(conn, arg) ||
		    !shunt_conn_unlink(sn, conn))
			continue;
		n++;
		if (fn == conn_expired)
			conn_expire(sn, conn, state);
	}
	local_bh_enable();
	rcu_read_unlock();
	return n;
}

static bool conn_belongs(const struct shunt_conn *conn, const void *arg)
{
	return !arg || conn->server->service == arg;
}

unsigned int shunt_conn_delete(struct shunt_net *sn,
			       bool (*fn)(const struct shunt_conn *conn, const void *arg),
			       const void *arg)
{
	struct shunt_table *table = sn->table;
	unsigned int i, n = 0;

	lockdep_assert_held(&sn->lock);
	for (i = 0; i <= table->mask; i++) {
		n += conn_prune(sn, &table->buckets[i], fn, arg);
		cond_resched();
	}
	return n;
}

void shunt_conn_flush(struct shunt_net *sn, const struct shunt_service *service)
{
	shunt_conn_delete(sn, conn_belongs, service);
}

static void conn_sweep(struct work_struct *work)
{
	struct shunt_table *table = container_of(work, struct shunt_table, sweep.work);
	u64 until = ktime_get_ns() + SWEEP_SLICE;
	unsigned long delay = 1;

	if (!atomic_long_read(&table->count))
		table->sweep_at = table->mask + 1;
	while (table->sweep_at <= table->mask) {
		conn_prune(table->sn, &table->buckets[table->sweep_at], conn_expired, NULL);
		if (++table->sweep_at % SWEEP_STRIDE == 0 && ktime_get_ns() > until)
			break;
	}
	if (table->sweep_at > table->mask) {
		table->sweep_at = 0;
		delay = HZ;
	}
	schedule_delayed_work(&table->sweep, delay);
}

/* A bucket for each 64 KiB of memory: 2^14 in 1 GiB, 2^20 in 64 GiB. */
static unsigned int conn_bits(void)
{
	unsigned int bits = ilog2(totalram_pages()) + PAGE_SHIFT - 16;

	return clamp_t(unsigned int, bits, CONN_BITS_MIN, CONN_BITS_MAX);
}

struct shunt_table *shunt_table_alloc(struct shunt_net *sn)
{
	unsigned int size = 1U << conn_bits();
	struct shunt_table *table;
	unsigned int i;

	table = kvzalloc(struct_size(table, buckets, size), GFP_KERNEL_ACCOUNT);
	if (!table)
		return NULL;
	table->sn = sn;
	table->mask = size - 1;
	for (i = 0; i < CONN_LOCKS; i++)
		spin_lock_init(&table->locks[i]);
	INIT_DELAYED_WORK(&table->sweep, conn_sweep);
	schedule_delayed_work(&table->sweep, HZ);
	return table;
}

void shunt_table_free(struct shunt_table *table)
{
	cancel_delayed_work_sync(&table->sweep);
	kvfree(table);
}

unsigned long shunt_table_count(const struct shunt_table *table)
{
	return atomic_long_read(&table->count);
}

unsigned int shunt_table_buckets(const struct shunt_table *table)
{
	return table->mask + 1;
}

/* As shunt_conn_walk(), within one bucket. */
static int walk_bucket(struct hlist_head *bucket, unsigned long *skip,
		       int (*fn)(const struct shunt_conn *conn, void *arg), void *arg)
{
	struct shunt_conn_end *end;
	unsigned long at = 0;

	hlist_for_each_entry_rcu(end, bucket, node) {
		struct shunt_conn *conn = conn_of(end);
		int stop;

		if (at++ < *skip || end->dir != SHUNT_DIR_CLIENT || !conn_left(conn))
			continue;
		stop = fn(conn, arg);
		if (stop) {
			*skip = at - 1;
			return stop;
		}
	}
	return 0;
}

int shunt_conn_walk(struct shunt_net *sn, unsigned long *bucket, unsigned long *skip,
		    int (*fn)(const struct shunt_conn *conn, void *arg), void *arg)
{
	struct shunt_table *table = sn->table;
	int stop;

	lockdep_assert_held(&sn->lock);
	for (; *bucket <= table->mask; ++*bucket, *skip = 0) {
		rcu_read_lock();
		stop = walk_bucket(&table->buckets[*bucket], skip, fn, arg);
		rcu_read_unlock();
		if (stop)
			return stop;
		cond_resched();
	}
	return 0;
}

int __init shunt_conn_init(void)
{
	conn_cache = KMEM_CACHE(shunt_conn, 0);
	return conn_cache ? 0 : -ENOMEM;
}

void shunt_conn_exit(void)
{
	/* Unlinked connections are freed by callbacks, which must not outlive the cache. */
	rcu_barrier();
	kmem_cache_destroy(conn_cache);
}
