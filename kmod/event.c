// SPDX-License-Identifier: GPL-2.0
/*
 * Events, each a message with the object as the listings tell it. A listener
 * that misses one, for lack of memory or of room in its socket, reads an error
 * from its socket in its place: it cannot take silence for peace.
 */
#include <linux/rwsem.h>

#include "event.h"
#include "netlink.h"
#include "netlink_gen.h"
#include "pool.h"
#include "server.h"
#include "service.h"

/*
 * Devices go, and workers look at neighbours, while the module is unloaded and
 * its family is gone. Held for reading while the family is used, inside the
 * namespace's lock; for writing with nothing else held.
 */
static DECLARE_RWSEM(gate);
static bool open;

void shunt_event_start(void)
{
	down_write(&gate);
	open = true;
	up_write(&gate);
}

void shunt_event_stop(void)
{
	down_write(&gate);
	open = false;
	up_write(&gate);
}

/* What an event is about; at most one is set. */
struct subject {
	const struct shunt_service *service;
	const struct shunt_server *server;
	const char *device;
	bool limit;
};

static int put_nest(struct sk_buff *skb, struct shunt_net *sn, const struct subject *of)
{
	int attr = of->service ? SHUNT_A_EVENT_SERVICE :
		   of->server  ? SHUNT_A_EVENT_SERVER :
		   of->device  ? SHUNT_A_EVENT_DEVICE :
				 SHUNT_A_EVENT_LIMIT;
	struct nlattr *nest = nla_nest_start(skb, attr);
	int err;

	if (!nest)
		return -EMSGSIZE;
	if (of->service)
		err = shunt_nl_put_service(skb, of->service);
	else if (of->server)
		err = shunt_nl_put_server(skb, of->server);
	else if (of->device)
		err = nla_put_string(skb, SHUNT_A_DEVICE_NAME, of->device);
	else
		err = shunt_nl_put_limit(skb, sn);
	if (!err)
		nla_nest_end(skb, nest);
	return err;
}

/* NULL if there is no memory. */
static struct sk_buff *make_message(struct shunt_net *sn, enum shunt_event event,
				    const struct subject *of)
{
	struct sk_buff *skb = genlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);
	void *header;
	int err;

	if (!skb)
		return NULL;
	header = genlmsg_put(skb, 0, 0, &shunt_nl_family, 0, SHUNT_CMD_EVENT);
	if (!header)
		goto err_skb;
	err = nla_put_u32(skb, SHUNT_A_EVENT_EVENT, event);
	if (!err && (of->service || of->server || of->device || of->limit))
		err = put_nest(skb, sn, of);
	if (WARN_ON_ONCE(err))
		goto err_skb;
	genlmsg_end(skb, header);
	return skb;

err_skb:
	nlmsg_free(skb);
	return NULL;
}

static void tell(struct shunt_net *sn, enum shunt_event event, const struct subject *of)
{
	struct net *net = sn->net;
	struct sk_buff *skb;

	lockdep_assert_held(&sn->lock);
	down_read(&gate);
	if (!open || !genl_has_listeners(&shunt_nl_family, net, SHUNT_NLGRP_EVENTS))
		goto out;
	skb = make_message(sn, event, of);
	if (skb)
		genlmsg_multicast_netns(&shunt_nl_family, net, skb, 0, SHUNT_NLGRP_EVENTS,
					GFP_KERNEL);
	else
		genl_set_err(&shunt_nl_family, net, 0, SHUNT_NLGRP_EVENTS, -ENOBUFS);
out:
	up_read(&gate);
}

void shunt_event_service(const struct shunt_service *service, enum shunt_event event)
{
	tell(service->sn, event, &(struct subject){ .service = service });
}

void shunt_event_server(const struct shunt_server *server, enum shunt_event event)
{
	tell(server->service->sn, event, &(struct subject){ .server = server });
}

void shunt_event_device(struct shunt_net *sn, const char *name, enum shunt_event event)
{
	tell(sn, event, &(struct subject){ .device = name });
}

void shunt_event_limit(struct shunt_net *sn)
{
	tell(sn, SHUNT_EVENT_LIMIT_CHANGED, &(struct subject){ .limit = true });
}

void shunt_event_flushed(struct shunt_net *sn)
{
	tell(sn, SHUNT_EVENT_FLUSHED, &(struct subject){});
}

/* Who can be given a new connection, and what is told when that has changed. */
enum served {
	SERVED_BY_NOBODY,
	SERVED_BY_BACKUPS,
	SERVED,
};

static const enum shunt_event served_event[] = {
	[SERVED_BY_NOBODY] = SHUNT_EVENT_SERVICE_EMPTY,
	[SERVED_BY_BACKUPS] = SHUNT_EVENT_SERVICE_BACKUP,
	[SERVED] = SHUNT_EVENT_SERVICE_SERVED,
};

static bool any_usable(const struct shunt_pool *pool)
{
	unsigned int i;

	for (i = 0; i < pool->count; i++)
		if (shunt_server_usable(pool->slot[i].server))
			return true;
	return false;
}

/* Packets mark a server full, or not; they must not wait for those who listen. */
static void tell_full(const struct shunt_pool *pool)
{
	unsigned int i;

	for (i = 0; i < pool->total; i++) {
		struct shunt_server *server = pool->slot[i].server;
		bool full = READ_ONCE(server->full);

		if (full == server->said_full)
			continue;
		server->said_full = full;
		shunt_event_server(server, full ? SHUNT_EVENT_SERVER_FULL :
						  SHUNT_EVENT_SERVER_OPEN);
	}
}

void shunt_event_review(struct shunt_service *service)
{
	const struct shunt_pool *pool = shunt_pool_of(service);
	enum served served = SERVED_BY_NOBODY;

	tell_full(pool);
	if (any_usable(pool))
		served = SERVED;
	else if (pool->backup && any_usable(pool->backup))
		served = SERVED_BY_BACKUPS;
	if (served == service->served)
		return;
	service->served = served;
	shunt_event_service(service, served_event[served]);
}
