/* SPDX-License-Identifier: GPL-2.0 */
/* How many connections there may be, and what happens to those beyond. */
#ifndef SHUNT_LIMIT_H
#define SHUNT_LIMIT_H

#include <linux/jiffies.h>

#include "conn.h"
#include "net.h"
#include "service.h"
#include "table.h"

struct shunt_half_open;

enum {
	/* How long servers of new connections are chosen by the hash alone ... */
	SHUNT_PRESSED = 5 * HZ,
	/* ... and a segment, or datagram, of no connection may follow one that was so sent. */
	SHUNT_PRESSED_LATELY = 300 * HZ,
};

/* Any context. What a network namespace begins with. */
u32 shunt_limit_default(void);

/* May sleep. The NAT connections that wait for their handshake. NULL: no memory. */
struct shunt_half_open *shunt_half_open_alloc(void);
void shunt_half_open_free(struct shunt_half_open *half_open);

/*
 * Under RCU, bottom halves off. A NAT connection was made of a SYN: the oldest
 * of those that wait goes, if they are as many as may be.
 */
void shunt_half_open_note(struct shunt_net *sn, const struct shunt_conn *conn);

/* Under RCU. Whether a service may have no more connections for its own sake. */
static inline bool shunt_limit_service_full(const struct shunt_service *service)
{
	u32 limit = READ_ONCE(service->limit);

	return unlikely(limit && (u32)atomic_read(&service->conns) >= limit);
}

/* Under RCU. Whether a service, or the namespace, has all the connections it may have. */
static inline bool shunt_limit_reached(const struct shunt_net *sn,
				       const struct shunt_service *service)
{
	return unlikely(shunt_table_conns(sn) >= READ_ONCE(sn->limit)) ||
	       shunt_limit_service_full(service);
}

/*
 * Under RCU, bottom halves off. The limit is reached: whether a connection of the
 * service, or any, went that will be missed least.
 */
bool shunt_limit_make_room(struct shunt_net *sn, struct shunt_service *service);

/*
 * Under RCU, bottom halves off. Whether there may be another connection of a
 * service: there are fewer than allowed, or one made room.
 */
static inline bool shunt_limit_admits(struct shunt_net *sn, struct shunt_service *service)
{
	return likely(!shunt_limit_reached(sn, service)) || shunt_limit_make_room(sn, service);
}

/* Any context. What *at tells the jiffies of, 0 for never, is now. */
static inline void shunt_stamp(unsigned long *at)
{
	unsigned long now = jiffies | 1;

	if (READ_ONCE(*at) != now)
		WRITE_ONCE(*at, now);
}

/* Any context. Whether it was within so many jiffies. */
static inline bool shunt_stamped(const unsigned long *at, unsigned long within)
{
	unsigned long then = READ_ONCE(*at);

	return unlikely(then && jiffies - then + 1 <= within);
}

/*
 * Any context. Whether, within so many jiffies, many SYNs were forgotten before their
 * clients could answer, or there were all the connections that the namespace, or the
 * service, may have.
 */
static inline bool shunt_pressed(const struct shunt_net *sn, const struct shunt_service *service,
				 unsigned long within)
{
	return shunt_stamped(&sn->pressed_at, within) ||
	       shunt_stamped(&service->limited_at, within);
}

/* The same, but that SYNs do not count. */
static inline bool shunt_limited(const struct shunt_net *sn, const struct shunt_service *service,
				 unsigned long within)
{
	return shunt_stamped(&sn->limited_at, within) ||
	       shunt_stamped(&service->limited_at, within);
}

#endif
