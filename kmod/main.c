// SPDX-License-Identifier: GPL-2.0
/* Brings the parts up in order and takes them down in the reverse order. */
#include <linux/module.h>
#include <net/genetlink.h>

#include "conn.h"
#include "hook.h"
#include "ingress.h"
#include "link.h"
#include "net.h"
#include "netlink.h"
#include "persist.h"
#include "selftest.h"
#include "service.h"
#include "stats.h"

unsigned int shunt_net_id __read_mostly;

static int __net_init net_init(struct net *net)
{
	struct shunt_net *sn = shunt_net(net);
	int err;

	sn->net = net;
	shunt_hash_init(&sn->key);
	shunt_ingress_net_init(sn);
	sn->drops = shunt_drops_alloc();
	if (!sn->drops)
		return -ENOMEM;
	err = shunt_service_net_init(sn);
	if (err)
		goto err_drops;
	err = shunt_link_net_init(sn);
	if (err)
		goto err_service;
	return 0;

err_service:
	shunt_service_net_exit(sn);
err_drops:
	free_percpu(sn->drops);
	return err;
}

/* First of two phases: no packet comes in. A grace period follows before the second. */
static void __net_exit net_pre_exit(struct net *net)
{
	struct shunt_net *sn = shunt_net(net);

	mutex_lock(&sn->lock);
	if (sn->service_count)
		shunt_hook_unregister(net);
	shunt_ingress_net_exit(sn);
	mutex_unlock(&sn->lock);
}

static void __net_exit net_exit_batch(struct list_head *nets)
{
	struct net *net;

	list_for_each_entry(net, nets, exit_list) {
		struct shunt_net *sn = shunt_net(net);

		shunt_link_net_exit(sn);
		shunt_service_net_exit(sn);
		free_percpu(sn->drops);
	}
}

static struct pernet_operations net_ops = {
	.init = net_init,
	.pre_exit = net_pre_exit,
	.exit_batch = net_exit_batch,
	.id = &shunt_net_id,
	.size = sizeof(struct shunt_net),
};

static int __init shunt_init(void)
{
	int err;

	err = shunt_conn_init();
	if (err)
		return err;
	err = shunt_persist_init();
	if (err)
		goto err_conn;
	err = shunt_selftest();
	if (err)
		goto err_persist;
	err = register_pernet_subsys(&net_ops);
	if (err)
		goto err_persist;
	err = shunt_link_init();
	if (err)
		goto err_net;
	err = shunt_ingress_init();
	if (err)
		goto err_link;
	err = shunt_netlink_init();
	if (err)
		goto err_ingress;
	return 0;

err_ingress:
	shunt_ingress_exit();
err_link:
	shunt_link_exit();
err_net:
	unregister_pernet_subsys(&net_ops);
err_persist:
	shunt_persist_exit();
err_conn:
	shunt_conn_exit();
	return err;
}

static void __exit shunt_exit(void)
{
	shunt_netlink_exit();
	shunt_ingress_exit();
	shunt_link_exit();
	unregister_pernet_subsys(&net_ops);
	/* Servers and services are freed by callbacks too; these wait for all. */
	shunt_persist_exit();
	shunt_conn_exit();
}

module_init(shunt_init);
module_exit(shunt_exit);
MODULE_DESCRIPTION("L4 virtual server: direct server return and NAT");
MODULE_LICENSE("GPL");
MODULE_VERSION(SHUNT_VERSION);
MODULE_ALIAS_GENL_FAMILY("shunt");
