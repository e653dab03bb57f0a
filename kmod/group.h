/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What services persist by, and the groups of services that share their clients.
 * Their life is told in group.c. All under the namespace's lock; what may sleep says so.
 */
#ifndef SHUNT_GROUP_H
#define SHUNT_GROUP_H

#include "service.h"

struct shunt_persist;
struct shunt_server;

/* Services of one family that share what is remembered of clients. */
struct shunt_group {
	char name[SHUNT_NAME_MAX + 1];
	u32 id;		/* of services and servers, too */
	u8 family;
	u8 prefix;	/* bits of an address, the same in all */
	u32 services;	/* that name it */
};

/* What a service is to persist by, with all memory that takes. */
struct shunt_group_plan {
	bool there;			/* else it stays as it is */
	struct shunt_persist *persist;	/* NULL: off */
	struct shunt_group *group;	/* NULL: none */
	u32 seconds;
	u8 prefix;
};

/*
 * May sleep. Makes a plan of a change to a service. 0, or a negative errno with *no
 * filled in. A plan is applied or dropped under the lock that it was made under.
 */
int shunt_group_plan(const struct shunt_service *service,
		     const struct shunt_service_change *change, struct shunt_group_plan *plan,
		     struct shunt_refusal *no);
void shunt_group_drop(struct shunt_net *sn, struct shunt_group_plan *plan);
/* May sleep. The service has its id. */
void shunt_group_apply(struct shunt_service *service, struct shunt_group_plan *plan);

/* May sleep. No packet finds the service any more. */
void shunt_group_leave(struct shunt_service *service);

/* May sleep. The server is no longer configured. */
void shunt_group_lose(struct shunt_server *server);

/* The id under which a service's clients are remembered. */
u32 shunt_group_scope(const struct shunt_service *service);

/* NULL if none has this name, of either family; the first if two have. */
struct shunt_group *shunt_group_by_name(struct shunt_net *sn, const char *name);

#endif
