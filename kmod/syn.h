/* SPDX-License-Identifier: GPL-2.0 */
/* SYNs that wait for their clients' first ACK. Their design opens syn.c. */
#ifndef SHUNT_SYN_H
#define SHUNT_SYN_H

#include "net.h"
#include "packet.h"
#include "service.h"

struct shunt_syns;

/* May sleep. NULL if there is no memory. */
struct shunt_syns *shunt_syns_alloc(void);
void shunt_syns_free(struct shunt_syns *syns);

/*
 * Under RCU, bottom halves off. pkt->hash is filled in.
 *
 * The server that was chosen for this SYN when it came before, or for the SYN
 * that this segment follows; NULL if that is not known or it is no longer the
 * service's.
 */
struct shunt_server *shunt_syn_find(const struct shunt_packet *pkt,
				    const struct shunt_service *service);

/* The same for whatever SYN waits with this tuple. */
struct shunt_server *shunt_syn_owner(const struct shunt_packet *pkt,
				     const struct shunt_service *service);

/* Notes the server chosen for a SYN, or for a segment whose SYN was forgotten. */
void shunt_syn_note(const struct shunt_packet *pkt, const struct shunt_server *server);

/* The connection is in the table now, or the SYN's client has gone. */
void shunt_syn_forget(const struct shunt_packet *pkt);

#endif
