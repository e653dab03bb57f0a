// SPDX-License-Identifier: GPL-2.0
/*
 * TCP states, of what the director can see. In DSR that is the client's side:
 *
 *   client's packet | in state            | becomes
 *   SYN             | (none)              | (none), see syn.c
 *   ACK             | (none), SYN seen    | established
 *   ACK             | (none), picked up   | syn
 *   ACK             | syn                 | established
 *   FIN             | any but closed      | closing
 *   RST             | any                 | closed
 *   ACK             | closed, by his RST  | what it was before: that was not his
 *
 * and stays closing until it has been idle long enough for the server to send
 * what it still has. In NAT it is both sides:
 *
 *   packet          | of       | in state            | becomes
 *   SYN             | client   | (none)              | syn
 *   ACK             | client   | syn, server's SYN   | established
 *                   |          | seen and meant      |
 *   FIN             | either   | syn, established    | closing
 *   FIN             | other    | closing             | closed
 *   RST             | either   | any                 | closed
 *   ACK             | either   | closed, by his RST  | what it was before
 *
 * A client's SYN begins a new connection, with a server chosen anew, when the
 * old one is closing or closed, and also when its sequence number is far from
 * what the old one's should be: then the client has lost its state. Near it, it
 * is a retransmission and goes to the same server.
 *
 * FIN, RST and ACK count only if their sequence number is near what is known of
 * their side, an idea of RFC 5961 section 3: whoever cannot see the connection
 * would have to send some two thousand packets to hit it once. They are
 * forwarded all the same, because the endpoint is the better judge. "Near" is
 * wide since the numbers are noted only once in a while, so as not to write to
 * the entry for every packet. A guess that did hit is put right by the next
 * packet of the side in whose name it came.
 */
#include <uapi/linux/shunt.h>

#include "conn.h"
#include "server.h"
#include "service.h"

static bool is_known(const struct shunt_conn *conn, enum shunt_dir dir)
{
	return READ_ONCE(conn->marks) & SHUNT_MARK_KNOWN << dir;
}

static void set_marks(struct shunt_conn *conn, u8 set, u8 clear)
{
	u8 old = READ_ONCE(conn->marks);
	u8 marks = (old | set) & ~clear;

	if (marks != old)
		WRITE_ONCE(conn->marks, marks);
}

/* Whether a packet acknowledges about what the other side has sent. */
static bool acks_known(const struct shunt_conn *conn, const struct shunt_packet *pkt,
		       enum shunt_dir dir)
{
	return pkt->tcp_flags & SHUNT_TCP_ACK && is_known(conn, !dir) &&
	       shunt_tcp_near(pkt->ack, READ_ONCE(conn->seq[!dir]));
}

/*
 * Whether whoever sent the packet knows where the connection stands. Either
 * number will do: one may have leapt ahead, when a large gap was filled.
 */
static bool believable(const struct shunt_conn *conn, const struct shunt_packet *pkt,
		       enum shunt_dir dir)
{
	if (is_known(conn, dir) && shunt_tcp_near(pkt->seq, READ_ONCE(conn->seq[dir])))
		return true;
	return acks_known(conn, pkt, dir);
}

/* Notes where a side has come to, unless it is noted well enough. */
static void note(struct shunt_conn *conn, enum shunt_dir dir, u32 to, bool exactly)
{
	if (!is_known(conn, dir)) {
		WRITE_ONCE(conn->seq[dir], to);
		set_marks(conn, SHUNT_MARK_KNOWN << dir, 0);
	} else if ((s32)(to - READ_ONCE(conn->seq[dir])) > (exactly ? 0 : SHUNT_TCP_LAG)) {
		WRITE_ONCE(conn->seq[dir], to);
	}
}

void shunt_tcp_first(struct shunt_conn *conn, const struct shunt_packet *pkt, bool answered)
{
	if (pkt->tcp_flags & SHUNT_TCP_FIN)
		conn->state = SHUNT_CONN_STATE_CLOSING;
	else if (answered)
		conn->state = SHUNT_CONN_STATE_ESTABLISHED;
	else
		conn->state = SHUNT_CONN_STATE_SYN;
	conn->seq[SHUNT_DIR_CLIENT] = shunt_packet_seq_end(pkt);
	conn->marks |= SHUNT_MARK_KNOWN << SHUNT_DIR_CLIENT;
	if (pkt->tcp_flags & SHUNT_TCP_FIN)
		conn->marks |= SHUNT_MARK_FIN << SHUNT_DIR_CLIENT;
	if (READ_ONCE(conn->server->service->on_expire) == SHUNT_ON_EXPIRE_RESET)
		conn->marks |= SHUNT_MARK_EXACT;
}

bool shunt_tcp_restarts(const struct shunt_conn *conn, const struct shunt_packet *pkt)
{
	return shunt_conn_over(conn) ||
	       !shunt_tcp_near(pkt->seq, READ_ONCE(conn->seq[SHUNT_DIR_CLIENT]));
}

/* The state that FINs and RSTs seen so far make of an established connection. */
static u8 state_by_marks(u8 marks)
{
	u8 fins = marks & (SHUNT_MARK_FIN << SHUNT_DIR_CLIENT | SHUNT_MARK_FIN << SHUNT_DIR_SERVER);

	if (marks & (SHUNT_MARK_RST << SHUNT_DIR_CLIENT | SHUNT_MARK_RST << SHUNT_DIR_SERVER))
		return SHUNT_CONN_STATE_CLOSED;
	if (!fins)
		return SHUNT_CONN_STATE_ESTABLISHED;
	return hweight8(fins) == SHUNT_DIRS ? SHUNT_CONN_STATE_CLOSED : SHUNT_CONN_STATE_CLOSING;
}

/* Whether a packet is the last of a handshake. */
static bool completes(const struct shunt_conn *conn, const struct shunt_packet *pkt,
		      enum shunt_dir dir)
{
	if (dir == SHUNT_DIR_SERVER)
		return false;
	if (conn->mode == SHUNT_MODE_NAT)
		return acks_known(conn, pkt, dir);
	return pkt->tcp_flags & SHUNT_TCP_ACK;
}

static u8 next_state(struct shunt_conn *conn, const struct shunt_packet *pkt,
		     enum shunt_dir dir, u8 state)
{
	u8 flags = pkt->tcp_flags;

	if (flags & SHUNT_TCP_RST) {
		set_marks(conn, SHUNT_MARK_RST << dir, 0);
		return SHUNT_CONN_STATE_CLOSED;
	}
	if (flags & SHUNT_TCP_SYN)
		return state;
	if (flags & SHUNT_TCP_FIN)
		set_marks(conn, SHUNT_MARK_FIN << dir, SHUNT_MARK_RST << dir);
	else
		set_marks(conn, 0, SHUNT_MARK_RST << dir);
	if (state == SHUNT_CONN_STATE_SYN && !(flags & SHUNT_TCP_FIN) &&
	    !completes(conn, pkt, dir))
		return state;
	return state_by_marks(READ_ONCE(conn->marks));
}

void shunt_tcp_packet(struct shunt_conn *conn, const struct shunt_packet *pkt,
		      enum shunt_dir dir)
{
	bool exactly = shunt_conn_touch(conn);
	u8 state = READ_ONCE(conn->state);
	u8 next;

	if (state == SHUNT_CONN_GONE || !believable(conn, pkt, dir))
		return;
	next = next_state(conn, pkt, dir, state);
	if (next != state)
		shunt_conn_become(conn, state, next);
	if (pkt->tcp_flags & SHUNT_TCP_RST)
		return;
	note(conn, dir, shunt_packet_seq_end(pkt), exactly || next != state);
	/* What the client has had of the server is all that DSR shows of it. */
	if (conn->mode == SHUNT_MODE_DSR && pkt->tcp_flags & SHUNT_TCP_ACK)
		note(conn, SHUNT_DIR_SERVER, pkt->ack, exactly || next != state);
}

#ifdef SHUNT_SELFTEST
#include "selftest/tcp.c"
#endif
