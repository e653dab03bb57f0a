/* SPDX-License-Identifier: GPL-2.0 */
/* How many answers the director gives to packets that it does not forward. */
#ifndef SHUNT_ANSWER_H
#define SHUNT_ANSWER_H

#include "net.h"

enum {
	SHUNT_ANSWERS = 1000,	/* a second, as net.ipv4.icmp_msgs_per_sec */
};

/*
 * Whether one more may be sent in this second. Any context. The kernel's
 * __ratelimit() says no, too, when two CPUs ask at once, and its ICMP limiter
 * is not told of resets. Two CPUs that begin a second together may forget a few
 * answers of each other, no more.
 */
static inline bool shunt_may_answer(struct shunt_net *sn)
{
	unsigned long now = jiffies / HZ;

	if (READ_ONCE(sn->answers_at) != now) {
		WRITE_ONCE(sn->answers_at, now);
		atomic_set(&sn->answers, 0);
	}
	/* No increment beyond the limit, so that it cannot wrap. */
	return atomic_read(&sn->answers) < SHUNT_ANSWERS &&
	       atomic_inc_return(&sn->answers) <= SHUNT_ANSWERS;
}

#endif
