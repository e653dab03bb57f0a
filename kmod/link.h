/* SPDX-License-Identifier: GPL-2.0 */
/* The way to a DSR server on its link, ready to be put before a packet. */
#ifndef SHUNT_LINK_H
#define SHUNT_LINK_H

#include <linux/netdevice.h>
#include <linux/netfilter.h>
#include <net/neighbour.h>

struct shunt_net;
struct shunt_refusal;
struct shunt_server;
struct shunt_service;

enum {
	SHUNT_LINK_HEADER = 32,	/* more than Ethernet with two VLAN tags */
};

/* Immutable, replaced whole, read under RCU. */
struct shunt_link {
	struct rcu_head rcu;
	struct net_device *dev;
	struct neighbour *neigh;	/* holds the device, too */
	unsigned int headroom;	/* that the device wants, the header's included */
	bool valid;			/* header is complete; else neigh must resolve */
	u8 header_len;
	u8 header[SHUNT_LINK_HEADER];
};

/* May sleep. */
int shunt_link_init(void);
void shunt_link_exit(void);
int shunt_link_net_init(struct shunt_net *sn);
/* Nothing calls back into the namespace once it has returned. */
void shunt_link_net_exit(struct shunt_net *sn);

/*
 * May sleep. 0 if the address can be that of a DSR server of the service:
 * another host's on a link of this one, or this host's own.
 */
int shunt_link_check(const struct shunt_service *service, const union nf_inet_addr *addr,
		     struct shunt_refusal *no);

/* Under the namespace's lock, may sleep. From start to drop a server's link is kept fresh. */
void shunt_link_start(struct shunt_net *sn, struct shunt_server *server);
void shunt_link_drop(struct shunt_net *sn, struct shunt_server *server);
/* In between: as things are now, for a server that needs its link again. */
void shunt_link_look(struct shunt_server *server);

#endif
