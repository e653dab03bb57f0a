/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SHUNT_HOOK_H
#define SHUNT_HOOK_H

struct net;

/* May sleep. From here on packets of the namespace come in. 0 or a negative errno. */
int shunt_hook_register(struct net *net);
/* May sleep. Packets may be inside until a grace period has passed. */
void shunt_hook_unregister(struct net *net);

#endif
