// SPDX-License-Identifier: GPL-2.0
/*
 * The generic netlink family: requests in, listings out. include/shunt.yaml
 * says what each command takes; the policies made from it have checked types
 * and lengths before anything here runs.
 *
 * Requests and the listings of services and servers hold the namespace's lock.
 */
#include <linux/ctype.h>
#include <net/genetlink.h>
#include <net/ipv6.h>

#include "conn.h"
#include "event.h"
#include "ingress.h"
#include "limit.h"
#include "net.h"
#include "netlink.h"
#include "netlink_gen.h"
#include "persist.h"
#include "sched.h"
#include "server.h"
#include "service.h"

int shunt_nl_refuse(struct netlink_ext_ack *extack, struct nlattr **attrs, int err,
		    const struct shunt_refusal *no)
{
	if (extack) {
		extack->_msg = no->why;
		if (no->attr && attrs[no->attr])
			NL_SET_BAD_ATTR(extack, attrs[no->attr]);
	}
	return err;
}

int shunt_nl_refuse_do(struct genl_info *info, int err, int attr, const char *why)
{
	const struct shunt_refusal no = { .why = why, .attr = attr };

	return shunt_nl_refuse(info->extack, info->attrs, err, &no);
}

int shunt_nl_reply_number(struct sk_buff *reply, struct genl_info *info, u8 cmd, int attr,
			  u32 value)
{
	void *header = genlmsg_put_reply(reply, info, &shunt_nl_family, 0, cmd);

	nla_put_u32(reply, attr, value);
	genlmsg_end(reply, header);
	return genlmsg_reply(reply, info);
}

u8 shunt_nl_get_addr(const struct nlattr *attr, union nf_inet_addr *addr)
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

bool shunt_nl_addr_is_host(u8 family, const union nf_inet_addr *addr)
{
	if (family == NFPROTO_IPV4)
		return !ipv4_is_zeronet(addr->ip) && !ipv4_is_multicast(addr->ip) &&
		       !ipv4_is_loopback(addr->ip) && !ipv4_is_lbcast(addr->ip);
	return !ipv6_addr_any(&addr->in6) && !ipv6_addr_loopback(&addr->in6) &&
	       !ipv6_addr_is_multicast(&addr->in6) && !ipv6_addr_v4mapped(&addr->in6) &&
	       !(ipv6_addr_type(&addr->in6) & IPV6_ADDR_LINKLOCAL);
}

static bool is_one_word(const char *name)
{
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
		*err = shunt_nl_refuse_do(info, -EINVAL, 0, "a service must be named");
		return NULL;
	}
	service = shunt_service_by_name(shunt_nl_net(info), nla_data(info->attrs[attr]));
	if (!service)
		*err = shunt_nl_refuse_do(info, -ENOENT, attr, "there is no service of this name");
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
	return shunt_nl_refuse_do(info, -ENOENT, SHUNT_A_SERVICE_SCHEDULER,
				  "there is no scheduler of this name; 'shunt status' lists them");
}

/* Into the request's own memory. */
static int get_seed(struct genl_info *info, const char **seed)
{
	const struct nlattr *attr = info->attrs[SHUNT_A_SERVICE_SEED];

	if (!attr)
		return 0;
	*seed = nla_data(attr);
	if (is_one_word(*seed))
		return 0;
	return shunt_nl_refuse_do(info, -EINVAL, SHUNT_A_SERVICE_SEED,
				  "a seed has up to 31 letters, digits, '.', '_' or '-'");
}

/* What a request says of persistence; the group's name stays in its memory. */
static int get_persist(struct genl_info *info, struct shunt_service_change *change)
{
	struct nlattr **attrs = info->attrs;

	if (attrs[SHUNT_A_SERVICE_PERSIST]) {
		change->has_persist = true;
		change->persist = nla_get_u32(attrs[SHUNT_A_SERVICE_PERSIST]);
	}
	if (attrs[SHUNT_A_SERVICE_PERSIST_PREFIX])
		change->persist_prefix = nla_get_u8(attrs[SHUNT_A_SERVICE_PERSIST_PREFIX]);
	if (!attrs[SHUNT_A_SERVICE_PERSIST_GROUP])
		return 0;
	change->persist_group = nla_data(attrs[SHUNT_A_SERVICE_PERSIST_GROUP]);
	if (is_one_word(change->persist_group))
		return 0;
	return shunt_nl_refuse_do(info, -EINVAL, SHUNT_A_SERVICE_PERSIST_GROUP,
				  "the name of a persist-group has up to 31 letters, digits, '.', '_' or '-'");
}

/* The timeouts of a request, by state; what is absent stays 0. */
static int get_timeouts(struct genl_info *info, u32 *timeouts)
{
	struct nlattr *attrs[SHUNT_A_TIMEOUTS_MAX + 1];
	unsigned int state;
	int err;

	BUILD_BUG_ON(SHUNT_CONN_STATE_ANSWERED + 1 != SHUNT_A_TIMEOUTS_ANSWERED);

	if (!info->attrs[SHUNT_A_SERVICE_TIMEOUTS])
		return 0;
	err = nla_parse_nested(attrs, SHUNT_A_TIMEOUTS_MAX, info->attrs[SHUNT_A_SERVICE_TIMEOUTS],
			       shunt_timeouts_nl_policy, info->extack);
	if (err)
		return err;
	for (state = 0; state < SHUNT_CONN_STATES; state++)
		if (attrs[state + 1])
			timeouts[state] = nla_get_u32(attrs[state + 1]);
	return 0;
}

/* What a request says of a service's settings. */
static int get_service_change(struct genl_info *info, struct shunt_service_change *change)
{
	static const int settings[] = {
		[SHUNT_SET_MODE] = SHUNT_A_SERVICE_MODE,
		[SHUNT_SET_ON_EXPIRE] = SHUNT_A_SERVICE_ON_EXPIRE,
		[SHUNT_SET_ON_REMOVE] = SHUNT_A_SERVICE_ON_REMOVE,
		[SHUNT_SET_ON_EMPTY] = SHUNT_A_SERVICE_ON_EMPTY,
		[SHUNT_SET_MIDSTREAM] = SHUNT_A_SERVICE_MIDSTREAM,
		[SHUNT_SET_PACKET] = SHUNT_A_SERVICE_PACKET,
		[SHUNT_SET_HASH] = SHUNT_A_SERVICE_HASH,
	};
	unsigned int i;

	memset(change, 0, sizeof(*change));
	for (i = 0; i < SHUNT_SETTINGS; i++) {
		const struct nlattr *attr = info->attrs[settings[i]];

		if (!attr)
			continue;
		change->has |= BIT(i);
		/* Those that are no enum are a byte. */
		change->value[i] = nla_len(attr) == sizeof(u8) ? nla_get_u8(attr) :
								 nla_get_u32(attr);
	}
	if (info->attrs[SHUNT_A_SERVICE_LIMIT]) {
		change->has_limit = true;
		change->limit = nla_get_u32(info->attrs[SHUNT_A_SERVICE_LIMIT]);
	}
	if (info->attrs[SHUNT_A_SERVICE_TABLE_SIZE])
		change->table_size = nla_get_u32(info->attrs[SHUNT_A_SERVICE_TABLE_SIZE]);
	return get_sched(info, &change->sched) ?: get_seed(info, &change->seed) ?:
	       get_timeouts(info, change->timeouts) ?: get_persist(info, change);
}

/* The protocols of the service to be. */
static int get_protocols(struct genl_info *info, u8 *protocols)
{
	const struct nlattr *attr = info->attrs[SHUNT_A_SERVICE_PROTOCOL];

	if (!attr)
		return shunt_nl_refuse_do(info, -EINVAL, 0, "a service needs a protocol");
	switch (nla_get_u8(attr)) {
	case IPPROTO_TCP:
		*protocols = SHUNT_CARRIES_TCP;
		return 0;
	case IPPROTO_UDP:
		*protocols = SHUNT_CARRIES_UDP;
		return 0;
	case SHUNT_PROTOCOL_TCP_UDP:
		*protocols = SHUNT_CARRIES_TCP | SHUNT_CARRIES_UDP;
		return 0;
	default:
		return shunt_nl_refuse_do(info, -EPROTONOSUPPORT, SHUNT_A_SERVICE_PROTOCOL,
					  "the protocol of a service is tcp, udp or both");
	}
}

static int service_add(struct genl_info *info, const char *name, u8 family, u8 protocols,
		       const struct shunt_service_change *change)
{
	struct shunt_net *sn = shunt_nl_net(info);
	struct shunt_refusal no;
	int err;

	mutex_lock(&sn->lock);
	err = shunt_service_add(sn, name, family, protocols, change, &no);
	mutex_unlock(&sn->lock);
	return err ? shunt_nl_refuse_match(info, err, &no) : 0;
}

int shunt_nl_service_add_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct shunt_service_change change;
	u8 family, protocols;
	const char *name;
	int err;

	if (!info->attrs[SHUNT_A_SERVICE_NAME])
		return shunt_nl_refuse_do(info, -EINVAL, 0, "a service must be named");
	name = nla_data(info->attrs[SHUNT_A_SERVICE_NAME]);
	if (!*name || !is_one_word(name))
		return shunt_nl_refuse_do(info, -EINVAL, SHUNT_A_SERVICE_NAME,
					  "a name has 1 to 31 letters, digits, '.', '_' or '-'");
	err = get_protocols(info, &protocols) ?: get_service_change(info, &change) ?:
	      shunt_nl_get_match(info, &change.match, &family);
	if (err)
		return err;
	if (!change.match)
		return shunt_nl_refuse_do(info, -EINVAL, 0,
					  "a service needs an address and a port, or a fwmark");
	err = service_add(info, name, family ?: NFPROTO_IPV4, protocols, &change);
	if (err)
		kfree(change.match);
	return err;
}

static int service_set(struct genl_info *info, u8 family,
		       const struct shunt_service_change *change)
{
	struct shunt_service *service;
	struct shunt_refusal no;
	int err;

	service = get_service(info, SHUNT_A_SERVICE_NAME, &err);
	if (!service)
		return err;
	if (family && family != service->family)
		return shunt_nl_refuse_do(info, -EINVAL, shunt_nl_family_attr(info),
					  "a service stays with the family that it has; add another one for this");
	err = shunt_service_set(service, change, &no);
	return err ? shunt_nl_refuse_match(info, err, &no) : 0;
}

int shunt_nl_service_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct shunt_net *sn = shunt_nl_net(info);
	struct shunt_service_change change;
	u8 family;
	int err;

	err = get_service_change(info, &change) ?:
	      shunt_nl_get_match(info, &change.match, &family);
	if (err)
		return err;
	mutex_lock(&sn->lock);
	err = service_set(info, family, &change);
	mutex_unlock(&sn->lock);
	if (err)
		kfree(change.match);
	return err;
}

int shunt_nl_service_del_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct shunt_net *sn = shunt_nl_net(info);
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
	struct shunt_net *sn = shunt_nl_net(info);

	mutex_lock(&sn->lock);
	shunt_service_flush(sn);
	mutex_unlock(&sn->lock);
	return 0;
}

/* Attaches the device that a request names, or detaches it. */
static int change_device(struct genl_info *info,
			 int (*change)(struct shunt_net *sn, const char *name,
				       struct shunt_refusal *no))
{
	const struct nlattr *name = info->attrs[SHUNT_A_DEVICE_NAME];
	struct shunt_net *sn = shunt_nl_net(info);
	struct shunt_refusal no;
	int err;

	if (!name)
		return shunt_nl_refuse_do(info, -EINVAL, 0, "a device must be named");
	mutex_lock(&sn->lock);
	err = change(sn, nla_data(name), &no);
	mutex_unlock(&sn->lock);
	return err ? shunt_nl_refuse(info->extack, info->attrs, err, &no) : 0;
}

int shunt_nl_attach_doit(struct sk_buff *skb, struct genl_info *info)
{
	return change_device(info, shunt_ingress_attach);
}

int shunt_nl_detach_doit(struct sk_buff *skb, struct genl_info *info)
{
	return change_device(info, shunt_ingress_detach);
}

int shunt_nl_limit_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	const struct nlattr *persist = info->attrs[SHUNT_A_LIMIT_PERSIST];
	const struct nlattr *limit = info->attrs[SHUNT_A_LIMIT_LIMIT];
	struct shunt_net *sn = shunt_nl_net(info);

	if (!limit && !persist)
		return shunt_nl_refuse_do(info, -EINVAL, 0, "a limit must be given");
	mutex_lock(&sn->lock);
	if (limit)
		WRITE_ONCE(sn->limit, nla_get_u32(limit) ?: shunt_limit_default());
	if (persist)
		WRITE_ONCE(sn->persist_limit,
			   nla_get_u32(persist) ?: shunt_persist_limit_default());
	shunt_event_limit(sn);
	mutex_unlock(&sn->lock);
	return 0;
}

/* The service, and the server's address and port, 0 if none was given, of a request. */
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
		*err = shunt_nl_refuse_do(info, -EINVAL, 0, "a server needs an address");
		return NULL;
	}
	family = shunt_nl_get_addr(attrs[SHUNT_A_SERVER_ADDRESS], addr);
	if (family != service->family) {
		*err = shunt_nl_refuse_do(info, -EINVAL, SHUNT_A_SERVER_ADDRESS,
					  "a server's address is of the same family as its service's");
		return NULL;
	}
	if (!shunt_nl_addr_is_host(family, addr)) {
		*err = shunt_nl_refuse_do(info, -EINVAL, SHUNT_A_SERVER_ADDRESS,
					  "a server's address must be that of one host on the network");
		return NULL;
	}
	*port = attrs[SHUNT_A_SERVER_PORT] ? nla_get_be16(attrs[SHUNT_A_SERVER_PORT]) : 0;
	if (attrs[SHUNT_A_SERVER_PORT] && !*port) {
		*err = shunt_nl_refuse_do(info, -EINVAL, SHUNT_A_SERVER_PORT,
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
		*err = shunt_nl_refuse_do(info, -ENOENT, SHUNT_A_SERVER_ADDRESS,
					  "the service has no such server");
	return server;
}

/* What a request says of a server's settings. */
static struct shunt_server_change get_change(struct nlattr **attrs)
{
	static const int settings[] = {
		[SHUNT_SERVER_MODE] = SHUNT_A_SERVER_MODE,
		[SHUNT_SERVER_WEIGHT] = SHUNT_A_SERVER_WEIGHT,
		[SHUNT_SERVER_STATE] = SHUNT_A_SERVER_STATE,
		[SHUNT_SERVER_BACKUP] = SHUNT_A_SERVER_BACKUP,
		[SHUNT_SERVER_UPPER_LIMIT] = SHUNT_A_SERVER_UPPER_LIMIT,
		[SHUNT_SERVER_LOWER_LIMIT] = SHUNT_A_SERVER_LOWER_LIMIT,
		[SHUNT_SERVER_SLOW_START] = SHUNT_A_SERVER_SLOW_START,
	};
	struct shunt_server_change change = {};
	unsigned int i;

	for (i = 0; i < SHUNT_SERVER_SETTINGS; i++) {
		const struct nlattr *attr = attrs[settings[i]];

		if (!attr)
			continue;
		change.has |= BIT(i);
		change.value[i] = nla_len(attr) == sizeof(u8) ? nla_get_u8(attr) :
								nla_get_u32(attr);
	}
	return change;
}

int shunt_nl_server_add_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct shunt_server_change given = get_change(info->attrs);
	struct shunt_net *sn = shunt_nl_net(info);
	struct shunt_service *service;
	union nf_inet_addr addr;
	struct shunt_refusal no;
	__be16 port;
	int err = 0;

	mutex_lock(&sn->lock);
	service = get_server_key(info, &addr, &port, &err);
	if (service) {
		err = shunt_server_add(service, &addr, port, &given, &no);
		if (err)
			shunt_nl_refuse(info->extack, info->attrs, err, &no);
	}
	mutex_unlock(&sn->lock);
	return err;
}

/* Does something to the server that a request names. */
static int do_to_server(struct genl_info *info,
			int (*fn)(struct shunt_server *server, struct nlattr **attrs,
				  struct shunt_refusal *no))
{
	struct shunt_net *sn = shunt_nl_net(info);
	struct shunt_server *server;
	struct shunt_refusal no;
	int err = 0;

	mutex_lock(&sn->lock);
	server = get_server(info, &err);
	if (server) {
		err = fn(server, info->attrs, &no);
		if (err)
			shunt_nl_refuse(info->extack, info->attrs, err, &no);
	}
	mutex_unlock(&sn->lock);
	return err;
}

static int set_server(struct shunt_server *server, struct nlattr **attrs,
		      struct shunt_refusal *no)
{
	const struct shunt_server_change change = get_change(attrs);

	return shunt_server_set(server, &change, no);
}

int shunt_nl_server_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	return do_to_server(info, set_server);
}

static int drain_server(struct shunt_server *server, struct nlattr **attrs,
			struct shunt_refusal *no)
{
	const struct nlattr *timeout = attrs[SHUNT_A_SERVER_DRAIN_TIMEOUT];
	const struct nlattr *then = attrs[SHUNT_A_SERVER_DRAIN_THEN];

	return shunt_server_drain(server, timeout ? nla_get_u32(timeout) : 0,
				  then ? nla_get_u32(then) : SHUNT_DRAIN_THEN_STAY, no);
}

int shunt_nl_server_drain_doit(struct sk_buff *skb, struct genl_info *info)
{
	return do_to_server(info, drain_server);
}

static int del_server(struct shunt_server *server, struct nlattr **attrs,
		      struct shunt_refusal *no)
{
	return shunt_server_del(server, no);
}

int shunt_nl_server_del_doit(struct sk_buff *skb, struct genl_info *info)
{
	return do_to_server(info, del_server);
}

int __init shunt_netlink_init(void)
{
	int err = genl_register_family(&shunt_nl_family);

	if (!err)
		shunt_event_start();
	return err;
}

void shunt_netlink_exit(void)
{
	shunt_event_stop();
	genl_unregister_family(&shunt_nl_family);
}
