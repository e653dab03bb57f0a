// SPDX-License-Identifier: GPL-2.0
/*
 * What services persist by, and the groups of services that share their clients.
 *
 * A group is there while a service names it, whether that persists or not. It is one
 * of a family: services of IPv4 and of IPv6 that name the same group are in two, for
 * they have no client in common. All services of a group take as many bits of an
 * address for a client, or they would not speak of the same ones.
 *
 * Entries go with the last service that could ask for them, and with the last server
 * that they could lead to; so what is added again begins anew.
 *
 * A change is planned first, which takes all memory and may be refused, and then
 * applied with whatever else the command says.
 */
#include <linux/slab.h>
#include <linux/xarray.h>

#include "group.h"
#include "net.h"
#include "persist.h"
#include "server.h"
#include "service.h"

static struct shunt_group *group_find(const struct shunt_persists *persists, const char *name,
				      u8 family)
{
	struct shunt_group *group;
	unsigned long id;

	xa_for_each((struct xarray *)&persists->groups, id, group)
		if ((!family || group->family == family) && !strcmp(group->name, name))
			return group;
	return NULL;
}

struct shunt_group *shunt_group_by_name(struct shunt_net *sn, const char *name)
{
	lockdep_assert_held(&sn->lock);
	return sn->persists ? group_find(sn->persists, name, 0) : NULL;
}

u32 shunt_group_scope(const struct shunt_service *service)
{
	lockdep_assert_held(&service->sn->lock);
	return service->group ? service->group->id : service->id;
}

static struct shunt_group *group_add(struct shunt_net *sn, const char *name, u8 family, u8 prefix)
{
	struct shunt_group *group = kzalloc(sizeof(*group), GFP_KERNEL_ACCOUNT);

	if (!group)
		return NULL;
	strscpy(group->name, name, sizeof(group->name));
	group->family = family;
	group->prefix = prefix;
	group->id = sn->next_id;
	if (xa_insert(&sn->persists->groups, group->id, group, GFP_KERNEL_ACCOUNT)) {
		kfree(group);
		return NULL;
	}
	sn->next_id++;
	return group;
}

/* Nobody names it any more, or nobody has begun to. */
static void group_free_unused(struct shunt_net *sn, struct shunt_group *group)
{
	if (!group || group->services)
		return;
	xa_erase(&sn->persists->groups, group->id);
	kfree(group);
}

static union nf_inet_addr mask_of(u8 prefix)
{
	union nf_inet_addr mask = {};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(mask.all) && prefix > 32 * i; i++)
		mask.all[i] = (__force u32)htonl(~0U << (32 - min(prefix - 32 * i, 32U)));
	return mask;
}

static bool change_persists(const struct shunt_service_change *change)
{
	return change->has_persist || change->persist_prefix || change->persist_group;
}

/* The group that a service is to be in, or NULL. */
static int plan_group(const struct shunt_service *service,
		      const struct shunt_service_change *change, struct shunt_group_plan *plan,
		      struct shunt_refusal *no)
{
	struct shunt_net *sn = service->sn;
	const char *name = change->persist_group;
	u8 family = service->family;
	struct shunt_group *group = service->group;
	u32 own;

	if (name)
		group = *name ? group_find(sn->persists, name, family) : NULL;
	own = service->group == group;
	if (group && group->prefix != plan->prefix && group->services != own)
		return shunt_refuse(no, -EINVAL,
				    name ? SHUNT_A_SERVICE_PERSIST_GROUP :
					   SHUNT_A_SERVICE_PERSIST_PREFIX,
				    "the services of a persist-group have one persist-prefix, and another of this group has a different one");
	if (name && *name && !group) {
		group = group_add(sn, name, family, plan->prefix);
		if (!group)
			return shunt_refuse(no, -ENOMEM, 0, "there is no memory for the group");
	}
	plan->group = group;
	return 0;
}

static int plan_check(const struct shunt_service *service,
		      const struct shunt_service_change *change,
		      const struct shunt_group_plan *plan, struct shunt_refusal *no)
{
	bool packet = service->packet;

	if (change->has & BIT(SHUNT_SET_PACKET))
		packet = change->value[SHUNT_SET_PACKET];
	if (packet && plan->seconds)
		return shunt_refuse(no, -EINVAL,
				    change->has_persist ? SHUNT_A_SERVICE_PERSIST :
							  SHUNT_A_SERVICE_PACKET,
				    "a service whose packets are scheduled singly has no connections to persist by; use either packet on or persist");
	if (service->family == NFPROTO_IPV4 && plan->prefix > 32)
		return shunt_refuse(no, -EINVAL, SHUNT_A_SERVICE_PERSIST_PREFIX,
				    "the persist-prefix of an IPv4 service is from 1 to 32 bits");
	return 0;
}

int shunt_group_plan(const struct shunt_service *service,
		     const struct shunt_service_change *change, struct shunt_group_plan *plan,
		     struct shunt_refusal *no)
{
	struct shunt_persists *persists;
	int err;

	lockdep_assert_held(&service->sn->lock);
	*plan = (struct shunt_group_plan){
		.there = change_persists(change),
		.seconds = change->has_persist ? change->persist : service->persist_seconds,
		.prefix = change->persist_prefix ?: service->persist_prefix,
	};
	err = plan_check(service, change, plan, no);
	if (err || !plan->there)
		return err;
	persists = shunt_persist_start(service->sn);
	if (!persists)
		return shunt_refuse(no, -ENOMEM, 0, "there is no memory to remember clients in");
	err = plan_group(service, change, plan, no);
	if (err || !plan->seconds)
		return err;
	plan->persist = kzalloc(sizeof(*plan->persist), GFP_KERNEL_ACCOUNT);
	if (!plan->persist) {
		shunt_group_drop(service->sn, plan);
		return shunt_refuse(no, -ENOMEM, 0, "there is no memory for the change");
	}
	plan->persist->persists = persists;
	plan->persist->mask = mask_of(plan->prefix);
	plan->persist->seconds = plan->seconds;
	plan->persist->grouped = plan->group;
	return 0;
}

void shunt_group_drop(struct shunt_net *sn, struct shunt_group_plan *plan)
{
	lockdep_assert_held(&sn->lock);
	group_free_unused(sn, plan->group);
	kfree(plan->persist);
}

/* Whether clients may be remembered for a service that nobody else may ask for. */
static bool is_alone(const struct shunt_service *service)
{
	return service->group ? service->group->services == 1 : service->persist_seconds;
}

void shunt_group_apply(struct shunt_service *service, struct shunt_group_plan *plan)
{
	struct shunt_net *sn = service->sn;
	struct shunt_group *left = service->group;
	u32 scope = shunt_group_scope(service);
	bool ends = is_alone(service) && (plan->group != left || !plan->seconds ||
					  plan->prefix != service->persist_prefix);
	struct shunt_persist *old;

	if (!plan->there)
		return;
	if (left)
		left->services--;
	service->group = plan->group;
	if (plan->group) {
		plan->group->services++;
		plan->group->prefix = plan->prefix;
	}
	service->persist_seconds = plan->seconds;
	service->persist_prefix = plan->prefix;
	if (plan->persist)
		plan->persist->scope = shunt_group_scope(service);
	old = rcu_replace_pointer(service->persist, plan->persist, lockdep_is_held(&sn->lock));
	if (old)
		kfree_rcu(old, rcu);
	if (ends)
		shunt_persist_delete_scope(sn, scope);
	group_free_unused(sn, left);
}

void shunt_group_leave(struct shunt_service *service)
{
	struct shunt_net *sn = service->sn;

	lockdep_assert_held(&sn->lock);
	if (is_alone(service))
		shunt_persist_delete_scope(sn, shunt_group_scope(service));
	if (!service->group)
		return;
	service->group->services--;
	group_free_unused(sn, service->group);
	service->group = NULL;
}

/* Whether another service of the group has a server with this address. */
static bool is_kept(const struct shunt_service *service, const union nf_inet_addr *addr)
{
	const struct shunt_service *other;
	const struct shunt_server *server;
	unsigned long id;

	if (!service->group)
		return false;
	xa_for_each(&service->sn->services, id, other) {
		if (other->group != service->group)
			continue;
		list_for_each_entry(server, &other->servers, list)
			if (!server->removed && nf_inet_addr_cmp(&server->addr, addr))
				return true;
	}
	return false;
}

static bool leads_to(const struct shunt_persist_entry *entry, const void *arg)
{
	const struct shunt_server *server = arg;

	return entry->key.scope == shunt_group_scope(server->service) &&
	       (server->service->group ? nf_inet_addr_cmp(&entry->server, &server->addr) :
					 entry->mark == server->id);
}

void shunt_group_lose(struct shunt_server *server)
{
	const struct shunt_service *service = server->service;

	if ((service->group || service->persist_seconds) && !is_kept(service, &server->addr))
		shunt_persist_delete(service->sn, leads_to, server);
}
