/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SHUNT_NETLINK_H
#define SHUNT_NETLINK_H

/* May sleep. The generic netlink family; no request is under way once exit returns. */
int shunt_netlink_init(void);
void shunt_netlink_exit(void);

#endif
