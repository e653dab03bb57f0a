// SPDX-License-Identifier: GPL-2.0
/*
 * The listings of the configuration and of counters, under the namespace's lock.
 * One that spans several messages remembers the id it has come to, and the
 * generation of the configuration tells its reader when that has changed in
 * between.
 */
#include "conn.h"
#include "group.h"
#include "ingress.h"
#include "net.h"
#include "netlink.h"
#include "netlink_gen.h"
#include "persist.h"
#include "sched.h"
#include "server.h"
#include "service.h"
#include "table.h"
#include "stats.h"
#include "watch.h"

void *shunt_nl_put_header(struct sk_buff *skb, struct netlink_callback *cb, u8 cmd)
{
	return genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq,
			   &shunt_nl_family, NLM_F_MULTI, cmd);
}

int shunt_nl_put_end(struct sk_buff *skb, void *header, int err)
{
	if (err)
		genlmsg_cancel(skb, header);
	else
		genlmsg_end(skb, header);
	return err;
}

int shunt_nl_refuse_dump(struct netlink_callback *cb, int err, int attr, const char *why)
{
	const struct shunt_refusal no = { .why = why, .attr = attr };

	return shunt_nl_refuse(cb->extack, shunt_compat_dump_attrs(cb), err, &no);
}

int shunt_nl_dump_service(struct shunt_net *sn, struct netlink_callback *cb, int attr,
			  const char **name)
{
	struct nlattr **attrs = shunt_compat_dump_attrs(cb);

	*name = attrs && attrs[attr] ? nla_data(attrs[attr]) : NULL;
	if (!*name || shunt_service_by_name(sn, *name))
		return 0;
	return shunt_nl_refuse_dump(cb, -ENOENT, attr, "there is no service of this name");
}

/* One number per state of the protocols, each under the state's number plus one. */
static int put_by_state(struct sk_buff *skb, int attr, const u32 *values, u8 protocols)
{
	unsigned int state = protocols & SHUNT_CARRIES_TCP ? 0 : SHUNT_CONN_STATE_ONE_WAY;
	unsigned int end = protocols & SHUNT_CARRIES_UDP ? SHUNT_CONN_STATES :
							   SHUNT_CONN_STATE_ONE_WAY;
	struct nlattr *nest = nla_nest_start(skb, attr);

	if (!nest)
		return -EMSGSIZE;
	for (; state < end; state++)
		if (nla_put_u32(skb, state + 1, values[state]))
			return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int put_stats(struct sk_buff *skb, int attr, const struct shunt_totals *totals,
		     u64 connections)
{
	struct nlattr *nest = nla_nest_start(skb, attr);
	const struct {
		int attr;
		u64 value;
	} values[] = {
		{ SHUNT_A_STATS_CONNECTIONS, connections },
		{ SHUNT_A_STATS_TOTAL_CONNECTIONS, totals->connections },
		{ SHUNT_A_STATS_PACKETS, totals->packets },
		{ SHUNT_A_STATS_BYTES, totals->bytes },
		{ SHUNT_A_STATS_RETURN_PACKETS, totals->return_packets },
		{ SHUNT_A_STATS_RETURN_BYTES, totals->return_bytes },
	};
	unsigned int i;

	if (!nest)
		return -EMSGSIZE;
	for (i = 0; i < ARRAY_SIZE(values); i++)
		if (nla_put_u64_64bit(skb, values[i].attr, values[i].value, SHUNT_A_STATS_PAD))
			return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

/* What on-remove comes to; the default of two protocols has no other name. */
static u32 on_remove_of(const struct shunt_service *service)
{
	if (service->on_remove != SHUNT_ON_REMOVE_DEFAULT)
		return service->on_remove;
	switch (service->protocols) {
	case SHUNT_CARRIES_TCP:
		return SHUNT_ON_REMOVE_KEEP;
	case SHUNT_CARRIES_UDP:
		return SHUNT_ON_REMOVE_REHASH;
	default:
		return SHUNT_ON_REMOVE_DEFAULT;
	}
}

/* The settings; those of a protocol that it does not have mean nothing and are left out. */
static int put_settings(struct sk_buff *skb, const struct shunt_service *service)
{
	int err;

	err = nla_put_u32(skb, SHUNT_A_SERVICE_MODE, service->mode) ?:
	      put_by_state(skb, SHUNT_A_SERVICE_TIMEOUTS, service->timeouts,
			   service->protocols) ?:
	      nla_put_u32(skb, SHUNT_A_SERVICE_LIMIT, service->limit) ?:
	      nla_put_u32(skb, SHUNT_A_SERVICE_ON_REMOVE, on_remove_of(service)) ?:
	      nla_put_u32(skb, SHUNT_A_SERVICE_ON_EMPTY, service->on_empty);
	if (!err && service->protocols & SHUNT_CARRIES_UDP)
		err = nla_put_u8(skb, SHUNT_A_SERVICE_PACKET, service->packet);
	if (err || !(service->protocols & SHUNT_CARRIES_TCP))
		return err;
	return nla_put_u32(skb, SHUNT_A_SERVICE_ON_EXPIRE, service->on_expire) ?:
	       nla_put_u32(skb, SHUNT_A_SERVICE_MIDSTREAM, service->midstream);
}

/* What the scheduler hashes by, if it does. */
static int put_hashing(struct sk_buff *skb, const struct shunt_service *service,
		       const struct shunt_sched *sched)
{
	const struct shunt_hashing *hashing = &service->hashing;
	int err = 0;

	if (sched->fill)
		err = nla_put_u32(skb, SHUNT_A_SERVICE_TABLE_SIZE, hashing->table_size) ?:
		      nla_put_u32(skb, SHUNT_A_SERVICE_HASH, hashing->by);
	if (!err && sched->hashes)
		err = nla_put_string(skb, SHUNT_A_SERVICE_SEED, hashing->seed);
	return err;
}

static int put_persist(struct sk_buff *skb, const struct shunt_service *service)
{
	return nla_put_u32(skb, SHUNT_A_SERVICE_PERSIST, service->persist_seconds) ?:
	       nla_put_u8(skb, SHUNT_A_SERVICE_PERSIST_PREFIX, service->persist_prefix) ?:
	       nla_put_string(skb, SHUNT_A_SERVICE_PERSIST_GROUP,
			      service->group ? service->group->name : "");
}

int shunt_nl_put_service(struct sk_buff *skb, const struct shunt_service *service)
{
	const struct shunt_pool *pool =
		rcu_dereference_protected(service->pool, lockdep_is_held(&service->sn->lock));
	u64 counts[SHUNT_COUNTS] = {};
	u32 states[SHUNT_CONN_STATES];
	struct shunt_totals totals;
	u64 connections;

	shunt_service_totals(service, &totals, &connections, states);
	shunt_drops_add(service->drops, counts);
	return nla_put_string(skb, SHUNT_A_SERVICE_NAME, service->name) ?:
	       shunt_nl_put_match(skb, service) ?:
	       nla_put_string(skb, SHUNT_A_SERVICE_SCHEDULER, pool->sched->name) ?:
	       put_hashing(skb, service, pool->sched) ?:
	       put_settings(skb, service) ?:
	       put_persist(skb, service) ?:
	       put_by_state(skb, SHUNT_A_SERVICE_STATES, states, service->protocols) ?:
	       nla_put_u64_64bit(skb, SHUNT_A_SERVICE_STATELESS, counts[SHUNT_COUNT_STATELESS],
				 SHUNT_A_SERVICE_PAD) ?:
	       nla_put_u64_64bit(skb, SHUNT_A_SERVICE_RECYCLED, counts[SHUNT_COUNT_RECYCLED],
				 SHUNT_A_SERVICE_PAD) ?:
	       put_stats(skb, SHUNT_A_SERVICE_STATS, &totals, connections);
}

static int put_service(struct sk_buff *skb, struct netlink_callback *cb,
		       const struct shunt_service *service)
{
	void *header = shunt_nl_put_header(skb, cb, SHUNT_CMD_SERVICE_GET);

	if (!header)
		return -EMSGSIZE;
	nl_dump_check_consistent(cb, nlmsg_hdr(skb));
	return shunt_nl_put_end(skb, header, shunt_nl_put_service(skb, service));
}

static u32 server_state(const struct shunt_server *server)
{
	if (server->state == SHUNT_SERVER_STATE_UP && READ_ONCE(server->unreachable))
		return SHUNT_SERVER_STATE_UNREACHABLE;
	return server->state;
}

/* The settings, and what has become of them. */
static int put_server_settings(struct sk_buff *skb, const struct shunt_server *server)
{
	u32 weight = max_t(u32, server->weight * shunt_server_step(server) / SHUNT_SERVER_STEPS,
			   !!server->weight);

	return nla_put_u32(skb, SHUNT_A_SERVER_MODE, server->mode) ?:
	       nla_put_u32(skb, SHUNT_A_SERVER_WEIGHT, server->weight) ?:
	       nla_put_u32(skb, SHUNT_A_SERVER_EFFECTIVE_WEIGHT, weight) ?:
	       nla_put_u32(skb, SHUNT_A_SERVER_STATE, server_state(server)) ?:
	       nla_put_u8(skb, SHUNT_A_SERVER_BACKUP, server->backup) ?:
	       nla_put_u32(skb, SHUNT_A_SERVER_UPPER_LIMIT, server->upper_limit) ?:
	       nla_put_u32(skb, SHUNT_A_SERVER_LOWER_LIMIT, server->lower_limit) ?:
	       nla_put_u8(skb, SHUNT_A_SERVER_FULL, READ_ONCE(server->full)) ?:
	       nla_put_u32(skb, SHUNT_A_SERVER_SLOW_START, server->slow_start) ?:
	       nla_put_u32(skb, SHUNT_A_SERVER_DRAIN_TIMEOUT, shunt_watch_drain_left(server)) ?:
	       nla_put_u32(skb, SHUNT_A_SERVER_DRAIN_THEN, server->drain_then) ?:
	       nla_put_u8(skb, SHUNT_A_SERVER_DRAINED,
			  server->state == SHUNT_SERVER_STATE_DRAIN && !server->draining);
}

int shunt_nl_put_server(struct sk_buff *skb, const struct shunt_server *server)
{
	const struct shunt_service *service = server->service;
	u32 states[SHUNT_CONN_STATES];
	struct shunt_totals totals = {};
	unsigned int i;

	shunt_counters_add(server->counters, &totals);
	for (i = 0; i < SHUNT_CONN_STATES; i++)
		states[i] = atomic_read(&server->states[i]);
	return nla_put_string(skb, SHUNT_A_SERVER_SERVICE, service->name) ?:
	       nla_put(skb, SHUNT_A_SERVER_ADDRESS, shunt_nl_addr_size(service->family),
		       &server->addr) ?:
	       nla_put_be16(skb, SHUNT_A_SERVER_PORT, server->port) ?:
	       put_server_settings(skb, server) ?:
	       put_by_state(skb, SHUNT_A_SERVER_STATES, states, service->protocols) ?:
	       put_stats(skb, SHUNT_A_SERVER_STATS, &totals, atomic_read(&server->conns));
}

static int put_server(struct sk_buff *skb, struct netlink_callback *cb,
		      const struct shunt_server *server)
{
	void *header = shunt_nl_put_header(skb, cb, SHUNT_CMD_SERVER_GET);

	if (!header)
		return -EMSGSIZE;
	nl_dump_check_consistent(cb, nlmsg_hdr(skb));
	return shunt_nl_put_end(skb, header, shunt_nl_put_server(skb, server));
}

typedef int (*put_of_service_t)(struct sk_buff *skb, struct netlink_callback *cb,
				const struct shunt_service *service);

/*
 * The services, or the one of that name, from the id cb->args[0] on, which it moves.
 * args[1] is put()'s own, where it goes on, and 0 when a service begins.
 */
static int put_services(struct shunt_net *sn, struct sk_buff *skb, struct netlink_callback *cb,
			const char *name, put_of_service_t put)
{
	struct shunt_service *service;
	unsigned long id;
	int err;

	xa_for_each_start(&sn->services, id, service, cb->args[0]) {
		if (id != cb->args[0])
			cb->args[1] = 0;
		cb->args[0] = id;
		if (name && strcmp(name, service->name))
			continue;
		err = put(skb, cb, service);
		if (err)
			return err;
	}
	return 0;
}

/* A listing by services; cb->args[2] tells that all is said. */
static int dump_by_service(struct sk_buff *skb, struct netlink_callback *cb, int name_attr,
			   put_of_service_t put)
{
	struct shunt_net *sn = shunt_net(sock_net(skb->sk));
	const char *name;
	int err = 0;

	mutex_lock(&sn->lock);
	cb->seq = sn->generation;
	if (!cb->args[2])
		err = shunt_nl_dump_service(sn, cb, name_attr, &name) ?:
		      put_services(sn, skb, cb, name, put);
	if (!err)
		cb->args[2] = 1;
	mutex_unlock(&sn->lock);
	return err && !skb->len ? err : skb->len;
}

int shunt_nl_service_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	return dump_by_service(skb, cb, SHUNT_A_SERVICE_NAME, put_service);
}

static int put_servers(struct sk_buff *skb, struct netlink_callback *cb,
		       const struct shunt_service *service)
{
	const struct shunt_server *server;
	int err;

	list_for_each_entry(server, &service->servers, list) {
		if (server->removed || server->id < cb->args[1])
			continue;
		cb->args[1] = server->id;
		err = put_server(skb, cb, server);
		if (err)
			return err;
	}
	return 0;
}

int shunt_nl_server_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	return dump_by_service(skb, cb, SHUNT_A_SERVER_SERVICE, put_servers);
}

static int put_drop(struct sk_buff *skb, struct netlink_callback *cb, const char *service,
		    enum shunt_reason reason, u64 count)
{
	void *header = shunt_nl_put_header(skb, cb, SHUNT_CMD_DROP_GET);
	int err;

	if (!header)
		return -EMSGSIZE;
	nl_dump_check_consistent(cb, nlmsg_hdr(skb));
	err = nla_put_string(skb, SHUNT_A_DROP_SERVICE, service) ?:
	      nla_put_string(skb, SHUNT_A_DROP_REASON, shunt_drop_name(reason)) ?:
	      nla_put_u64_64bit(skb, SHUNT_A_DROP_COUNT, count, SHUNT_A_DROP_PAD) ?:
	      nla_put_string(skb, SHUNT_A_DROP_MEANING, shunt_drop_meaning(reason));
	return shunt_nl_put_end(skb, header, err);
}

/* From the reason cb->args[1] on, which it moves. */
static int put_drops(struct sk_buff *skb, struct netlink_callback *cb, const char *service,
		     const u64 *counts, bool all)
{
	int err;

	for (; cb->args[1] < SHUNT_REASONS; cb->args[1]++) {
		if (cb->args[1] == SHUNT_FORWARDED || (!all && !counts[cb->args[1]]))
			continue;
		err = put_drop(skb, cb, service, cb->args[1], counts[cb->args[1]]);
		if (err)
			return err;
	}
	cb->args[1] = 0;
	return 0;
}

static int put_service_drops(struct sk_buff *skb, struct netlink_callback *cb,
			     const struct shunt_service *service)
{
	u64 counts[SHUNT_COUNTS] = {};

	shunt_drops_add(service->drops, counts);
	return put_drops(skb, cb, service->name, counts, false);
}

/* What is no service's, for which cb->args[0] is 0 until it is said. */
static int put_other_drops(struct shunt_net *sn, struct sk_buff *skb, struct netlink_callback *cb)
{
	u64 counts[SHUNT_COUNTS];
	int err;

	if (cb->args[0])
		return 0;
	memcpy(counts, sn->retired_drops, sizeof(counts));
	shunt_drops_add(sn->drops, counts);
	err = put_drops(skb, cb, "", counts, true);
	if (!err)
		cb->args[0] = 1;
	return err;
}

int shunt_nl_drop_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct shunt_net *sn = shunt_net(sock_net(skb->sk));

	mutex_lock(&sn->lock);
	cb->seq = sn->generation;
	if (!cb->args[2] && !put_other_drops(sn, skb, cb) &&
	    !put_services(sn, skb, cb, NULL, put_service_drops))
		cb->args[2] = 1;
	mutex_unlock(&sn->lock);
	return skb->len;
}

static int put_schedulers(struct sk_buff *skb)
{
	const struct shunt_sched *sched;
	char names[128] = "";
	unsigned int i;

	for (i = 0; (sched = shunt_sched_at(i)); i++) {
		if (i)
			strlcat(names, " ", sizeof(names));
		strlcat(names, sched->name, sizeof(names));
	}
	return nla_put_string(skb, SHUNT_A_STATUS_SCHEDULERS, names);
}

static int put_devices(struct sk_buff *skb, const struct shunt_net *sn)
{
	const struct shunt_attachment *at;

	list_for_each_entry(at, &sn->attachments, list)
		if (nla_put_string(skb, SHUNT_A_STATUS_DEVICES, at->name))
			return -EMSGSIZE;
	return 0;
}

int shunt_nl_status_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct shunt_net *sn = shunt_nl_net(info);
	struct sk_buff *reply;
	void *header;
	int err;

	mutex_lock(&sn->lock);
	reply = genlmsg_new(NLMSG_DEFAULT_SIZE +
			    sn->attachment_count * nla_total_size(IFNAMSIZ), GFP_KERNEL);
	header = reply ? genlmsg_put_reply(reply, info, &shunt_nl_family, 0,
					   SHUNT_CMD_STATUS_GET) : NULL;
	if (!header) {
		mutex_unlock(&sn->lock);
		nlmsg_free(reply);
		return shunt_nl_refuse_do(info, -ENOMEM, 0, "there is no memory for the answer");
	}
	err = nla_put_string(reply, SHUNT_A_STATUS_VERSION, SHUNT_VERSION) ?:
	      nla_put_u32(reply, SHUNT_A_STATUS_SERVICES, sn->service_count) ?:
	      nla_put_u32(reply, SHUNT_A_STATUS_SERVERS, sn->server_count) ?:
	      nla_put_u64_64bit(reply, SHUNT_A_STATUS_CONNECTIONS,
				shunt_table_conns(sn),
				SHUNT_A_STATUS_PAD) ?:
	      nla_put_u32(reply, SHUNT_A_STATUS_BUCKETS,
			  sn->table ? shunt_table_buckets(sn->table) : 0) ?:
	      nla_put_u8(reply, SHUNT_A_STATUS_HOOKED, !!sn->table) ?:
	      put_schedulers(reply) ?:
	      put_devices(reply, sn);
	mutex_unlock(&sn->lock);
	if (err) {
		nlmsg_free(reply);
		return shunt_nl_refuse_do(info, err, 0, "the answer does not fit a message");
	}
	genlmsg_end(reply, header);
	return genlmsg_reply(reply, info);
}

/* What was counted of a namespace and of all services it has and had. */
static void net_counts(struct shunt_net *sn, u64 *counts)
{
	struct shunt_service *service;
	unsigned long id;

	lockdep_assert_held(&sn->lock);
	memcpy(counts, sn->retired_drops, SHUNT_COUNTS * sizeof(*counts));
	shunt_drops_add(sn->drops, counts);
	xa_for_each(&sn->services, id, service)
		shunt_drops_add(service->drops, counts);
}

int shunt_nl_put_limit(struct sk_buff *skb, struct shunt_net *sn)
{
	u32 clients = sn->persists ? atomic_read(&sn->persists->count) : 0;
	u64 counts[SHUNT_COUNTS];

	net_counts(sn, counts);
	return nla_put_u32(skb, SHUNT_A_LIMIT_LIMIT, sn->limit) ?:
	       nla_put_u64_64bit(skb, SHUNT_A_LIMIT_CONNECTIONS,
				 shunt_table_conns(sn),
				 SHUNT_A_LIMIT_PAD) ?:
	       nla_put_u64_64bit(skb, SHUNT_A_LIMIT_STATELESS,
				 counts[SHUNT_COUNT_STATELESS], SHUNT_A_LIMIT_PAD) ?:
	       nla_put_u64_64bit(skb, SHUNT_A_LIMIT_RECYCLED,
				 counts[SHUNT_COUNT_RECYCLED], SHUNT_A_LIMIT_PAD) ?:
	       nla_put_u64_64bit(skb, SHUNT_A_LIMIT_HALF_OPEN_RECYCLED,
				 counts[SHUNT_COUNT_HALF_OPEN], SHUNT_A_LIMIT_PAD) ?:
	       nla_put_u64_64bit(skb, SHUNT_A_LIMIT_SYNS_FORGOTTEN,
				 counts[SHUNT_COUNT_SYN_FORGOTTEN], SHUNT_A_LIMIT_PAD) ?:
	       nla_put_u32(skb, SHUNT_A_LIMIT_PERSIST, sn->persist_limit) ?:
	       nla_put_u32(skb, SHUNT_A_LIMIT_PERSIST_ENTRIES, clients) ?:
	       nla_put_u64_64bit(skb, SHUNT_A_LIMIT_PERSIST_BEYOND,
				 counts[SHUNT_COUNT_PERSIST_BEYOND], SHUNT_A_LIMIT_PAD);
}

int shunt_nl_limit_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct shunt_net *sn = shunt_nl_net(info);
	struct sk_buff *reply;
	void *header;
	int err;

	reply = genlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!reply)
		return shunt_nl_refuse_do(info, -ENOMEM, 0, "there is no memory for the answer");
	header = genlmsg_put_reply(reply, info, &shunt_nl_family, 0, SHUNT_CMD_LIMIT_GET);
	if (!header) {
		nlmsg_free(reply);
		return shunt_nl_refuse_do(info, -EMSGSIZE, 0, "the answer does not fit a message");
	}
	mutex_lock(&sn->lock);
	err = shunt_nl_put_limit(reply, sn);
	mutex_unlock(&sn->lock);
	if (err) {
		nlmsg_free(reply);
		return shunt_nl_refuse_do(info, err, 0, "the answer does not fit a message");
	}
	genlmsg_end(reply, header);
	return genlmsg_reply(reply, info);
}
