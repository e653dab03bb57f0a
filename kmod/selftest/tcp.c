// SPDX-License-Identifier: GPL-2.0
/* The table at the top of tcp.c, step by step: whole lives of connections. */
#include "../selftest.h"
#include "../net.h"

enum {
	C = SHUNT_DIR_CLIENT,
	S = SHUNT_DIR_SERVER,
	SYN = SHUNT_TCP_SYN,
	ACK = SHUNT_TCP_ACK,
	FIN = SHUNT_TCP_FIN,
	RST = SHUNT_TCP_RST,
	SENT = SHUNT_CONN_STATE_SYN,
	ESTABLISHED = SHUNT_CONN_STATE_ESTABLISHED,
	CLOSING = SHUNT_CONN_STATE_CLOSING,
	CLOSED = SHUNT_CONN_STATE_CLOSED,
	BLIND = 1 << 30,	/* added to a number by who cannot see the connection */
	LEAP = 1 << 21,		/* farther than near, but true */
};

/* Where the two sides' numbers begin; the client's wrap around soon. */
static const u32 tcp_isn[] __initconst = { [C] = -100, [S] = 5000 };

struct tcp_life {
	const char *what;
	u8 mode;
	struct {
		u8 dir;
		u8 flags;
		u32 seq;	/* from the side's first on */
		u32 ack;	/* from the other side's first on */
		u8 state;	/* after it */
	} step[10];
};

#define NAT(what, ...) { what, SHUNT_MODE_NAT, { { C, SYN, 0, 0, SENT }, __VA_ARGS__ } }
#define DSR(what, ...) { what, SHUNT_MODE_DSR, { { C, ACK, 1, 1, ESTABLISHED }, __VA_ARGS__ } }
#define DSR_PICKED_UP(what, ...) \
	{ what, SHUNT_MODE_DSR, { { C, ACK, 1, 1, SENT }, __VA_ARGS__ } }
#define NAT_OPEN { S, SYN | ACK, 0, 1, SENT }, { C, ACK, 1, 1, ESTABLISHED }

static const struct tcp_life tcp_lives[] __initconst = {
	NAT("NAT, client closes", NAT_OPEN, { S, ACK, 1, 1, ESTABLISHED },
	    { C, FIN | ACK, 1, 1, CLOSING }, { S, ACK, 1, 2, CLOSING },
	    { S, FIN | ACK, 1, 2, CLOSED }, { C, ACK, 2, 2, CLOSED }),
	NAT("NAT, half closed for long", NAT_OPEN, { C, FIN | ACK, 1, 1, CLOSING },
	    { S, ACK, 1001, 2, CLOSING }, { C, ACK, 2, 1001, CLOSING }),
	NAT("NAT, simultaneous close", NAT_OPEN,
	    { S, FIN | ACK, 1, 1, CLOSING }, { C, FIN | ACK, 1, 1, CLOSED }),
	NAT("NAT, refused", { S, RST | ACK, 0, 1, CLOSED }),
	NAT("NAT, a refusal of something else", { S, RST | ACK, 0, BLIND, SENT }),
	NAT("NAT, an ACK before the server's SYN", { C, ACK, 1, 1, SENT }),
	NAT("NAT, an ACK of another SYN", { S, SYN | ACK, 0, 1, SENT }, { C, ACK, 1, BLIND, SENT }),
	NAT("NAT, a server's ACK establishes nothing", { S, ACK, 1, 1, SENT }),
	NAT("NAT, blind from either side", NAT_OPEN, { C, RST, BLIND, 0, ESTABLISHED },
	    { S, RST, BLIND, 0, ESTABLISHED }, { C, FIN | ACK, BLIND, BLIND, ESTABLISHED },
	    { S, FIN | ACK, BLIND, BLIND, ESTABLISHED }),
	NAT("NAT, the client's ACK does not unsay the server's reset", NAT_OPEN,
	    { S, RST, 1, 0, CLOSED }, { C, ACK, 1, 1, CLOSED }, { S, ACK, 1, 1, ESTABLISHED }),
	DSR("DSR, client closes", { C, FIN | ACK, 1, 1, CLOSING },
	    { C, ACK, 2, 2, CLOSING }, { C, FIN | ACK, 1, 2, CLOSING }),
	DSR("DSR, the SYN again, late", { C, SYN, 0, 0, ESTABLISHED }),
	DSR_PICKED_UP("DSR, picked up", { C, ACK, 1, 1, ESTABLISHED }),
	DSR_PICKED_UP("DSR, a stray ACK establishes nothing", { C, ACK, BLIND, BLIND, SENT }),
	DSR("DSR, reset", { C, RST, 1, 0, CLOSED }, { C, RST, 1, 0, CLOSED }),
	DSR("DSR, blind", { C, RST, BLIND, 0, ESTABLISHED },
	    { C, FIN | ACK, -BLIND, BLIND, ESTABLISHED }),
	DSR("DSR, a lucky reset is put right", { C, RST, 500, 0, CLOSED },
	    { C, ACK, 1, 1, ESTABLISHED }),
	DSR("DSR, a lucky reset of a closing one", { C, FIN | ACK, 1, 1, CLOSING },
	    { C, RST, 2, 0, CLOSED }, { C, ACK, 2, 1, CLOSING }),
	DSR("DSR, one number leaps", { C, ACK, 1, LEAP, ESTABLISHED },
	    { C, ACK, LEAP, LEAP, ESTABLISHED }, { C, FIN | ACK, LEAP, LEAP, CLOSING }),
};

static int __init tcp_live(const struct tcp_life *life, struct shunt_server *server)
{
	union shunt_conn_any any = { .conn = { .server = server, .mode = life->mode } };
	struct shunt_conn *conn = &any.conn;
	unsigned int i, state;

	for (i = 0; i < ARRAY_SIZE(life->step) && life->step[i].flags; i++) {
		u8 flags = life->step[i].flags;
		enum shunt_dir dir = life->step[i].dir;
		struct shunt_packet pkt = {
			.tcp_flags = flags,
			.seq = tcp_isn[dir] + life->step[i].seq,
			.ack = tcp_isn[!dir] + life->step[i].ack,
		};

		if (i) {
			shunt_tcp_packet(conn, &pkt, dir);
		} else {
			shunt_tcp_first(conn, &pkt, life->step[0].state == ESTABLISHED);
			atomic_inc(&server->states[conn->state]);
		}
		if (conn->state != life->step[i].state)
			pr_err("shunt: selftest: step %u\n", i);
		SHUNT_EXPECT(life->what, conn->state == life->step[i].state);
	}
	atomic_dec(&server->states[conn->state]);
	for (state = 0; state < SHUNT_CONN_STATES; state++)
		SHUNT_EXPECT(life->what, !atomic_read(&server->states[state]));
	return 0;
}

/* Which SYNs on a known tuple begin anew. */
static int __init tcp_restart(struct shunt_server *server)
{
	struct shunt_packet pkt = { .tcp_flags = SYN, .seq = 1000 };
	union shunt_conn_any any = { .conn = { .server = server, .mode = SHUNT_MODE_NAT } };
	struct shunt_conn *conn = &any.conn;

	shunt_tcp_first(conn, &pkt, false);
	SHUNT_EXPECT("the same SYN is a retransmission", !shunt_tcp_restarts(conn, &pkt));
	pkt.seq += BLIND;
	SHUNT_EXPECT("another SYN is a new connection", shunt_tcp_restarts(conn, &pkt));
	conn->state = ESTABLISHED;
	SHUNT_EXPECT("on a live one, too", shunt_tcp_restarts(conn, &pkt));
	pkt.seq = 1000;
	SHUNT_EXPECT("an old SYN is none", !shunt_tcp_restarts(conn, &pkt));
	conn->state = CLOSING;
	SHUNT_EXPECT("any SYN after a FIN is one", shunt_tcp_restarts(conn, &pkt));
	conn->state = CLOSED;
	SHUNT_EXPECT("any SYN after the end is one", shunt_tcp_restarts(conn, &pkt));
	return 0;
}

int __init shunt_tcp_selftest(void)
{
	static struct shunt_net sn __initdata;	/* without a table */
	static struct shunt_service service __initdata = { .sn = &sn };
	static struct shunt_server server __initdata = { .service = &service };
	unsigned int i;
	int err;

	/* As a packet's way through the module. */
	rcu_read_lock();
	local_bh_disable();
	err = tcp_restart(&server);
	for (i = 0; i < ARRAY_SIZE(tcp_lives) && !err; i++)
		err = tcp_live(&tcp_lives[i], &server);
	local_bh_enable();
	rcu_read_unlock();
	if (err)
		return err;
	SHUNT_EXPECT("only a bare SYN begins", shunt_tcp_begins(SYN));
	SHUNT_EXPECT("only a bare SYN begins", !shunt_tcp_begins(SYN | ACK));
	SHUNT_EXPECT("only a bare SYN begins", !shunt_tcp_begins(SYN | RST));
	SHUNT_EXPECT("only a bare SYN begins", !shunt_tcp_begins(SYN | FIN));
	SHUNT_EXPECT("only a bare SYN begins", !shunt_tcp_begins(ACK));
	return 0;
}
