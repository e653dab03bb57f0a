/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause) */
/* Do not edit directly, auto-generated from: */
/*	include/shunt.yaml */
/* YNL-GEN kernel header */

#ifndef _LINUX_SHUNT_GEN_H
#define _LINUX_SHUNT_GEN_H

#include <net/netlink.h>
#include <net/genetlink.h>

#include <uapi/linux/shunt.h>

/* Common nested types */
extern const struct nla_policy shunt_match_nl_policy[SHUNT_A_MATCH_LAST_PORT + 1];
extern const struct nla_policy shunt_timeouts_nl_policy[SHUNT_A_TIMEOUTS_ANSWERED + 1];

int shunt_nl_persist_get_start(struct netlink_callback *cb);
int shunt_nl_persist_get_done(struct netlink_callback *cb);

int shunt_nl_service_add_doit(struct sk_buff *skb, struct genl_info *info);
int shunt_nl_service_set_doit(struct sk_buff *skb, struct genl_info *info);
int shunt_nl_service_del_doit(struct sk_buff *skb, struct genl_info *info);
int shunt_nl_service_get_dumpit(struct sk_buff *skb,
				struct netlink_callback *cb);
int shunt_nl_server_add_doit(struct sk_buff *skb, struct genl_info *info);
int shunt_nl_server_set_doit(struct sk_buff *skb, struct genl_info *info);
int shunt_nl_server_del_doit(struct sk_buff *skb, struct genl_info *info);
int shunt_nl_server_get_dumpit(struct sk_buff *skb,
			       struct netlink_callback *cb);
int shunt_nl_conn_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int shunt_nl_conn_del_doit(struct sk_buff *skb, struct genl_info *info);
int shunt_nl_drop_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int shunt_nl_status_get_doit(struct sk_buff *skb, struct genl_info *info);
int shunt_nl_flush_doit(struct sk_buff *skb, struct genl_info *info);
int shunt_nl_attach_doit(struct sk_buff *skb, struct genl_info *info);
int shunt_nl_detach_doit(struct sk_buff *skb, struct genl_info *info);
int shunt_nl_limit_get_doit(struct sk_buff *skb, struct genl_info *info);
int shunt_nl_limit_set_doit(struct sk_buff *skb, struct genl_info *info);
int shunt_nl_server_drain_doit(struct sk_buff *skb, struct genl_info *info);
int shunt_nl_persist_get_dumpit(struct sk_buff *skb,
				struct netlink_callback *cb);
int shunt_nl_persist_del_doit(struct sk_buff *skb, struct genl_info *info);

enum {
	SHUNT_NLGRP_EVENTS,
};

extern struct genl_family shunt_nl_family;

#endif /* _LINUX_SHUNT_GEN_H */
