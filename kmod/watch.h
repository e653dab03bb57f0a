/* SPDX-License-Identifier: GPL-2.0 */
/* Servers that time changes. Who is looked at, and when, is told in watch.c. */
#ifndef SHUNT_WATCH_H
#define SHUNT_WATCH_H

#include "server.h"

void shunt_watch_net_init(struct shunt_net *sn);
/* May sleep. No server is left; the worker has ended when it returns. */
void shunt_watch_net_exit(struct shunt_net *sn);

/*
 * Under the namespace's lock. From now on the server is looked at, until it needs
 * that no more, or not.
 */
void shunt_watch_begin(struct shunt_server *server);
void shunt_watch_end(struct shunt_server *server);

/* Any context. There is something to look at. */
void shunt_watch_soon(struct shunt_net *sn);

/* Under the namespace's lock. Seconds until the server's drain is over, rounded up; 0: no end. */
u32 shunt_watch_drain_left(const struct shunt_server *server);

#endif
