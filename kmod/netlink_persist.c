// SPDX-License-Identifier: GPL-2.0
/*
 * Listing and forgetting the clients that are remembered. Services and groups stay
 * under the namespace's lock; entries come and go meanwhile. A listing that spans
 * several messages stands in the table from its start until it is done, which the
 * table outlives: it is there as long as its namespace, and whoever reads holds that.
 */
#include <linux/rhashtable.h>
#include <linux/slab.h>

#include "group.h"
#include "net.h"
#include "netlink.h"
#include "netlink_gen.h"
#include "persist.h"
#include "service.h"

/* What entries are picked by; absent: NULL or 0. */
struct persist_filter {
	struct shunt_net *sn;
	bool scoped;
	u32 scope;		/* of the service */
	const char *group;
	const struct nlattr *client;
	u8 prefix;
};

struct persist_listing {
	struct rhashtable_iter walk;
	struct sk_buff *skb;
	struct netlink_callback *cb;
	struct persist_filter filter;
};

/* Reads a filter. 0, or a negative errno when it makes no sense. */
static int get_filter(struct shunt_net *sn, struct netlink_ext_ack *extack,
		      struct nlattr **attrs, struct persist_filter *filter)
{
	struct shunt_refusal no = { .attr = SHUNT_A_PERSIST_SERVICE };
	const struct shunt_service *service;
	union nf_inet_addr addr;

	*filter = (struct persist_filter){ .sn = sn };
	if (!attrs)
		return 0;
	if (attrs[SHUNT_A_PERSIST_SERVICE]) {
		service = shunt_service_by_name(sn, nla_data(attrs[SHUNT_A_PERSIST_SERVICE]));
		if (!service) {
			no.why = "there is no service of this name";
			return shunt_nl_refuse(extack, attrs, -ENOENT, &no);
		}
		filter->scoped = true;
		filter->scope = shunt_group_scope(service);
	}
	if (attrs[SHUNT_A_PERSIST_GROUP]) {
		filter->group = nla_data(attrs[SHUNT_A_PERSIST_GROUP]);
		if (!shunt_group_by_name(sn, filter->group)) {
			no.attr = SHUNT_A_PERSIST_GROUP;
			no.why = "no service is in a persist-group of this name";
			return shunt_nl_refuse(extack, attrs, -ENOENT, &no);
		}
	}
	filter->client = attrs[SHUNT_A_PERSIST_CLIENT];
	if (filter->client && !shunt_nl_get_addr(filter->client, &addr)) {
		no.attr = SHUNT_A_PERSIST_CLIENT;
		no.why = "an address has 4 bytes, or 16";
		return shunt_nl_refuse(extack, attrs, -EINVAL, &no);
	}
	if (attrs[SHUNT_A_PERSIST_PREFIX])
		filter->prefix = nla_get_u8(attrs[SHUNT_A_PERSIST_PREFIX]);
	return 0;
}

/* Whose an entry is: a service's, or a group's of this name. */
struct persist_owner {
	const struct shunt_service *service;
	const struct shunt_group *group;
	u8 family;
	u8 prefix;
};

/* False if they are gone. */
static bool get_owner(struct shunt_net *sn, u32 scope, struct persist_owner *owner)
{
	owner->group = xa_load(&sn->persists->groups, scope);
	if (owner->group) {
		owner->family = owner->group->family;
		owner->prefix = owner->group->prefix;
		return true;
	}
	owner->service = xa_load(&sn->services, scope);
	if (!owner->service)
		return false;
	owner->family = owner->service->family;
	owner->prefix = owner->service->persist_prefix;
	return true;
}

/* Whether an address, of the client's family, is the client's. */
static bool same_client(const struct nlattr *attr, const struct persist_owner *owner,
			const union nf_inet_addr *client)
{
	union nf_inet_addr addr;
	unsigned int i, bits;
	u32 mask;

	if (shunt_nl_get_addr(attr, &addr) != owner->family)
		return false;
	for (i = 0; i * 32 < owner->prefix; i++) {
		bits = min(owner->prefix - i * 32, 32U);
		mask = ~0U << (32 - bits);
		if ((ntohl(addr.ip6[i]) ^ ntohl(client->ip6[i])) & mask)
			return false;
	}
	return true;
}

static bool entry_wanted(const struct shunt_persist_entry *entry,
			 const struct persist_filter *filter)
{
	struct persist_owner owner = {};

	if (filter->scoped && entry->key.scope != filter->scope)
		return false;
	if (!get_owner(filter->sn, entry->key.scope, &owner))
		return false;
	if (filter->group && (!owner.group || strcmp(owner.group->name, filter->group)))
		return false;
	if (filter->prefix && filter->prefix != owner.prefix)
		return false;
	return !filter->client || same_client(filter->client, &owner, &entry->key.client);
}

static int put_entry(struct persist_listing *listing, const struct shunt_persist_entry *entry)
{
	u32 left = DIV_ROUND_UP(shunt_persist_left(entry), HZ);
	struct sk_buff *skb = listing->skb;
	struct persist_owner owner = {};
	void *header;
	size_t size;
	int err;

	if (!left || !entry_wanted(entry, &listing->filter) ||
	    !get_owner(listing->filter.sn, entry->key.scope, &owner))
		return 0;
	size = shunt_nl_addr_size(owner.family);
	header = shunt_nl_put_header(skb, listing->cb, SHUNT_CMD_PERSIST_GET);
	if (!header)
		return -EMSGSIZE;
	if (owner.group)
		err = nla_put_string(skb, SHUNT_A_PERSIST_GROUP, owner.group->name);
	else
		err = nla_put_string(skb, SHUNT_A_PERSIST_SERVICE, owner.service->name) ?:
		      nla_put_be16(skb, SHUNT_A_PERSIST_SERVER_PORT,
				   shunt_persist_port(owner.service, entry));
	err = err ?: nla_put(skb, SHUNT_A_PERSIST_CLIENT, size, &entry->key.client) ?:
	      nla_put_u8(skb, SHUNT_A_PERSIST_PREFIX, owner.prefix) ?:
	      nla_put(skb, SHUNT_A_PERSIST_SERVER, size, &entry->server) ?:
	      nla_put_u32(skb, SHUNT_A_PERSIST_EXPIRES,
			  min(left, READ_ONCE(entry->seconds)));
	return shunt_nl_put_end(skb, header, err);
}

int shunt_nl_persist_get_start(struct netlink_callback *cb)
{
	struct shunt_net *sn = shunt_net(sock_net(cb->skb->sk));
	struct persist_listing *listing;

	mutex_lock(&sn->lock);
	if (!sn->persists) {
		mutex_unlock(&sn->lock);
		return 0;
	}
	listing = kzalloc(sizeof(*listing), GFP_KERNEL);
	if (listing)
		rhashtable_walk_enter(&sn->persists->entries, &listing->walk);
	mutex_unlock(&sn->lock);
	if (!listing)
		return shunt_nl_refuse_dump(cb, -ENOMEM, 0, "there is no memory for the listing");
	cb->args[0] = (long)listing;
	return 0;
}

int shunt_nl_persist_get_done(struct netlink_callback *cb)
{
	struct persist_listing *listing = (void *)cb->args[0];

	if (listing)
		rhashtable_walk_exit(&listing->walk);
	kfree(listing);
	return 0;
}

/*
 * Anybody may ask for one client among millions, so others have the lock in between.
 * Nothing is held across that but ids, which are looked for again at each entry.
 */
static struct shunt_persist_entry *walk_rest(struct persist_listing *listing)
	__must_hold(RCU)
{
	struct shunt_net *sn = listing->filter.sn;

	rhashtable_walk_stop(&listing->walk);
	mutex_unlock(&sn->lock);
	cond_resched();
	mutex_lock(&sn->lock);
	return shunt_persist_walk_resume(&listing->walk);
}

/* From the entry that did not fit last time on, which is the walk's own to know. */
static void put_entries(struct persist_listing *listing)
{
	struct shunt_persist_entry *entry = shunt_persist_walk_resume(&listing->walk);
	unsigned int seen = 0;

	while (entry && !put_entry(listing, entry)) {
		entry = shunt_persist_walk_next(&listing->walk);
		if (entry && ++seen % SHUNT_PERSIST_GLANCE == 0)
			entry = walk_rest(listing);
	}
	rhashtable_walk_stop(&listing->walk);
}

int shunt_nl_persist_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct shunt_net *sn = shunt_net(sock_net(skb->sk));
	struct persist_listing *listing = (void *)cb->args[0];
	struct persist_filter filter;
	int err;

	mutex_lock(&sn->lock);
	/* A name that has gone since the listing began has no more entries. */
	err = get_filter(sn, cb->args[1] ? NULL : cb->extack, shunt_compat_dump_attrs(cb), &filter);
	if (!err && listing) {
		listing->skb = skb;
		listing->cb = cb;
		listing->filter = filter;
		put_entries(listing);
	}
	mutex_unlock(&sn->lock);
	if (err && cb->args[1])
		err = 0;
	cb->args[1] = 1;
	return err ?: skb->len;
}

static bool entry_condemned(const struct shunt_persist_entry *entry, const void *arg)
{
	return entry_wanted(entry, arg);
}

static bool has_filter(struct nlattr *const *attrs)
{
	return attrs[SHUNT_A_PERSIST_SERVICE] || attrs[SHUNT_A_PERSIST_GROUP] ||
	       attrs[SHUNT_A_PERSIST_CLIENT] || attrs[SHUNT_A_PERSIST_PREFIX];
}

int shunt_nl_persist_del_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct shunt_net *sn = shunt_nl_net(info);
	struct persist_filter filter;
	struct sk_buff *reply;
	u32 deleted = 0;
	int err;

	if (!has_filter(info->attrs))
		return shunt_nl_refuse_do(info, -EINVAL, 0,
					  "which clients to forget must be said: those of a service or group, or one");
	/* There before anything is deleted, so that the answer cannot fail. */
	reply = genlmsg_new(nla_total_size(sizeof(deleted)), GFP_KERNEL);
	if (!reply)
		return shunt_nl_refuse_do(info, -ENOMEM, 0, "there is no memory for the answer");

	mutex_lock(&sn->lock);
	err = get_filter(sn, info->extack, info->attrs, &filter);
	if (!err)
		deleted = shunt_persist_delete(sn, entry_condemned, &filter);
	mutex_unlock(&sn->lock);
	if (err) {
		nlmsg_free(reply);
		return err;
	}
	return shunt_nl_reply_number(reply, info, SHUNT_CMD_PERSIST_DEL, SHUNT_A_PERSIST_DELETED,
				     deleted);
}
