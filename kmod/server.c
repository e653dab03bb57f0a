// SPDX-License-Identifier: GPL-2.0
/*
 * Real servers, from when they are configured to when they are freed; who owns
 * them and who may hold them is told in service.c.
 */
#include <linux/slab.h>

#include "conn.h"
#include "event.h"
#include "limit.h"
#include "link.h"
#include "match.h"
#include "net.h"
#include "pool.h"
#include "sched.h"
#include "server.h"
#include "service.h"

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

void shunt_server_conn_gone(struct shunt_server *server, u8 state)
{
	atomic_dec(&server->service->conns);
	atomic_dec(&server->states[state]);
	/* Pairs with the removal, which marks the server before it looks. */
	if (atomic_dec_and_test(&server->conns) && READ_ONCE(server->removed))
		schedule_work(&server->service->sn->reap);
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

struct shunt_server *shunt_server_by_addr(struct shunt_service *service,
					  const union nf_inet_addr *addr, __be16 port)
{
	struct shunt_server *server = server_find(service, addr, port);

	return server && !server->removed ? server : NULL;
}

/* Whether answers from this address could only be to the service's packets. */
static int answer_check(const struct shunt_service *service, const union nf_inet_addr *addr,
			__be16 port, struct shunt_refusal *no)
{
	const struct shunt_tuple answer = {
		.src = *addr,
		.sport = port,
		.family = service->key.family,
		.protocol = service->key.protocol,
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

/* Whether packets could reach the server in this mode. */
static int server_check(const struct shunt_service *service, const union nf_inet_addr *addr,
			__be16 port, u8 mode, struct shunt_refusal *no)
{
	if (nf_inet_addr_cmp(addr, &service->key.addr))
		return shunt_refuse(no, -EINVAL, SHUNT_A_SERVER_ADDRESS,
				    "this is the service's virtual address; expected the server's own");
	if (mode == SHUNT_MODE_NAT)
		return service->packet ? answer_check(service, addr, port, no) : 0;
	if (port != service->key.port)
		return shunt_refuse(no, -EINVAL, SHUNT_A_SERVER_PORT,
				    "a DSR server is reached on the service's own port; use mode nat to change the port");
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
}

/* Makes the server ready for a mode that server_check() has agreed to. */
static int server_prepare(struct shunt_server *server, u8 mode)
{
	struct shunt_service *service = server->service;
	struct shunt_net *sn = service->sn;
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
	server->port = port;
	server->answer.addr = *addr;
	server->answer.port = port;
	server->answer.family = service->key.family;
	server->answer.protocol = service->key.protocol;
	INIT_LIST_HEAD(&server->leaving);
	/* Until it is added. */
	server->removed = true;
	return server;
}

int shunt_server_add(struct shunt_service *service, const union nf_inet_addr *addr,
		     __be16 port, u8 mode, u32 weight, struct shunt_refusal *no)
{
	struct shunt_server *server = server_find(service, addr, port);
	struct shunt_server *fresh = NULL;
	struct shunt_pool *pool;
	int err;

	if (server && !server->removed)
		return shunt_refuse(no, -EEXIST, SHUNT_A_SERVER_ADDRESS,
				    "the service has this server already");
	err = shunt_pool_check(shunt_pool_of(service)->sched,
			       list_count_nodes(&service->servers) + !server,
			       SHUNT_A_SERVER_ADDRESS, no) ?:
	      server_check(service, addr, port, mode, no);
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
	server->weight = weight;
	service->sn->server_count++;
	shunt_pool_publish(service, pool);
	shunt_event_server(server, SHUNT_EVENT_SERVER_ADDED);
	shunt_event_review(service);
	return 0;
}

int shunt_server_set(struct shunt_server *server, const struct shunt_server_change *change,
		     struct shunt_refusal *no)
{
	struct shunt_service *service = server->service;
	struct shunt_pool *pool;
	int err;

	if (change->has_mode) {
		err = server_check(service, &server->addr, server->port, change->mode, no);
		if (err)
			return err;
	}
	pool = pool_alloc(service);
	if (!pool)
		return shunt_refuse(no, -ENOMEM, 0, "there is no memory for the change");

	if (change->has_mode && server_prepare(server, change->mode)) {
		shunt_pool_free(pool);
		return shunt_refuse(no, -ENOMEM, 0, "there is no memory for the change");
	}
	if (change->has_weight)
		server->weight = change->weight;
	shunt_pool_publish(service, pool);
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
	sn->server_count--;
	shunt_pool_publish(service, pool);
	shunt_event_server(server, SHUNT_EVENT_SERVER_REMOVED);
	shunt_event_review(service);
	server->removed_at = get_state_synchronize_rcu();
	list_add_tail(&server->leaving, &sn->leaving);
	schedule_work(&sn->reap);
	return 0;
}
