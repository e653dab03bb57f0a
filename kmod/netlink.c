// SPDX-License-Identifier: GPL-2.0
/*
 * The generic netlink family: requests in, listings out. include/shunt.yaml
 * says what each command takes; the policies made from it have checked types
 * and lengths before anything here runs.
 *
 * Requests and the listings of services and servers hold the namespace's lock.
 * A listing that spans several messages remembers the id it has come to, and
 * the generation of the configuration tells its reader when that has changed
 * in between. Connections are listed under RCU only, by bucket.
 */
#include <linux/ctype.h>
#include <net/genetlink.h>
#include <net/ipv6.h>

#include "conn.h"
#include "net.h"
#include "netlink.h"
#include "netlink_gen.h"
#include "sched.h"
#include "service.h"
#include "stats.h"

static struct shunt_net *info_net(struct genl_info *info)
{
	return shunt_net(genl_info_net(info));
}

/* Tells why, and points at the attribute if there is one. */
static int refuse(struct netlink_ext_ack *extack, struct nlattr **attrs, int err,
		  const struct shunt_refusal *no)
{
	if (extack) {
		extack->_msg = no->why;
		if (no->attr && attrs[no->attr])
			NL_SET_BAD_ATTR(extack, attrs[no->attr]);
	}
	return err;
}

static int refuse_for(struct genl_info *info, int err, int attr, const char *why)
{
	const struct shunt_refusal no = { .why = why, .attr = attr };

	return refuse(info->extack, info->attrs, err, &no);
}

static size_t addr_size(u8 family)
{
	return family == NFPROTO_IPV4 ? sizeof(struct in_addr) : sizeof(struct in6_addr);
}

/* The family of an address by its length, 0 if it has none. */
static u8 get_addr(const struct nlattr *attr, union nf_inet_addr *addr)
{
	memset(addr, 0, sizeof(*addr));
	if (nla_len(attr) == sizeof(addr->in)) {
		memcpy(&addr->in, nla_data(attr), sizeof(addr->in));
		return NFPROTO_IPV4;
	}
	if (nla_len(attr) == sizeof(addr->in6)) {
		memcpy(&addr->in6, nla_data(attr), sizeof(addr->in6));
		return NFPROTO_IPV6;
	}
	return 0;
}

/* Whether an address can be that of one host that others reach. */
static bool addr_is_host(u8 family, const union nf_inet_addr *addr)
{
	if (family == NFPROTO_IPV4)
		return !ipv4_is_zeronet(addr->ip) && !ipv4_is_multicast(addr->ip) &&
		       !ipv4_is_loopback(addr->ip) && !ipv4_is_lbcast(addr->ip);
	return !ipv6_addr_any(&addr->in6) && !ipv6_addr_loopback(&addr->in6) &&
	       !ipv6_addr_is_multicast(&addr->in6) && !ipv6_addr_v4mapped(&addr->in6) &&
	       !(ipv6_addr_type(&addr->in6) & IPV6_ADDR_LINKLOCAL);
}

static bool name_is_valid(const char *name)
{
	if (!*name)
		return false;
	for (; *name; name++)
		if (!isascii(*name) || (!isalnum(*name) && !strchr("._-", *name)))
			return false;
	return true;
}

/* The service a request names. */
static struct shunt_service *get_service(struct genl_info *info, int attr, int *err)
{
	struct shunt_service *service;

	if (!info->attrs[attr]) {
		*err = refuse_for(info, -EINVAL, 0, "a service must be named");
		return NULL;
	}
	service = shunt_service_by_name(info_net(info), nla_data(info->attrs[attr]));
	if (!service)
		*err = refuse_for(info, -ENOENT, attr, "there is no service of this name");
	return service;
}

static int get_sched(struct genl_info *info, const struct shunt_sched **sched)
{
	const struct nlattr *attr = info->attrs[SHUNT_A_SERVICE_SCHEDULER];

	if (!attr)
		return 0;
	*sched = shunt_sched_by_name(nla_data(attr));
	if (*sched)
		return 0;
	return refuse_for(info, -ENOENT, SHUNT_A_SERVICE_SCHEDULER,
			  "there is no scheduler of this name; 'shunt status' lists them");
}

/* What packets of the service to be are matched by. */
static int get_key(struct genl_info *info, struct shunt_service_key *key)
{
	struct nlattr **attrs = info->attrs;

	if (!attrs[SHUNT_A_SERVICE_PROTOCOL] || !attrs[SHUNT_A_SERVICE_ADDRESS] ||
	    !attrs[SHUNT_A_SERVICE_PORT])
		return refuse_for(info, -EINVAL, 0,
				  "a service needs a protocol, an address and a port");

	memset(key, 0, sizeof(*key));
	key->protocol = nla_get_u8(attrs[SHUNT_A_SERVICE_PROTOCOL]);
	if (key->protocol != IPPROTO_TCP && key->protocol != IPPROTO_UDP)
		return refuse_for(info, -EPROTONOSUPPORT, SHUNT_A_SERVICE_PROTOCOL,
				  "the protocol of a service is tcp or udp");
	key->family = get_addr(attrs[SHUNT_A_SERVICE_ADDRESS], &key->addr);
	if (!key->family)
		return refuse_for(info, -EINVAL, SHUNT_A_SERVICE_ADDRESS,
				  "an address has 4 bytes, or 16");
	if (!addr_is_host(key->family, &key->addr))
		return refuse_for(info, -EINVAL, SHUNT_A_SERVICE_ADDRESS,
				  "a virtual address must be one that clients elsewhere can reach");
	key->port = nla_get_be16(attrs[SHUNT_A_SERVICE_PORT]);
	if (!key->port)
		return refuse_for(info, -EINVAL, SHUNT_A_SERVICE_PORT,
				  "a service's port is from 1 to 65535");
	return 0;
}

int shunt_nl_service_add_doit(struct sk_buff *skb, struct genl_info *info)
{
	const struct shunt_sched *sched = shunt_sched_at(0);
	struct shunt_net *sn = info_net(info);
	struct nlattr **attrs = info->attrs;
	struct shunt_service_key key;
	struct shunt_refusal no;
	u8 mode = SHUNT_MODE_DSR;
	const char *name;
	int err;

	if (!attrs[SHUNT_A_SERVICE_NAME])
		return refuse_for(info, -EINVAL, 0, "a service must be named");
	name = nla_data(attrs[SHUNT_A_SERVICE_NAME]);
	if (!name_is_valid(name))
		return refuse_for(info, -EINVAL, SHUNT_A_SERVICE_NAME,
				  "a name has 1 to 31 letters, digits, '.', '_' or '-'");
	err = get_key(info, &key) ?: get_sched(info, &sched);
	if (err)
		return err;
	if (attrs[SHUNT_A_SERVICE_MODE])
		mode = nla_get_u32(attrs[SHUNT_A_SERVICE_MODE]);

	mutex_lock(&sn->lock);
	err = shunt_service_add(sn, name, &key, sched, mode, &no);
	mutex_unlock(&sn->lock);
	return err ? refuse(info->extack, attrs, err, &no) : 0;
}

int shunt_nl_service_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *mode_attr = info->attrs[SHUNT_A_SERVICE_MODE];
	const struct shunt_sched *sched = NULL;
	struct shunt_net *sn = info_net(info);
	struct shunt_service *service;
	struct shunt_refusal no;
	u8 mode = 0;
	int err;

	err = get_sched(info, &sched);
	if (err)
		return err;
	if (mode_attr)
		mode = nla_get_u32(mode_attr);

	mutex_lock(&sn->lock);
	service = get_service(info, SHUNT_A_SERVICE_NAME, &err);
	if (service) {
		err = shunt_service_set(service, sched, mode_attr ? &mode : NULL, &no);
		if (err)
			refuse(info->extack, info->attrs, err, &no);
	}
	mutex_unlock(&sn->lock);
	return err;
}

int shunt_nl_service_del_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct shunt_net *sn = info_net(info);
	struct shunt_service *service;
	int err = 0;

	mutex_lock(&sn->lock);
	service = get_service(info, SHUNT_A_SERVICE_NAME, &err);
	if (service)
		shunt_service_del(service);
	mutex_unlock(&sn->lock);
	return err;
}

int shunt_nl_flush_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct shunt_net *sn = info_net(info);

	mutex_lock(&sn->lock);
	shunt_service_flush(sn);
	mutex_unlock(&sn->lock);
	return 0;
}

/* The service, and the server's address and port, of a request. */
static struct shunt_service *get_server_key(struct genl_info *info, union nf_inet_addr *addr,
					    __be16 *port, int *err)
{
	struct nlattr **attrs = info->attrs;
	struct shunt_service *service;
	u8 family;

	service = get_service(info, SHUNT_A_SERVER_SERVICE, err);
	if (!service)
		return NULL;
	if (!attrs[SHUNT_A_SERVER_ADDRESS]) {
		*err = refuse_for(info, -EINVAL, 0, "a server needs an address");
		return NULL;
	}
	family = get_addr(attrs[SHUNT_A_SERVER_ADDRESS], addr);
	if (family != service->key.family) {
		*err = refuse_for(info, -EINVAL, SHUNT_A_SERVER_ADDRESS,
				  "a server's address is of the same family as its service's");
		return NULL;
	}
	if (!addr_is_host(family, addr)) {
		*err = refuse_for(info, -EINVAL, SHUNT_A_SERVER_ADDRESS,
				  "a server's address must be that of one host on the network");
		return NULL;
	}
	*port = attrs[SHUNT_A_SERVER_PORT] ? nla_get_be16(attrs[SHUNT_A_SERVER_PORT]) :
					     service->key.port;
	if (!*port) {
		*err = refuse_for(info, -EINVAL, SHUNT_A_SERVER_PORT,
				  "a server's port is from 1 to 65535");
		return NULL;
	}
	return service;
}

static struct shunt_server *get_server(struct genl_info *info, int *err)
{
	struct shunt_service *service;
	struct shunt_server *server;
	union nf_inet_addr addr;
	__be16 port;

	service = get_server_key(info, &addr, &port, err);
	if (!service)
		return NULL;
	server = shunt_server_by_addr(service, &addr, port);
	if (!server)
		*err = refuse_for(info, -ENOENT, SHUNT_A_SERVER_ADDRESS,
				  "the service has no such server");
	return server;
}

static struct shunt_server_change get_change(struct nlattr **attrs)
{
	struct shunt_server_change change = {};

	if (attrs[SHUNT_A_SERVER_MODE]) {
		change.has_mode = true;
		change.mode = nla_get_u32(attrs[SHUNT_A_SERVER_MODE]);
	}
	if (attrs[SHUNT_A_SERVER_WEIGHT]) {
		change.has_weight = true;
		change.weight = nla_get_u32(attrs[SHUNT_A_SERVER_WEIGHT]);
	}
	return change;
}

int shunt_nl_server_add_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct shunt_server_change given = get_change(info->attrs);
	struct shunt_net *sn = info_net(info);
	struct shunt_service *service;
	union nf_inet_addr addr;
	struct shunt_refusal no;
	__be16 port;
	int err = 0;

	mutex_lock(&sn->lock);
	service = get_server_key(info, &addr, &port, &err);
	if (service) {
		err = shunt_server_add(service, &addr, port,
				       given.has_mode ? given.mode : service->mode,
				       given.has_weight ? given.weight : 1, &no);
		if (err)
			refuse(info->extack, info->attrs, err, &no);
	}
	mutex_unlock(&sn->lock);
	return err;
}

int shunt_nl_server_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct shunt_server_change change = get_change(info->attrs);
	struct shunt_net *sn = info_net(info);
	struct shunt_server *server;
	struct shunt_refusal no;
	int err = 0;

	mutex_lock(&sn->lock);
	server = get_server(info, &err);
	if (server) {
		err = shunt_server_set(server, &change, &no);
		if (err)
			refuse(info->extack, info->attrs, err, &no);
	}
	mutex_unlock(&sn->lock);
	return err;
}

int shunt_nl_server_del_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct shunt_net *sn = info_net(info);
	struct shunt_server *server;
	struct shunt_refusal no;
	int err = 0;

	mutex_lock(&sn->lock);
	server = get_server(info, &err);
	if (server) {
		err = shunt_server_del(server, &no);
		if (err)
			refuse(info->extack, info->attrs, err, &no);
	}
	mutex_unlock(&sn->lock);
	return err;
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

/* Begins one message of a listing. */
static void *put_header(struct sk_buff *skb, struct netlink_callback *cb, u8 cmd)
{
	return genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq,
			   &shunt_nl_family, NLM_F_MULTI, cmd);
}

/* Ends it, or takes it back if it did not fit. */
static int put_end(struct sk_buff *skb, void *header, int err)
{
	if (err)
		genlmsg_cancel(skb, header);
	else
		genlmsg_end(skb, header);
	return err;
}

static int put_service(struct sk_buff *skb, struct netlink_callback *cb,
		       const struct shunt_service *service)
{
	const struct shunt_pool *pool =
		rcu_dereference_protected(service->pool, lockdep_is_held(&service->sn->lock));
	const struct shunt_service_key *key = &service->key;
	struct shunt_totals totals;
	u64 connections;
	void *header;
	int err;

	header = put_header(skb, cb, SHUNT_CMD_SERVICE_GET);
	if (!header)
		return -EMSGSIZE;
	nl_dump_check_consistent(cb, nlmsg_hdr(skb));
	shunt_service_totals(service, &totals, &connections);
	err = nla_put_string(skb, SHUNT_A_SERVICE_NAME, service->name) ?:
	      nla_put_u8(skb, SHUNT_A_SERVICE_PROTOCOL, key->protocol) ?:
	      nla_put(skb, SHUNT_A_SERVICE_ADDRESS, addr_size(key->family), &key->addr) ?:
	      nla_put_be16(skb, SHUNT_A_SERVICE_PORT, key->port) ?:
	      nla_put_string(skb, SHUNT_A_SERVICE_SCHEDULER, pool->sched->name) ?:
	      nla_put_u32(skb, SHUNT_A_SERVICE_MODE, service->mode) ?:
	      put_stats(skb, SHUNT_A_SERVICE_STATS, &totals, connections);
	return put_end(skb, header, err);
}

static int put_server(struct sk_buff *skb, struct netlink_callback *cb,
		      const struct shunt_server *server)
{
	const struct shunt_service *service = server->service;
	struct shunt_totals totals = {};
	void *header;
	u32 state;
	int err;

	header = put_header(skb, cb, SHUNT_CMD_SERVER_GET);
	if (!header)
		return -EMSGSIZE;
	nl_dump_check_consistent(cb, nlmsg_hdr(skb));
	shunt_counters_add(server->counters, &totals);
	state = shunt_server_usable(server) ? SHUNT_SERVER_STATE_UP :
					      SHUNT_SERVER_STATE_UNREACHABLE;
	err = nla_put_string(skb, SHUNT_A_SERVER_SERVICE, service->name) ?:
	      nla_put(skb, SHUNT_A_SERVER_ADDRESS, addr_size(service->key.family),
		      &server->addr) ?:
	      nla_put_be16(skb, SHUNT_A_SERVER_PORT, server->port) ?:
	      nla_put_u32(skb, SHUNT_A_SERVER_MODE, server->mode) ?:
	      nla_put_u32(skb, SHUNT_A_SERVER_WEIGHT, server->weight) ?:
	      nla_put_u32(skb, SHUNT_A_SERVER_STATE, state) ?:
	      put_stats(skb, SHUNT_A_SERVER_STATS, &totals, atomic_read(&server->conns));
	return put_end(skb, header, err);
}

static int refuse_dump(struct netlink_callback *cb, int err, int attr, const char *why)
{
	const struct shunt_refusal no = { .why = why, .attr = attr };

	return refuse(cb->extack, shunt_compat_dump_attrs(cb), err, &no);
}

/* The name a listing is limited to, NULL for none. -ENOENT if nothing has it. */
static int dump_service_name(struct shunt_net *sn, struct netlink_callback *cb, int attr,
			     const char **name)
{
	struct nlattr **attrs = shunt_compat_dump_attrs(cb);

	*name = attrs && attrs[attr] ? nla_data(attrs[attr]) : NULL;
	if (!*name || shunt_service_by_name(sn, *name))
		return 0;
	return refuse_dump(cb, -ENOENT, attr, "there is no service of this name");
}

/* Whether what connections are to be listed by makes sense. */
static int check_filter(struct shunt_net *sn, struct netlink_callback *cb)
{
	static const int addrs[] = { SHUNT_A_CONN_CLIENT, SHUNT_A_CONN_SERVER };
	struct nlattr **attrs = shunt_compat_dump_attrs(cb);
	union nf_inet_addr addr;
	const char *name;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(addrs); i++)
		if (attrs && attrs[addrs[i]] && !get_addr(attrs[addrs[i]], &addr))
			return refuse_dump(cb, -EINVAL, addrs[i], "an address has 4 bytes, or 16");
	return dump_service_name(sn, cb, SHUNT_A_CONN_SERVICE, &name);
}

/* Where a listing goes on: cb->args[0] is the service's id, args[1] the server's. */
int shunt_nl_service_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct shunt_net *sn = shunt_net(sock_net(skb->sk));
	struct shunt_service *service;
	unsigned long id;
	const char *name;
	int err;

	mutex_lock(&sn->lock);
	cb->seq = sn->generation;
	err = cb->args[2] ? 0 : dump_service_name(sn, cb, SHUNT_A_SERVICE_NAME, &name);
	if (err || cb->args[2])
		goto out;
	xa_for_each_start(&sn->services, id, service, cb->args[0]) {
		cb->args[0] = id;
		if (name && strcmp(name, service->name))
			continue;
		err = put_service(skb, cb, service);
		if (err)
			goto out;
	}
	cb->args[2] = 1;
out:
	mutex_unlock(&sn->lock);
	return err && !skb->len ? err : skb->len;
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
	struct shunt_net *sn = shunt_net(sock_net(skb->sk));
	struct shunt_service *service;
	unsigned long id;
	const char *name;
	int err;

	mutex_lock(&sn->lock);
	cb->seq = sn->generation;
	err = cb->args[2] ? 0 : dump_service_name(sn, cb, SHUNT_A_SERVER_SERVICE, &name);
	if (err || cb->args[2])
		goto out;
	xa_for_each_start(&sn->services, id, service, cb->args[0]) {
		if (id != cb->args[0])
			cb->args[1] = 0;
		cb->args[0] = id;
		if (name && strcmp(name, service->name))
			continue;
		err = put_servers(skb, cb, service);
		if (err)
			goto out;
	}
	cb->args[2] = 1;
out:
	mutex_unlock(&sn->lock);
	return err && !skb->len ? err : skb->len;
}

struct conn_listing {
	struct sk_buff *skb;
	struct netlink_callback *cb;
	struct nlattr **filter;
};

static bool same_addr(const struct nlattr *attr, const union nf_inet_addr *addr, u8 family)
{
	return !attr || (nla_len(attr) == addr_size(family) &&
			 !memcmp(nla_data(attr), addr, addr_size(family)));
}

static bool same_port(const struct nlattr *attr, __be16 port)
{
	return !attr || nla_get_be16(attr) == port;
}

static bool conn_wanted(const struct shunt_conn *conn, struct nlattr **filter)
{
	const struct shunt_tuple *tuple = shunt_conn_tuple(conn);
	const struct shunt_server *server = conn->server;

	if (!filter)
		return true;
	if (filter[SHUNT_A_CONN_SERVICE] &&
	    strcmp(nla_data(filter[SHUNT_A_CONN_SERVICE]), server->service->name))
		return false;
	return same_addr(filter[SHUNT_A_CONN_CLIENT], &tuple->src, tuple->family) &&
	       same_port(filter[SHUNT_A_CONN_CLIENT_PORT], tuple->sport) &&
	       same_addr(filter[SHUNT_A_CONN_SERVER], &server->addr, tuple->family) &&
	       same_port(filter[SHUNT_A_CONN_SERVER_PORT], server->port);
}

static int put_conn(const struct shunt_conn *conn, void *arg)
{
	const struct shunt_tuple *tuple = shunt_conn_tuple(conn);
	const struct shunt_server *server = conn->server;
	size_t size = addr_size(tuple->family);
	struct conn_listing *listing = arg;
	struct sk_buff *skb = listing->skb;
	void *header;
	int err;

	if (!conn_wanted(conn, listing->filter))
		return 0;
	header = put_header(skb, listing->cb, SHUNT_CMD_CONN_GET);
	if (!header)
		return -EMSGSIZE;
	err = nla_put_string(skb, SHUNT_A_CONN_SERVICE, server->service->name) ?:
	      nla_put_u8(skb, SHUNT_A_CONN_PROTOCOL, tuple->protocol) ?:
	      nla_put(skb, SHUNT_A_CONN_CLIENT, size, &tuple->src) ?:
	      nla_put_be16(skb, SHUNT_A_CONN_CLIENT_PORT, tuple->sport) ?:
	      nla_put(skb, SHUNT_A_CONN_ADDRESS, size, &tuple->dst) ?:
	      nla_put_be16(skb, SHUNT_A_CONN_PORT, tuple->dport) ?:
	      nla_put(skb, SHUNT_A_CONN_SERVER, size, &server->addr) ?:
	      nla_put_be16(skb, SHUNT_A_CONN_SERVER_PORT, server->port) ?:
	      nla_put_u32(skb, SHUNT_A_CONN_MODE, conn->mode) ?:
	      nla_put_u32(skb, SHUNT_A_CONN_STATE, READ_ONCE(conn->state)) ?:
	      nla_put_u32(skb, SHUNT_A_CONN_EXPIRES, shunt_conn_expires(conn));
	return put_end(skb, header, err);
}

/* The lock keeps the table there; connections come and go meanwhile. */
int shunt_nl_conn_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct shunt_net *sn = shunt_net(sock_net(skb->sk));
	struct conn_listing listing = {
		.skb = skb,
		.cb = cb,
		.filter = shunt_compat_dump_attrs(cb),
	};
	unsigned long at[2] = { cb->args[0], cb->args[1] };
	int err = 0;

	mutex_lock(&sn->lock);
	if (!at[0] && !at[1])
		err = check_filter(sn, cb);
	if (!err && sn->table)
		shunt_conn_walk(sn, &at[0], &at[1], put_conn, &listing);
	mutex_unlock(&sn->lock);
	cb->args[0] = at[0];
	cb->args[1] = at[1];
	return err ?: skb->len;
}

int shunt_nl_drop_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct shunt_net *sn = shunt_net(sock_net(skb->sk));
	int i;

	for (i = max_t(int, cb->args[0], SHUNT_FORWARDED + 1); i < SHUNT_REASONS; i++) {
		void *header = put_header(skb, cb, SHUNT_CMD_DROP_GET);
		int err;

		if (!header)
			break;
		err = nla_put_string(skb, SHUNT_A_DROP_REASON, shunt_drop_name(i)) ?:
		      nla_put_u64_64bit(skb, SHUNT_A_DROP_COUNT, shunt_drop_read(sn, i),
					SHUNT_A_DROP_PAD) ?:
		      nla_put_string(skb, SHUNT_A_DROP_MEANING, shunt_drop_meaning(i));
		if (put_end(skb, header, err))
			break;
	}
	cb->args[0] = i;
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

int shunt_nl_status_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct shunt_net *sn = info_net(info);
	struct sk_buff *reply;
	void *header;
	int err;

	reply = genlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!reply)
		return refuse_for(info, -ENOMEM, 0, "there is no memory for the answer");
	header = genlmsg_put_reply(reply, info, &shunt_nl_family, 0, SHUNT_CMD_STATUS_GET);
	if (!header) {
		nlmsg_free(reply);
		return refuse_for(info, -EMSGSIZE, 0, "the answer does not fit a message");
	}

	mutex_lock(&sn->lock);
	err = nla_put_string(reply, SHUNT_A_STATUS_VERSION, SHUNT_VERSION) ?:
	      nla_put_u32(reply, SHUNT_A_STATUS_SERVICES, sn->service_count) ?:
	      nla_put_u32(reply, SHUNT_A_STATUS_SERVERS, sn->server_count) ?:
	      nla_put_u64_64bit(reply, SHUNT_A_STATUS_CONNECTIONS,
				sn->table ? shunt_table_count(sn->table) : 0,
				SHUNT_A_STATUS_PAD) ?:
	      nla_put_u32(reply, SHUNT_A_STATUS_BUCKETS,
			  sn->table ? shunt_table_buckets(sn->table) : 0) ?:
	      nla_put_u8(reply, SHUNT_A_STATUS_HOOKED, !!sn->table) ?:
	      put_schedulers(reply);
	mutex_unlock(&sn->lock);
	if (err) {
		nlmsg_free(reply);
		return refuse_for(info, err, 0, "the answer does not fit a message");
	}
	genlmsg_end(reply, header);
	return genlmsg_reply(reply, info);
}

int __init shunt_netlink_init(void)
{
	return genl_register_family(&shunt_nl_family);
}

void shunt_netlink_exit(void)
{
	genl_unregister_family(&shunt_nl_family);
}
