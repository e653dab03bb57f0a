// SPDX-License-Identifier: GPL-2.0
/*
 * Real servers, from when they are configured to when they are freed; who owns
 * them and who may hold them is told in service.c.
 */
#include <linux/jhash.h>
#include <linux/slab.h>

#include "conn.h"
#include "event.h"
#include "group.h"
#include "limit.h"
#include "link.h"
#include "match.h"
#include "net.h"
#include "pool.h"
#include "sched.h"
#include "server.h"
#include "service.h"
#include "watch.h"

/* Why a server and what its service matches do not go together. */
static const char each_needs_one[] =
	"with packet on, NAT servers need a service with one address and one port to answer from";
static const char of_one_port[] =
	"a DSR server is reached on the service's own port; use mode nat to change the port";
static const char of_ports[] =
	"of several ports a DSR server has the client's; expected none, or mode nat";

/* For the service as it is. */
static struct shunt_pool *pool_alloc(const struct shunt_service *service)
{
	return shunt_pool_alloc(service, shunt_pool_of(service)->sched, &service->hashing);
}

static void server_free(struct rcu_head *rcu)
{
	struct shunt_server *server = container_of(rcu, struct shunt_server, rcu);

	free_percpu(server->counters);
	kfree(server);
}

void shunt_server_release(struct shunt_server *server)
{
	struct shunt_service *service = server->service;
	struct shunt_net *sn = service->sn;

	lockdep_assert_held(&sn->lock);
	WARN_ON_ONCE(atomic_read(&server->conns));
	list_del(&server->list);
	list_del(&server->leaving);
	shunt_watch_end(server);
	if (server->natted)
		shunt_filter_del(&sn->nat_servers, &server->in_nat_servers);
	if (server->linked)
		shunt_link_drop(sn, server);
	if (server->answers)
		shunt_match_del_server(sn, server);
	shunt_counters_add(server->counters, &service->retired);
	call_rcu(&server->rcu, server_free);
}

void shunt_server_reap(struct work_struct *work)
{
	struct shunt_net *sn = container_of(work, struct shunt_net, reap);
	struct shunt_server *server, *next;

	mutex_lock(&sn->lock);
	list_for_each_entry_safe(server, next, &sn->leaving, leaving) {
		cond_synchronize_rcu(server->removed_at);
		if (!atomic_read(&server->conns))
			shunt_server_release(server);
	}
	mutex_unlock(&sn->lock);
}

/* Of those that count against its limits: a handshake costs its sender nothing. */
static u32 server_established(const struct shunt_server *server)
{
	return (u32)atomic_read(&server->states[SHUNT_CONN_STATE_ESTABLISHED]) +
	       (u32)atomic_read(&server->states[SHUNT_CONN_STATE_ONE_WAY]) +
	       (u32)atomic_read(&server->states[SHUNT_CONN_STATE_ANSWERED]);
}

/* Whether a server that was full or not is to be. */
static bool server_fills(const struct shunt_server *server, bool full)
{
	u32 upper = READ_ONCE(server->upper_limit), lower = READ_ONCE(server->lower_limit);
	u32 conns = server_established(server);

	if (!upper)
		return false;
	if (!full)
		return conns >= upper;
	/*
	 * As in IPVS: without a lower limit, three quarters of the upper one. While
	 * both are set the lower one may be above, and no answer would stand.
	 */
	return lower ? conns >= min(lower, upper) : (u64)conns * 4 >= (u64)upper * 3;
}

/*
 * Several CPUs may look at once. Each counts its connection before, and whoever
 * changes the mark looks again after, so that the last of them leaves it right.
 */
void shunt_server_review(struct shunt_server *server)
{
	bool full;

	do {
		/* Pairs with that of other CPUs. */
		smp_mb();
		full = READ_ONCE(server->full);
		if (server_fills(server, full) == full)
			break;
		WRITE_ONCE(server->full, !full);
	} while (true);
}

void shunt_server_conn_gone(struct shunt_server *server, u8 state)
{
	struct shunt_net *sn = server->service->sn;
	bool last;

	atomic_dec(&server->service->conns);
	atomic_dec(&server->states[state]);
	last = atomic_dec_and_test(&server->conns);
	if (unlikely(READ_ONCE(server->upper_limit)))
		shunt_server_review(server);
	/* Pairs with the removal, or the drain, which marks the server before it looks. */
	if (last && READ_ONCE(server->removed))
		schedule_work(&sn->reap);
	else if (last && READ_ONCE(server->draining))
		shunt_watch_soon(sn);
}

void shunt_server_conn_became(struct shunt_server *server, u8 from, u8 to)
{
	/* In this order there is none too many, by which a server would be full for long. */
	atomic_dec(&server->states[from]);
	atomic_inc(&server->states[to]);
	if (unlikely(READ_ONCE(server->upper_limit)))
		shunt_server_review(server);
}

/* Finds a removed one too. */
static struct shunt_server *server_find(struct shunt_service *service,
					const union nf_inet_addr *addr, __be16 port)
{
	struct shunt_server *server;

	lockdep_assert_held(&service->sn->lock);
	list_for_each_entry(server, &service->servers, list)
		if (server->port == port && nf_inet_addr_cmp(&server->addr, addr))
			return server;
	return NULL;
}

/*
 * The port of a server that was given this one, or 0 for none: then the service's.
 * Only one that is there from when the service had several ports has none still.
 */
static __be16 port_given(struct shunt_service *service, const union nf_inet_addr *addr,
			 __be16 port)
{
	const struct shunt_server *server;

	if (port)
		return port;
	server = server_find(service, addr, 0);
	return server && !server->removed ? 0 : shunt_match_port(shunt_match_of(service));
}

struct shunt_server *shunt_server_by_addr(struct shunt_service *service,
					  const union nf_inet_addr *addr, __be16 port)
{
	struct shunt_server *server;

	server = server_find(service, addr, port_given(service, addr, port));
	return server && !server->removed ? server : NULL;
}

/* Whether answers from this address could only be to the service's packets. */
static int answer_check(const struct shunt_service *service, const union nf_inet_addr *addr,
			__be16 port, struct shunt_refusal *no)
{
	const struct shunt_tuple answer = {
		.src = *addr,
		.sport = port,
		.family = service->family,
		.protocol = IPPROTO_UDP,
	};
	const struct shunt_server *other;
	bool taken;

	rcu_read_lock();
	other = shunt_match_server(service->sn, &answer);
	taken = other && !other->removed && other->service != service;
	rcu_read_unlock();
	if (!taken)
		return 0;
	return shunt_refuse(no, -EBUSY, SHUNT_A_SERVER_PORT,
			    "another service that schedules each packet has this NAT server, and their answers could not be told apart; use another server port");
}

/* Whether answers of NAT servers can be given a source without a connection to tell it. */
static bool has_one_source(const struct shunt_match *match)
{
	return match->count == 1 && shunt_match_is_port(match->entry);
}

/* Whether packets could reach the server in this mode. */
static int server_check(const struct shunt_service *service, const union nf_inet_addr *addr,
			__be16 port, u8 mode, struct shunt_refusal *no)
{
	const struct shunt_match *match = shunt_match_of(service);

	if (shunt_match_has_addr(match, addr))
		return shunt_refuse(no, -EINVAL, SHUNT_A_SERVER_ADDRESS,
				    "this is the service's virtual address; expected the server's own");
	if (mode == SHUNT_MODE_NAT && service->packet && !has_one_source(match))
		return shunt_refuse(no, -EINVAL, SHUNT_A_SERVER_ADDRESS, each_needs_one);
	if (mode == SHUNT_MODE_NAT)
		return service->packet ? answer_check(service, addr, port, no) : 0;
	if (port != shunt_match_port(match))
		return shunt_refuse(no, -EINVAL, SHUNT_A_SERVER_PORT,
				    shunt_match_port(match) ? of_one_port : of_ports);
	return shunt_link_check(service, addr, no);
}

void shunt_server_reach(struct shunt_server *server, bool reached)
{
	lockdep_assert_held(&server->service->sn->lock);
	if (server->unreachable == !reached)
		return;
	WRITE_ONCE(server->unreachable, !reached);
	if (!server->removed)
		shunt_event_server(server, reached ? SHUNT_EVENT_SERVER_REACHABLE :
						     SHUNT_EVENT_SERVER_UNREACHABLE);
	if (reached)
		shunt_server_start(server);
}

/* Makes the server ready for a mode that server_check() has agreed to. */
static int server_prepare(struct shunt_server *server, u8 mode)
{
	struct shunt_service *service = server->service;
	struct shunt_net *sn = service->sn;
	bool returns = mode == SHUNT_MODE_DSR && server->linked && server->mode != mode;
	int err;

	if (mode == SHUNT_MODE_NAT && service->packet && !server->answers) {
		err = shunt_match_add_server(sn, server);
		if (err)
			return err;
		server->answers = true;
	}
	if (mode == SHUNT_MODE_NAT && !server->natted) {
		shunt_filter_add(&sn->nat_servers, &server->in_nat_servers, &server->addr);
		server->natted = true;
	}
	if (mode == SHUNT_MODE_DSR && !server->linked)
		shunt_link_start(sn, server);
	if (mode == SHUNT_MODE_NAT)
		shunt_server_reach(server, true);
	WRITE_ONCE(server->mode, mode);
	if (returns)
		shunt_link_look(server);
	return 0;
}

static struct shunt_server *server_alloc(struct shunt_service *service,
					 const union nf_inet_addr *addr, __be16 port)
{
	struct shunt_server *server = kzalloc(sizeof(*server), GFP_KERNEL_ACCOUNT);

	if (!server)
		return NULL;
	server->counters = shunt_counters_alloc();
	if (!server->counters) {
		kfree(server);
		return NULL;
	}
	server->service = service;
	server->addr = *addr;
	server->host = jhash2(addr->all, ARRAY_SIZE(addr->all), 0) ?: 1;
	server->port = port;
	server->answer.addr = *addr;
	server->answer.port = port;
	server->answer.family = service->family;
	server->answer.protocol = IPPROTO_UDP;
	INIT_LIST_HEAD(&server->leaving);
	INIT_LIST_HEAD(&server->watched);
	/* Until it is added. */
	server->removed = true;
	return server;
}

/* What a server has if nothing else is said. */
static struct shunt_server_change defaults(const struct shunt_service *service)
{
	return (struct shunt_server_change){
		.value = {
			[SHUNT_SERVER_MODE] = service->mode,
			[SHUNT_SERVER_WEIGHT] = 1,
			[SHUNT_SERVER_STATE] = SHUNT_SERVER_STATE_UP,
		},
	};
}

/* What a server has now, mode and all. */
static struct shunt_server_change settings(const struct shunt_server *server)
{
	return (struct shunt_server_change){
		.value = {
			[SHUNT_SERVER_MODE] = server->mode,
			[SHUNT_SERVER_WEIGHT] = server->weight,
			[SHUNT_SERVER_STATE] = server->state,
			[SHUNT_SERVER_BACKUP] = server->backup,
			[SHUNT_SERVER_UPPER_LIMIT] = server->upper_limit,
			[SHUNT_SERVER_LOWER_LIMIT] = server->lower_limit,
			[SHUNT_SERVER_SLOW_START] = server->slow_start,
		},
	};
}

/* What it will have: of "now", all that a change does not speak of. */
static struct shunt_server_change settings_after(struct shunt_server_change now,
						 const struct shunt_server_change *change)
{
	unsigned int i;

	for (i = 0; i < SHUNT_SERVER_SETTINGS; i++)
		if (change->has & BIT(i))
			now.value[i] = change->value[i];
	now.has = change->has;
	/* One without the other is nothing. */
	if (!now.value[SHUNT_SERVER_UPPER_LIMIT] && !(now.has & BIT(SHUNT_SERVER_LOWER_LIMIT)))
		now.value[SHUNT_SERVER_LOWER_LIMIT] = 0;
	return now;
}

/* Whether settings make sense together. */
static int settings_check(const struct shunt_server_change *after, struct shunt_refusal *no)
{
	u32 upper = after->value[SHUNT_SERVER_UPPER_LIMIT];
	u32 lower = after->value[SHUNT_SERVER_LOWER_LIMIT];
	bool by_lower = after->has & BIT(SHUNT_SERVER_LOWER_LIMIT);

	if (after->value[SHUNT_SERVER_STATE] == SHUNT_SERVER_STATE_UNREACHABLE)
		return shunt_refuse(no, -EINVAL, SHUNT_A_SERVER_STATE,
				    "a server's state can be set to up, drain or down; whether it can be reached is for the director to find");
	if (lower && !upper)
		return shunt_refuse(no, -EINVAL, SHUNT_A_SERVER_LOWER_LIMIT,
				    "a lower-limit is for a server with an upper-limit; set that, too");
	if (lower > upper && by_lower)
		return shunt_refuse(no, -EINVAL, SHUNT_A_SERVER_LOWER_LIMIT,
				    "a lower-limit is no higher than the upper-limit");
	if (lower > upper)
		return shunt_refuse(no, -EINVAL, SHUNT_A_SERVER_UPPER_LIMIT,
				    "an upper-limit is no lower than the lower-limit; set that, too");
	return 0;
}

/* Gives the server a state, and ends a drain that it had. */
static void server_set_state(struct shunt_server *server, u8 state)
{
	server->state = state;
	WRITE_ONCE(server->down, state == SHUNT_SERVER_STATE_DOWN);
	WRITE_ONCE(server->draining, state == SHUNT_SERVER_STATE_DRAIN);
	server->drain_until = 0;
	server->drain_then = SHUNT_DRAIN_THEN_STAY;
}

static void server_set_limits(struct shunt_server *server, u32 upper, u32 lower)
{
	/* Between its limits it stays what it is. */
	if (upper == server->upper_limit && lower == server->lower_limit)
		return;
	WRITE_ONCE(server->lower_limit, lower);
	WRITE_ONCE(server->upper_limit, upper);
	WRITE_ONCE(server->full, false);
	shunt_server_review(server);
}

/* All but the mode. */
static void settings_apply(struct shunt_server *server, const struct shunt_server_change *after,
			   bool was_on)
{
	const u32 *value = after->value;

	server->weight = value[SHUNT_SERVER_WEIGHT];
	server->backup = value[SHUNT_SERVER_BACKUP];
	server->slow_start = value[SHUNT_SERVER_SLOW_START];
	if (after->has & BIT(SHUNT_SERVER_STATE))
		server_set_state(server, value[SHUNT_SERVER_STATE]);
	server_set_limits(server, value[SHUNT_SERVER_UPPER_LIMIT],
			  value[SHUNT_SERVER_LOWER_LIMIT]);
	if (!shunt_server_is_on(server) || !server->slow_start)
		server->started_at = 0;
	else if (!was_on)
		shunt_server_start(server);
	if (server->draining || server->upper_limit)
		shunt_watch_begin(server);
}

void shunt_server_start(struct shunt_server *server)
{
	lockdep_assert_held(&server->service->sn->lock);
	if (!server->slow_start || !shunt_server_is_on(server))
		return;
	server->started_at = get_jiffies_64();
	shunt_watch_begin(server);
}

u32 shunt_server_step(const struct shunt_server *server)
{
	u64 since = get_jiffies_64() - server->started_at, all = (u64)server->slow_start * HZ;

	if (!server->started_at || since >= all)
		return SHUNT_SERVER_STEPS;
	return div64_u64(since * SHUNT_SERVER_STEPS, all) + 1;
}

int shunt_server_add(struct shunt_service *service, const union nf_inet_addr *addr,
		     __be16 port, const struct shunt_server_change *change,
		     struct shunt_refusal *no)
{
	struct shunt_server_change after = settings_after(defaults(service), change);
	u8 mode = after.value[SHUNT_SERVER_MODE];
	struct shunt_server *server, *fresh = NULL;
	struct shunt_pool *pool;
	int err;

	port = port_given(service, addr, port);
	server = server_find(service, addr, port);
	if (server && !server->removed)
		return shunt_refuse(no, -EEXIST, SHUNT_A_SERVER_ADDRESS,
				    "the service has this server already");
	err = shunt_pool_check(list_count_nodes(&service->servers) + !server, no) ?:
	      settings_check(&after, no) ?: server_check(service, addr, port, mode, no);
	if (err)
		return err;
	pool = pool_alloc(service);
	if (!server) {
		fresh = server_alloc(service, addr, port);
		server = fresh;
	}
	if (!pool || !server || server_prepare(server, mode)) {
		shunt_pool_free(pool);
		if (fresh)
			server_free(&fresh->rcu);
		return shunt_refuse(no, -ENOMEM, 0, "there is no memory for the server");
	}

	if (fresh) {
		server->id = service->sn->next_id++;
		list_add_tail(&server->list, &service->servers);
	}
	list_del_init(&server->leaving);
	WRITE_ONCE(server->removed, false);
	/* Whatever it was before it was removed. */
	after.has = BIT(SHUNT_SERVER_SETTINGS) - 1;
	settings_apply(server, &after, false);
	service->sn->server_count++;
	shunt_pool_publish(service, pool);
	shunt_event_server(server, SHUNT_EVENT_SERVER_ADDED);
	shunt_event_review(service);
	return 0;
}

int shunt_server_set(struct shunt_server *server, const struct shunt_server_change *change,
		     struct shunt_refusal *no)
{
	struct shunt_server_change after = settings_after(settings(server), change);
	struct shunt_service *service = server->service;
	bool has_mode = change->has & BIT(SHUNT_SERVER_MODE);
	u8 mode = after.value[SHUNT_SERVER_MODE];
	struct shunt_pool *pool;
	int err;

	err = settings_check(&after, no);
	if (!err && has_mode)
		err = server_check(service, &server->addr, server->port, mode, no);
	if (err)
		return err;
	pool = pool_alloc(service);
	if (!pool)
		return shunt_refuse(no, -ENOMEM, 0, "there is no memory for the change");

	if (has_mode && server_prepare(server, mode)) {
		shunt_pool_free(pool);
		return shunt_refuse(no, -ENOMEM, 0, "there is no memory for the change");
	}
	settings_apply(server, &after, shunt_server_is_on(server));
	shunt_pool_publish(service, pool);
	shunt_event_server(server, SHUNT_EVENT_SERVER_CHANGED);
	shunt_event_review(service);
	return 0;
}

int shunt_server_drain(struct shunt_server *server, u32 seconds, u8 then,
		       struct shunt_refusal *no)
{
	struct shunt_service *service = server->service;
	struct shunt_pool *pool = pool_alloc(service);

	if (!pool)
		return shunt_refuse(no, -ENOMEM, 0, "there is no memory for the change");
	server_set_state(server, SHUNT_SERVER_STATE_DRAIN);
	server->drain_then = then;
	server->started_at = 0;
	if (seconds)
		server->drain_until = get_jiffies_64() + (u64)seconds * HZ;
	shunt_pool_publish(service, pool);
	shunt_watch_begin(server);
	shunt_event_server(server, SHUNT_EVENT_SERVER_CHANGED);
	shunt_event_review(service);
	return 0;
}

int shunt_server_del(struct shunt_server *server, struct shunt_refusal *no)
{
	struct shunt_service *service = server->service;
	struct shunt_net *sn = service->sn;
	struct shunt_pool *pool = pool_alloc(service);

	if (!pool)
		return shunt_refuse(no, -ENOMEM, 0, "there is no memory for the change");
	WRITE_ONCE(server->removed, true);
	WRITE_ONCE(server->draining, false);
	server->started_at = 0;
	shunt_watch_end(server);
	sn->server_count--;
	shunt_pool_publish(service, pool);
	shunt_group_lose(server);
	shunt_event_server(server, SHUNT_EVENT_SERVER_REMOVED);
	shunt_event_review(service);
	server->removed_at = get_state_synchronize_rcu();
	list_add_tail(&server->leaving, &sn->leaving);
	schedule_work(&sn->reap);
	return 0;
}

/* It goes by the service's own port, and no connection tells it by another. */
static bool follows(const struct shunt_server *server)
{
	return server->mode == SHUNT_MODE_DSR && !server->natted;
}

int shunt_server_check_match(struct shunt_service *service, const struct shunt_match *match,
			     struct shunt_refusal *no)
{
	__be16 from = shunt_match_port(shunt_match_of(service)), to = shunt_match_port(match);
	const struct shunt_server *server, *other;

	lockdep_assert_held(&service->sn->lock);
	no->nth = 0;
	list_for_each_entry(server, &service->servers, list) {
		if (service->packet && server->natted && !has_one_source(match))
			return shunt_refuse(no, -EINVAL, SHUNT_A_SERVICE_MATCH, each_needs_one);
		if (!server->removed && shunt_match_has_addr(match, &server->addr))
			return shunt_refuse(no, -EINVAL, SHUNT_A_SERVICE_MATCH,
					    "a server of the service has one of these addresses; expected virtual ones");
		other = from != to && follows(server) ? server_find(service, &server->addr, to) :
							NULL;
		if (other && !follows(other))
			return shunt_refuse(no, -EEXIST, SHUNT_A_SERVICE_MATCH,
					    "the service has a NAT server with the address and port that a DSR server would then have; remove one of them first");
	}
	return 0;
}

void shunt_server_follow(struct shunt_service *service, __be16 port)
{
	struct shunt_server *server;

	lockdep_assert_held(&service->sn->lock);
	list_for_each_entry(server, &service->servers, list) {
		if (!follows(server))
			continue;
		WRITE_ONCE(server->port, port);
		server->answer.port = port;
	}
}
