// SPDX-License-Identifier: GPL-2.0
/*
 * How many connections there may be.
 *
 * A namespace has a maximum, and each service may have one of its own. At the
 * maximum, connections that are there are not touched, but for those that are
 * over or have hardly begun: a new one may take the place of one that is closed,
 * or that was idle for a while closing, in its handshake, or as datagrams without
 * an answer. It looks at some in the table, from where the one before it has
 * stopped: enough that a service finds its own among many others', and for each
 * service that is full about as many as a tenth of a processor has time for. When all
 * have been looked at in vain, nobody looks for a while, for one of that service or,
 * if the namespace is full, for any. If it finds none, the packet is forwarded without
 * an entry, to the server that the hash of its tuple alone chooses, and so are those
 * that follow it: nothing that a flood can do to the table keeps a client from its
 * service. NAT could not translate the answers, and drops it, counted.
 *
 * Half-open connections in NAT have a maximum of their own, since a SYN costs
 * its sender nothing. A ring holds the hashes of the last ones made; one that is
 * overwritten goes if it still waits. So the oldest goes first, and the ring's
 * size is the maximum.
 *
 * Who writes what: the ring's slots are exchanged, so that of two CPUs with the
 * same slot each takes another's away. The maximum is read without a lock, and
 * several CPUs that look at once may each make one connection beyond it; where
 * the search for a place goes on is written without one, and two that race look
 * at the same, which counts once.
 */
#include <linux/minmax.h>
#include <linux/mm.h>

#include "limit.h"
#include "lookup.h"
#include "server.h"
#include "service.h"
#include "table.h"

enum {
	/* With the bucket's share, of the smallest and most frequent kind. */
	CONN_BYTES = 80,
	MEMORY_SHARE = 16,
	LIMIT_MIN = 65536,
	HALF_OPEN_BITS_MIN = 12,
	HALF_OPEN_BITS_MAX = 18,
	HALF_OPEN_MEMORY_SHIFT = 17,	/* one for each 128 KiB of memory */
	RECYCLE_CHAINS = 1024,		/* looked at for a place, at most ... */
	RECYCLE_CONNS = 256,		/* ... and connections in them ... */
	RECYCLE_CONNS_JIFFY = 524288 / HZ,	/* ... and in a jiffy, for a service */
	RECYCLE_REST = HZ / 4,		/* when there was none in all */
	RECYCLE_IDLE_SYN = HZ,		/* an honest client answers within */
	RECYCLE_IDLE = 10 * HZ,
};

struct shunt_half_open {
	atomic_t next;
	u32 mask;
	u32 hash[];
};

/* A sixteenth of the memory: 800 000 connections to a GiB. */
u32 shunt_limit_default(void)
{
	u64 bytes = (u64)totalram_pages() << PAGE_SHIFT;

	return clamp_t(u64, bytes / (MEMORY_SHARE * CONN_BYTES), LIMIT_MIN, U32_MAX);
}

struct shunt_half_open *shunt_half_open_alloc(void)
{
	unsigned int bits = ilog2(totalram_pages()) + PAGE_SHIFT - HALF_OPEN_MEMORY_SHIFT;
	struct shunt_half_open *half_open;

	bits = clamp_t(unsigned int, bits, HALF_OPEN_BITS_MIN, HALF_OPEN_BITS_MAX);
	half_open = kvzalloc(struct_size(half_open, hash, 1UL << bits), GFP_KERNEL_ACCOUNT);
	if (half_open)
		half_open->mask = (1U << bits) - 1;
	return half_open;
}

void shunt_half_open_free(struct shunt_half_open *half_open)
{
	kvfree(half_open);
}

static bool waits(const struct shunt_conn *conn, const void *hash)
{
	return conn->hash == *(const u32 *)hash && conn->mode == SHUNT_MODE_NAT &&
	       READ_ONCE(conn->state) == SHUNT_CONN_STATE_SYN;
}

void shunt_half_open_note(struct shunt_net *sn, const struct shunt_conn *conn)
{
	struct shunt_half_open *half_open = sn->half_open;
	u32 at = (u32)atomic_inc_return(&half_open->next) & half_open->mask;
	u32 old = xchg(&half_open->hash[at], conn->hash);

	/* A SYN again is in the ring again; that is no reason to end it. */
	if (old && old != conn->hash && shunt_table_evict(sn, old, waits, &old))
		shunt_drop_count(sn->drops, SHUNT_COUNT_HALF_OPEN);
}

/*
 * Whether a connection's end would harm nobody, or least: what has ended, has
 * not begun, or may have ended unseen and was idle for a while.
 */
static bool is_spare(const struct shunt_conn *conn, const void *service)
{
	u32 idle = shunt_conn_idle(conn);

	if (service && conn->server->service != service)
		return false;
	switch (READ_ONCE(conn->state)) {
	case SHUNT_CONN_STATE_CLOSED:
		return true;
	case SHUNT_CONN_STATE_SYN:
		return idle > RECYCLE_IDLE_SYN;
	case SHUNT_CONN_STATE_CLOSING:
	case SHUNT_CONN_STATE_ONE_WAY:
		return idle > RECYCLE_IDLE;
	default:
		return false;
	}
}

/* How many connections may be looked at for this packet. */
static u32 recycle_budget(struct shunt_recycling *search)
{
	u32 now = jiffies, looked = READ_ONCE(search->looked);

	if (READ_ONCE(search->looked_in) != now) {
		WRITE_ONCE(search->looked_in, now);
		WRITE_ONCE(search->looked, 0);
		looked = 0;
	}
	return min_t(u32, RECYCLE_CONNS_JIFFY - min_t(u32, looked, RECYCLE_CONNS_JIFFY),
		     RECYCLE_CONNS);
}

/* Ends a connection to spare, of the service if not NULL, of any otherwise. */
static bool recycle(struct shunt_net *sn, const struct shunt_service *service,
		    struct shunt_recycling *search)
{
	u32 from = READ_ONCE(search->at), at = from;
	u32 conns = recycle_budget(search), left = conns;
	bool found;

	if (!conns || shunt_stamped(&search->failed_at, RECYCLE_REST))
		return false;
	found = shunt_table_recycle(sn, &at, RECYCLE_CHAINS, &left, is_spare, service);
	WRITE_ONCE(search->at, at);
	WRITE_ONCE(search->looked, READ_ONCE(search->looked) + conns - left);
	if (found) {
		WRITE_ONCE(search->found, true);
		return true;
	}
	/* Round, or once round by this alone. */
	if (at <= from) {
		if (!READ_ONCE(search->found))
			shunt_stamp(&search->failed_at);
		WRITE_ONCE(search->found, false);
	}
	return false;
}

/* As the service's own limit says, or else the namespace's. */
static bool make_room(struct shunt_net *sn, struct shunt_service *service, bool own)
{
	return own ? recycle(sn, service, &service->recycling) : recycle(sn, NULL, &sn->recycling);
}

bool shunt_limit_make_room(struct shunt_net *sn, struct shunt_service *service)
{
	bool own = shunt_limit_service_full(service);

	if (make_room(sn, service, own)) {
		shunt_drop_count(service->drops, SHUNT_COUNT_RECYCLED);
		return true;
	}
	if (own) {
		shunt_stamp(&service->limited_at);
	} else {
		shunt_stamp(&sn->limited_at);
		shunt_stamp(&sn->pressed_at);
	}
	return false;
}
