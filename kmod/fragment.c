// SPDX-License-Identifier: GPL-2.0
/*
 * Datagrams in fragments. Only the first fragment has the ports, so all of them
 * are put together before a service can be looked for, in queues of the kernel's
 * that nobody else puts fragments in. What stays incomplete expires there, by
 * net.ipv4.ipfrag_time and net.netfilter.nf_conntrack_frag6_timeout. The kernel
 * remembers the size of the largest fragment and sends the datagram on in
 * fragments that are no larger.
 */
#include <net/ip.h>
#include <net/netfilter/ipv6/nf_defrag_ipv6.h>

#include "fragment.h"
#include "net.h"

enum {
	/* Outside of the numbers in enum ip_defrag_users and ip6_defrag_users. */
	FRAGMENT_USER = 0x73680000,
};

enum shunt_gathered shunt_fragment_gather(struct shunt_packet *pkt, u8 family)
{
	struct sk_buff *skb = pkt->skb;
	int err;

	if (family == NFPROTO_IPV4) {
		/* Takes the skb whenever it does not return 0. */
		err = ip_defrag(pkt->sn->net, skb, FRAGMENT_USER);
		if (err)
			pkt->skb = NULL;
	} else {
		err = nf_ct_frag6_gather(pkt->sn->net, skb, FRAGMENT_USER);
		if (err == -EINPROGRESS)
			pkt->skb = NULL;
	}
	if (err)
		return err == -EINPROGRESS ? SHUNT_GATHERED_KEPT : SHUNT_GATHERED_BROKEN;
	/* It came in fragments, so it may be sent in fragments. */
	skb->ignore_df = 1;
	return SHUNT_GATHERED_WHOLE;
}
