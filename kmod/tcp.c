// SPDX-License-Identifier: GPL-2.0
/*
 * TCP states, of what the director can see:
 *
 *   state         client's packet              server's packet (NAT only)
 *   syn           ACK without SYN: established
 *   any           first FIN: closing           first FIN: closing
 *   any           FIN, server's seen: closed   FIN, client's seen: closed
 *   any           RST: closed                  RST: closed
 *
 * In DSR the server's side is never seen, so a connection stays closing until
 * it has been idle long enough for the server to send what it still has.
 */
#include <uapi/linux/shunt.h>

#include "conn.h"

/*
 * A SYN's: longer than the five retries of a client whose handshake is slow.
 * Established: beyond the two hours after which hosts send their first
 * keepalive, with the nine probes at 75 s that may follow (RFC 9293 3.8.4 and
 * tcp_keepalive_*): 7200 + 675 s, rounded up. Closing: twice the maximum
 * segment lifetime used in practice. Closed: for the last segments under way.
 */
static const u32 timeouts[] = {
	[SHUNT_CONN_STATE_SYN] = 60,
	[SHUNT_CONN_STATE_ESTABLISHED] = 8100,
	[SHUNT_CONN_STATE_CLOSING] = 120,
	[SHUNT_CONN_STATE_CLOSED] = 10,
};

u32 shunt_tcp_timeout(u8 state)
{
	return timeouts[state];
}

static u8 next_state(struct shunt_conn *conn, u8 state, u8 flags, enum shunt_dir dir)
{
	u8 fins = READ_ONCE(conn->fins);

	if (flags & SHUNT_TCP_RST)
		return SHUNT_CONN_STATE_CLOSED;
	if (flags & SHUNT_TCP_FIN) {
		fins |= BIT(dir);
		WRITE_ONCE(conn->fins, fins);
		if (fins == (BIT(SHUNT_DIR_CLIENT) | BIT(SHUNT_DIR_SERVER)))
			return SHUNT_CONN_STATE_CLOSED;
		return state == SHUNT_CONN_STATE_CLOSED ? state : SHUNT_CONN_STATE_CLOSING;
	}
	if (state == SHUNT_CONN_STATE_SYN && dir == SHUNT_DIR_CLIENT &&
	    (flags & (SHUNT_TCP_ACK | SHUNT_TCP_SYN)) == SHUNT_TCP_ACK)
		return SHUNT_CONN_STATE_ESTABLISHED;
	return state;
}

void shunt_tcp_packet(struct shunt_conn *conn, u8 flags, enum shunt_dir dir)
{
	u8 state = READ_ONCE(conn->state);
	u8 next = next_state(conn, state, flags, dir);

	if (next != state) {
		/* A shorter timeout counts from this very packet. */
		WRITE_ONCE(conn->seen, (u32)jiffies);
		WRITE_ONCE(conn->state, next);
	}
}

#ifdef SHUNT_SELFTEST
#include "selftest/tcp.c"
#endif
