// SPDX-License-Identifier: GPL-2.0
/*
 * What time does to servers: drains that come to their end, slow starts that rise, and
 * limits that are reached.
 *
 * A server that drains, starts slowly or has a limit is in a list of its namespace, from
 * when the configuration says so until it has drained, or has its full weight, or has no
 * limit any more, or is removed.
 * A worker looks at those in the list every second, under the namespace's lock, which
 * the list and all that is decided here belong to; packets do nothing for it, but that
 * who takes a draining server's last connection away wakes the worker.
 *
 * A drain is over when the server has no connection, nor, in DSR, a handshake under
 * way, which is none yet: a SYN that was sent to it within the last seconds. When its
 * time is up first, the server is marked down, so that nothing in mid-stream is given
 * to it any more, and what it has is forgotten; the next packet of each is of no
 * connection, which the service's midstream is for.
 *
 * A slow start is a number of steps. At each the service's pool is made anew, for
 * schedulers know nothing but the weights in it; one that cannot be made for lack of
 * memory is made a second later.
 */
#include "conn.h"
#include "event.h"
#include "net.h"
#include "pool.h"
#include "table.h"
#include "watch.h"

enum {
	PERIOD = HZ,
	HANDSHAKE = 3,	/* seconds; a SYN's answer is repeated after one */
};

void shunt_watch_begin(struct shunt_server *server)
{
	struct shunt_net *sn = server->service->sn;

	lockdep_assert_held(&sn->lock);
	if (list_empty(&server->watched))
		list_add_tail(&server->watched, &sn->watched);
	shunt_watch_soon(sn);
}

void shunt_watch_end(struct shunt_server *server)
{
	lockdep_assert_held(&server->service->sn->lock);
	list_del_init(&server->watched);
}

void shunt_watch_soon(struct shunt_net *sn)
{
	mod_delayed_work(system_wq, &sn->watch, 0);
}

u32 shunt_watch_drain_left(const struct shunt_server *server)
{
	u64 now = get_jiffies_64();

	if (!server->draining || !time_before64(now, server->drain_until))
		return 0;
	return div_u64(server->drain_until - now + HZ - 1, HZ);
}

static bool handshake_may_end(const struct shunt_server *server)
{
	return (u32)(jiffies / HZ) - READ_ONCE(server->awaited_in) <= HANDSHAKE &&
	       READ_ONCE(server->awaited);
}

static bool conn_is_of(const struct shunt_conn *conn, const void *server)
{
	return conn->server == server;
}

/* What then? Returns whether that is still to be done: memory may lack. */
static bool drain_end(struct shunt_server *server)
{
	struct shunt_refusal no;

	switch (server->drain_then) {
	case SHUNT_DRAIN_THEN_REMOVE:
		return shunt_server_del(server, &no);
	case SHUNT_DRAIN_THEN_DOWN:
		server->drain_then = SHUNT_DRAIN_THEN_STAY;
		server->state = SHUNT_SERVER_STATE_DOWN;
		WRITE_ONCE(server->down, true);
		server->service->sn->generation++;
		shunt_event_server(server, SHUNT_EVENT_SERVER_CHANGED);
		return false;
	default:
		return false;
	}
}

/* The drain's time is up: nothing in mid-stream is given to the server any more. */
static void drain_cut(struct shunt_server *server)
{
	WRITE_ONCE(server->down, true);
	server->drain_until = 0;
	if (atomic_read(&server->conns))
		shunt_table_delete(server->service->sn, conn_is_of, server);
}

/* Returns whether to look again. */
static bool look_at_drain(struct shunt_server *server)
{
	u64 until = server->drain_until;

	/* Another may have been made for a packet that did not see the mark. */
	if (server->down || (until && !time_before64(get_jiffies_64(), until)))
		drain_cut(server);
	else if (server->draining && handshake_may_end(server))
		return true;
	if (server->draining && atomic_read(&server->conns))
		return true;
	if (server->draining) {
		WRITE_ONCE(server->draining, false);
		shunt_event_server(server, SHUNT_EVENT_SERVER_DRAINED);
	}
	return drain_end(server) || server->drain_until;
}

/* The same, of one that starts slowly. */
static bool look_at_start(struct shunt_server *server)
{
	struct shunt_service *service = server->service;
	struct shunt_pool *pool;

	/* Others of its service may have had the pool made anew meanwhile. */
	if (shunt_server_step(server) != server->step) {
		pool = shunt_pool_alloc(service, shunt_pool_of(service)->sched, &service->hashing);
		if (!pool)
			return true;
		shunt_pool_publish(service, pool);
	}
	if (server->step < SHUNT_SERVER_STEPS)
		return true;
	server->started_at = 0;
	return false;
}

/* Returns whether to look again. */
static bool look(struct shunt_server *server)
{
	bool more = false;

	if (server->state == SHUNT_SERVER_STATE_DRAIN)
		more = look_at_drain(server);
	else if (server->started_at)
		more = look_at_start(server);
	if (server->removed)
		return false;
	if (READ_ONCE(server->full) != server->said_full)
		shunt_event_review(server->service);
	return more || server->upper_limit;
}

static void watch(struct work_struct *work)
{
	struct shunt_net *sn = container_of(work, struct shunt_net, watch.work);
	struct shunt_server *server, *next;

	mutex_lock(&sn->lock);
	list_for_each_entry_safe(server, next, &sn->watched, watched) {
		if (!look(server))
			list_del_init(&server->watched);
		cond_resched();
	}
	if (!list_empty(&sn->watched))
		schedule_delayed_work(&sn->watch, PERIOD);
	mutex_unlock(&sn->lock);
}

void shunt_watch_net_init(struct shunt_net *sn)
{
	INIT_LIST_HEAD(&sn->watched);
	INIT_DELAYED_WORK(&sn->watch, watch);
}

void shunt_watch_net_exit(struct shunt_net *sn)
{
	WARN_ON_ONCE(!list_empty(&sn->watched));
	cancel_delayed_work_sync(&sn->watch);
}
