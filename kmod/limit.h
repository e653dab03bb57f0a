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
	/* ... and a segment of no connection may belong to one that was so chosen. */
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

/*
 * Any context. Of a namespace: SYNs are forgotten before their clients can
 * answer, or the table is full; of a service: it has all it may have. *at is the
 * jiffies of that, 0 for never.
 */
static inline void shunt_press(u32 *at)
{
	u32 now = (u32)jiffies | 1;

	if (READ_ONCE(*at) != now)
		WRITE_ONCE(*at, now);
}

/* Any context. Whether either was within so many jiffies. */
static inline bool shunt_pressed(const struct shunt_net *sn, const struct shunt_service *service,
				 u32 within)
{
	u32 net = READ_ONCE(sn->pressed_at), own = READ_ONCE(service->pressed_at);

	return unlikely(net && (u32)jiffies - net + 1 <= within) ||
	       unlikely(own && (u32)jiffies - own + 1 <= within);
}

#endif
