/* SPDX-License-Identifier: GPL-2.0 */
/* The fast hook of the devices that are attached. Its design opens ingress.c. */
#ifndef SHUNT_INGRESS_H
#define SHUNT_INGRESS_H

#include <linux/list.h>
#include <linux/netdevice.h>
#include <linux/netfilter.h>

struct shunt_net;
struct shunt_refusal;

struct shunt_attachment {
	struct list_head list;		/* in sn->attachments; the namespace's lock */
	char name[IFNAMSIZ];		/* the device's, kept up by the notifier; the same */
	struct nf_hook_ops ops;		/* ops.dev is the device */
};

/* May sleep. */
int shunt_ingress_init(void);
/* Every device is detached when it returns. */
void shunt_ingress_exit(void);

void shunt_ingress_net_init(struct shunt_net *sn);
/* Under the namespace's lock, may sleep. The hooks are stopped. */
void shunt_ingress_net_exit(struct shunt_net *sn);

/*
 * Under the namespace's lock, may sleep. Hooks the attached devices, and those
 * attached from now on, until stop; afterwards packets may be inside until a
 * grace period has passed. 0 or a negative errno.
 */
int shunt_ingress_start(struct shunt_net *sn);
void shunt_ingress_stop(struct shunt_net *sn);

/*
 * Under the namespace's lock, may sleep. 0, or a negative errno with *no filled
 * in and nothing changed.
 */
int shunt_ingress_attach(struct shunt_net *sn, const char *name, struct shunt_refusal *no);
int shunt_ingress_detach(struct shunt_net *sn, const char *name, struct shunt_refusal *no);

#endif
