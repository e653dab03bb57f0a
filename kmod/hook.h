/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SHUNT_HOOK_H
#define SHUNT_HOOK_H

struct net;

/*
 * Both under the namespace's lock, may sleep. From here on packets of the
 * namespace come in, at the attached devices' fast hooks, too. 0 or a negative errno.
 */
int shunt_hook_register(struct net *net);
/* Packets may be inside until a grace period has passed. */
void shunt_hook_unregister(struct net *net);

#endif
