/* SPDX-License-Identifier: GPL-2.0 */
/* SYNs that wait for their clients' first ACK. Their design opens syn.c. */
#ifndef SHUNT_SYN_H
#define SHUNT_SYN_H

#include "net.h"
#include "packet.h"
#include "service.h"

struct shunt_syns;
struct syn_slot;

/* May sleep. NULL if there is no memory. */
struct shunt_syns *shunt_syns_alloc(void);
void shunt_syns_free(struct shunt_syns *syns);

/* What is known of the SYN with a packet's tuple; two words, passed by value. */
struct shunt_syn {
	struct shunt_server *server;	/* chosen for it, or NULL */
	struct syn_slot *slot;		/* where it is noted, or NULL */
};

/*
 * Under RCU, bottom halves off. pkt->hash is filled in.
 *
 * Finds the server that was chosen for this SYN when it came before, or for the
 * SYN that this segment follows; none if that is not known or it is no longer
 * the service's.
 */
struct shunt_syn shunt_syn_find(const struct shunt_packet *pkt,
				const struct shunt_service *service);

/* The server of whatever SYN waits with this tuple. */
struct shunt_server *shunt_syn_owner(const struct shunt_packet *pkt,
				     const struct shunt_service *service);

/*
 * Notes the server chosen for a SYN, or for a segment whose SYN was forgotten,
 * where shunt_syn_find() has found that it is noted, or else anew.
 */
void shunt_syn_note(const struct shunt_packet *pkt, const struct shunt_server *server,
		    struct shunt_syn syn);

/* The connection is in the table now, or the SYN's client has gone; it was found. */
void shunt_syn_forget(const struct shunt_packet *pkt, struct shunt_syn syn);

#endif
