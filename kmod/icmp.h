/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The ICMP errors that the director sends itself, as a router would. About a
 * packet at the fast hook nobody is told yet.
 */
#ifndef SHUNT_ICMP_H
#define SHUNT_ICMP_H

#include "packet.h"

/*
 * Tells the sender that the packet's TTL or hop limit ran out here. Under RCU
 * with bottom halves off. The skb may get a dst and stays the caller's.
 */
void shunt_icmp_ttl(struct shunt_packet *pkt);

/*
 * Tells the sender that the packet was too big for the way on, of this MTU. A
 * client is told in the name of the service, since it knows no other address.
 * The packet is IPv6, or IPv4 with DF. Under RCU with bottom halves off. The skb
 * may get a dst and stays the caller's.
 */
void shunt_icmp_mtu(struct shunt_packet *pkt, unsigned int mtu);

#endif
