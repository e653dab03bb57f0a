/* SPDX-License-Identifier: GPL-2.0 */
/* Tells listeners on the family's multicast group what has changed. */
#ifndef SHUNT_EVENT_H
#define SHUNT_EVENT_H

#include <uapi/linux/shunt.h>

#include "net.h"

struct shunt_server;
struct shunt_service;

/* May sleep. From start, when the family is registered, to stop listeners are told. */
void shunt_event_start(void);
/* Nobody uses the family for an event any more once it has returned. */
void shunt_event_stop(void);

/*
 * Under the namespace's lock, so that events come in the order of the changes;
 * may sleep. To be called when the change is made, and before the object goes.
 */
void shunt_event_service(const struct shunt_service *service, enum shunt_event event);
void shunt_event_server(const struct shunt_server *server, enum shunt_event event);
void shunt_event_device(struct shunt_net *sn, const char *name, enum shunt_event event);
void shunt_event_limit(struct shunt_net *sn);
void shunt_event_flushed(struct shunt_net *sn);

/*
 * The same. What new connections can be given to may have changed: tells if the
 * service has nobody for them any more, or only backups, or again has others; and before
 * that, which of its servers are full since it was last asked, or are no more.
 */
void shunt_event_review(struct shunt_service *service);

#endif
