/* SPDX-License-Identifier: GPL-2.0 */
/* The connection table of a network namespace. Its design opens conn.c. */
#ifndef SHUNT_CONN_H
#define SHUNT_CONN_H

#include <linux/jiffies.h>
#include <linux/list.h>
#include <uapi/linux/shunt.h>

#include "packet.h"
#include "stats.h"

struct shunt_net;
struct shunt_server;
struct shunt_service;
struct shunt_table;

enum shunt_dir {
	SHUNT_DIR_CLIENT,	/* from the client to the service */
	SHUNT_DIR_SERVER,	/* from a NAT server to the client */
	SHUNT_DIRS,
};

/* What the table links: one per direction that the director sees. */
struct shunt_conn_end {
	struct hlist_node node;
	struct shunt_tuple tuple;
	u8 dir;			/* enum shunt_dir, its index in the connection */
};

enum {
	SHUNT_CONN_STATES = SHUNT_CONN_STATE_ANSWERED + 1,
	SHUNT_CONN_GONE = U8_MAX,	/* state of a connection out of the table */
};

/* Marks of a TCP connection; those of a direction are shifted by it. */
enum {
	SHUNT_MARK_FIN = BIT(0),	/* this side has ended */
	SHUNT_MARK_RST = BIT(2),	/* this side has reset */
	SHUNT_MARK_KNOWN = BIT(4),	/* seq of this side means something */
	SHUNT_MARK_EXACT = BIT(6),	/* every packet is noted; see shunt_conn_touch() */
};

struct shunt_conn {
	struct shunt_conn_end end[SHUNT_DIRS];	/* the second in NAT only */
	struct shunt_server *server;	/* counted in server->conns while linked */
	u32 seen;	/* jiffies of the last packet, up to a second old */
	u32 seq[SHUNT_DIRS];	/* TCP: next of this side, up to TCP_LAG bytes old */
	u8 state;	/* enum shunt_conn_state, by shunt_conn_become() */
	u8 mode;	/* enum shunt_mode, fixed */
	u8 marks;	/* SHUNT_MARK_* */
	bool linked;	/* the locks of all its buckets */
	struct rcu_head rcu;
};

/* May sleep. The module's slab cache. */
int shunt_conn_init(void);
void shunt_conn_exit(void);

/*
 * May sleep. A table and the worker that expires its entries; freeing it ends
 * both, and all its connections, when no packet can reach the table any more.
 */
struct shunt_table *shunt_table_alloc(struct shunt_net *sn);
void shunt_table_free(struct shunt_table *table);

/* Any context. Entries and buckets there are. */
unsigned long shunt_table_count(const struct shunt_table *table);
unsigned int shunt_table_buckets(const struct shunt_table *table);

/* Under RCU, any context: */

/* The living connection that a tuple belongs to and the tuple's direction. */
struct shunt_conn *shunt_conn_find(struct shunt_net *sn,
				   const struct shunt_tuple *tuple,
				   enum shunt_dir *dir);

/*
 * Makes the connection of a client's packet to a server. Bottom halves off.
 * Returns it, or the one that another CPU made of the same tuple meanwhile, or
 * NULL with the reason in *reason.
 */
struct shunt_conn *shunt_conn_make(const struct shunt_packet *pkt, struct shunt_server *server,
				   enum shunt_reason *reason);

/*
 * Fills in a connection that is in no table, of which pkt is the first packet;
 * zeroed before.
 */
void shunt_conn_fill(struct shunt_conn *conn, const struct shunt_tuple *tuple,
		     struct shunt_server *server);

/*
 * Takes a connection out of the table. Bottom halves off. False if another has
 * done so already.
 */
bool shunt_conn_unlink(struct shunt_net *sn, struct shunt_conn *conn);

/*
 * Moves a connection from a state to another, unless it is in that state no
 * more; the server's counts by state follow. Bottom halves off.
 */
void shunt_conn_become(struct shunt_conn *conn, u8 from, u8 to);

/* Seconds, rounded up, until the connection expires; 0 if it has. */
u32 shunt_conn_expires(const struct shunt_conn *conn);

/*
 * Under the namespace's lock, may sleep. Unlinks the connections that fn, which
 * is called under RCU with bottom halves off, says yes to. Returns how many.
 */
unsigned int shunt_conn_delete(struct shunt_net *sn,
			       bool (*fn)(const struct shunt_conn *conn, const void *arg),
			       const void *arg);

/* The same for the connections of a dead service, or all with NULL. */
void shunt_conn_flush(struct shunt_net *sn, const struct shunt_service *service);

/*
 * Under the namespace's lock, may sleep. Calls fn under RCU for each living
 * connection from *bucket and the *skip-th entry in it on, until it returns
 * nonzero, which is returned; a later call goes on with the connection that fn
 * refused.
 */
int shunt_conn_walk(struct shunt_net *sn, unsigned long *bucket, unsigned long *skip,
		    int (*fn)(const struct shunt_conn *conn, void *arg), void *arg);

static inline const struct shunt_tuple *shunt_conn_tuple(const struct shunt_conn *conn)
{
	return &conn->end[SHUNT_DIR_CLIENT].tuple;
}

/*
 * A packet was seen. The stamp is written at most once a second, so timeouts
 * count from up to a second late: exact to +1 s / -0 s. A connection that is to
 * be reset when it expires is stamped by every packet. Returns whether it was
 * stamped.
 */
static inline bool shunt_conn_touch(struct shunt_conn *conn)
{
	u32 now = jiffies;

	if (now - READ_ONCE(conn->seen) < HZ && !(READ_ONCE(conn->marks) & SHUNT_MARK_EXACT))
		return false;
	WRITE_ONCE(conn->seen, now);
	return true;
}

/* The protocols' parts, tcp.c and udp.c. Seconds that states last by default. */
extern const u32 shunt_timeouts[SHUNT_CONN_STATES];

/* A TCP connection's first packet. */
void shunt_tcp_first(struct shunt_conn *conn, const struct shunt_packet *pkt);
/* Any context, bottom halves off. Takes note of a further packet. */
void shunt_tcp_packet(struct shunt_conn *conn, const struct shunt_packet *pkt,
		      enum shunt_dir dir);
void shunt_udp_packet(struct shunt_conn *conn, enum shunt_dir dir);

/* Whether a TCP packet may begin a connection. */
static inline bool shunt_tcp_begins(u8 flags)
{
	return (flags & (SHUNT_TCP_SYN | SHUNT_TCP_ACK | SHUNT_TCP_RST | SHUNT_TCP_FIN)) ==
	       SHUNT_TCP_SYN;
}

/* Whether a client's packet on a known tuple begins a new connection. */
bool shunt_tcp_restarts(const struct shunt_conn *conn, const struct shunt_packet *pkt);

/* Whether a connection is over, so that its tuple may begin a new one. */
static inline bool shunt_conn_over(const struct shunt_conn *conn)
{
	u8 state = READ_ONCE(conn->state);

	return state == SHUNT_CONN_STATE_CLOSING || state == SHUNT_CONN_STATE_CLOSED;
}

#endif
