/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints, under events/shunt. Those of a connection name its service, both
 * ends and its server; state is an enum shunt_conn_state, the one it was in.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM shunt

#if !defined(SHUNT_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define SHUNT_TRACE_H

#include <linux/in6.h>
#include <linux/tracepoint.h>

#include "conn.h"
#include "lookup.h"
#include "server.h"
#include "service.h"

#ifndef SHUNT_TRACE_ADDRESS
#define SHUNT_TRACE_ADDRESS

/* An address in the form that %pISpc prints. */
static inline void shunt_trace_address(void *to, u8 family, const union nf_inet_addr *addr,
				       __be16 port)
{
	struct sockaddr_in6 *in6 = to;
	struct sockaddr_in *in = to;

	memset(to, 0, sizeof(*in6));
	if (family == NFPROTO_IPV4) {
		in->sin_family = AF_INET;
		in->sin_addr = addr->in;
		in->sin_port = port;
	} else {
		in6->sin6_family = AF_INET6;
		in6->sin6_addr = addr->in6;
		in6->sin6_port = port;
	}
}

#endif

#define shunt_trace_protocol(protocol) \
	__print_symbolic(protocol, { IPPROTO_TCP, "tcp" }, { IPPROTO_UDP, "udp" })

DECLARE_EVENT_CLASS(shunt_conn,

	TP_PROTO(const struct shunt_conn *conn, u8 state),

	TP_ARGS(conn, state),

	TP_STRUCT__entry(
		__array(char, service, SHUNT_NAME_MAX + 1)
		__field(u8, protocol)
		__field(u8, state)
		__array(u8, client, sizeof(struct sockaddr_in6))
		__array(u8, address, sizeof(struct sockaddr_in6))
		__array(u8, server, sizeof(struct sockaddr_in6))
	),

	TP_fast_assign(
		struct shunt_tuple tuple;

		shunt_conn_tuple(conn, &tuple);
		strscpy(__entry->service, conn->server->service->name,
			sizeof(__entry->service));
		__entry->protocol = tuple.protocol;
		__entry->state = state;
		shunt_trace_address(__entry->client, tuple.family, &tuple.src, tuple.sport);
		shunt_trace_address(__entry->address, tuple.family, &tuple.dst, tuple.dport);
		shunt_trace_address(__entry->server, tuple.family, &conn->server->addr,
				    shunt_conn_server_port(conn));
	),

	TP_printk("service=%s protocol=%s client=%pISpc address=%pISpc server=%pISpc state=%s",
		  __entry->service, shunt_trace_protocol(__entry->protocol),
		  __entry->client, __entry->address, __entry->server,
		  __print_symbolic(__entry->state,
				   { SHUNT_CONN_STATE_SYN, "syn" },
				   { SHUNT_CONN_STATE_ESTABLISHED, "established" },
				   { SHUNT_CONN_STATE_CLOSING, "closing" },
				   { SHUNT_CONN_STATE_CLOSED, "closed" },
				   { SHUNT_CONN_STATE_ONE_WAY, "one-way" },
				   { SHUNT_CONN_STATE_ANSWERED, "answered" }))
);

/* A connection was made. */
DEFINE_EVENT(shunt_conn, shunt_conn_new,
	TP_PROTO(const struct shunt_conn *conn, u8 state), TP_ARGS(conn, state));

/* A connection was idle for its timeout and is forgotten. */
DEFINE_EVENT(shunt_conn, shunt_conn_expired,
	TP_PROTO(const struct shunt_conn *conn, u8 state), TP_ARGS(conn, state));

/* The director has ended a connection: on-expire reset, or on-remove reset. */
DEFINE_EVENT(shunt_conn, shunt_conn_reset,
	TP_PROTO(const struct shunt_conn *conn, u8 state), TP_ARGS(conn, state));

/* A packet was not forwarded. Service is empty if it could not be told. */
TRACE_EVENT(shunt_packet_dropped,

	TP_PROTO(const struct shunt_tuple *tuple, const struct shunt_service *service,
		 enum shunt_reason reason),

	TP_ARGS(tuple, service, reason),

	TP_STRUCT__entry(
		__array(char, service, SHUNT_NAME_MAX + 1)
		__field(u8, protocol)
		__array(u8, source, sizeof(struct sockaddr_in6))
		__array(u8, destination, sizeof(struct sockaddr_in6))
		__array(char, reason, 16)
	),

	TP_fast_assign(
		strscpy(__entry->service, service ? service->name : "",
			sizeof(__entry->service));
		__entry->protocol = tuple->protocol;
		shunt_trace_address(__entry->source, tuple->family, &tuple->src, tuple->sport);
		shunt_trace_address(__entry->destination, tuple->family, &tuple->dst,
				    tuple->dport);
		strscpy(__entry->reason, shunt_drop_name(reason), sizeof(__entry->reason));
	),

	TP_printk("service=%s protocol=%s source=%pISpc destination=%pISpc reason=%s",
		  __entry->service, shunt_trace_protocol(__entry->protocol),
		  __entry->source, __entry->destination, __entry->reason)
);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
