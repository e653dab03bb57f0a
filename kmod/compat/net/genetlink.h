/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Shadows <net/genetlink.h>. The module is written for split operations
 * (Linux 6.2). On 6.1 this header lends them: "struct genl_family" then names
 * a description in the newer form, from which compat/genetlink.c makes the
 * family that 6.1 registers. That works because each of our commands is either
 * a do or a dump, never both, so that one genl_ops says as much as one
 * genl_split_ops.
 */
#ifndef SHUNT_COMPAT_NET_GENETLINK_H
#define SHUNT_COMPAT_NET_GENETLINK_H

#include_next <net/genetlink.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0)
#error "shunt needs Linux 6.1 or newer"
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
#error "shunt is not yet tested on kernels newer than 6.12"
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)

struct genl_split_ops {
	int (*doit)(struct sk_buff *skb, struct genl_info *info);
	int (*start)(struct netlink_callback *cb);
	int (*dumpit)(struct sk_buff *skb, struct netlink_callback *cb);
	int (*done)(struct netlink_callback *cb);
	const struct nla_policy *policy;
	unsigned int maxattr;
	u8 cmd;
	u8 flags;
};

struct shunt_compat_family {
	const char *name;
	unsigned int version;
	bool netnsok;
	bool parallel_ops;
	struct module *module;
	const struct genl_split_ops *split_ops;
	unsigned int n_split_ops;
	const struct genl_multicast_group *mcgrps;
	unsigned int n_mcgrps;
	struct genl_ops *ops;
	struct genl_family real;
};

int shunt_compat_register_family(struct shunt_compat_family *family);
void shunt_compat_unregister_family(struct shunt_compat_family *family);

#ifndef SHUNT_COMPAT_IMPLEMENTATION
#define genl_family shunt_compat_family
#define genl_register_family(f) shunt_compat_register_family(f)
#define genl_unregister_family(f) shunt_compat_unregister_family(f)
#define genlmsg_put(skb, portid, seq, f, flags, cmd) \
	genlmsg_put(skb, portid, seq, &(f)->real, flags, cmd)
#define genlmsg_put_reply(skb, info, f, flags, cmd) \
	genlmsg_put_reply(skb, info, &(f)->real, flags, cmd)
#define genl_has_listeners(f, net, group) genl_has_listeners(&(f)->real, net, group)
#define genl_set_err(f, net, portid, group, code) \
	genl_set_err(&(f)->real, net, portid, group, code)
#define genlmsg_multicast_netns(f, net, skb, portid, group, flags) \
	genlmsg_multicast_netns(&(f)->real, net, skb, portid, group, flags)
#endif

/* Attributes of a dump request, valid for the whole dump. */
static inline struct nlattr **shunt_compat_dump_attrs(struct netlink_callback *cb)
{
	return genl_dumpit_info(cb)->attrs;
}

#else

static inline struct nlattr **shunt_compat_dump_attrs(struct netlink_callback *cb)
{
	return genl_dumpit_info(cb)->info.attrs;
}

#endif

#endif
