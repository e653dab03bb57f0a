/* SPDX-License-Identifier: GPL-2.0 */
/* From a tuple to the service it is for, or to the server it comes from. */
#ifndef SHUNT_MATCH_H
#define SHUNT_MATCH_H

#include "net.h"
#include "packet.h"
#include "service.h"

/* May sleep. The tables of a namespace; nothing is in them. */
int shunt_match_net_init(struct shunt_net *sn);
void shunt_match_net_exit(struct shunt_net *sn);

/*
 * Under the namespace's lock, may sleep. A service, or a server that its packets'
 * answers are told by, can be found from now on, or no more but by readers of
 * before. Each is added once.
 */
int shunt_match_add_service(struct shunt_net *sn, struct shunt_service *service);
void shunt_match_del_service(struct shunt_net *sn, struct shunt_service *service);
int shunt_match_add_server(struct shunt_net *sn, struct shunt_server *server);
void shunt_match_del_server(struct shunt_net *sn, struct shunt_server *server);

/* Under RCU, any context. The service that a client's tuple is for, or NULL. */
struct shunt_service *shunt_match_service(struct shunt_net *sn, const struct shunt_tuple *tuple);

/* Under RCU, any context. The NAT server of per-packet services whose answer a tuple is. */
struct shunt_server *shunt_match_server(struct shunt_net *sn, const struct shunt_tuple *tuple);

#endif
