/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Connections. Their design opens conn.c, that of the table they are in
 * table.c.
 */
#ifndef SHUNT_CONN_H
#define SHUNT_CONN_H

#include <linux/jiffies.h>
#include <linux/llist.h>
#include <linux/types.h>
#include <uapi/linux/shunt.h>

#include "packet.h"
#include "stats.h"

struct shunt_net;
struct shunt_server;
struct shunt_service;

enum shunt_dir {
	SHUNT_DIR_CLIENT,	/* from the client to the service */
	SHUNT_DIR_SERVER,	/* from a NAT server to the client */
	SHUNT_DIRS,
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
	SHUNT_MARK_SELF = BIT(7),	/* of UDP, too: from an address to the same; dsr.c */
	SHUNT_MARKS_KNOWN = SHUNT_MARK_KNOWN << SHUNT_DIR_CLIENT |
			    SHUNT_MARK_KNOWN << SHUNT_DIR_SERVER,
};

enum {
	SHUNT_TCP_LAG = 1 << 18,	/* bytes that a noted number may lag */
	SHUNT_TCP_NEAR = 1 << 20,
};

/* The protocol, and whether its packets are IPv6. */
enum {
	SHUNT_KIND_IPV6 = BIT(7),
};

/*
 * The beginning of each; what follows depends on kind and mode.
 *
 * An "end" is one direction of a connection, as the table chains it: the
 * connection's address with an enum shunt_dir in its lowest bit; 0 is none.
 */
struct shunt_conn {
	unsigned long next;	/* in the chain of the client's tuple */
	struct shunt_server *server;	/* counted in server->conns while linked */
	union {			/* once it is out of the table */
		struct rcu_head rcu;
		struct llist_node dead;
	};
	u32 hash;	/* of the client's tuple */
	u32 seen;	/* jiffies of the last packet, up to a second old */
	u32 seq[SHUNT_DIRS];	/* TCP: next of this side, up to SHUNT_TCP_LAG old */
	union {
		struct {
			u8 state;	/* enum shunt_conn_state, by shunt_conn_become() */
			u8 marks;	/* SHUNT_MARK_* */
			u8 mode;	/* enum shunt_mode, fixed */
			u8 kind;	/* of shunt_kind(), fixed */
		};
		u32 nature;	/* all four; shunt_conn_nature() */
	};
	__be16 sport;	/* of the client's tuple, fixed */
	__be16 dport;
};

struct shunt_conn_ipv4 {
	struct shunt_conn conn;
	__be32 src;	/* of the client's tuple, fixed */
	__be32 dst;
};

struct shunt_conn_ipv6 {
	struct shunt_conn conn;
	struct in6_addr src;
	struct in6_addr dst;
};

/* In NAT, the way back. Its tuple follows from the client's and the server. */
struct shunt_conn_back {
	unsigned long next;
	u32 hash;
	u64 hop[SHUNT_DIRS];	/* where packets of the direction go on; hop.c */
};

struct shunt_conn_nat4 {
	struct shunt_conn_ipv4 ipv4;
	struct shunt_conn_back back;
};

struct shunt_conn_nat6 {
	struct shunt_conn_ipv6 ipv6;
	struct shunt_conn_back back;
};

/* Room for any, where the table is not concerned. */
union shunt_conn_any {
	struct shunt_conn conn;
	struct shunt_conn_nat4 nat4;
	struct shunt_conn_nat6 nat6;
};

static inline unsigned long shunt_conn_end(const struct shunt_conn *conn, enum shunt_dir dir)
{
	return (unsigned long)conn | dir;
}

static inline struct shunt_conn *shunt_end_conn(unsigned long end)
{
	return (struct shunt_conn *)(end & ~1UL);
}

static inline enum shunt_dir shunt_end_dir(unsigned long end)
{
	return end & 1;
}

static __always_inline u8 shunt_kind(u8 protocol, u8 family)
{
	return protocol | (family == NFPROTO_IPV6 ? SHUNT_KIND_IPV6 : 0);
}

/* What is to be compared with conn->nature. */
static __always_inline u32 shunt_conn_nature(u8 state, u8 marks, u8 mode, u8 kind)
{
	return (__force u32)cpu_to_le32(state | marks << 8 | mode << 16 | (u32)kind << 24);
}

static inline bool shunt_conn_is_ipv6(const struct shunt_conn *conn)
{
	return conn->kind & SHUNT_KIND_IPV6;
}

static inline u8 shunt_conn_protocol(const struct shunt_conn *conn)
{
	return conn->kind & ~SHUNT_KIND_IPV6;
}

/* Of a NAT connection of a family. */
static __always_inline struct shunt_conn_back *shunt_conn_back_in(struct shunt_conn *conn,
								  u8 family)
{
	if (family == NFPROTO_IPV6)
		return &container_of(conn, struct shunt_conn_nat6, ipv6.conn)->back;
	return &container_of(conn, struct shunt_conn_nat4, ipv4.conn)->back;
}

static inline struct shunt_conn_back *shunt_conn_back(struct shunt_conn *conn)
{
	return shunt_conn_back_in(conn, shunt_conn_is_ipv6(conn) ? NFPROTO_IPV6 : NFPROTO_IPV4);
}

/* May sleep. The module's slab caches. */
int shunt_conn_init(void);
void shunt_conn_exit(void);

/* Under RCU, any context: */

/*
 * Makes the connection of a client's packet, for which none was found, to a
 * server. Bottom halves off. "answered" tells that the client's SYN was seen, and
 * that the packet seems to follow the server's answer. Returns it, or the one
 * that another CPU made of the same tuple meanwhile, or ERR_PTR() of a reason's
 * negative number.
 */
struct shunt_conn *shunt_conn_make(const struct shunt_packet *pkt, struct shunt_server *server,
				   bool answered);

/* Fills in a connection that is in no table, zeroed before. */
void shunt_conn_fill(union shunt_conn_any *any, const struct shunt_tuple *tuple,
		     struct shunt_server *server);

/*
 * Takes a connection out of the table. Bottom halves off. False if another has
 * done so already.
 */
bool shunt_conn_unlink(struct shunt_net *sn, struct shunt_conn *conn);

/*
 * The same by a task, which may take many out: the table's worker frees them, so
 * that no softirq is busy with that while packets wait.
 */
bool shunt_conn_delete(struct shunt_net *sn, struct shunt_conn *conn);

/* Any context, after a grace period. */
void shunt_conn_free(struct shunt_conn *conn);

/* As shunt_conn_delete(), for its time was up; sends the resets that its service asks for. */
bool shunt_conn_expire(struct shunt_net *sn, struct shunt_conn *conn);

/*
 * Moves a connection from a state to another, unless it is in that state no
 * more; the server's counts by state follow. Bottom halves off.
 */
void shunt_conn_become(struct shunt_conn *conn, u8 from, u8 to);

/* The client's tuple, or that of the answers in NAT. */
void shunt_conn_tuple(const struct shunt_conn *conn, struct shunt_tuple *tuple);
void shunt_conn_tuple_back(const struct shunt_conn *conn, struct shunt_tuple *tuple);

/* Jiffies until the connection is absent to lookups; 0 if it is. */
u32 shunt_conn_left(const struct shunt_conn *conn);

/* Seconds, rounded up, until the connection expires; 0 if it has. */
u32 shunt_conn_expires(const struct shunt_conn *conn);

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

/* Whether two sequence numbers are of about the same time of a connection. */
static inline bool shunt_tcp_near(u32 a, u32 b)
{
	return a - b + SHUNT_TCP_NEAR <= 2 * SHUNT_TCP_NEAR;
}

/* A TCP connection's first packet; "answered" as for shunt_conn_make(). */
void shunt_tcp_first(struct shunt_conn *conn, const struct shunt_packet *pkt, bool answered);
/* Any context, bottom halves off. Takes note of a further packet. */
void shunt_tcp_packet(struct shunt_conn *conn, const struct shunt_packet *pkt,
		      enum shunt_dir dir);

static inline void shunt_udp_packet(struct shunt_conn *conn, enum shunt_dir dir)
{
	shunt_conn_touch(conn);
	if (dir == SHUNT_DIR_SERVER && READ_ONCE(conn->state) == SHUNT_CONN_STATE_ONE_WAY)
		shunt_conn_become(conn, SHUNT_CONN_STATE_ONE_WAY, SHUNT_CONN_STATE_ANSWERED);
}

/* Whether a packet changes nothing that is known of where the two sides stand. */
static __always_inline bool shunt_tcp_in_step(const struct shunt_conn *conn, u8 tcp_flags,
					      u32 seq, u32 ack, enum shunt_dir dir)
{
	const u8 flags = SHUNT_TCP_SYN | SHUNT_TCP_FIN | SHUNT_TCP_RST | SHUNT_TCP_ACK;

	return (tcp_flags & flags) == SHUNT_TCP_ACK &&
	       (s32)(seq - READ_ONCE(conn->seq[dir])) <= SHUNT_TCP_LAG &&
	       (s32)(ack - READ_ONCE(conn->seq[!dir])) <= SHUNT_TCP_LAG;
}

/*
 * Whether an established connection's packet is one of many that change nothing,
 * the common case of shunt_tcp_packet().
 */
static inline bool shunt_tcp_goes_on(const struct shunt_conn *conn,
				     const struct shunt_packet *pkt, enum shunt_dir dir)
{
	return READ_ONCE(conn->state) == SHUNT_CONN_STATE_ESTABLISHED &&
	       READ_ONCE(conn->marks) == SHUNT_MARKS_KNOWN &&
	       (u32)jiffies - READ_ONCE(conn->seen) < HZ &&
	       shunt_tcp_in_step(conn, pkt->tcp_flags, pkt->seq, pkt->ack, dir);
}

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
