/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SHUNT_FRAGMENT_H
#define SHUNT_FRAGMENT_H

#include "packet.h"

enum shunt_gathered {
	SHUNT_GATHERED_WHOLE,	/* pkt->skb is the whole datagram now */
	SHUNT_GATHERED_KEPT,	/* it waits for the others; pkt->skb is NULL */
	SHUNT_GATHERED_BROKEN,	/* it fits with no others; pkt->skb may be NULL */
};

/*
 * Puts the datagram together that a fragment is of, by the kernel's own queues.
 * Bottom halves off. May reallocate skb data.
 */
enum shunt_gathered shunt_fragment_gather(struct shunt_packet *pkt, u8 family);

#endif
