// SPDX-License-Identifier: GPL-2.0
/*
 * UDP has no connections; a tuple counts as one while packets come. In NAT an
 * answer turns one-way into answered, in DSR answers are not seen.
 */
#include <uapi/linux/shunt.h>

#include "conn.h"
#include "service.h"

/*
 * A SYN's: longer than the five retries of a client whose handshake is slow.
 * Established: beyond the two hours after which hosts send their first
 * keepalive, with the nine probes at 75 s that may follow (RFC 9293 3.8.4 and
 * tcp_keepalive_*): 7200 + 675 s, rounded up. Closing: twice the maximum
 * segment lifetime used in practice. Closed: for the last segments under way.
 *
 * UDP: RFC 4787 REQ-5 asks for two minutes at least, and recommends five, for a
 * mapping in use. A tuple that was never answered may be a scan or a spoofed
 * source in NAT, but is all that is ever seen in DSR, so both get the same.
 */
const u32 shunt_timeouts[SHUNT_CONN_STATES] = {
	[SHUNT_CONN_STATE_SYN] = 60,
	[SHUNT_CONN_STATE_ESTABLISHED] = 8100,
	[SHUNT_CONN_STATE_CLOSING] = 120,
	[SHUNT_CONN_STATE_CLOSED] = 10,
	[SHUNT_CONN_STATE_ONE_WAY] = 300,
	[SHUNT_CONN_STATE_ANSWERED] = 300,
};
