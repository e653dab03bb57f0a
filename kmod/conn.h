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

struct shunt_conn {
	struct shunt_conn_end end[SHUNT_DIRS];	/* the second in NAT only */
	struct shunt_server *server;	/* counted in server->conns while linked */
	u32 seen;	/* jiffies of the last packet, up to a second old */
	u8 state;	/* enum shunt_conn_state */
	u8 mode;	/* enum shunt_mode, fixed */
	u8 fins;	/* a bit per direction that sent FIN */
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
 * Makes the connection of a client's tuple to a server. Bottom halves off.
 * Returns it, or the one that another CPU made of the same tuple meanwhile, or
 * NULL with the reason in *reason.
 */
struct shunt_conn *shunt_conn_make(struct shunt_net *sn,
				   const struct shunt_tuple *tuple,
				   struct shunt_server *server,
				   enum shunt_reason *reason);

/* Takes a connection out of the table. Harmless if it is out. Bottom halves off. */
void shunt_conn_unlink(struct shunt_net *sn, struct shunt_conn *conn);

/* Seconds, rounded up, until the connection expires; 0 if it has. */
u32 shunt_conn_expires(const struct shunt_conn *conn);

/* May sleep. Unlinks the connections of a dead service, or all with NULL. */
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
 * count from up to a second late: exact to +1 s / -0 s.
 */
static inline void shunt_conn_touch(struct shunt_conn *conn)
{
	u32 now = jiffies;

	if (now - READ_ONCE(conn->seen) >= HZ)
		WRITE_ONCE(conn->seen, now);
}

/* The protocols' parts, tcp.c and udp.c. Seconds a state lasts without a packet. */
u32 shunt_tcp_timeout(u8 state);
u32 shunt_udp_timeout(u8 state);

/* Any context. Takes note of a packet of a connection. */
void shunt_tcp_packet(struct shunt_conn *conn, u8 flags, enum shunt_dir dir);
void shunt_udp_packet(struct shunt_conn *conn, enum shunt_dir dir);

/* Whether a TCP packet may begin a connection. */
static inline bool shunt_tcp_begins(u8 flags)
{
	return (flags & (SHUNT_TCP_SYN | SHUNT_TCP_ACK | SHUNT_TCP_RST | SHUNT_TCP_FIN)) ==
	       SHUNT_TCP_SYN;
}

/* Whether a connection is over, so that its tuple may begin a new one. */
static inline bool shunt_conn_over(const struct shunt_conn *conn)
{
	u8 state = READ_ONCE(conn->state);

	return state == SHUNT_CONN_STATE_CLOSING || state == SHUNT_CONN_STATE_CLOSED;
}

#endif
