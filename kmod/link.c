// SPDX-License-Identifier: GPL-2.0
/*
 * Keeps the L2 header of every DSR server fresh.
 *
 * A server that is or was DSR owns one link at a time: a reference on the
 * neighbour entry of its address, and the L2 header that leads there. Packets
 * read it under RCU. It is replaced under the namespace's lock, by a worker
 * that looks at the route and the neighbour again whenever a notifier says
 * that one of them, or a device, has changed, and every few seconds besides,
 * so that the neighbour is probed although its own output path, which would do
 * it, is not used. There is one neighbour entry per server and none per client.
 *
 * The notifiers run under locks of their own (the FIB's in atomic context) and
 * only start the worker, with one exception: when a device goes down its links
 * are dropped at once, since a reference on the neighbour holds the device.
 * That notifier holds RTNL and takes the namespace's lock inside it. The worker
 * makes no link to a device that is down or being unregistered; as it decides
 * that under the same lock, a link is either dropped by the notifier or never
 * made.
 *
 * Readers that still use a dropped link are safe: link and neighbour are freed
 * after a grace period, and a device is not freed before one either.
 */
#include <linux/if_arp.h>
#include <linux/rtnetlink.h>
#include <net/addrconf.h>
#include <net/arp.h>
#include <net/fib_notifier.h>
#include <net/ip6_route.h>
#include <net/ndisc.h>
#include <net/netevent.h>
#include <net/route.h>

#include "event.h"
#include "hop.h"
#include "link.h"
#include "match.h"
#include "net.h"
#include "server.h"
#include "service.h"

enum {
	REFRESH_DELAY = HZ / 100,	/* gathers a burst of events into one look */
	REFRESH_PERIOD = 5 * HZ,
};

/* Why an address cannot be that of a DSR server. */
static const char no_route[] =
	"there is no route to this address; a DSR server must be on a link of the director";
static const char is_local[] =
	"this is an address of the director itself; in DSR it serves only if it has the VIP, too";
static const char not_a_host[] =
	"this is not the address of one host";
static const char behind_gateway[] =
	"a DSR server must be on a link of the director, not behind a gateway; use mode nat";
static const char no_memory[] =
	"there is no memory for a neighbour entry";
static const char not_ethernet[] =
	"the link to this address is not Ethernet, which DSR needs; use mode nat";

/*
 * The neighbour entry for an on-link address, with a reference; or NULL and
 * why. master is the VRF to look in, 0 for none.
 */
static struct neighbour *neigh_ipv4(struct net *net, int master,
				    const union nf_inet_addr *addr, const char **why)
{
	struct flowi4 fl4 = { .flowi4_oif = master, .daddr = addr->ip };
	struct neighbour *neigh = NULL;
	struct rtable *rt;

	rt = ip_route_output_key(net, &fl4);
	if (IS_ERR(rt)) {
		if (PTR_ERR(rt) != -ENOBUFS)
			*why = no_route;
		return NULL;
	}
	if (rt->rt_type == RTN_LOCAL)
		*why = is_local;
	else if (rt->rt_type != RTN_UNICAST)
		*why = not_a_host;
	else if (rt->rt_gw_family)
		*why = behind_gateway;
	else if (rt->dst.dev->type != ARPHRD_ETHER)
		*why = not_ethernet;
	else
		neigh = dst_neigh_lookup(&rt->dst, &addr->ip);
	ip_rt_put(rt);
	return neigh;
}

static struct neighbour *neigh_ipv6(struct net *net, int master,
				    const union nf_inet_addr *addr, const char **why)
{
	struct flowi6 fl6 = { .flowi6_oif = master, .daddr = addr->in6 };
	struct neighbour *neigh = NULL;
	struct dst_entry *dst;
	struct rt6_info *rt;

	dst = ip6_route_output(net, NULL, &fl6);
	rt = container_of(dst, struct rt6_info, dst);
	if (dst->error)
		*why = no_route;
	else if (rt->rt6i_flags & RTF_LOCAL)
		*why = is_local;
	else if (rt->rt6i_flags & RTF_ANYCAST)
		*why = not_a_host;
	else if (rt->rt6i_flags & RTF_GATEWAY)
		*why = behind_gateway;
	else if (dst->dev->type != ARPHRD_ETHER)
		*why = not_ethernet;
	else
		neigh = dst_neigh_lookup(dst, &addr->in6);
	dst_release(dst);
	return neigh;
}

static struct neighbour *neigh_in(struct net *net, int master, u8 family,
				  const union nf_inet_addr *addr, const char **why)
{
	*why = no_memory;
	if (family == NFPROTO_IPV4)
		return neigh_ipv4(net, master, addr, why);
	return neigh_ipv6(net, master, addr, why);
}

/* The first VRF device with a higher index than this, 0 if there is none. */
static int next_vrf(struct net *net, int after)
{
	struct net_device *dev;
	int next = 0;

	rcu_read_lock();
	for_each_netdev_rcu(net, dev)
		if (netif_is_l3_master(dev) && dev->ifindex > after &&
		    (!next || dev->ifindex < next))
			next = dev->ifindex;
	rcu_read_unlock();
	return next;
}

/* As neigh_ipv4(). A server that is on no link outside of VRFs may be on one in a VRF. */
static struct neighbour *neigh_get(struct net *net, u8 family, const union nf_inet_addr *addr,
				   const char **why)
{
	struct neighbour *neigh = neigh_in(net, 0, family, addr, why);
	const char *why_not;
	int vrf = 0;

	/* Without memory nothing is known, and another's address may be the same. */
	while (!neigh && *why != is_local && *why != no_memory && (vrf = next_vrf(net, vrf))) {
		neigh = neigh_in(net, vrf, family, addr, &why_not);
		if (!neigh && why_not == no_memory)
			*why = no_memory;
	}
	return neigh;
}

/* Whether this host takes packets to all of the service's virtual addresses itself. */
static bool vip_is_local(const struct shunt_service *service)
{
	const struct shunt_match *match = shunt_match_of(service);
	struct net *net = service->sn->net;
	const union nf_inet_addr *addr;
	bool local = match->count;
	unsigned int i;

	for (i = 0; i < match->count && local; i++) {
		addr = &match->entry[i].addr;
		local = service->family == NFPROTO_IPV4 ?
			inet_addr_type(net, addr->ip) == RTN_LOCAL :
			ipv6_chk_addr(net, &addr->in6, NULL, 0);
	}
	return local;
}

int shunt_link_check(const struct shunt_service *service, const union nf_inet_addr *addr,
		     struct shunt_refusal *no)
{
	struct neighbour *neigh;
	const char *why;

	neigh = neigh_get(service->sn->net, service->family, addr, &why);
	if (neigh)
		neigh_release(neigh);
	else if (why != is_local || !vip_is_local(service))
		return shunt_refuse(no, -EHOSTUNREACH, SHUNT_A_SERVER_ADDRESS, why);
	return 0;
}

/*
 * The device builds its own header, so that VLANs and the like come out right. One
 * that is too long is none. 0, or -ENOMEM.
 */
static int build_header(struct shunt_link *link, u8 family)
{
	struct neighbour *neigh = link->neigh;
	struct net_device *dev = neigh->dev;
	u8 mac[MAX_ADDR_LEN];
	struct sk_buff *skb;
	int len;

	skb = alloc_skb(LL_RESERVED_SPACE(dev), GFP_KERNEL);
	if (!skb)
		return -ENOMEM;
	skb_reserve(skb, LL_RESERVED_SPACE(dev));
	neigh_ha_snapshot(mac, neigh, dev);
	len = dev_hard_header(skb, dev, family == NFPROTO_IPV4 ? ETH_P_IP : ETH_P_IPV6,
			      mac, NULL, 0);
	if (len > 0 && len <= SHUNT_LINK_HEADER) {
		memcpy(link->header, skb->data, len);
		link->header_len = len;
	}
	kfree_skb(skb);
	return 0;
}

static void link_put(struct shunt_link *link)
{
	neigh_release(link->neigh);
	kfree_rcu(link, rcu);
}

static void link_replace(struct shunt_server *server, struct shunt_link *link)
{
	struct shunt_link *old;

	old = rcu_replace_pointer(server->link, link,
				  lockdep_is_held(&server->service->sn->lock));
	if (old)
		link_put(old);
}

static bool device_usable(const struct net_device *dev)
{
	return dev->reg_state == NETREG_REGISTERED && netif_running(dev);
}

/* A server that is now NAT keeps its link for connections in DSR, but needs none. */
static void reach(struct shunt_server *server, bool reached)
{
	shunt_server_reach(server, reached || server->mode == SHUNT_MODE_NAT);
}

/*
 * A link as things are now; NULL if the server is on no usable device, or is this host;
 * or -ENOMEM, and nothing is known.
 */
static struct shunt_link *link_make(struct shunt_server *server)
{
	u8 family = server->service->family;
	struct neighbour *neigh;
	struct shunt_link *link;
	const char *why;
	u8 state;

	neigh = neigh_get(server->service->sn->net, family, &server->addr, &why);
	if (!neigh && why == is_local && vip_is_local(server->service)) {
		WRITE_ONCE(server->local, true);
		reach(server, true);
		return NULL;
	}
	if (!neigh && why == no_memory)
		return ERR_PTR(-ENOMEM);
	WRITE_ONCE(server->local, false);
	if (!neigh || !device_usable(neigh->dev)) {
		reach(server, false);
		if (neigh)
			neigh_release(neigh);
		return NULL;
	}
	link = kzalloc(sizeof(*link), GFP_KERNEL_ACCOUNT);
	if (!link)
		goto err_neigh;

	link->neigh = neigh;
	link->dev = neigh->dev;
	link->headroom = LL_RESERVED_SPACE(link->dev);
	state = READ_ONCE(neigh->nud_state);
	if (state & NUD_VALID && build_header(link, family))
		goto err_link;
	link->valid = link->header_len;
	if (link->valid)
		reach(server, true);
	else if (state & NUD_FAILED)
		reach(server, false);
	return link;

err_link:
	kfree(link);
err_neigh:
	neigh_release(neigh);
	return ERR_PTR(-ENOMEM);
}

static bool link_same(const struct shunt_link *a, const struct shunt_link *b)
{
	return a && b && a->neigh == b->neigh && a->valid == b->valid &&
	       a->header_len == b->header_len && !memcmp(a->header, b->header, a->header_len);
}

static void link_refresh(struct shunt_server *server)
{
	struct shunt_link *link = link_make(server);
	struct shunt_link *old;

	old = rcu_dereference_protected(server->link,
					lockdep_is_held(&server->service->sn->lock));
	if (IS_ERR(link)) {
		/* The one there is serves until it is looked at again. */
		if (!old && !server->local)
			reach(server, false);
		return;
	}
	if (link_same(old, link))
		link_put(link);
	else
		link_replace(server, link);
}

/*
 * Starts resolving a neighbour that is unknown, and confirming one that is
 * stale. That makes a failed one look as if it were new, so all servers of its
 * address must have been looked at before.
 */
static void link_probe(struct shunt_server *server)
{
	const struct shunt_link *link;

	link = rcu_dereference_protected(server->link,
					 lockdep_is_held(&server->service->sn->lock));
	if (link)
		neigh_event_send(link->neigh, NULL);
}

void shunt_link_start(struct shunt_net *sn, struct shunt_server *server)
{
	lockdep_assert_held(&sn->lock);
	server->linked = true;
	shunt_filter_add(&sn->dsr_servers, &server->in_dsr_servers, &server->addr);
	link_refresh(server);
	link_probe(server);
	schedule_delayed_work(&sn->refresh, REFRESH_PERIOD);
}

void shunt_link_drop(struct shunt_net *sn, struct shunt_server *server)
{
	lockdep_assert_held(&sn->lock);
	server->linked = false;
	shunt_filter_del(&sn->dsr_servers, &server->in_dsr_servers);
	link_replace(server, NULL);
}

/* Calls fn for every server that has a link to be kept; false if there is none. */
static bool visit_linked(struct shunt_net *sn, void (*fn)(struct shunt_server *server))
{
	struct shunt_service *service;
	struct shunt_server *server;
	bool any = false;
	unsigned long id;

	xa_for_each(&sn->services, id, service) {
		list_for_each_entry(server, &service->servers, list) {
			if (!server->linked)
				continue;
			fn(server);
			any = true;
		}
		cond_resched();
	}
	return any;
}

/* Once for all servers of a service that were looked at. */
static void review_services(struct shunt_net *sn)
{
	struct shunt_service *service;
	unsigned long id;

	xa_for_each(&sn->services, id, service)
		shunt_event_review(service);
}

static void refresh(struct work_struct *work)
{
	struct shunt_net *sn = container_of(work, struct shunt_net, refresh.work);
	bool any;

	mutex_lock(&sn->lock);
	any = visit_linked(sn, link_refresh);
	review_services(sn);
	visit_linked(sn, link_probe);
	mutex_unlock(&sn->lock);
	if (any)
		schedule_delayed_work(&sn->refresh, REFRESH_PERIOD);
}

/* Any context. Earlier than planned, if the worker is waiting for its period. */
static void refresh_soon(struct shunt_net *sn)
{
	if (READ_ONCE(sn->service_count))
		mod_delayed_work(system_wq, &sn->refresh, REFRESH_DELAY);
}

void shunt_link_look(struct shunt_server *server)
{
	lockdep_assert_held(&server->service->sn->lock);
	link_refresh(server);
	refresh_soon(server->service->sn);
}

static int on_fib(struct notifier_block *nb, unsigned long event, void *ptr)
{
	struct shunt_net *sn = container_of(nb, struct shunt_net, fib);

	shunt_hop_recheck(sn);
	refresh_soon(sn);
	return NOTIFY_DONE;
}

/* An atomic notifier, and so under RCU. */
static int on_netevent(struct notifier_block *nb, unsigned long event, void *ptr)
{
	union nf_inet_addr addr = {};
	struct neighbour *neigh = ptr;
	struct shunt_net *sn;

	if (event != NETEVENT_NEIGH_UPDATE)
		return NOTIFY_DONE;
	if (neigh->tbl == &arp_tbl)
		memcpy(&addr.in, neigh->primary_key, sizeof(addr.in));
	else if (neigh->tbl->family == AF_INET6)
		memcpy(&addr.in6, neigh->primary_key, sizeof(addr.in6));
	else
		return NOTIFY_DONE;

	sn = shunt_net(dev_net(neigh->dev));
	if (shunt_filter_maybe(&sn->dsr_servers, &addr))
		refresh_soon(sn);
	return NOTIFY_DONE;
}

static void drop_device(struct shunt_net *sn, const struct net_device *dev)
{
	struct shunt_service *service;
	struct shunt_server *server;
	unsigned long id;

	mutex_lock(&sn->lock);
	shunt_hops_flush(sn, dev);
	xa_for_each(&sn->services, id, service) {
		list_for_each_entry(server, &service->servers, list) {
			struct shunt_link *link;

			link = rcu_dereference_protected(server->link,
							 lockdep_is_held(&sn->lock));
			if (link && link->neigh->dev == dev) {
				reach(server, false);
				link_replace(server, NULL);
			}
		}
		shunt_event_review(service);
	}
	mutex_unlock(&sn->lock);
}

static int on_device(struct notifier_block *nb, unsigned long event, void *ptr)
{
	struct net_device *dev = netdev_notifier_info_to_dev(ptr);
	struct shunt_net *sn = shunt_net(dev_net(dev));

	ASSERT_RTNL();
	shunt_hop_recheck(sn);
	switch (event) {
	case NETDEV_GOING_DOWN:
	case NETDEV_DOWN:
	case NETDEV_UNREGISTER:
		drop_device(sn, dev);
		fallthrough;
	case NETDEV_UP:
	case NETDEV_CHANGE:
	case NETDEV_CHANGEADDR:
		refresh_soon(sn);
	}
	return NOTIFY_DONE;
}

static struct notifier_block netevent_block = { .notifier_call = on_netevent };
static struct notifier_block device_block = { .notifier_call = on_device };

int __init shunt_link_init(void)
{
	int err;

	err = register_netdevice_notifier(&device_block);
	if (err)
		return err;
	err = register_netevent_notifier(&netevent_block);
	if (err)
		unregister_netdevice_notifier(&device_block);
	return err;
}

void shunt_link_exit(void)
{
	unregister_netevent_notifier(&netevent_block);
	unregister_netdevice_notifier(&device_block);
}

int shunt_link_net_init(struct shunt_net *sn)
{
	INIT_DELAYED_WORK(&sn->refresh, refresh);
	sn->fib.notifier_call = on_fib;
	return register_fib_notifier(sn->net, &sn->fib, NULL, NULL);
}

void shunt_link_net_exit(struct shunt_net *sn)
{
	unregister_fib_notifier(sn->net, &sn->fib);
	cancel_delayed_work_sync(&sn->refresh);
}
