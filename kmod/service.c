// SPDX-License-Identifier: GPL-2.0
/*
 * Services and servers: who owns them, who may hold them, what makes them go.
 *
 * The configuration owns both and changes under the namespace's lock. The data
 * path finds a service through a hash table keyed by its tuple, and a server
 * either through the service's pool, for a new connection, or through the
 * connection. It holds neither beyond the RCU section of one packet; a
 * connection in the table holds its server, counted in server->conns.
 *
 * A service goes in this order: it leaves the tables that packets and commands
 * find it by; a grace period ends all sections that found it before, so that no
 * connection is made any more; its connections are unlinked; it and its servers
 * are freed after another grace period, for the sake of those who came through
 * a connection.
 *
 * A removed server leaves the pool and stays with its service until its last
 * connection is gone; added again meanwhile, it is the same server with its
 * connections. The reaper frees it, when the grace period of its removal has
 * shown that nobody makes another connection from an old pool.
 *
 * The first service of a namespace brings the connection table and the hooks,
 * the last one takes them away.
 */
#include <linux/slab.h>

#include "conn.h"
#include "event.h"
#include "group.h"
#include "hook.h"
#include "hop.h"
#include "limit.h"
#include "link.h"
#include "match.h"
#include "persist.h"
#include "pool.h"
#include "sched.h"
#include "server.h"
#include "service.h"
#include "syn.h"
#include "table.h"
#include "watch.h"

static const struct rhashtable_params by_name_params = {
	.head_offset = offsetof(struct shunt_service, by_name),
	.key_offset = offsetof(struct shunt_service, name),
	.key_len = sizeof_field(struct shunt_service, name),
	.automatic_shrinking = true,
};

struct shunt_service *shunt_service_by_name(struct shunt_net *sn, const char *name)
{
	char key[SHUNT_NAME_MAX + 1] = {};

	lockdep_assert_held(&sn->lock);
	strscpy(key, name, sizeof(key));
	return rhashtable_lookup_fast(&sn->by_name, key, by_name_params);
}

static void service_free(struct rcu_head *rcu)
{
	struct shunt_service *service = container_of(rcu, struct shunt_service, rcu);

	kvfree(rcu_dereference_raw(service->pool));
	kfree(rcu_dereference_raw(service->match));
	kfree(rcu_dereference_raw(service->persist));
	free_percpu(service->drops);
	kfree(service);
}

/* First step: nothing finds the service any more. */
static void service_unlink(struct shunt_service *service, struct list_head *leaving)
{
	struct shunt_net *sn = service->sn;

	lockdep_assert_held(&sn->lock);
	shunt_match_del_service(service);
	rhashtable_remove_fast(&sn->by_name, &service->by_name, by_name_params);
	xa_erase(&sn->services, service->id);
	list_add_tail(&service->leaving, leaving);
	sn->service_count--;
	sn->generation++;
}

/* Last step, after a grace period and the flush of its connections. */
static void service_release(struct shunt_service *service)
{
	struct shunt_net *sn = service->sn;
	struct shunt_server *server, *next;

	list_for_each_entry_safe(server, next, &service->servers, list) {
		if (!server->removed)
			sn->server_count--;
		shunt_server_release(server);
	}
	list_del(&service->leaving);
	shunt_group_leave(service);
	shunt_drops_add(service->drops, sn->retired_drops);
	call_rcu(&service->rcu, service_free);
}

static void table_stop(struct shunt_net *sn)
{
	if (sn->table)
		shunt_table_free(sn->table);
	sn->table = NULL;
	shunt_hops_free(sn->hops);
	sn->hops = NULL;
	shunt_half_open_free(sn->half_open);
	shunt_syns_free(sn->syns);
}

/* The connections, and what may become some. */
static int table_start(struct shunt_net *sn)
{
	sn->syns = shunt_syns_alloc();
	sn->half_open = shunt_half_open_alloc();
	sn->hops = shunt_hops_alloc();
	sn->table = shunt_table_alloc(sn);
	if (sn->syns && sn->half_open && sn->hops && sn->table)
		return 0;
	table_stop(sn);
	return -ENOMEM;
}

static void net_stop(struct shunt_net *sn)
{
	table_stop(sn);
	shunt_filter_exit(&sn->dsr_servers);
	shunt_filter_exit(&sn->nat_servers);
	shunt_filter_exit(&sn->vips);
}

/* What has to be there before the first service. */
static int net_start(struct shunt_net *sn)
{
	int err = -ENOMEM;

	if (shunt_filter_init(&sn->vips))
		return err;
	if (shunt_filter_init(&sn->nat_servers))
		goto err_vips;
	if (shunt_filter_init(&sn->dsr_servers))
		goto err_nat_servers;
	if (table_start(sn))
		goto err_dsr_servers;
	err = shunt_hook_register(sn->net);
	if (err)
		goto err_table;
	return 0;

err_table:
	/* IPv4's hooks may have been there for a moment, with packets in them. */
	synchronize_net();
	table_stop(sn);
err_dsr_servers:
	shunt_filter_exit(&sn->dsr_servers);
err_nat_servers:
	shunt_filter_exit(&sn->nat_servers);
err_vips:
	shunt_filter_exit(&sn->vips);
	return err;
}

static void services_release(struct shunt_net *sn, struct list_head *leaving)
{
	struct shunt_service *service, *next;

	list_for_each_entry_safe(service, next, leaving, leaving)
		service_release(service);
	if (!sn->service_count)
		net_stop(sn);
}

/*
 * Whether connections are in the table, of which nobody makes any more, or have just
 * left it: a server's count is the last that they are taken from, service->conns not.
 */
static bool has_conns(const struct shunt_service *service)
{
	const struct shunt_server *server;

	list_for_each_entry(server, &service->servers, list)
		if (atomic_read(&server->conns))
			return true;
	return false;
}

void shunt_service_del(struct shunt_service *service)
{
	struct shunt_net *sn = service->sn;
	LIST_HEAD(leaving);

	shunt_event_service(service, SHUNT_EVENT_SERVICE_REMOVED);
	service_unlink(service, &leaving);
	if (!sn->service_count)
		shunt_hook_unregister(sn->net);
	synchronize_net();
	if (has_conns(service))
		shunt_table_flush(sn, service);
	services_release(sn, &leaving);
}

static void services_unlink(struct shunt_net *sn, struct list_head *leaving)
{
	struct shunt_service *service;
	unsigned long id;

	xa_for_each(&sn->services, id, service)
		service_unlink(service, leaving);
}

void shunt_service_flush(struct shunt_net *sn)
{
	LIST_HEAD(leaving);

	lockdep_assert_held(&sn->lock);
	if (!sn->service_count)
		return;
	services_unlink(sn, &leaving);
	shunt_hook_unregister(sn->net);
	synchronize_net();
	shunt_table_flush(sn, NULL);
	shunt_persist_delete_all(sn);
	services_release(sn, &leaving);
	shunt_event_flushed(sn);
}

/* Whether what a change says of hashing is of use to the scheduler that there will be. */
static int hashing_check(const struct shunt_service_change *change,
			 const struct shunt_sched *sched, struct shunt_refusal *no)
{
	if (change->table_size && !sched->fill)
		return shunt_refuse(no, -EINVAL, SHUNT_A_SERVICE_TABLE_SIZE,
				    "table-size is for the schedulers maglev and sticky; the others have no table");
	if (change->has & BIT(SHUNT_SET_HASH) && !sched->fill)
		return shunt_refuse(no, -EINVAL, SHUNT_A_SERVICE_HASH,
				    "hash is for the schedulers maglev and sticky; sh hashes the source address, dh the destination");
	if (change->seed && !sched->hashes)
		return shunt_refuse(no, -EINVAL, SHUNT_A_SERVICE_SEED,
				    "seed is for the schedulers sh, dh, maglev and sticky; the others hash nothing");
	if (change->table_size && !shunt_rows_size_is_valid(change->table_size))
		return shunt_refuse(no, -EINVAL, SHUNT_A_SERVICE_TABLE_SIZE,
				    "a table-size is a prime number from 251 to 131071, such as 1009, 8191, 65537 or 131071");
	return 0;
}

static bool state_is_tcp(unsigned int state)
{
	return state < SHUNT_CONN_STATE_ONE_WAY;
}

/* Whether a change makes sense for a service of these protocols. */
static int change_check(const struct shunt_service_change *change, u8 protocols,
			struct shunt_refusal *no)
{
	static const char of_tcp[] =
		"the timeouts of a TCP service are syn, established, closing and closed";
	static const char of_udp[] = "the timeouts of a UDP service are one-way and answered";
	bool tcp = protocols & SHUNT_CARRIES_TCP, udp = protocols & SHUNT_CARRIES_UDP;
	unsigned int state;

	if (!tcp && change->has & BIT(SHUNT_SET_ON_EXPIRE))
		return shunt_refuse(no, -EINVAL, SHUNT_A_SERVICE_ON_EXPIRE,
				    "on-expire is for TCP services; nothing resets UDP");
	if (!tcp && change->has & BIT(SHUNT_SET_MIDSTREAM))
		return shunt_refuse(no, -EINVAL, SHUNT_A_SERVICE_MIDSTREAM,
				    "midstream is for TCP services; any UDP packet may be the first");
	if (!udp && change->has & BIT(SHUNT_SET_PACKET))
		return shunt_refuse(no, -EINVAL, SHUNT_A_SERVICE_PACKET,
				    "packet is for UDP services; the packets of a TCP connection belong together");
	for (state = 0; state < SHUNT_CONN_STATES; state++)
		if (change->timeouts[state] && !(state_is_tcp(state) ? tcp : udp))
			return shunt_refuse(no, -EINVAL, SHUNT_A_SERVICE_TIMEOUTS,
					    tcp ? of_tcp : of_udp);
	return 0;
}

/* What a service hashes by after a change. */
static struct shunt_hashing hashing_after(const struct shunt_service *service,
					  const struct shunt_service_change *change)
{
	struct shunt_hashing hashing = service->hashing;

	if (change->table_size)
		hashing.table_size = change->table_size;
	if (change->has & BIT(SHUNT_SET_HASH))
		hashing.by = change->value[SHUNT_SET_HASH];
	if (change->seed)
		strscpy(hashing.seed, change->seed, sizeof(hashing.seed));
	return hashing;
}

/* All but the pool. What was made before it sees the change at its next packet. */
static void change_apply(struct shunt_service *service,
			 const struct shunt_service_change *change)
{
	u8 *const setting[] = {
		[SHUNT_SET_MODE] = &service->mode,
		[SHUNT_SET_ON_EXPIRE] = &service->on_expire,
		[SHUNT_SET_ON_REMOVE] = &service->on_remove,
		[SHUNT_SET_ON_EMPTY] = &service->on_empty,
		[SHUNT_SET_MIDSTREAM] = &service->midstream,
		[SHUNT_SET_PACKET] = &service->packet,
	};
	bool timed = false;
	unsigned int i;

	BUILD_BUG_ON(ARRAY_SIZE(setting) != SHUNT_SET_HASH);
	for (i = 0; i < ARRAY_SIZE(setting); i++)
		if (change->has & BIT(i))
			WRITE_ONCE(*setting[i], change->value[i]);
	service->hashing = hashing_after(service, change);
	if (change->has_limit)
		WRITE_ONCE(service->limit, change->limit);
	for (i = 0; i < SHUNT_CONN_STATES; i++) {
		if (!change->timeouts[i])
			continue;
		WRITE_ONCE(service->timeouts[i], change->timeouts[i]);
		timed = true;
	}
	/* A shorter timeout may make connections due. */
	if (timed && service->sn->table)
		shunt_table_recheck(service->sn);
}

static struct shunt_service *service_alloc(struct shunt_net *sn, const char *name,
					   u8 family, u8 protocols,
					   const struct shunt_service_change *change)
{
	struct shunt_service *service = kzalloc(sizeof(*service), GFP_KERNEL_ACCOUNT);
	struct shunt_pool *pool;

	if (!service)
		return NULL;
	service->sn = sn;
	strscpy(service->name, name, sizeof(service->name));
	service->family = family;
	service->protocols = protocols;
	service->mode = SHUNT_MODE_DSR;
	service->on_remove = SHUNT_ON_REMOVE_DEFAULT;
	memcpy(service->timeouts, shunt_timeouts, sizeof(service->timeouts));
	service->hashing.table_size = SHUNT_ROWS_SIZE;
	service->persist_prefix = service->family == NFPROTO_IPV4 ? 32 : 128;
	get_random_bytes(&service->secret, sizeof(service->secret));
	change_apply(service, change);
	spin_lock_init(&service->sched_lock);
	INIT_LIST_HEAD(&service->servers);
	INIT_LIST_HEAD(&service->points);
	INIT_LIST_HEAD(&service->vips);
	service->drops = shunt_drops_alloc();
	pool = shunt_pool_alloc(service, change->sched ?: shunt_sched_at(0), &service->hashing);
	if (!service->drops || !pool) {
		shunt_pool_free(pool);
		free_percpu(service->drops);
		kfree(service);
		return NULL;
	}
	shunt_pool_publish(service, pool);
	return service;
}

static int service_link(struct shunt_service *service, struct shunt_match *match)
{
	struct shunt_net *sn = service->sn;
	int err;

	err = xa_insert(&sn->services, sn->next_id, service, GFP_KERNEL_ACCOUNT);
	if (err)
		return err;
	err = rhashtable_insert_fast(&sn->by_name, &service->by_name, by_name_params);
	if (err)
		goto err_id;
	err = shunt_match_set(service, match);
	if (err)
		goto err_name;

	service->id = sn->next_id++;
	sn->service_count++;
	sn->generation++;
	return 0;

err_name:
	rhashtable_remove_fast(&sn->by_name, &service->by_name, by_name_params);
err_id:
	xa_erase(&sn->services, sn->next_id);
	return err;
}

int shunt_service_add(struct shunt_net *sn, const char *name, u8 family, u8 protocols,
		      const struct shunt_service_change *change, struct shunt_refusal *no)
{
	bool first = !sn->service_count;
	struct shunt_service *service;
	struct shunt_group_plan plan;
	int err;

	if (shunt_service_by_name(sn, name))
		return shunt_refuse(no, -EEXIST, SHUNT_A_SERVICE_NAME,
				    "there is a service of this name already");
	err = change_check(change, protocols, no) ?:
	      hashing_check(change, change->sched ?: shunt_sched_at(0), no);
	if (err)
		return err;
	service = service_alloc(sn, name, family, protocols, change);
	if (!service)
		return shunt_refuse(no, -ENOMEM, 0, "there is no memory for the service");
	err = shunt_match_check(service, change->match, no) ?:
	      shunt_group_plan(service, change, &plan, no);
	if (err)
		goto err_service;
	shunt_refuse(no, 0, 0, "there is no memory for the service");
	if (first) {
		err = net_start(sn);
		if (err)
			goto err_plan;
	}
	err = service_link(service, change->match);
	if (!err) {
		shunt_group_apply(service, &plan);
		shunt_event_service(service, SHUNT_EVENT_SERVICE_ADDED);
		return 0;
	}

	if (first) {
		shunt_hook_unregister(sn->net);
		synchronize_net();
		net_stop(sn);
	}
err_plan:
	shunt_group_drop(sn, &plan);
err_service:
	/* A reader may have found it by its tuple before it was taken back. */
	call_rcu(&service->rcu, service_free);
	return err;
}

/* Whether a service, with the servers that it has, can have this. */
static int match_check(struct shunt_service *service, const struct shunt_match *match,
		       struct shunt_refusal *no)
{
	if (!match)
		return 0;
	if (match->fwmark && !shunt_match_of(service)->fwmark)
		return shunt_refuse(no, -EINVAL, SHUNT_A_SERVICE_FWMARK,
				    "this service goes by addresses, which 'address' changes; expected a service that goes by a fwmark");
	no->nth = 0;
	if (!match->fwmark && shunt_match_of(service)->fwmark)
		return shunt_refuse(no, -EINVAL, SHUNT_A_SERVICE_MATCH,
				    "this service goes by its fwmark, which 'fwmark' changes; expected a service that goes by addresses");
	return shunt_match_check(service, match, no) ?:
	       shunt_server_check_match(service, match, no);
}

int shunt_service_set(struct shunt_service *service,
		      const struct shunt_service_change *change, struct shunt_refusal *no)
{
	const struct shunt_sched *sched = change->sched ?: shunt_pool_of(service)->sched;
	struct shunt_hashing hashing = hashing_after(service, change);
	struct shunt_pool *pool = NULL;
	__be16 port = shunt_match_port(shunt_match_of(service));
	bool moves = change->match && port != shunt_match_port(change->match);
	struct shunt_group_plan plan;
	int err;

	err = change_check(change, service->protocols, no) ?: hashing_check(change, sched, no) ?:
	      match_check(service, change->match, no);
	if (err)
		return err;
	if (change->has & BIT(SHUNT_SET_PACKET) && !list_empty(&service->servers) &&
	    service->packet != change->value[SHUNT_SET_PACKET])
		return shunt_refuse(no, -EBUSY, SHUNT_A_SERVICE_PACKET,
				    "packet can be changed only while the service has no server");
	err = shunt_group_plan(service, change, &plan, no);
	if (err)
		return err;
	if (moves)
		shunt_server_follow(service, shunt_match_port(change->match));
	if (moves || change->sched || change->table_size || change->seed ||
	    change->has & BIT(SHUNT_SET_HASH)) {
		pool = shunt_pool_alloc(service, sched, &hashing);
		if (!pool)
			goto err_port;
	}
	if (change->match && shunt_match_set(service, change->match))
		goto err_port;
	change_apply(service, change);
	shunt_group_apply(service, &plan);
	if (pool)
		shunt_pool_publish(service, pool);
	service->sn->generation++;
	shunt_event_service(service, SHUNT_EVENT_SERVICE_CHANGED);
	return 0;

err_port:
	shunt_group_drop(service->sn, &plan);
	shunt_pool_free(pool);
	if (moves)
		shunt_server_follow(service, port);
	return shunt_refuse(no, -ENOMEM, 0, "there is no memory for the change");
}

void shunt_service_totals(const struct shunt_service *service, struct shunt_totals *totals,
			  u64 *connections, u32 *states)
{
	const struct shunt_server *server;
	unsigned int i;

	*totals = service->retired;
	*connections = 0;
	memset(states, 0, SHUNT_CONN_STATES * sizeof(*states));
	list_for_each_entry(server, &service->servers, list) {
		shunt_counters_add(server->counters, totals);
		*connections += atomic_read(&server->conns);
		for (i = 0; i < SHUNT_CONN_STATES; i++)
			states[i] += atomic_read(&server->states[i]);
	}
}

int shunt_service_net_init(struct shunt_net *sn)
{
	int err;

	mutex_init(&sn->lock);
	shunt_filter_clear(&sn->vips);
	shunt_filter_clear(&sn->nat_servers);
	shunt_filter_clear(&sn->dsr_servers);
	xa_init(&sn->services);
	INIT_LIST_HEAD(&sn->leaving);
	INIT_WORK(&sn->reap, shunt_server_reap);
	shunt_watch_net_init(sn);
	sn->next_id = 1;
	sn->limit = shunt_limit_default();
	sn->persist_limit = shunt_persist_limit_default();
	err = rhashtable_init(&sn->by_name, &by_name_params);
	if (err)
		return err;
	err = shunt_match_net_init(sn);
	if (err)
		goto err_name;
	sn->retired_drops = kcalloc(SHUNT_COUNTS, sizeof(u64), GFP_KERNEL);
	if (!sn->retired_drops)
		goto err_match;
	return 0;

err_match:
	err = -ENOMEM;
	shunt_match_net_exit(sn);
err_name:
	rhashtable_destroy(&sn->by_name);
	return err;
}

void shunt_service_net_exit(struct shunt_net *sn)
{
	LIST_HEAD(leaving);

	mutex_lock(&sn->lock);
	if (sn->service_count) {
		services_unlink(sn, &leaving);
		shunt_table_flush(sn, NULL);
		shunt_persist_delete_all(sn);
		services_release(sn, &leaving);
	}
	mutex_unlock(&sn->lock);
	shunt_watch_net_exit(sn);
	cancel_work_sync(&sn->reap);
	shunt_persist_net_exit(sn);
	kfree(sn->retired_drops);
	shunt_match_net_exit(sn);
	rhashtable_destroy(&sn->by_name);
	xa_destroy(&sn->services);
}
