// SPDX-License-Identifier: GPL-2.0
/*
 * Connections: what the table's entries are and how long they last.
 *
 * Goals: a packet of a known connection finds it without a lock, a reference
 * count or a timer, in one cache line, and writes nothing but a time stamp once
 * a second.
 *
 * Layout: 64 bytes for IPv4 DSR, what every packet needs; IPv6 has longer
 * addresses behind, NAT a second way to be found by behind those, each within
 * 128 bytes. A connection is found by the tuple of the client's packets and, in
 * NAT, by that of the server's answers, which is not stored: the server is.
 * Each direction keeps its hash (lookup.h), by which the table moves it on and
 * most of what shares a chain is told apart.
 *
 * Who writes what: tuples, hashes, server, mode and kind never change. "next"
 * is the table's. "seen", "seq" and "marks" are written without a lock by
 * whoever carries a packet; two CPUs that race leave one of two true values.
 * "state" changes by compare and exchange, since the server counts its
 * connections by state; whoever unlinks a connection puts it in a state that it
 * never leaves.
 *
 * What a reader may observe: lookups and walks hold RCU only. A connection that
 * they find may be unlinked meanwhile; it, its server and the server's service
 * stay readable until they let go, for all three are freed after a grace
 * period: the connection after its unlinking, the server after its last
 * connection's, the service after its last server's.
 *
 * Expiry: an entry whose time is up is absent to lookups from that moment,
 * whether or not the table's sweep has reached it. No packet pays for another's
 * expiry, except one that finds its own tuple taken by an expired entry, which
 * it replaces.
 */
#include <linux/err.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <net/ipv6.h>

#include "conn.h"
#include "hop.h"
#include "lookup.h"
#include "net.h"
#include "persist.h"
#include "reset.h"
#include "server.h"
#include "service.h"
#include "table.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

/* By whether the connection is IPv6's, and by mode. */
static struct kmem_cache *conn_caches[2][2] __ro_after_init;

/* Seconds; none for a connection that is out of the table. */
static u32 conn_timeout(const struct shunt_conn *conn)
{
	u8 state = READ_ONCE(conn->state);

	if (state == SHUNT_CONN_GONE)
		return 0;
	return READ_ONCE(conn->server->service->timeouts[state]);
}

/*
 * The stamp may be a second old, unless the connection is exact, so an entry
 * gets one second more; and a jiffy, because the stamp's had begun.
 */
u32 shunt_conn_left(const struct shunt_conn *conn)
{
	u32 idle = shunt_conn_idle(conn);
	u32 more = READ_ONCE(conn->marks) & SHUNT_MARK_EXACT ? 1 : HZ + 1;
	u32 allowed = conn_timeout(conn) * HZ + more;

	return idle < allowed ? allowed - idle : 0;
}

u32 shunt_conn_expires(const struct shunt_conn *conn)
{
	u32 left = DIV_ROUND_UP(shunt_conn_left(conn), HZ);

	/* The second more that stands in for the stamp's age is not promised. */
	return min(left, conn_timeout(conn));
}

void shunt_conn_tuple(const struct shunt_conn *conn, struct shunt_tuple *tuple)
{
	memset(tuple, 0, sizeof(*tuple));
	if (shunt_conn_is_ipv6(conn)) {
		const struct shunt_conn_ipv6 *ipv6 =
			container_of(conn, struct shunt_conn_ipv6, conn);

		tuple->src.in6 = ipv6->src;
		tuple->dst.in6 = ipv6->dst;
		tuple->family = NFPROTO_IPV6;
	} else {
		const struct shunt_conn_ipv4 *ipv4 =
			container_of(conn, struct shunt_conn_ipv4, conn);

		tuple->src.ip = ipv4->src;
		tuple->dst.ip = ipv4->dst;
		tuple->family = NFPROTO_IPV4;
	}
	tuple->sport = conn->sport;
	tuple->dport = conn->dport;
	tuple->protocol = shunt_conn_protocol(conn);
}

void shunt_conn_tuple_back(const struct shunt_conn *conn, struct shunt_tuple *tuple)
{
	shunt_conn_tuple(conn, tuple);
	tuple->dst = tuple->src;
	tuple->dport = tuple->sport;
	tuple->src = conn->server->addr;
	tuple->sport = shunt_conn_server_port(conn);
}

static struct kmem_cache *conn_cache(const struct shunt_conn *conn)
{
	return conn_caches[shunt_conn_is_ipv6(conn)][conn->mode];
}

void shunt_conn_free(struct shunt_conn *conn)
{
	kmem_cache_free(conn_cache(conn), conn);
}

static void conn_free_rcu(struct rcu_head *rcu)
{
	shunt_conn_free(container_of(rcu, struct shunt_conn, rcu));
}

/* The client of a connection has completed its handshake, as the director sees it. */
static noinline void conn_persist(const struct shunt_conn *conn)
{
	const struct shunt_service *service = conn->server->service;
	const struct shunt_persist *persist = rcu_dereference(service->persist);
	struct shunt_tuple tuple;

	if (!persist)
		return;
	shunt_conn_tuple(conn, &tuple);
	shunt_persist_keep(persist, service, conn->server, &tuple.src);
}

void shunt_conn_become(struct shunt_conn *conn, u8 from, u8 to)
{
	struct shunt_server *server = conn->server;

	/* A shorter timeout counts from this very packet. */
	WRITE_ONCE(conn->seen, (u32)jiffies);
	if (cmpxchg(&conn->state, from, to) != from)
		return;
	shunt_server_conn_became(server, from, to);
	shunt_table_due(server->service->sn, conn->hash, shunt_conn_left(conn));
	if (from == SHUNT_CONN_STATE_SYN && to == SHUNT_CONN_STATE_ESTABLISHED &&
	    unlikely(rcu_access_pointer(server->service->persist)))
		conn_persist(conn);
}

/* Who gets true has it to free, after a grace period. */
static bool conn_unlink(struct shunt_net *sn, struct shunt_conn *conn)
{
	struct shunt_table *table = sn->table;
	bool nat = conn->mode == SHUNT_MODE_NAT;
	u32 back = nat ? shunt_conn_back(conn)->hash : conn->hash;
	u8 state;

	lockdep_assert(in_softirq());

	shunt_table_lock(table, conn->hash, back);
	state = xchg(&conn->state, SHUNT_CONN_GONE);
	if (state != SHUNT_CONN_GONE) {
		shunt_table_remove(table, shunt_conn_end(conn, SHUNT_DIR_CLIENT));
		if (nat)
			shunt_table_remove(table, shunt_conn_end(conn, SHUNT_DIR_SERVER));
	}
	shunt_table_unlock(table, conn->hash, back);
	if (state == SHUNT_CONN_GONE)
		return false;

	shunt_table_count(sn, -1, nat);
	shunt_server_conn_gone(conn->server, state);
	return true;
}

bool shunt_conn_unlink(struct shunt_net *sn, struct shunt_conn *conn)
{
	if (!conn_unlink(sn, conn))
		return false;
	call_rcu(&conn->rcu, conn_free_rcu);
	return true;
}

bool shunt_conn_delete(struct shunt_net *sn, struct shunt_conn *conn)
{
	if (!conn_unlink(sn, conn))
		return false;
	shunt_table_bury(sn->table, conn);
	return true;
}

static void conn_fill(struct shunt_conn *conn, const struct shunt_tuple *tuple,
		      struct shunt_server *server, u8 mode)
{
	conn->server = server;
	conn->seen = jiffies;
	conn->mode = mode;
	conn->kind = shunt_kind(tuple->protocol, tuple->family);
	conn->sport = tuple->sport;
	conn->dport = tuple->dport;
	if (shunt_conn_is_ipv6(conn)) {
		struct shunt_conn_ipv6 *ipv6 = container_of(conn, struct shunt_conn_ipv6, conn);

		ipv6->src = tuple->src.in6;
		ipv6->dst = tuple->dst.in6;
		if (ipv6_addr_equal(&ipv6->src, &ipv6->dst))
			conn->marks = SHUNT_MARK_SELF;
	} else {
		struct shunt_conn_ipv4 *ipv4 = container_of(conn, struct shunt_conn_ipv4, conn);

		ipv4->src = tuple->src.ip;
		ipv4->dst = tuple->dst.ip;
		if (ipv4->src == ipv4->dst)
			conn->marks = SHUNT_MARK_SELF;
	}
}

void shunt_conn_fill(union shunt_conn_any *any, const struct shunt_tuple *tuple,
		     struct shunt_server *server)
{
	conn_fill(&any->conn, tuple, server, READ_ONCE(server->mode));
}

static struct shunt_conn *conn_alloc(const struct shunt_packet *pkt, struct shunt_server *server,
				     bool answered)
{
	bool ipv6 = pkt->tuple.family == NFPROTO_IPV6;
	u8 mode = READ_ONCE(server->mode);
	struct shunt_conn *conn;

	conn = kmem_cache_zalloc(conn_caches[ipv6][mode], GFP_ATOMIC);
	if (!conn)
		return NULL;
	conn_fill(conn, &pkt->tuple, server, mode);
	conn->hash = pkt->hash;
	if (mode == SHUNT_MODE_NAT)
		shunt_conn_back(conn)->hop[SHUNT_DIR_CLIENT] = shunt_hop_shared(pkt, server);
	if (pkt->tuple.protocol == IPPROTO_TCP)
		shunt_tcp_first(conn, pkt, answered);
	else
		conn->state = SHUNT_CONN_STATE_ONE_WAY;
	return conn;
}

/* Counted before it can be found, so that the count never lags. Under its locks. */
static __always_inline void conn_insert(struct shunt_net *sn, struct shunt_conn *conn, bool nat)
{
	shunt_table_count(sn, 1, nat);
	shunt_server_conn_made(conn->server, conn->state);
	shunt_table_insert(sn->table, shunt_conn_end(conn, SHUNT_DIR_CLIENT));
	if (nat)
		shunt_table_insert(sn->table, shunt_conn_end(conn, SHUNT_DIR_SERVER));
}

/* Links a connection unless its tuple is taken, and returns the end that takes it. */
static unsigned long conn_link_dsr(struct shunt_net *sn, struct shunt_conn *conn,
				   const struct shunt_packet *pkt)
{
	unsigned long taken;

	shunt_table_lock_one(sn->table, conn->hash);
	taken = shunt_table_find(sn, shunt_tuple_view(&pkt->tuple), conn->hash);
	if (likely(!taken))
		conn_insert(sn, conn, false);
	shunt_table_unlock_one(sn->table, conn->hash);
	return taken;
}

/* The same with two tuples. */
static noinline unsigned long conn_link_nat(struct shunt_net *sn, struct shunt_conn *conn,
					    const struct shunt_packet *pkt)
{
	struct shunt_tuple back_tuple;
	unsigned long taken;
	u32 back;

	shunt_conn_tuple_back(conn, &back_tuple);
	back = shunt_view_hash(sn, shunt_tuple_view(&back_tuple));
	shunt_conn_back(conn)->hash = back;
	shunt_table_lock(sn->table, conn->hash, back);
	taken = shunt_table_find(sn, shunt_tuple_view(&pkt->tuple), conn->hash) ?:
		shunt_table_find(sn, shunt_tuple_view(&back_tuple), back);
	if (likely(!taken))
		conn_insert(sn, conn, true);
	shunt_table_unlock(sn->table, conn->hash, back);
	return taken;
}

static unsigned long conn_link(struct shunt_net *sn, struct shunt_conn *conn,
			       const struct shunt_packet *pkt)
{
	return conn->mode == SHUNT_MODE_DSR ? conn_link_dsr(sn, conn, pkt) :
					      conn_link_nat(sn, conn, pkt);
}

struct shunt_conn *shunt_conn_make(const struct shunt_packet *pkt, struct shunt_server *server,
				   bool answered)
{
	struct shunt_conn *conn = conn_alloc(pkt, server, answered);
	struct shunt_net *sn = pkt->sn;
	struct shunt_conn *other;
	unsigned long taken;

	lockdep_assert(in_softirq());

	if (!conn)
		return ERR_PTR(-SHUNT_DROP_NO_MEMORY);
	while ((taken = conn_link(sn, conn, pkt))) {
		other = shunt_end_conn(taken);
		if (!shunt_conn_left(other) || shunt_conn_over(other)) {
			shunt_conn_unlink(sn, other);
			continue;
		}
		shunt_conn_free(conn);
		if (shunt_end_dir(taken) == SHUNT_DIR_CLIENT &&
		    shunt_end_is(taken, shunt_tuple_view(&pkt->tuple)))
			return other;
		return ERR_PTR(-SHUNT_DROP_TUPLE_IN_USE);
	}
	shunt_table_due(sn, conn->hash, conn_timeout(conn) * HZ);
	shunt_counters_connection(server->counters);
	trace_shunt_conn_new(conn, conn->state);
	return conn;
}

bool shunt_conn_expire(struct shunt_net *sn, struct shunt_conn *conn)
{
	u8 state = READ_ONCE(conn->state);

	if (!shunt_conn_delete(sn, conn))
		return false;
	/* It is out of the table, and readable under RCU. */
	trace_shunt_conn_expired(conn, state);
	if (!(conn->marks & SHUNT_MARK_EXACT) || state > SHUNT_CONN_STATE_CLOSING ||
	    READ_ONCE(conn->server->service->on_expire) != SHUNT_ON_EXPIRE_RESET)
		return true;
	trace_shunt_conn_reset(conn, state);
	shunt_reset_both(sn, conn);
	return true;
}

static struct kmem_cache *cache_create(const char *name, unsigned int size)
{
	/*
	 * In whole cache lines, so that no two connections share one; and not
	 * merged with others' caches, so that the operator sees what they take.
	 */
	return kmem_cache_create(name, roundup_pow_of_two(size), 0,
				 SLAB_HWCACHE_ALIGN | SLAB_NO_MERGE, NULL);
}

int __init shunt_conn_init(void)
{
	unsigned int i;

	BUILD_BUG_ON(sizeof(struct shunt_conn_ipv4) > 64);
	BUILD_BUG_ON(sizeof(struct shunt_conn_nat6) > 128);
	/* For shunt_ports(). */
	BUILD_BUG_ON(offsetof(struct shunt_conn, sport) % sizeof(u32));
	BUILD_BUG_ON(offsetof(struct shunt_tuple, sport) % sizeof(u32));

	conn_caches[false][SHUNT_MODE_DSR] = cache_create("shunt_ipv4_dsr",
							  sizeof(struct shunt_conn_ipv4));
	conn_caches[false][SHUNT_MODE_NAT] = cache_create("shunt_ipv4_nat",
							  sizeof(struct shunt_conn_nat4));
	conn_caches[true][SHUNT_MODE_DSR] = cache_create("shunt_ipv6_dsr",
							 sizeof(struct shunt_conn_ipv6));
	conn_caches[true][SHUNT_MODE_NAT] = cache_create("shunt_ipv6_nat",
							 sizeof(struct shunt_conn_nat6));
	for (i = 0; i < 4; i++) {
		if (!conn_caches[i / 2][i % 2]) {
			shunt_conn_exit();
			return -ENOMEM;
		}
	}
	return 0;
}

void shunt_conn_exit(void)
{
	unsigned int i;

	/* Unlinked connections are freed by callbacks, which must not outlive the caches. */
	rcu_barrier();
	for (i = 0; i < 4; i++)
		kmem_cache_destroy(conn_caches[i / 2][i % 2]);
}
