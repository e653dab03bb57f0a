// SPDX-License-Identifier: GPL-2.0
/* Registers a family described by split operations on kernels before 6.2. */
#define SHUNT_COMPAT_IMPLEMENTATION
#include <linux/slab.h>
#include <net/genetlink.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)

/* May sleep. Returns 0 or a negative errno. */
int shunt_compat_register_family(struct shunt_compat_family *family)
{
	unsigned int i;
	int err;

	family->ops = kcalloc(family->n_split_ops, sizeof(*family->ops), GFP_KERNEL);
	if (!family->ops)
		return -ENOMEM;
	for (i = 0; i < family->n_split_ops; i++) {
		const struct genl_split_ops *from = &family->split_ops[i];
		struct genl_ops *to = &family->ops[i];

		to->cmd = from->cmd;
		to->doit = from->doit;
		to->start = from->start;
		to->dumpit = from->dumpit;
		to->done = from->done;
		to->policy = from->policy;
		to->maxattr = from->maxattr;
		to->flags = from->flags & (GENL_ADMIN_PERM | GENL_UNS_ADMIN_PERM);
	}
	strscpy(family->real.name, family->name, sizeof(family->real.name));
	family->real.version = family->version;
	family->real.netnsok = family->netnsok;
	family->real.parallel_ops = family->parallel_ops;
	family->real.module = family->module;
	family->real.ops = family->ops;
	family->real.n_ops = family->n_split_ops;
	family->real.mcgrps = family->mcgrps;
	family->real.n_mcgrps = family->n_mcgrps;

	err = genl_register_family(&family->real);
	if (err)
		kfree(family->ops);
	return err;
}

/* May sleep. No callback runs once it has returned. */
void shunt_compat_unregister_family(struct shunt_compat_family *family)
{
	genl_unregister_family(&family->real);
	kfree(family->ops);
}

#endif
