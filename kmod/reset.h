/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SHUNT_RESET_H
#define SHUNT_RESET_H

struct shunt_conn;
struct shunt_net;

/*
 * Resets a TCP connection that is out of the table: sends a RST to its server
 * in the client's name and one to its client in the service's. Under RCU with
 * bottom halves off. What the director has never heard of a side's numbers, it
 * cannot reset; losing a RST for want of memory or a way costs only that the
 * side finds out for itself later.
 */
void shunt_reset_both(struct shunt_net *sn, struct shunt_conn *conn);

#endif
