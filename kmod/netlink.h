/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The generic netlink family and what its requests (netlink.c) and listings
 * (netlink_show.c, netlink_conn.c, netlink_persist.c) share.
 */
#ifndef SHUNT_NETLINK_H
#define SHUNT_NETLINK_H

#include <net/genetlink.h>
#include <net/sock.h>

#include "net.h"
#include "service.h"

struct shunt_server;

/* May sleep. The generic netlink family; no request is under way once exit returns. */
int shunt_netlink_init(void);
void shunt_netlink_exit(void);

/* All below in process context, as the family's callbacks are. */

static inline struct shunt_net *shunt_nl_net(struct genl_info *info)
{
	return shunt_net(genl_info_net(info));
}

/* Tells why, and points at the attribute if there is one. Returns err. */
int shunt_nl_refuse(struct netlink_ext_ack *extack, struct nlattr **attrs, int err,
		    const struct shunt_refusal *no);
int shunt_nl_refuse_do(struct genl_info *info, int err, int attr, const char *why);
int shunt_nl_refuse_dump(struct netlink_callback *cb, int err, int attr, const char *why);

static inline size_t shunt_nl_addr_size(u8 family)
{
	return family == NFPROTO_IPV4 ? sizeof(struct in_addr) : sizeof(struct in6_addr);
}

/* The family of an address by its length, 0 if it has none. */
u8 shunt_nl_get_addr(const struct nlattr *attr, union nf_inet_addr *addr);

/* Whether an address can be that of one host that others reach. */
bool shunt_nl_addr_is_host(u8 family, const union nf_inet_addr *addr);

struct shunt_match;

/*
 * What a request says that a service matches, to be freed, and its family; NULL and 0
 * if it says nothing of that. The family alone may be told, too.
 */
int shunt_nl_get_match(struct genl_info *info, struct shunt_match **match, u8 *family);
/* The attribute that told the family. */
int shunt_nl_family_attr(const struct genl_info *info);
/* As shunt_nl_refuse(), where one of several attributes may be at fault. */
int shunt_nl_refuse_match(struct genl_info *info, int err, const struct shunt_refusal *no);
/* Under the namespace's lock. What a service matches. */
int shunt_nl_put_match(struct sk_buff *skb, const struct shunt_service *service);

/* Begins one message of a listing. NULL if there is no room. */
void *shunt_nl_put_header(struct sk_buff *skb, struct netlink_callback *cb, u8 cmd);
/* Ends it, or takes it back if it did not fit. Returns err. */
int shunt_nl_put_end(struct sk_buff *skb, void *header, int err);

/* Under the namespace's lock. The attributes that tell an object; 0 or -EMSGSIZE. */
int shunt_nl_put_service(struct sk_buff *skb, const struct shunt_service *service);
int shunt_nl_put_server(struct sk_buff *skb, const struct shunt_server *server);
int shunt_nl_put_limit(struct sk_buff *skb, struct shunt_net *sn);

/*
 * Under the namespace's lock. The name a listing is limited to in *name, NULL
 * for none. -ENOENT if nothing has it.
 */
int shunt_nl_dump_service(struct shunt_net *sn, struct netlink_callback *cb, int attr,
			  const char **name);

/* Sends a reply of one number, for which it has room; it is used up. */
int shunt_nl_reply_number(struct sk_buff *reply, struct genl_info *info, u8 cmd, int attr,
			  u32 value);

#endif
