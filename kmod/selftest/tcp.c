// SPDX-License-Identifier: GPL-2.0
/* The table at the top of tcp.c, step by step: whole lives of connections. */
#include "../selftest.h"

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
};

struct tcp_life {
	const char *what;
	struct {
		u8 dir;
		u8 flags;
		u8 state;
	} step[8];
};

static const struct tcp_life tcp_lives[] __initconst = {
	{ "NAT, client closes", {
		{ C, SYN, SENT }, { S, SYN | ACK, SENT }, { C, ACK, ESTABLISHED },
		{ S, ACK, ESTABLISHED }, { C, FIN | ACK, CLOSING }, { S, ACK, CLOSING },
		{ S, FIN | ACK, CLOSED }, { C, ACK, CLOSED } } },
	{ "NAT, simultaneous close", {
		{ C, SYN, SENT }, { S, SYN | ACK, SENT }, { C, ACK, ESTABLISHED },
		{ S, FIN | ACK, CLOSING }, { C, FIN | ACK, CLOSED } } },
	{ "DSR, client closes", {
		{ C, SYN, SENT }, { C, ACK, ESTABLISHED }, { C, FIN | ACK, CLOSING },
		{ C, ACK, CLOSING }, { C, FIN | ACK, CLOSING } } },
	{ "SYN again", { { C, SYN, SENT }, { C, SYN, SENT }, { C, ACK, ESTABLISHED } } },
	{ "refused", { { C, SYN, SENT }, { S, RST | ACK, CLOSED } } },
	{ "reset", { { C, SYN, SENT }, { C, ACK, ESTABLISHED }, { C, RST, CLOSED },
		{ C, ACK, CLOSED }, { C, FIN | ACK, CLOSED } } },
	{ "a server's ACK establishes nothing", { { C, SYN, SENT }, { S, ACK, SENT } } },
};

int __init shunt_tcp_selftest(void)
{
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(tcp_lives); i++) {
		const struct tcp_life *life = &tcp_lives[i];
		struct shunt_conn conn = {};

		for (j = 0; j < ARRAY_SIZE(life->step) && life->step[j].flags; j++) {
			shunt_tcp_packet(&conn, life->step[j].flags, life->step[j].dir);
			SHUNT_EXPECT(life->what, conn.state == life->step[j].state);
		}
	}
	SHUNT_EXPECT("only a bare SYN begins", shunt_tcp_begins(SYN));
	SHUNT_EXPECT("only a bare SYN begins", !shunt_tcp_begins(SYN | ACK));
	SHUNT_EXPECT("only a bare SYN begins", !shunt_tcp_begins(SYN | RST));
	SHUNT_EXPECT("only a bare SYN begins", !shunt_tcp_begins(SYN | FIN));
	SHUNT_EXPECT("only a bare SYN begins", !shunt_tcp_begins(ACK));
	return 0;
}
