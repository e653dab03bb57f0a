// SPDX-License-Identifier: GPL-2.0
/*
 * The door: what netfilter hands in and what it gets back. Nothing else in the
 * module knows netfilter, but ingress.c, the fast door beside this one.
 *
 * PRE_ROUTING sees what arrives, before conntrack (-200), so that balanced
 * packets cost no conntrack entry, and after the raw table (-300), so that what
 * an operator drops there stays dropped. LOCAL_OUT sees the requests of
 * programs on the director, and answers of servers on it.
 */
#include <linux/etherdevice.h>
#include <linux/netfilter.h>
#include <linux/netfilter_bridge.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netfilter_ipv6.h>
#include <net/netfilter/ipv4/nf_reject.h>
#include <net/netfilter/ipv6/nf_reject.h>

#include "answer.h"
#include "established.h"
#include "forward.h"
#include "hook.h"
#include "ingress.h"
#include "net.h"

enum {
	HOOK_PRIORITY = -250,
};

/* A closed port's answer: RST to TCP, port unreachable to UDP. */
static void reject(const struct shunt_packet *pkt, const struct nf_hook_state *state)
{
	bool tcp = pkt->tuple.protocol == IPPROTO_TCP;

	if (pkt->tuple.family == NFPROTO_IPV4) {
		if (tcp)
			nf_send_reset(state->net, state->sk, pkt->skb, state->hook);
		else
			nf_send_unreach(pkt->skb, ICMP_PORT_UNREACH, state->hook);
	} else {
		if (tcp)
			nf_send_reset6(state->net, state->sk, pkt->skb, state->hook);
		else
			nf_send_unreach6(state->net, pkt->skb, ICMPV6_PORT_UNREACH, state->hook);
	}
}

/* What is not simply to go on. The rest of pkt is filled in on the way. */
static noinline unsigned int decide(struct shunt_net *sn, struct sk_buff *skb,
				    const struct nf_hook_state *state, struct shunt_found found)
{
	struct shunt_packet pkt __uninitialized;

	pkt.sn = sn;
	pkt.skb = skb;
	pkt.local = state->hook == NF_INET_LOCAL_OUT;
	pkt.fast = false;
	switch (shunt_forward(&pkt, state->pf, found)) {
	case SHUNT_PASS:
		return NF_ACCEPT;
	case SHUNT_TAKEN:
		return NF_STOLEN;
	case SHUNT_REJECT:
		if (shunt_may_answer(sn))
			reject(&pkt, state);
		fallthrough;
	default:
		return NF_DROP;
	}
}

/*
 * Whether a frame only crosses a bridge of this host. br_netfilter shows those,
 * too, and says of all that came to another MAC than the port's that they are
 * for this host, the bridge's own among them.
 */
static __always_inline bool crosses_bridge(const struct sk_buff *skb)
{
#if IS_ENABLED(CONFIG_BRIDGE_NETFILTER)
	const struct nf_bridge_info *info = nf_bridge_info_get(skb);

	return info && info->pkt_otherhost &&
	       !ether_addr_equal(eth_hdr(skb)->h_dest, skb->dev->dev_addr);
#else
	return false;
#endif
}

/* What the link layer sent to others, or to all, is no request to a service. */
static __always_inline unsigned int pre_routing(struct shunt_net *sn, struct sk_buff *skb,
						const struct nf_hook_state *state, u8 family)
{
	struct shunt_found found;

	if (unlikely(skb->pkt_type != PACKET_HOST || crosses_bridge(skb)) ||
	    !shunt_concerns(sn, skb, family))
		return NF_ACCEPT;
	if (likely(shunt_established_take(sn, skb, family, false, &found)))
		return NF_STOLEN;
	return decide(sn, skb, state, found);
}

static unsigned int on_pre_routing_ipv4(void *priv, struct sk_buff *skb,
					const struct nf_hook_state *state)
{
	return pre_routing(priv, skb, state, NFPROTO_IPV4);
}

static unsigned int on_pre_routing_ipv6(void *priv, struct sk_buff *skb,
					const struct nf_hook_state *state)
{
	return pre_routing(priv, skb, state, NFPROTO_IPV6);
}

/* Comes from processes, too, with bottom halves on. */
static unsigned int on_local_out(void *priv, struct sk_buff *skb,
				 const struct nf_hook_state *state)
{
	unsigned int verdict;

	if (!shunt_concerns(priv, skb, state->pf))
		return NF_ACCEPT;
	local_bh_disable();
	verdict = decide(priv, skb, state, (struct shunt_found){});
	local_bh_enable();
	return verdict;
}

static const struct nf_hook_ops hooks[] = {
	{
		.hook = on_pre_routing_ipv4,
		.pf = NFPROTO_IPV4,
		.hooknum = NF_INET_PRE_ROUTING,
		.priority = HOOK_PRIORITY,
	},
	{
		.hook = on_local_out,
		.pf = NFPROTO_IPV4,
		.hooknum = NF_INET_LOCAL_OUT,
		.priority = HOOK_PRIORITY,
	},
	{
		.hook = on_pre_routing_ipv6,
		.pf = NFPROTO_IPV6,
		.hooknum = NF_INET_PRE_ROUTING,
		.priority = HOOK_PRIORITY,
	},
	{
		.hook = on_local_out,
		.pf = NFPROTO_IPV6,
		.hooknum = NF_INET_LOCAL_OUT,
		.priority = HOOK_PRIORITY,
	},
};

int shunt_hook_register(struct net *net)
{
	struct shunt_net *sn = shunt_net(net);
	unsigned int i;
	int err;

	BUILD_BUG_ON(ARRAY_SIZE(sn->hooks) != ARRAY_SIZE(hooks));
	for (i = 0; i < ARRAY_SIZE(hooks); i++) {
		sn->hooks[i] = hooks[i];
		sn->hooks[i].priv = sn;
	}
	err = nf_register_net_hooks(net, sn->hooks, ARRAY_SIZE(sn->hooks));
	if (err)
		return err;
	err = shunt_ingress_start(sn);
	if (err)
		nf_unregister_net_hooks(net, sn->hooks, ARRAY_SIZE(sn->hooks));
	return err;
}

void shunt_hook_unregister(struct net *net)
{
	struct shunt_net *sn = shunt_net(net);

	shunt_ingress_stop(sn);
	nf_unregister_net_hooks(net, sn->hooks, ARRAY_SIZE(sn->hooks));
}
