/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause) */
/* Do not edit directly, auto-generated from: */
/*	include/shunt.yaml */
/* YNL-GEN uapi header */

#ifndef _UAPI_LINUX_SHUNT_H
#define _UAPI_LINUX_SHUNT_H

#define SHUNT_FAMILY_NAME	"shunt"
#define SHUNT_FAMILY_VERSION	1

#define SHUNT_NAME_MAX		31
#define SHUNT_SCHEDULER_MAX	15
#define SHUNT_DEVICE_MAX	15
#define SHUNT_WEIGHT_MAX	65535
#define SHUNT_TIMEOUT_MAX	2678400
#define SHUNT_DRAIN_MAX		2678400
#define SHUNT_SLOW_START_MAX	86400
#define SHUNT_SEED_MAX		31
#define SHUNT_PERSIST_MAX	2678400
#define SHUNT_PREFIX_MAX	128
#define SHUNT_TABLE_SIZE_MIN	251
#define SHUNT_TABLE_SIZE_MAX	131071
#define SHUNT_MATCH_MAX		64
#define SHUNT_PROTOCOL_TCP_UDP	255

/**
 * enum shunt_mode - How packets reach a server.
 * @SHUNT_MODE_DSR: The destination MAC is rewritten; the server answers the
 *   client itself.
 * @SHUNT_MODE_NAT: The destination address and port are rewritten; answers
 *   come back through the director.
 */
enum shunt_mode {
	SHUNT_MODE_DSR,
	SHUNT_MODE_NAT,
};

/**
 * enum shunt_server_state - Whether a server can be given packets.
 * @SHUNT_SERVER_STATE_UP: The server takes connections as its weight says.
 * @SHUNT_SERVER_STATE_UNREACHABLE: Up, DSR only: no neighbour answers at the
 *   server's address, or it is no longer on a link of the director. It gets no
 *   new connection. Never in a request.
 * @SHUNT_SERVER_STATE_DRAIN: The server gets no new connection; those it has
 *   go on to their end.
 * @SHUNT_SERVER_STATE_DOWN: The server gets no new connection; what becomes of
 *   those it has is for the service's on-remove to say.
 */
enum shunt_server_state {
	SHUNT_SERVER_STATE_UP,
	SHUNT_SERVER_STATE_UNREACHABLE,
	SHUNT_SERVER_STATE_DRAIN,
	SHUNT_SERVER_STATE_DOWN,
};

/**
 * enum shunt_drain_then - What becomes of a server that has drained.
 * @SHUNT_DRAIN_THEN_STAY: Its state stays drain.
 * @SHUNT_DRAIN_THEN_REMOVE: It is removed from its service.
 * @SHUNT_DRAIN_THEN_DOWN: Its state becomes down.
 */
enum shunt_drain_then {
	SHUNT_DRAIN_THEN_STAY,
	SHUNT_DRAIN_THEN_REMOVE,
	SHUNT_DRAIN_THEN_DOWN,
};

/**
 * enum shunt_conn_state - What the packets seen so far say of a connection.
 * @SHUNT_CONN_STATE_SYN: TCP, the client's SYN was seen and no ACK of the
 *   client's yet.
 * @SHUNT_CONN_STATE_ESTABLISHED: TCP, the client acknowledged the server's
 *   answer.
 * @SHUNT_CONN_STATE_CLOSING: TCP, a FIN was seen from either side.
 * @SHUNT_CONN_STATE_CLOSED: TCP, a RST was seen, or a FIN from both sides.
 * @SHUNT_CONN_STATE_ONE_WAY: UDP, no answer was seen. Answers of a DSR server
 *   never are.
 * @SHUNT_CONN_STATE_ANSWERED: UDP in NAT, packets were seen in both
 *   directions.
 */
enum shunt_conn_state {
	SHUNT_CONN_STATE_SYN,
	SHUNT_CONN_STATE_ESTABLISHED,
	SHUNT_CONN_STATE_CLOSING,
	SHUNT_CONN_STATE_CLOSED,
	SHUNT_CONN_STATE_ONE_WAY,
	SHUNT_CONN_STATE_ANSWERED,
};

/**
 * enum shunt_on_expire - What happens when a connection's time is up.
 * @SHUNT_ON_EXPIRE_SILENT: The connection is forgotten.
 * @SHUNT_ON_EXPIRE_RESET: TCP, the director resets both client and server.
 */
enum shunt_on_expire {
	SHUNT_ON_EXPIRE_SILENT,
	SHUNT_ON_EXPIRE_RESET,
};

/**
 * enum shunt_on_remove - What becomes of the connections of a server that is
 *   removed, or down.
 * @SHUNT_ON_REMOVE_KEEP: They go on to their end.
 * @SHUNT_ON_REMOVE_RESET: The client's next packet is answered with a reset
 *   (TCP) or port unreachable (UDP).
 * @SHUNT_ON_REMOVE_REHASH: The client's next packet goes to another server.
 * @SHUNT_ON_REMOVE_DEFAULT: Keep for TCP and rehash for UDP.
 */
enum shunt_on_remove {
	SHUNT_ON_REMOVE_KEEP,
	SHUNT_ON_REMOVE_RESET,
	SHUNT_ON_REMOVE_REHASH,
	SHUNT_ON_REMOVE_DEFAULT,
};

/**
 * enum shunt_on_empty - What a client is told when no server is available.
 * @SHUNT_ON_EMPTY_REJECT: A reset (TCP) or port unreachable (UDP).
 * @SHUNT_ON_EMPTY_DROP: Nothing.
 */
enum shunt_on_empty {
	SHUNT_ON_EMPTY_REJECT,
	SHUNT_ON_EMPTY_DROP,
};

/**
 * enum shunt_midstream - What becomes of a TCP packet in mid-stream that
 *   belongs to no connection.
 * @SHUNT_MIDSTREAM_RESET: It is answered with a reset.
 * @SHUNT_MIDSTREAM_REHASH: The scheduler chooses a server for it as for a new
 *   connection.
 */
enum shunt_midstream {
	SHUNT_MIDSTREAM_RESET,
	SHUNT_MIDSTREAM_REHASH,
};

/**
 * enum shunt_hash_by - What of a client the row of a scheduler's table is
 *   chosen by.
 * @SHUNT_HASH_BY_SOURCE_PORT: Its address and port.
 * @SHUNT_HASH_BY_SOURCE: Its address alone.
 */
enum shunt_hash_by {
	SHUNT_HASH_BY_SOURCE_PORT,
	SHUNT_HASH_BY_SOURCE,
};

/**
 * enum shunt_family - The family of a service's packets.
 */
enum shunt_family {
	SHUNT_FAMILY_IPV4,
	SHUNT_FAMILY_IPV6,
};

/**
 * enum shunt_event - What an event tells.
 * @SHUNT_EVENT_SERVICE_ADDED: A service was added.
 * @SHUNT_EVENT_SERVICE_CHANGED: A service was set, be it to what it was.
 * @SHUNT_EVENT_SERVICE_REMOVED: A service was removed, with its servers.
 * @SHUNT_EVENT_SERVICE_EMPTY: No server of the service can be given a new
 *   connection any more. A service without servers is so from its beginning,
 *   which is not told.
 * @SHUNT_EVENT_SERVICE_BACKUP: Only backups of the service can be given new
 *   connections.
 * @SHUNT_EVENT_SERVICE_SERVED: A server of the service that is no backup can
 *   be given new connections again, or for the first time.
 * @SHUNT_EVENT_SERVER_ADDED: A server was added to a service.
 * @SHUNT_EVENT_SERVER_CHANGED: A server was set, be it to what it was.
 * @SHUNT_EVENT_SERVER_REMOVED: A server was removed; it may still have
 *   connections.
 * @SHUNT_EVENT_SERVER_UNREACHABLE: Nobody answers at the address of a DSR
 *   server any more.
 * @SHUNT_EVENT_SERVER_REACHABLE: Somebody does again.
 * @SHUNT_EVENT_SERVER_FULL: A server has as many connections as it may have.
 *   Told within a second.
 * @SHUNT_EVENT_SERVER_OPEN: It has room again. Told within a second.
 * @SHUNT_EVENT_SERVER_DRAINED: A draining server has no connection any more,
 *   or those that were left have been forgotten. What becomes of it is told
 *   next.
 * @SHUNT_EVENT_LIMIT_CHANGED: The limit of the namespace was set.
 * @SHUNT_EVENT_FLUSHED: All services were removed; there is no event for each
 *   of them.
 * @SHUNT_EVENT_DEVICE_ATTACHED: The fast hook was put on a device.
 * @SHUNT_EVENT_DEVICE_DETACHED: The fast hook was taken off a device, or the
 *   device is gone.
 */
enum shunt_event {
	SHUNT_EVENT_SERVICE_ADDED,
	SHUNT_EVENT_SERVICE_CHANGED,
	SHUNT_EVENT_SERVICE_REMOVED,
	SHUNT_EVENT_SERVICE_EMPTY,
	SHUNT_EVENT_SERVICE_BACKUP,
	SHUNT_EVENT_SERVICE_SERVED,
	SHUNT_EVENT_SERVER_ADDED,
	SHUNT_EVENT_SERVER_CHANGED,
	SHUNT_EVENT_SERVER_REMOVED,
	SHUNT_EVENT_SERVER_UNREACHABLE,
	SHUNT_EVENT_SERVER_REACHABLE,
	SHUNT_EVENT_SERVER_FULL,
	SHUNT_EVENT_SERVER_OPEN,
	SHUNT_EVENT_SERVER_DRAINED,
	SHUNT_EVENT_LIMIT_CHANGED,
	SHUNT_EVENT_FLUSHED,
	SHUNT_EVENT_DEVICE_ATTACHED,
	SHUNT_EVENT_DEVICE_DETACHED,
};

enum {
	SHUNT_A_TIMEOUTS_SYN = 1,
	SHUNT_A_TIMEOUTS_ESTABLISHED,
	SHUNT_A_TIMEOUTS_CLOSING,
	SHUNT_A_TIMEOUTS_CLOSED,
	SHUNT_A_TIMEOUTS_ONE_WAY,
	SHUNT_A_TIMEOUTS_ANSWERED,

	__SHUNT_A_TIMEOUTS_MAX,
	SHUNT_A_TIMEOUTS_MAX = (__SHUNT_A_TIMEOUTS_MAX - 1)
};

enum {
	SHUNT_A_STATES_SYN = 1,
	SHUNT_A_STATES_ESTABLISHED,
	SHUNT_A_STATES_CLOSING,
	SHUNT_A_STATES_CLOSED,
	SHUNT_A_STATES_ONE_WAY,
	SHUNT_A_STATES_ANSWERED,

	__SHUNT_A_STATES_MAX,
	SHUNT_A_STATES_MAX = (__SHUNT_A_STATES_MAX - 1)
};

enum {
	SHUNT_A_STATS_PAD = 1,
	SHUNT_A_STATS_CONNECTIONS,
	SHUNT_A_STATS_TOTAL_CONNECTIONS,
	SHUNT_A_STATS_PACKETS,
	SHUNT_A_STATS_BYTES,
	SHUNT_A_STATS_RETURN_PACKETS,
	SHUNT_A_STATS_RETURN_BYTES,

	__SHUNT_A_STATS_MAX,
	SHUNT_A_STATS_MAX = (__SHUNT_A_STATS_MAX - 1)
};

enum {
	SHUNT_A_MATCH_ADDRESS = 1,
	SHUNT_A_MATCH_FIRST_PORT,
	SHUNT_A_MATCH_LAST_PORT,

	__SHUNT_A_MATCH_MAX,
	SHUNT_A_MATCH_MAX = (__SHUNT_A_MATCH_MAX - 1)
};

enum {
	SHUNT_A_SERVICE_NAME = 1,
	SHUNT_A_SERVICE_PROTOCOL,
	SHUNT_A_SERVICE_ADDRESS,
	SHUNT_A_SERVICE_PORT,
	SHUNT_A_SERVICE_SCHEDULER,
	SHUNT_A_SERVICE_MODE,
	SHUNT_A_SERVICE_STATS,
	SHUNT_A_SERVICE_TIMEOUTS,
	SHUNT_A_SERVICE_ON_EXPIRE,
	SHUNT_A_SERVICE_ON_REMOVE,
	SHUNT_A_SERVICE_ON_EMPTY,
	SHUNT_A_SERVICE_MIDSTREAM,
	SHUNT_A_SERVICE_PACKET,
	SHUNT_A_SERVICE_STATES,
	SHUNT_A_SERVICE_LIMIT,
	SHUNT_A_SERVICE_PAD,
	SHUNT_A_SERVICE_STATELESS,
	SHUNT_A_SERVICE_RECYCLED,
	SHUNT_A_SERVICE_TABLE_SIZE,
	SHUNT_A_SERVICE_HASH,
	SHUNT_A_SERVICE_SEED,
	SHUNT_A_SERVICE_MATCH,
	SHUNT_A_SERVICE_FWMARK,
	SHUNT_A_SERVICE_FAMILY,
	SHUNT_A_SERVICE_PERSIST,
	SHUNT_A_SERVICE_PERSIST_PREFIX,
	SHUNT_A_SERVICE_PERSIST_GROUP,

	__SHUNT_A_SERVICE_MAX,
	SHUNT_A_SERVICE_MAX = (__SHUNT_A_SERVICE_MAX - 1)
};

enum {
	SHUNT_A_SERVER_SERVICE = 1,
	SHUNT_A_SERVER_ADDRESS,
	SHUNT_A_SERVER_PORT,
	SHUNT_A_SERVER_MODE,
	SHUNT_A_SERVER_WEIGHT,
	SHUNT_A_SERVER_STATE,
	SHUNT_A_SERVER_STATS,
	SHUNT_A_SERVER_STATES,
	SHUNT_A_SERVER_BACKUP,
	SHUNT_A_SERVER_UPPER_LIMIT,
	SHUNT_A_SERVER_LOWER_LIMIT,
	SHUNT_A_SERVER_FULL,
	SHUNT_A_SERVER_SLOW_START,
	SHUNT_A_SERVER_EFFECTIVE_WEIGHT,
	SHUNT_A_SERVER_DRAIN_TIMEOUT,
	SHUNT_A_SERVER_DRAIN_THEN,
	SHUNT_A_SERVER_DRAINED,

	__SHUNT_A_SERVER_MAX,
	SHUNT_A_SERVER_MAX = (__SHUNT_A_SERVER_MAX - 1)
};

enum {
	SHUNT_A_CONN_SERVICE = 1,
	SHUNT_A_CONN_PROTOCOL,
	SHUNT_A_CONN_CLIENT,
	SHUNT_A_CONN_CLIENT_PORT,
	SHUNT_A_CONN_ADDRESS,
	SHUNT_A_CONN_PORT,
	SHUNT_A_CONN_SERVER,
	SHUNT_A_CONN_SERVER_PORT,
	SHUNT_A_CONN_MODE,
	SHUNT_A_CONN_STATE,
	SHUNT_A_CONN_EXPIRES,
	SHUNT_A_CONN_DELETED,

	__SHUNT_A_CONN_MAX,
	SHUNT_A_CONN_MAX = (__SHUNT_A_CONN_MAX - 1)
};

enum {
	SHUNT_A_PERSIST_SERVICE = 1,
	SHUNT_A_PERSIST_GROUP,
	SHUNT_A_PERSIST_CLIENT,
	SHUNT_A_PERSIST_PREFIX,
	SHUNT_A_PERSIST_SERVER,
	SHUNT_A_PERSIST_SERVER_PORT,
	SHUNT_A_PERSIST_EXPIRES,
	SHUNT_A_PERSIST_DELETED,

	__SHUNT_A_PERSIST_MAX,
	SHUNT_A_PERSIST_MAX = (__SHUNT_A_PERSIST_MAX - 1)
};

enum {
	SHUNT_A_DROP_PAD = 1,
	SHUNT_A_DROP_SERVICE,
	SHUNT_A_DROP_REASON,
	SHUNT_A_DROP_COUNT,
	SHUNT_A_DROP_MEANING,

	__SHUNT_A_DROP_MAX,
	SHUNT_A_DROP_MAX = (__SHUNT_A_DROP_MAX - 1)
};

enum {
	SHUNT_A_LIMIT_PAD = 1,
	SHUNT_A_LIMIT_LIMIT,
	SHUNT_A_LIMIT_CONNECTIONS,
	SHUNT_A_LIMIT_STATELESS,
	SHUNT_A_LIMIT_RECYCLED,
	SHUNT_A_LIMIT_HALF_OPEN_RECYCLED,
	SHUNT_A_LIMIT_SYNS_FORGOTTEN,
	SHUNT_A_LIMIT_PERSIST,
	SHUNT_A_LIMIT_PERSIST_ENTRIES,
	SHUNT_A_LIMIT_PERSIST_BEYOND,

	__SHUNT_A_LIMIT_MAX,
	SHUNT_A_LIMIT_MAX = (__SHUNT_A_LIMIT_MAX - 1)
};

enum {
	SHUNT_A_DEVICE_NAME = 1,

	__SHUNT_A_DEVICE_MAX,
	SHUNT_A_DEVICE_MAX = (__SHUNT_A_DEVICE_MAX - 1)
};

enum {
	SHUNT_A_STATUS_PAD = 1,
	SHUNT_A_STATUS_VERSION,
	SHUNT_A_STATUS_SERVICES,
	SHUNT_A_STATUS_SERVERS,
	SHUNT_A_STATUS_CONNECTIONS,
	SHUNT_A_STATUS_BUCKETS,
	SHUNT_A_STATUS_HOOKED,
	SHUNT_A_STATUS_SCHEDULERS,
	SHUNT_A_STATUS_DEVICES,

	__SHUNT_A_STATUS_MAX,
	SHUNT_A_STATUS_MAX = (__SHUNT_A_STATUS_MAX - 1)
};

enum {
	SHUNT_A_EVENT_EVENT = 1,
	SHUNT_A_EVENT_SERVICE,
	SHUNT_A_EVENT_SERVER,
	SHUNT_A_EVENT_LIMIT,
	SHUNT_A_EVENT_DEVICE,

	__SHUNT_A_EVENT_MAX,
	SHUNT_A_EVENT_MAX = (__SHUNT_A_EVENT_MAX - 1)
};

enum {
	SHUNT_CMD_SERVICE_ADD = 1,
	SHUNT_CMD_SERVICE_SET,
	SHUNT_CMD_SERVICE_DEL,
	SHUNT_CMD_SERVICE_GET,
	SHUNT_CMD_SERVER_ADD,
	SHUNT_CMD_SERVER_SET,
	SHUNT_CMD_SERVER_DEL,
	SHUNT_CMD_SERVER_GET,
	SHUNT_CMD_CONN_GET,
	SHUNT_CMD_CONN_DEL,
	SHUNT_CMD_DROP_GET,
	SHUNT_CMD_STATUS_GET,
	SHUNT_CMD_FLUSH,
	SHUNT_CMD_ATTACH,
	SHUNT_CMD_DETACH,
	SHUNT_CMD_LIMIT_GET,
	SHUNT_CMD_LIMIT_SET,
	SHUNT_CMD_SERVER_DRAIN,
	SHUNT_CMD_EVENT,
	SHUNT_CMD_PERSIST_GET,
	SHUNT_CMD_PERSIST_DEL,

	__SHUNT_CMD_MAX,
	SHUNT_CMD_MAX = (__SHUNT_CMD_MAX - 1)
};

#define SHUNT_MCGRP_EVENTS	"events"

#endif /* _UAPI_LINUX_SHUNT_H */
