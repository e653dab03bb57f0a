// SPDX-License-Identifier: GPL-2.0
/*
 * UDP has no connections; a tuple counts as one while packets come. In NAT an
 * answer turns one-way into answered, in DSR answers are not seen.
 */
#include <uapi/linux/shunt.h>

#include "conn.h"

/*
 * RFC 4787 REQ-5 asks for two minutes at least, and recommends five, for a
 * mapping in use. A tuple that was never answered may be a scan or a spoofed
 * source in NAT, but is all that is ever seen in DSR, so both get the same.
 */
static const u32 timeouts[] = {
	[SHUNT_CONN_STATE_ONE_WAY] = 300,
	[SHUNT_CONN_STATE_ANSWERED] = 300,
};

u32 shunt_udp_timeout(u8 state)
{
	return timeouts[state];
}

void shunt_udp_packet(struct shunt_conn *conn, enum shunt_dir dir)
{
	if (dir == SHUNT_DIR_SERVER && READ_ONCE(conn->state) == SHUNT_CONN_STATE_ONE_WAY)
		WRITE_ONCE(conn->state, SHUNT_CONN_STATE_ANSWERED);
}
