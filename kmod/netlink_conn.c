// SPDX-License-Identifier: GPL-2.0
/*
 * Listing and deleting connections. The namespace's lock keeps the table there;
 * connections come and go meanwhile.
 */
#include "conn.h"
#include "lookup.h"
#include "net.h"
#include "netlink.h"
#include "netlink_gen.h"
#include "server.h"
#include "service.h"
#include "table.h"

/* Whether what connections are to be picked by makes sense. */
static int check_filter(struct shunt_net *sn, struct netlink_ext_ack *extack,
			struct nlattr **attrs)
{
	static const int addrs[] = { SHUNT_A_CONN_CLIENT, SHUNT_A_CONN_SERVER };
	struct shunt_refusal no = { .attr = SHUNT_A_CONN_SERVICE };
	const struct nlattr *name;
	union nf_inet_addr addr;
	unsigned int i;

	if (!attrs)
		return 0;
	for (i = 0; i < ARRAY_SIZE(addrs); i++) {
		if (!attrs[addrs[i]] || shunt_nl_get_addr(attrs[addrs[i]], &addr))
			continue;
		no.why = "an address has 4 bytes, or 16";
		no.attr = addrs[i];
		return shunt_nl_refuse(extack, attrs, -EINVAL, &no);
	}
	name = attrs[SHUNT_A_CONN_SERVICE];
	if (!name || shunt_service_by_name(sn, nla_data(name)))
		return 0;
	no.why = "there is no service of this name";
	return shunt_nl_refuse(extack, attrs, -ENOENT, &no);
}

struct conn_listing {
	struct sk_buff *skb;
	struct netlink_callback *cb;
	struct nlattr **filter;
};

static bool same_addr(const struct nlattr *attr, const union nf_inet_addr *addr, u8 family)
{
	return !attr || (nla_len(attr) == shunt_nl_addr_size(family) &&
			 !memcmp(nla_data(attr), addr, shunt_nl_addr_size(family)));
}

static bool same_port(const struct nlattr *attr, __be16 port)
{
	return !attr || nla_get_be16(attr) == port;
}

static bool conn_wanted(const struct shunt_conn *conn, struct nlattr *const *filter)
{
	const struct shunt_server *server = conn->server;
	struct shunt_tuple tuple;

	if (!filter)
		return true;
	if (filter[SHUNT_A_CONN_SERVICE] &&
	    strcmp(nla_data(filter[SHUNT_A_CONN_SERVICE]), server->service->name))
		return false;
	shunt_conn_tuple(conn, &tuple);
	return same_addr(filter[SHUNT_A_CONN_CLIENT], &tuple.src, tuple.family) &&
	       same_port(filter[SHUNT_A_CONN_CLIENT_PORT], tuple.sport) &&
	       same_addr(filter[SHUNT_A_CONN_SERVER], &server->addr, tuple.family) &&
	       same_port(filter[SHUNT_A_CONN_SERVER_PORT], shunt_conn_server_port(conn));
}

static int put_conn(const struct shunt_conn *conn, void *arg)
{
	const struct shunt_server *server = conn->server;
	struct conn_listing *listing = arg;
	struct sk_buff *skb = listing->skb;
	u8 state = READ_ONCE(conn->state);
	struct shunt_tuple tuple;
	void *header;
	size_t size;
	int err;

	if (state == SHUNT_CONN_GONE || !conn_wanted(conn, listing->filter))
		return 0;
	shunt_conn_tuple(conn, &tuple);
	size = shunt_nl_addr_size(tuple.family);
	header = shunt_nl_put_header(skb, listing->cb, SHUNT_CMD_CONN_GET);
	if (!header)
		return -EMSGSIZE;
	err = nla_put_string(skb, SHUNT_A_CONN_SERVICE, server->service->name) ?:
	      nla_put_u8(skb, SHUNT_A_CONN_PROTOCOL, tuple.protocol) ?:
	      nla_put(skb, SHUNT_A_CONN_CLIENT, size, &tuple.src) ?:
	      nla_put_be16(skb, SHUNT_A_CONN_CLIENT_PORT, tuple.sport) ?:
	      nla_put(skb, SHUNT_A_CONN_ADDRESS, size, &tuple.dst) ?:
	      nla_put_be16(skb, SHUNT_A_CONN_PORT, tuple.dport) ?:
	      nla_put(skb, SHUNT_A_CONN_SERVER, size, &server->addr) ?:
	      nla_put_be16(skb, SHUNT_A_CONN_SERVER_PORT, shunt_conn_server_port(conn)) ?:
	      nla_put_u32(skb, SHUNT_A_CONN_MODE, conn->mode) ?:
	      nla_put_u32(skb, SHUNT_A_CONN_STATE, state) ?:
	      nla_put_u32(skb, SHUNT_A_CONN_EXPIRES, shunt_conn_expires(conn));
	return shunt_nl_put_end(skb, header, err);
}

int shunt_nl_conn_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct shunt_net *sn = shunt_net(sock_net(skb->sk));
	struct conn_listing listing = {
		.skb = skb,
		.cb = cb,
		.filter = shunt_compat_dump_attrs(cb),
	};
	/* 33 bits: beyond the last hash it is over. */
	u64 hash = (u64)cb->args[2] << 32 | (u32)cb->args[0];
	unsigned long skip = cb->args[1];
	int err = 0;

	mutex_lock(&sn->lock);
	if (!hash && !skip)
		err = check_filter(sn, cb->extack, listing.filter);
	if (!err && sn->table)
		shunt_table_walk(sn, &hash, &skip, put_conn, &listing);
	mutex_unlock(&sn->lock);
	cb->args[0] = (u32)hash;
	cb->args[2] = hash >> 32;
	cb->args[1] = skip;
	return err ?: skb->len;
}

static bool conn_condemned(const struct shunt_conn *conn, const void *arg)
{
	return conn_wanted(conn, arg);
}

static bool has_filter(struct nlattr *const *attrs)
{
	static const int filters[] = {
		SHUNT_A_CONN_SERVICE, SHUNT_A_CONN_CLIENT, SHUNT_A_CONN_CLIENT_PORT,
		SHUNT_A_CONN_SERVER, SHUNT_A_CONN_SERVER_PORT,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(filters); i++)
		if (attrs[filters[i]])
			return true;
	return false;
}

int shunt_nl_conn_del_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct shunt_net *sn = shunt_nl_net(info);
	struct sk_buff *reply;
	u32 deleted = 0;
	int err;

	if (!has_filter(info->attrs))
		return shunt_nl_refuse_do(info, -EINVAL, 0,
					  "which connections to delete must be said: a service, a client or a server");
	/* There before anything is deleted, so that the answer cannot fail. */
	reply = genlmsg_new(nla_total_size(sizeof(deleted)), GFP_KERNEL);
	if (!reply)
		return shunt_nl_refuse_do(info, -ENOMEM, 0, "there is no memory for the answer");

	mutex_lock(&sn->lock);
	err = check_filter(sn, info->extack, info->attrs);
	if (!err && sn->table)
		deleted = shunt_table_delete(sn, conn_condemned, info->attrs);
	mutex_unlock(&sn->lock);
	if (err) {
		nlmsg_free(reply);
		return err;
	}
	return shunt_nl_reply_number(reply, info, SHUNT_CMD_CONN_DEL, SHUNT_A_CONN_DELETED,
				     deleted);
}
