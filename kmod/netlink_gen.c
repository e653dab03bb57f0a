// SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause)
/* Do not edit directly, auto-generated from: */
/*	include/shunt.yaml */
/* YNL-GEN kernel source */

#include <net/netlink.h>
#include <net/genetlink.h>

#include "netlink_gen.h"

#include <uapi/linux/shunt.h>

/* Integer value ranges */
static const struct netlink_range_validation shunt_a_timeouts_syn_range = {
	.min	= 1ULL,
	.max	= SHUNT_TIMEOUT_MAX,
};

static const struct netlink_range_validation shunt_a_timeouts_established_range = {
	.min	= 1ULL,
	.max	= SHUNT_TIMEOUT_MAX,
};

static const struct netlink_range_validation shunt_a_timeouts_closing_range = {
	.min	= 1ULL,
	.max	= SHUNT_TIMEOUT_MAX,
};

static const struct netlink_range_validation shunt_a_timeouts_closed_range = {
	.min	= 1ULL,
	.max	= SHUNT_TIMEOUT_MAX,
};

static const struct netlink_range_validation shunt_a_timeouts_one_way_range = {
	.min	= 1ULL,
	.max	= SHUNT_TIMEOUT_MAX,
};

static const struct netlink_range_validation shunt_a_timeouts_answered_range = {
	.min	= 1ULL,
	.max	= SHUNT_TIMEOUT_MAX,
};

static const struct netlink_range_validation shunt_a_service_table_size_range = {
	.min	= SHUNT_TABLE_SIZE_MIN,
	.max	= SHUNT_TABLE_SIZE_MAX,
};

static const struct netlink_range_validation shunt_a_service_persist_range = {
	.max	= SHUNT_PERSIST_MAX,
};

static const struct netlink_range_validation shunt_a_server_weight_range = {
	.max	= SHUNT_WEIGHT_MAX,
};

static const struct netlink_range_validation shunt_a_server_slow_start_range = {
	.max	= SHUNT_SLOW_START_MAX,
};

static const struct netlink_range_validation shunt_a_server_drain_timeout_range = {
	.min	= 1ULL,
	.max	= SHUNT_DRAIN_MAX,
};

/* Common nested types */
const struct nla_policy shunt_match_nl_policy[SHUNT_A_MATCH_LAST_PORT + 1] = {
	[SHUNT_A_MATCH_ADDRESS] = { .type = NLA_BINARY, },
	[SHUNT_A_MATCH_FIRST_PORT] = { .type = NLA_U16, },
	[SHUNT_A_MATCH_LAST_PORT] = { .type = NLA_U16, },
};

const struct nla_policy shunt_timeouts_nl_policy[SHUNT_A_TIMEOUTS_ANSWERED + 1] = {
	[SHUNT_A_TIMEOUTS_SYN] = NLA_POLICY_FULL_RANGE(NLA_U32, &shunt_a_timeouts_syn_range),
	[SHUNT_A_TIMEOUTS_ESTABLISHED] = NLA_POLICY_FULL_RANGE(NLA_U32, &shunt_a_timeouts_established_range),
	[SHUNT_A_TIMEOUTS_CLOSING] = NLA_POLICY_FULL_RANGE(NLA_U32, &shunt_a_timeouts_closing_range),
	[SHUNT_A_TIMEOUTS_CLOSED] = NLA_POLICY_FULL_RANGE(NLA_U32, &shunt_a_timeouts_closed_range),
	[SHUNT_A_TIMEOUTS_ONE_WAY] = NLA_POLICY_FULL_RANGE(NLA_U32, &shunt_a_timeouts_one_way_range),
	[SHUNT_A_TIMEOUTS_ANSWERED] = NLA_POLICY_FULL_RANGE(NLA_U32, &shunt_a_timeouts_answered_range),
};

/* SHUNT_CMD_SERVICE_ADD - do */
static const struct nla_policy shunt_service_add_nl_policy[SHUNT_A_SERVICE_PERSIST_GROUP + 1] = {
	[SHUNT_A_SERVICE_NAME] = { .type = NLA_NUL_STRING, .len = SHUNT_NAME_MAX, },
	[SHUNT_A_SERVICE_PROTOCOL] = { .type = NLA_U8, },
	[SHUNT_A_SERVICE_ADDRESS] = { .type = NLA_BINARY, },
	[SHUNT_A_SERVICE_PORT] = { .type = NLA_U16, },
	[SHUNT_A_SERVICE_MATCH] = NLA_POLICY_NESTED(shunt_match_nl_policy),
	[SHUNT_A_SERVICE_FWMARK] = NLA_POLICY_MIN(NLA_U32, 1),
	[SHUNT_A_SERVICE_FAMILY] = NLA_POLICY_MAX(NLA_U32, 1),
	[SHUNT_A_SERVICE_SCHEDULER] = { .type = NLA_NUL_STRING, .len = SHUNT_SCHEDULER_MAX, },
	[SHUNT_A_SERVICE_MODE] = NLA_POLICY_MAX(NLA_U32, 1),
	[SHUNT_A_SERVICE_TIMEOUTS] = NLA_POLICY_NESTED(shunt_timeouts_nl_policy),
	[SHUNT_A_SERVICE_ON_EXPIRE] = NLA_POLICY_MAX(NLA_U32, 1),
	[SHUNT_A_SERVICE_ON_REMOVE] = NLA_POLICY_MAX(NLA_U32, 3),
	[SHUNT_A_SERVICE_ON_EMPTY] = NLA_POLICY_MAX(NLA_U32, 1),
	[SHUNT_A_SERVICE_MIDSTREAM] = NLA_POLICY_MAX(NLA_U32, 1),
	[SHUNT_A_SERVICE_PACKET] = NLA_POLICY_MAX(NLA_U8, 1),
	[SHUNT_A_SERVICE_LIMIT] = { .type = NLA_U32, },
	[SHUNT_A_SERVICE_TABLE_SIZE] = NLA_POLICY_FULL_RANGE(NLA_U32, &shunt_a_service_table_size_range),
	[SHUNT_A_SERVICE_HASH] = NLA_POLICY_MAX(NLA_U32, 1),
	[SHUNT_A_SERVICE_SEED] = { .type = NLA_NUL_STRING, .len = SHUNT_SEED_MAX, },
	[SHUNT_A_SERVICE_PERSIST] = NLA_POLICY_FULL_RANGE(NLA_U32, &shunt_a_service_persist_range),
	[SHUNT_A_SERVICE_PERSIST_PREFIX] = NLA_POLICY_RANGE(NLA_U8, 1, SHUNT_PREFIX_MAX),
	[SHUNT_A_SERVICE_PERSIST_GROUP] = { .type = NLA_NUL_STRING, .len = SHUNT_NAME_MAX, },
};

/* SHUNT_CMD_SERVICE_SET - do */
static const struct nla_policy shunt_service_set_nl_policy[SHUNT_A_SERVICE_PERSIST_GROUP + 1] = {
	[SHUNT_A_SERVICE_NAME] = { .type = NLA_NUL_STRING, .len = SHUNT_NAME_MAX, },
	[SHUNT_A_SERVICE_ADDRESS] = { .type = NLA_BINARY, },
	[SHUNT_A_SERVICE_PORT] = { .type = NLA_U16, },
	[SHUNT_A_SERVICE_MATCH] = NLA_POLICY_NESTED(shunt_match_nl_policy),
	[SHUNT_A_SERVICE_FWMARK] = NLA_POLICY_MIN(NLA_U32, 1),
	[SHUNT_A_SERVICE_FAMILY] = NLA_POLICY_MAX(NLA_U32, 1),
	[SHUNT_A_SERVICE_SCHEDULER] = { .type = NLA_NUL_STRING, .len = SHUNT_SCHEDULER_MAX, },
	[SHUNT_A_SERVICE_MODE] = NLA_POLICY_MAX(NLA_U32, 1),
	[SHUNT_A_SERVICE_TIMEOUTS] = NLA_POLICY_NESTED(shunt_timeouts_nl_policy),
	[SHUNT_A_SERVICE_ON_EXPIRE] = NLA_POLICY_MAX(NLA_U32, 1),
	[SHUNT_A_SERVICE_ON_REMOVE] = NLA_POLICY_MAX(NLA_U32, 3),
	[SHUNT_A_SERVICE_ON_EMPTY] = NLA_POLICY_MAX(NLA_U32, 1),
	[SHUNT_A_SERVICE_MIDSTREAM] = NLA_POLICY_MAX(NLA_U32, 1),
	[SHUNT_A_SERVICE_PACKET] = NLA_POLICY_MAX(NLA_U8, 1),
	[SHUNT_A_SERVICE_LIMIT] = { .type = NLA_U32, },
	[SHUNT_A_SERVICE_TABLE_SIZE] = NLA_POLICY_FULL_RANGE(NLA_U32, &shunt_a_service_table_size_range),
	[SHUNT_A_SERVICE_HASH] = NLA_POLICY_MAX(NLA_U32, 1),
	[SHUNT_A_SERVICE_SEED] = { .type = NLA_NUL_STRING, .len = SHUNT_SEED_MAX, },
	[SHUNT_A_SERVICE_PERSIST] = NLA_POLICY_FULL_RANGE(NLA_U32, &shunt_a_service_persist_range),
	[SHUNT_A_SERVICE_PERSIST_PREFIX] = NLA_POLICY_RANGE(NLA_U8, 1, SHUNT_PREFIX_MAX),
	[SHUNT_A_SERVICE_PERSIST_GROUP] = { .type = NLA_NUL_STRING, .len = SHUNT_NAME_MAX, },
};

/* SHUNT_CMD_SERVICE_DEL - do */
static const struct nla_policy shunt_service_del_nl_policy[SHUNT_A_SERVICE_NAME + 1] = {
	[SHUNT_A_SERVICE_NAME] = { .type = NLA_NUL_STRING, .len = SHUNT_NAME_MAX, },
};

/* SHUNT_CMD_SERVICE_GET - dump */
static const struct nla_policy shunt_service_get_nl_policy[SHUNT_A_SERVICE_NAME + 1] = {
	[SHUNT_A_SERVICE_NAME] = { .type = NLA_NUL_STRING, .len = SHUNT_NAME_MAX, },
};

/* SHUNT_CMD_SERVER_ADD - do */
static const struct nla_policy shunt_server_add_nl_policy[SHUNT_A_SERVER_SLOW_START + 1] = {
	[SHUNT_A_SERVER_SERVICE] = { .type = NLA_NUL_STRING, .len = SHUNT_NAME_MAX, },
	[SHUNT_A_SERVER_ADDRESS] = { .type = NLA_BINARY, },
	[SHUNT_A_SERVER_PORT] = { .type = NLA_U16, },
	[SHUNT_A_SERVER_MODE] = NLA_POLICY_MAX(NLA_U32, 1),
	[SHUNT_A_SERVER_WEIGHT] = NLA_POLICY_FULL_RANGE(NLA_U32, &shunt_a_server_weight_range),
	[SHUNT_A_SERVER_STATE] = NLA_POLICY_MAX(NLA_U32, 3),
	[SHUNT_A_SERVER_BACKUP] = NLA_POLICY_MAX(NLA_U8, 1),
	[SHUNT_A_SERVER_UPPER_LIMIT] = { .type = NLA_U32, },
	[SHUNT_A_SERVER_LOWER_LIMIT] = { .type = NLA_U32, },
	[SHUNT_A_SERVER_SLOW_START] = NLA_POLICY_FULL_RANGE(NLA_U32, &shunt_a_server_slow_start_range),
};

/* SHUNT_CMD_SERVER_SET - do */
static const struct nla_policy shunt_server_set_nl_policy[SHUNT_A_SERVER_SLOW_START + 1] = {
	[SHUNT_A_SERVER_SERVICE] = { .type = NLA_NUL_STRING, .len = SHUNT_NAME_MAX, },
	[SHUNT_A_SERVER_ADDRESS] = { .type = NLA_BINARY, },
	[SHUNT_A_SERVER_PORT] = { .type = NLA_U16, },
	[SHUNT_A_SERVER_MODE] = NLA_POLICY_MAX(NLA_U32, 1),
	[SHUNT_A_SERVER_WEIGHT] = NLA_POLICY_FULL_RANGE(NLA_U32, &shunt_a_server_weight_range),
	[SHUNT_A_SERVER_STATE] = NLA_POLICY_MAX(NLA_U32, 3),
	[SHUNT_A_SERVER_BACKUP] = NLA_POLICY_MAX(NLA_U8, 1),
	[SHUNT_A_SERVER_UPPER_LIMIT] = { .type = NLA_U32, },
	[SHUNT_A_SERVER_LOWER_LIMIT] = { .type = NLA_U32, },
	[SHUNT_A_SERVER_SLOW_START] = NLA_POLICY_FULL_RANGE(NLA_U32, &shunt_a_server_slow_start_range),
};

/* SHUNT_CMD_SERVER_DEL - do */
static const struct nla_policy shunt_server_del_nl_policy[SHUNT_A_SERVER_PORT + 1] = {
	[SHUNT_A_SERVER_SERVICE] = { .type = NLA_NUL_STRING, .len = SHUNT_NAME_MAX, },
	[SHUNT_A_SERVER_ADDRESS] = { .type = NLA_BINARY, },
	[SHUNT_A_SERVER_PORT] = { .type = NLA_U16, },
};

/* SHUNT_CMD_SERVER_GET - dump */
static const struct nla_policy shunt_server_get_nl_policy[SHUNT_A_SERVER_SERVICE + 1] = {
	[SHUNT_A_SERVER_SERVICE] = { .type = NLA_NUL_STRING, .len = SHUNT_NAME_MAX, },
};

/* SHUNT_CMD_CONN_GET - dump */
static const struct nla_policy shunt_conn_get_nl_policy[SHUNT_A_CONN_SERVER_PORT + 1] = {
	[SHUNT_A_CONN_SERVICE] = { .type = NLA_NUL_STRING, .len = SHUNT_NAME_MAX, },
	[SHUNT_A_CONN_CLIENT] = { .type = NLA_BINARY, },
	[SHUNT_A_CONN_CLIENT_PORT] = { .type = NLA_U16, },
	[SHUNT_A_CONN_SERVER] = { .type = NLA_BINARY, },
	[SHUNT_A_CONN_SERVER_PORT] = { .type = NLA_U16, },
};

/* SHUNT_CMD_CONN_DEL - do */
static const struct nla_policy shunt_conn_del_nl_policy[SHUNT_A_CONN_SERVER_PORT + 1] = {
	[SHUNT_A_CONN_SERVICE] = { .type = NLA_NUL_STRING, .len = SHUNT_NAME_MAX, },
	[SHUNT_A_CONN_CLIENT] = { .type = NLA_BINARY, },
	[SHUNT_A_CONN_CLIENT_PORT] = { .type = NLA_U16, },
	[SHUNT_A_CONN_SERVER] = { .type = NLA_BINARY, },
	[SHUNT_A_CONN_SERVER_PORT] = { .type = NLA_U16, },
};

/* SHUNT_CMD_DROP_GET - dump */
static const struct nla_policy shunt_drop_get_nl_policy[SHUNT_A_DROP_PAD + 1] = {
};

/* SHUNT_CMD_STATUS_GET - do */
static const struct nla_policy shunt_status_get_nl_policy[SHUNT_A_STATUS_PAD + 1] = {
};

/* SHUNT_CMD_FLUSH - do */
static const struct nla_policy shunt_flush_nl_policy[SHUNT_A_STATUS_PAD + 1] = {
};

/* SHUNT_CMD_ATTACH - do */
static const struct nla_policy shunt_attach_nl_policy[SHUNT_A_DEVICE_NAME + 1] = {
	[SHUNT_A_DEVICE_NAME] = { .type = NLA_NUL_STRING, .len = SHUNT_DEVICE_MAX, },
};

/* SHUNT_CMD_DETACH - do */
static const struct nla_policy shunt_detach_nl_policy[SHUNT_A_DEVICE_NAME + 1] = {
	[SHUNT_A_DEVICE_NAME] = { .type = NLA_NUL_STRING, .len = SHUNT_DEVICE_MAX, },
};

/* SHUNT_CMD_LIMIT_GET - do */
static const struct nla_policy shunt_limit_get_nl_policy[SHUNT_A_LIMIT_PAD + 1] = {
};

/* SHUNT_CMD_LIMIT_SET - do */
static const struct nla_policy shunt_limit_set_nl_policy[SHUNT_A_LIMIT_PERSIST + 1] = {
	[SHUNT_A_LIMIT_LIMIT] = { .type = NLA_U32, },
	[SHUNT_A_LIMIT_PERSIST] = { .type = NLA_U32, },
};

/* SHUNT_CMD_SERVER_DRAIN - do */
static const struct nla_policy shunt_server_drain_nl_policy[SHUNT_A_SERVER_DRAIN_THEN + 1] = {
	[SHUNT_A_SERVER_SERVICE] = { .type = NLA_NUL_STRING, .len = SHUNT_NAME_MAX, },
	[SHUNT_A_SERVER_ADDRESS] = { .type = NLA_BINARY, },
	[SHUNT_A_SERVER_PORT] = { .type = NLA_U16, },
	[SHUNT_A_SERVER_DRAIN_TIMEOUT] = NLA_POLICY_FULL_RANGE(NLA_U32, &shunt_a_server_drain_timeout_range),
	[SHUNT_A_SERVER_DRAIN_THEN] = NLA_POLICY_MAX(NLA_U32, 2),
};

/* SHUNT_CMD_PERSIST_GET - dump */
static const struct nla_policy shunt_persist_get_nl_policy[SHUNT_A_PERSIST_PREFIX + 1] = {
	[SHUNT_A_PERSIST_SERVICE] = { .type = NLA_NUL_STRING, .len = SHUNT_NAME_MAX, },
	[SHUNT_A_PERSIST_GROUP] = { .type = NLA_NUL_STRING, .len = SHUNT_NAME_MAX, },
	[SHUNT_A_PERSIST_CLIENT] = { .type = NLA_BINARY, },
	[SHUNT_A_PERSIST_PREFIX] = NLA_POLICY_RANGE(NLA_U8, 1, SHUNT_PREFIX_MAX),
};

/* SHUNT_CMD_PERSIST_DEL - do */
static const struct nla_policy shunt_persist_del_nl_policy[SHUNT_A_PERSIST_PREFIX + 1] = {
	[SHUNT_A_PERSIST_SERVICE] = { .type = NLA_NUL_STRING, .len = SHUNT_NAME_MAX, },
	[SHUNT_A_PERSIST_GROUP] = { .type = NLA_NUL_STRING, .len = SHUNT_NAME_MAX, },
	[SHUNT_A_PERSIST_CLIENT] = { .type = NLA_BINARY, },
	[SHUNT_A_PERSIST_PREFIX] = NLA_POLICY_RANGE(NLA_U8, 1, SHUNT_PREFIX_MAX),
};

/* Ops table for shunt */
static const struct genl_split_ops shunt_nl_ops[] = {
	{
		.cmd		= SHUNT_CMD_SERVICE_ADD,
		.doit		= shunt_nl_service_add_doit,
		.policy		= shunt_service_add_nl_policy,
		.maxattr	= SHUNT_A_SERVICE_PERSIST_GROUP,
		.flags		= GENL_UNS_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= SHUNT_CMD_SERVICE_SET,
		.doit		= shunt_nl_service_set_doit,
		.policy		= shunt_service_set_nl_policy,
		.maxattr	= SHUNT_A_SERVICE_PERSIST_GROUP,
		.flags		= GENL_UNS_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= SHUNT_CMD_SERVICE_DEL,
		.doit		= shunt_nl_service_del_doit,
		.policy		= shunt_service_del_nl_policy,
		.maxattr	= SHUNT_A_SERVICE_NAME,
		.flags		= GENL_UNS_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= SHUNT_CMD_SERVICE_GET,
		.dumpit		= shunt_nl_service_get_dumpit,
		.policy		= shunt_service_get_nl_policy,
		.maxattr	= SHUNT_A_SERVICE_NAME,
		.flags		= GENL_CMD_CAP_DUMP,
	},
	{
		.cmd		= SHUNT_CMD_SERVER_ADD,
		.doit		= shunt_nl_server_add_doit,
		.policy		= shunt_server_add_nl_policy,
		.maxattr	= SHUNT_A_SERVER_SLOW_START,
		.flags		= GENL_UNS_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= SHUNT_CMD_SERVER_SET,
		.doit		= shunt_nl_server_set_doit,
		.policy		= shunt_server_set_nl_policy,
		.maxattr	= SHUNT_A_SERVER_SLOW_START,
		.flags		= GENL_UNS_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= SHUNT_CMD_SERVER_DEL,
		.doit		= shunt_nl_server_del_doit,
		.policy		= shunt_server_del_nl_policy,
		.maxattr	= SHUNT_A_SERVER_PORT,
		.flags		= GENL_UNS_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= SHUNT_CMD_SERVER_GET,
		.dumpit		= shunt_nl_server_get_dumpit,
		.policy		= shunt_server_get_nl_policy,
		.maxattr	= SHUNT_A_SERVER_SERVICE,
		.flags		= GENL_CMD_CAP_DUMP,
	},
	{
		.cmd		= SHUNT_CMD_CONN_GET,
		.dumpit		= shunt_nl_conn_get_dumpit,
		.policy		= shunt_conn_get_nl_policy,
		.maxattr	= SHUNT_A_CONN_SERVER_PORT,
		.flags		= GENL_CMD_CAP_DUMP,
	},
	{
		.cmd		= SHUNT_CMD_CONN_DEL,
		.doit		= shunt_nl_conn_del_doit,
		.policy		= shunt_conn_del_nl_policy,
		.maxattr	= SHUNT_A_CONN_SERVER_PORT,
		.flags		= GENL_UNS_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= SHUNT_CMD_DROP_GET,
		.dumpit		= shunt_nl_drop_get_dumpit,
		.policy		= shunt_drop_get_nl_policy,
		.maxattr	= SHUNT_A_DROP_PAD,
		.flags		= GENL_CMD_CAP_DUMP,
	},
	{
		.cmd		= SHUNT_CMD_STATUS_GET,
		.doit		= shunt_nl_status_get_doit,
		.policy		= shunt_status_get_nl_policy,
		.maxattr	= SHUNT_A_STATUS_PAD,
		.flags		= GENL_CMD_CAP_DO,
	},
	{
		.cmd		= SHUNT_CMD_FLUSH,
		.doit		= shunt_nl_flush_doit,
		.policy		= shunt_flush_nl_policy,
		.maxattr	= SHUNT_A_STATUS_PAD,
		.flags		= GENL_UNS_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= SHUNT_CMD_ATTACH,
		.doit		= shunt_nl_attach_doit,
		.policy		= shunt_attach_nl_policy,
		.maxattr	= SHUNT_A_DEVICE_NAME,
		.flags		= GENL_UNS_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= SHUNT_CMD_DETACH,
		.doit		= shunt_nl_detach_doit,
		.policy		= shunt_detach_nl_policy,
		.maxattr	= SHUNT_A_DEVICE_NAME,
		.flags		= GENL_UNS_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= SHUNT_CMD_LIMIT_GET,
		.doit		= shunt_nl_limit_get_doit,
		.policy		= shunt_limit_get_nl_policy,
		.maxattr	= SHUNT_A_LIMIT_PAD,
		.flags		= GENL_CMD_CAP_DO,
	},
	{
		.cmd		= SHUNT_CMD_LIMIT_SET,
		.doit		= shunt_nl_limit_set_doit,
		.policy		= shunt_limit_set_nl_policy,
		.maxattr	= SHUNT_A_LIMIT_PERSIST,
		.flags		= GENL_UNS_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= SHUNT_CMD_SERVER_DRAIN,
		.doit		= shunt_nl_server_drain_doit,
		.policy		= shunt_server_drain_nl_policy,
		.maxattr	= SHUNT_A_SERVER_DRAIN_THEN,
		.flags		= GENL_UNS_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= SHUNT_CMD_PERSIST_GET,
		.start		= shunt_nl_persist_get_start,
		.dumpit		= shunt_nl_persist_get_dumpit,
		.done		= shunt_nl_persist_get_done,
		.policy		= shunt_persist_get_nl_policy,
		.maxattr	= SHUNT_A_PERSIST_PREFIX,
		.flags		= GENL_CMD_CAP_DUMP,
	},
	{
		.cmd		= SHUNT_CMD_PERSIST_DEL,
		.doit		= shunt_nl_persist_del_doit,
		.policy		= shunt_persist_del_nl_policy,
		.maxattr	= SHUNT_A_PERSIST_PREFIX,
		.flags		= GENL_UNS_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
};

static const struct genl_multicast_group shunt_nl_mcgrps[] = {
	[SHUNT_NLGRP_EVENTS] = { "events", },
};

struct genl_family shunt_nl_family __ro_after_init = {
	.name		= SHUNT_FAMILY_NAME,
	.version	= SHUNT_FAMILY_VERSION,
	.netnsok	= true,
	.parallel_ops	= true,
	.module		= THIS_MODULE,
	.split_ops	= shunt_nl_ops,
	.n_split_ops	= ARRAY_SIZE(shunt_nl_ops),
	.mcgrps		= shunt_nl_mcgrps,
	.n_mcgrps	= ARRAY_SIZE(shunt_nl_mcgrps),
};
