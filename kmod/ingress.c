// SPDX-License-Identifier: GPL-2.0
/*
 * The fast hook: netdev ingress, on devices that somebody attached.
 *
 * A packet here has passed XDP, taps and tc, and nothing else. What costs most
 * in front of the general hook is skipped for the packets that need it least:
 * those of a known connection that only have to be sent on, and in DSR those
 * that begin one, for a flood is made of these. The rest goes the general way as
 * if this hook were not there, so each drop is decided and counted in one place:
 * whatever has no server or cannot be sent, strays, a full table, new
 * connections in NAT and packets that are scheduled singly, ends of servers,
 * errors, fragments, and all that the IP layer might refuse or change, for it has
 * not looked yet. The checks that it would make are made here; they are those of
 * ip_rcv() and ipv6_rcv().
 *
 * What nobody can take back is done once: a server that was chosen here for a
 * new connection, whose packet then cannot be sent, must not be chosen from again
 * by the general hook, or round robin would pass every other one by. So the
 * choice is kept where that hook finds it, as a SYN that waits or as a connection
 * (forward.c). All that can be known before the choice is looked at before.
 *
 * What it takes of NAT and simply goes on skips POST_ROUTING, too, which costs a
 * quarter of all that is done for it: who wants the short way in wants it out.
 * Its connection's other packets do pass there.
 *
 * A packet is left, too, if the device is a bridge's or bond's port, where it
 * may not be for this host at all, and if the skb is somebody else's as well.
 * One that is a clone, such as that of a tap, is copied before it is changed by
 * whoever sends it, as in the general hook.
 *
 * Who owns an attachment: the namespace, from "attach" to "detach" or until the
 * device goes. It is no reference on the device; the notifier takes it away
 * when the device is unregistered or leaves the namespace. A device is looked
 * up under the namespace's lock, in the list of devices, which it leaves before
 * the notifier is called, and the notifier takes that lock: so whoever finds a
 * device attaches it before the notifier looks. The notifier holds RTNL, which
 * therefore nobody here takes. A device outlives its notifier by a grace period,
 * and with it the packets in its hook.
 *
 * While the namespace has no service the attachments are there, and the hooks
 * are not.
 */
#include <linux/if_vlan.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <net/addrconf.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/sock.h>

#include "established.h"
#include "event.h"
#include "forward.h"
#include "ingress.h"
#include "net.h"
#include "service.h"

enum {
	/* Behind the operator's own chains and flowtables. */
	INGRESS_PRIORITY = INT_MAX,
	ATTACHMENTS_MAX = 1024,		/* what one answer lists */
};

/* Whether the packet is this host's, and the skb nobody else's. */
static bool may_take(const struct sk_buff *skb)
{
	return skb->pkt_type == PACKET_HOST && !skb_vlan_tag_present(skb) &&
	       !skb_shared(skb) && !rcu_access_pointer(skb->dev->rx_handler) &&
	       !skb_sk_is_prefetched((struct sk_buff *)skb);
}

static bool is_l4(u8 protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP;
}

/* Takes off what the link layer padded the packet with. */
static bool trim(struct sk_buff *skb, unsigned int len)
{
	return skb->len >= len && !pskb_trim_rcsum(skb, len);
}

/* As ip_rcv() would find, a packet without options and whole. */
static bool check_ipv4(struct sk_buff *skb)
{
	const struct iphdr *ip = ip_hdr(skb);

	if (ip->version != 4 || ip->ihl != 5 || ip_is_fragment(ip) || !is_l4(ip->protocol) ||
	    ntohs(ip->tot_len) <= sizeof(*ip) || ip_fast_csum(ip, 5))
		return false;
	return trim(skb, ntohs(ip->tot_len));
}

/* As ipv6_rcv() would find, a packet without extension headers. */
static bool check_ipv6(struct sk_buff *skb)
{
	const struct inet6_dev *idev = __in6_dev_get(skb->dev);
	const struct ipv6hdr *ip = ipv6_hdr(skb);

	if (ip->version != 6 || !is_l4(ip->nexthdr) || !ip->payload_len || !idev ||
	    READ_ONCE(idev->cnf.disable_ipv6) || ipv6_addr_loopback(&ip->saddr))
		return false;
	return trim(skb, sizeof(*ip) + ntohs(ip->payload_len));
}

/* A header that is in pages may only be moved in an skb of one's own. */
static __always_inline bool has_header(struct sk_buff *skb, unsigned int len)
{
	return likely(skb_headlen(skb) >= len) || (!skb_shared(skb) && pskb_may_pull(skb, len));
}

/* What does not simply go on, but may go on a known connection. */
static noinline unsigned int forward(struct shunt_net *sn, struct sk_buff *skb, u8 family,
				     struct shunt_found found)
{
	struct shunt_packet pkt __uninitialized;

	pkt.sn = sn;
	pkt.skb = skb;
	pkt.local = false;
	pkt.fast = true;
	return shunt_forward_fast(&pkt, family, found) == SHUNT_TAKEN ? NF_STOLEN : NF_ACCEPT;
}

static unsigned int on_ipv4(struct shunt_net *sn, struct sk_buff *skb)
{
	struct shunt_found found;
	const struct iphdr *ip;

	if (unlikely(!has_header(skb, sizeof(*ip))))
		return NF_ACCEPT;
	ip = ip_hdr(skb);
	if (!shunt_filter_maybe_ipv4(&sn->vips, ip->daddr) &&
	    !shunt_filter_maybe_ipv4(&sn->nat_servers, ip->saddr))
		return NF_ACCEPT;
	if (!may_take(skb) || !check_ipv4(skb))
		return NF_ACCEPT;
	memset(IPCB(skb), 0, sizeof(*IPCB(skb)));
	skb->transport_header = skb->network_header + sizeof(*ip);
	if (likely(shunt_established_take(sn, skb, NFPROTO_IPV4, true, &found)))
		return NF_STOLEN;
	return forward(sn, skb, NFPROTO_IPV4, found);
}

static unsigned int on_ipv6(struct shunt_net *sn, struct sk_buff *skb)
{
	struct shunt_found found;
	const struct ipv6hdr *ip;

	if (unlikely(!has_header(skb, sizeof(*ip))))
		return NF_ACCEPT;
	ip = ipv6_hdr(skb);
	if (!shunt_filter_maybe_ipv6(&sn->vips, &ip->daddr) &&
	    !shunt_filter_maybe_ipv6(&sn->nat_servers, &ip->saddr))
		return NF_ACCEPT;
	if (!may_take(skb) || !check_ipv6(skb))
		return NF_ACCEPT;
	memset(IP6CB(skb), 0, sizeof(*IP6CB(skb)));
	skb->transport_header = skb->network_header + sizeof(*ip);
	if (likely(shunt_established_take(sn, skb, NFPROTO_IPV6, true, &found)))
		return NF_STOLEN;
	return forward(sn, skb, NFPROTO_IPV6, found);
}

/* Under RCU, softirq; the skb's data begins at the network header. */
static unsigned int on_ingress(void *priv, struct sk_buff *skb, const struct nf_hook_state *state)
{
	if (skb->protocol == htons(ETH_P_IP))
		return on_ipv4(priv, skb);
	if (skb->protocol == htons(ETH_P_IPV6))
		return on_ipv6(priv, skb);
	return NF_ACCEPT;
}

static struct shunt_attachment *find(struct shunt_net *sn, const struct net_device *dev)
{
	struct shunt_attachment *at;

	lockdep_assert_held(&sn->lock);
	list_for_each_entry(at, &sn->attachments, list)
		if (at->ops.dev == dev)
			return at;
	return NULL;
}

/* The hook's packets know nothing of the attachment, which may go at once. */
static void remove(struct shunt_net *sn, struct shunt_attachment *at)
{
	lockdep_assert_held(&sn->lock);
	if (sn->attachments_hooked)
		nf_unregister_net_hook(sn->net, &at->ops);
	list_del(&at->list);
	sn->attachment_count--;
	shunt_event_device(sn, at->name, SHUNT_EVENT_DEVICE_DETACHED);
	kfree(at);
}

/* Why a device cannot be attached, NULL if it can. */
static const char *device_refused(const struct net_device *dev)
{
	if (dev->flags & IFF_LOOPBACK)
		return "no packet of a client comes in by loopback";
	if (netif_is_bridge_port(dev) || netif_is_lag_port(dev) || netif_is_ovs_port(dev))
		return "this is a port of a bridge, bond or team; attach that device instead";
	return NULL;
}

static int attach_device(struct shunt_net *sn, struct net_device *dev, struct shunt_refusal *no)
{
	const char *why = device_refused(dev);
	struct shunt_attachment *at;
	int err = 0;

	if (why)
		return shunt_refuse(no, -EINVAL, SHUNT_A_DEVICE_NAME, why);
	if (find(sn, dev))
		return shunt_refuse(no, -EEXIST, SHUNT_A_DEVICE_NAME,
				    "this device is attached already");
	if (sn->attachment_count >= ATTACHMENTS_MAX)
		return shunt_refuse(no, -ENOSPC, SHUNT_A_DEVICE_NAME,
				    "there are 1024 devices attached, which is as many as can be");
	at = kzalloc(sizeof(*at), GFP_KERNEL_ACCOUNT);
	if (!at)
		return shunt_refuse(no, -ENOMEM, 0, "there is no memory for the hook");

	/* A rename under way is followed by the notifier. */
	strscpy(at->name, dev->name, sizeof(at->name));
	at->ops.hook = on_ingress;
	at->ops.priv = sn;
	at->ops.dev = dev;
	at->ops.pf = NFPROTO_NETDEV;
	at->ops.hooknum = NF_NETDEV_INGRESS;
	at->ops.priority = INGRESS_PRIORITY;
	if (sn->attachments_hooked)
		err = nf_register_net_hook(sn->net, &at->ops);
	if (err) {
		kfree(at);
		return shunt_refuse(no, err, 0, "there is no memory for the hook");
	}
	list_add_tail(&at->list, &sn->attachments);
	sn->attachment_count++;
	shunt_event_device(sn, at->name, SHUNT_EVENT_DEVICE_ATTACHED);
	return 0;
}

int shunt_ingress_attach(struct shunt_net *sn, const char *name, struct shunt_refusal *no)
{
	struct net_device *dev;
	int err;

	lockdep_assert_held(&sn->lock);
	if (!IS_ENABLED(CONFIG_NETFILTER_INGRESS))
		return shunt_refuse(no, -EOPNOTSUPP, 0,
				    "this kernel was built without CONFIG_NETFILTER_INGRESS");
	dev = dev_get_by_name(sn->net, name);
	if (!dev)
		return shunt_refuse(no, -ENODEV, SHUNT_A_DEVICE_NAME,
				    "there is no device of this name");
	err = attach_device(sn, dev, no);
	dev_put(dev);
	return err;
}

int shunt_ingress_detach(struct shunt_net *sn, const char *name, struct shunt_refusal *no)
{
	struct shunt_attachment *at;
	struct net_device *dev;

	dev = dev_get_by_name(sn->net, name);
	if (!dev)
		return shunt_refuse(no, -ENODEV, SHUNT_A_DEVICE_NAME,
				    "there is no device of this name");
	at = find(sn, dev);
	if (at)
		remove(sn, at);
	dev_put(dev);
	if (at)
		return 0;
	return shunt_refuse(no, -ENOENT, SHUNT_A_DEVICE_NAME, "this device is not attached");
}

int shunt_ingress_start(struct shunt_net *sn)
{
	struct shunt_attachment *at;
	int err;

	lockdep_assert_held(&sn->lock);
	list_for_each_entry(at, &sn->attachments, list) {
		err = nf_register_net_hook(sn->net, &at->ops);
		if (err)
			goto err_hooks;
	}
	sn->attachments_hooked = true;
	return 0;

err_hooks:
	list_for_each_entry_continue_reverse(at, &sn->attachments, list)
		nf_unregister_net_hook(sn->net, &at->ops);
	return err;
}

void shunt_ingress_stop(struct shunt_net *sn)
{
	struct shunt_attachment *at;

	lockdep_assert_held(&sn->lock);
	list_for_each_entry(at, &sn->attachments, list)
		nf_unregister_net_hook(sn->net, &at->ops);
	sn->attachments_hooked = false;
}

static int on_device(struct notifier_block *nb, unsigned long event, void *ptr)
{
	struct net_device *dev = netdev_notifier_info_to_dev(ptr);
	struct shunt_net *sn = shunt_net(dev_net(dev));
	struct shunt_attachment *at;

	ASSERT_RTNL();
	if (event != NETDEV_UNREGISTER && event != NETDEV_CHANGENAME)
		return NOTIFY_DONE;
	mutex_lock(&sn->lock);
	at = find(sn, dev);
	if (at && event == NETDEV_UNREGISTER)
		remove(sn, at);
	else if (at)
		strscpy(at->name, dev->name, sizeof(at->name));
	mutex_unlock(&sn->lock);
	return NOTIFY_DONE;
}

static struct notifier_block device_block = { .notifier_call = on_device };

int __init shunt_ingress_init(void)
{
	return register_netdevice_notifier(&device_block);
}

/* The notifier is told that every device goes. */
void shunt_ingress_exit(void)
{
	unregister_netdevice_notifier(&device_block);
}

void shunt_ingress_net_init(struct shunt_net *sn)
{
	INIT_LIST_HEAD(&sn->attachments);
}

void shunt_ingress_net_exit(struct shunt_net *sn)
{
	struct shunt_attachment *at, *next;

	list_for_each_entry_safe(at, next, &sn->attachments, list)
		remove(sn, at);
}
