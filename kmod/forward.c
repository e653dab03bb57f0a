// SPDX-License-Identifier: GPL-2.0
/*
 * hook -> packet -> here: known connection? else service, scheduler, new
 * connection; then state, and out through the connection's mode. A packet that
 * simply goes on its connection never comes here: established.h.
 */
#include <linux/err.h>
#include <linux/rcupdate.h>
#include <net/gso.h>
#include <net/ip.h>
#include <net/ipv6.h>

#include "choose.h"
#include "conn.h"
#include "dsr.h"
#include "forward.h"
#include "fragment.h"
#include "hop.h"
#include "icmp.h"
#include "limit.h"
#include "lookup.h"
#include "match.h"
#include "net.h"
#include "persist.h"
#include "point.h"
#include "sched.h"
#include "server.h"
#include "service.h"
#include "syn.h"
#include "trace.h"

/* shunt_concerns() when the packet is parsed. */
static bool concerns_us(const struct shunt_net *sn, const struct shunt_tuple *tuple)
{
	return shunt_filter_maybe(&sn->vips, &tuple->dst) ||
	       shunt_filter_maybe(&sn->nat_servers, &tuple->src);
}

/*
 * Counts a packet that is not forwarded, for the service if it is known. At the
 * fast hook nothing is said of one that is still there: the general one will.
 */
static enum shunt_verdict refused(struct shunt_packet *pkt, const struct shunt_service *service,
				  enum shunt_reason reason)
{
	if (pkt->fast && pkt->skb)
		return SHUNT_PASS;
	shunt_drop_count(service ? service->drops : pkt->sn->drops, reason);
	trace_shunt_packet_dropped(&pkt->tuple, service, reason);
	switch (reason) {
	case SHUNT_DROP_NO_SERVER:
		return READ_ONCE(service->on_empty) == SHUNT_ON_EMPTY_DROP ? SHUNT_DROP :
									     SHUNT_REJECT;
	case SHUNT_DROP_NO_CONNECTION:
	case SHUNT_DROP_SERVER_REMOVED:
		/* A reset is never answered, and must not use up an answer. */
		return pkt->tcp_flags & SHUNT_TCP_RST ? SHUNT_DROP : SHUNT_REJECT;
	default:
		return pkt->skb ? SHUNT_DROP : SHUNT_TAKEN;
	}
}

enum shunt_reason shunt_forward_send(struct shunt_packet *pkt, struct shunt_conn *conn,
				     enum shunt_dir dir)
{
	/* No indirect call for every packet. */
	if (conn->mode == SHUNT_MODE_DSR)
		return shunt_dsr_send(pkt, conn->server, pkt->tuple.family);
	return shunt_nat_send(pkt, conn, dir);
}

/* What became of the sending. */
static enum shunt_verdict sent(struct shunt_packet *pkt, const struct shunt_server *server,
			       enum shunt_dir dir, enum shunt_reason reason)
{
	if (unlikely(reason && (reason != SHUNT_DELIVER || pkt->fast)))
		return refused(pkt, server->service, reason);
	shunt_counters_packet(server->counters, pkt->segments, pkt->bytes,
			      dir == SHUNT_DIR_SERVER);
	return reason == SHUNT_DELIVER ? SHUNT_PASS : SHUNT_TAKEN;
}

/* What NAT needs of a connection lasts for one packet, and is nowhere but on the stack. */
static noinline enum shunt_verdict forward_alone_nat(struct shunt_packet *pkt,
						     struct shunt_server *server)
{
	union shunt_conn_any any;

	memset(&any, 0, sizeof(any));
	shunt_conn_fill(&any, &pkt->tuple, server);
	return sent(pkt, server, SHUNT_DIR_CLIENT,
		    shunt_nat_send_alone(pkt, &any.conn, SHUNT_DIR_CLIENT));
}

static __always_inline enum shunt_verdict send_dsr(struct shunt_packet *pkt,
						   struct shunt_server *server)
{
	enum shunt_reason reason = pkt->tuple.family == NFPROTO_IPV4 ?
				   shunt_dsr_send(pkt, server, NFPROTO_IPV4) :
				   shunt_dsr_send(pkt, server, NFPROTO_IPV6);

	return sent(pkt, server, SHUNT_DIR_CLIENT, reason);
}

/* A packet on its own, or the first of a connection in DSR. */
static noinline enum shunt_verdict forward_alone_dsr(struct shunt_packet *pkt,
						     struct shunt_server *server)
{
	return send_dsr(pkt, server);
}

/* Each packet on its own. */
static enum shunt_verdict forward_alone(struct shunt_packet *pkt, struct shunt_server *server)
{
	if (likely(READ_ONCE(server->mode) == SHUNT_MODE_DSR))
		return forward_alone_dsr(pkt, server);
	return forward_alone_nat(pkt, server);
}

/*
 * A TCP packet in mid-stream whose connection is not known, and whose SYN may
 * have been forgotten: it finds the server that was chosen then, and makes no
 * connection. The next one that follows it in sequence does, as if this were the
 * SYN. A SYN to NAT is never forgotten so.
 */
static enum shunt_verdict forward_forgotten(struct shunt_packet *pkt,
					    struct shunt_service *service, struct shunt_syn syn)
{
	struct shunt_server *server = shunt_choose_row(pkt, service);

	if (!server || READ_ONCE(server->mode) != SHUNT_MODE_DSR)
		return refused(pkt, service, SHUNT_DROP_NO_CONNECTION);
	shunt_syn_note(pkt, server, syn);
	shunt_drop_count(service->drops, SHUNT_COUNT_STATELESS);
	return forward_alone(pkt, server);
}

/* What is too much for the table: without a connection, if answers need none. */
static noinline enum shunt_verdict forward_beyond(struct shunt_packet *pkt,
						  struct shunt_service *service,
						  struct shunt_syn syn)
{
	struct shunt_server *row = shunt_choose_row(pkt, service);
	struct shunt_server *server = syn.server ?: row;

	if (!server)
		return refused(pkt, service, SHUNT_DROP_NO_SERVER);
	if (READ_ONCE(server->mode) == SHUNT_MODE_NAT)
		return refused(pkt, service, SHUNT_DROP_LIMIT);
	/* Begun before this pressure: remembered for as long as it goes on. */
	if (syn.server && syn.server != row)
		shunt_syn_note(pkt, syn.server, syn);
	shunt_drop_count(service->drops, SHUNT_COUNT_STATELESS);
	return forward_alone(pkt, server);
}

/* The first packet of a connection in NAT. Its way may be that of those to come. */
static noinline enum shunt_verdict forward_made_nat(struct shunt_packet *pkt,
						    struct shunt_conn *conn)
{
	const u64 *hop = &shunt_conn_back(conn)->hop[SHUNT_DIR_CLIENT];
	struct shunt_server *server = conn->server;
	bool common = shunt_hop_is_common(pkt);
	enum shunt_verdict verdict;

	verdict = sent(pkt, server, SHUNT_DIR_CLIENT, shunt_nat_send(pkt, conn, SHUNT_DIR_CLIENT));
	if (unlikely(READ_ONCE(*hop) != READ_ONCE(server->hop)) && common)
		shunt_hop_share(pkt->sn, server, READ_ONCE(*hop));
	return verdict;
}

/* Makes a connection to a server, which the client waits for if its SYN was seen. */
static __always_inline enum shunt_verdict forward_made(struct shunt_packet *pkt,
						       struct shunt_service *service,
						       struct shunt_server *server,
						       struct shunt_syn syn)
{
	bool begins = shunt_tcp_begins(pkt->tcp_flags);
	bool waited = syn.server && !begins;
	struct shunt_conn *conn;

	conn = shunt_conn_make(pkt, server, waited);
	if (IS_ERR(conn))
		return refused(pkt, service, -PTR_ERR(conn));
	if (waited) {
		/* A drain does not know whose ACK it was, and waits for the last. */
		if (likely(!READ_ONCE(server->draining)))
			shunt_server_await(server, -1);
		shunt_syn_forget(pkt, syn);
	} else if (begins) {
		shunt_half_open_note(pkt->sn, conn);
	}
	if (likely(conn->mode == SHUNT_MODE_DSR))
		return forward_alone_dsr(pkt, conn->server);
	return forward_made_nat(pkt, conn);
}

/* A SYN to DSR makes no connection: its client may be anybody. */
static __always_inline enum shunt_verdict forward_syn(struct shunt_packet *pkt,
						      struct shunt_server *server,
						      struct shunt_syn syn)
{
	/* One that is sent again is counted already, but a drain waits for its ACK, too. */
	if (!syn.server || unlikely(READ_ONCE(server->draining)))
		shunt_server_await(server, 1);
	shunt_syn_note(pkt, server, syn);
	return send_dsr(pkt, server);
}

static __always_inline enum shunt_verdict forward_connected(struct shunt_packet *pkt,
							    struct shunt_service *service,
							    struct shunt_server *server,
							    struct shunt_syn syn)
{
	if (unlikely(!shunt_limit_admits(pkt->sn, service)))
		return forward_beyond(pkt, service, syn);
	return forward_made(pkt, service, server, syn);
}

/*
 * A packet to a service that goes on no connection, or is to leave the one it
 * has, with the server that was chosen for it.
 */
static __always_inline enum shunt_verdict forward_chosen(struct shunt_packet *pkt,
							 struct shunt_service *service,
							 struct shunt_server *server,
							 struct shunt_syn syn)
{
	if (shunt_tcp_begins(pkt->tcp_flags) && READ_ONCE(server->mode) == SHUNT_MODE_DSR)
		return forward_syn(pkt, server, syn);
	if (unlikely(READ_ONCE(service->packet)) && pkt->tuple.protocol == IPPROTO_UDP)
		return forward_alone(pkt, server);
	return forward_connected(pkt, service, server, syn);
}

/* What a server whose service schedules each packet on its own says, or an error it has. */
static enum shunt_verdict forward_back(struct shunt_packet *pkt, struct shunt_server *server,
				       bool error)
{
	/* Of which there is one. */
	const struct shunt_match_entry *entry = rcu_dereference(server->service->match)->entry;
	struct shunt_tuple tuple = pkt->tuple;
	union shunt_conn_any any = {};

	tuple.src = pkt->tuple.dst;
	tuple.sport = pkt->tuple.dport;
	tuple.dst = entry->addr;
	tuple.dport = htons(entry->first);
	shunt_conn_fill(&any, &tuple, server);
	return sent(pkt, server, SHUNT_DIR_SERVER,
		    error ? shunt_nat_send_error(pkt, &any.conn, SHUNT_DIR_SERVER) :
			    shunt_nat_send_alone(pkt, &any.conn, SHUNT_DIR_SERVER));
}

/* A packet, or an error, of neither a connection nor a client of a service. */
static noinline enum shunt_verdict forward_answer(struct shunt_packet *pkt, bool error)
{
	struct shunt_server *server;

	if (pkt->tuple.protocol != IPPROTO_UDP ||
	    !shunt_filter_maybe(&pkt->sn->nat_servers, &pkt->tuple.src))
		return SHUNT_PASS;
	server = shunt_match_server(pkt->sn, &pkt->tuple);
	return server ? forward_back(pkt, server, error) : SHUNT_PASS;
}

/* A SYN again has nothing to lose with another server. */
static __always_inline enum shunt_verdict forward_first_syn(struct shunt_packet *pkt,
							    struct shunt_service *service)
{
	struct shunt_syn syn = shunt_syn_find(pkt, service);
	struct shunt_server *server;

	if (syn.server && !shunt_server_usable(syn.server))
		syn.server = NULL;
	server = syn.server ?: shunt_choose(pkt, service, true);
	if (unlikely(!server))
		return refused(pkt, service, SHUNT_DROP_NO_SERVER);
	return forward_chosen(pkt, service, server, syn);
}

/* A segment in mid-stream, whose SYN is not known either. */
static noinline enum shunt_verdict forward_first_unknown(struct shunt_packet *pkt,
							 struct shunt_service *service,
							 struct shunt_syn syn)
{
	struct shunt_server *server;

	if (pkt->fast)
		return SHUNT_PASS;
	if (READ_ONCE(service->midstream) == SHUNT_MIDSTREAM_REHASH) {
		server = shunt_choose(pkt, service, false);
		return server ? forward_connected(pkt, service, server, syn) :
				refused(pkt, service, SHUNT_DROP_NO_SERVER);
	}
	if (shunt_pressed(pkt->sn, service, SHUNT_PRESSED_LATELY))
		return forward_forgotten(pkt, service, syn);
	return refused(pkt, service, SHUNT_DROP_NO_CONNECTION);
}

/* The ACK that shows that the client of a SYN is there. */
static noinline void remember(const struct shunt_packet *pkt, const struct shunt_service *service,
			      const struct shunt_server *server)
{
	const struct shunt_persist *persist = rcu_dereference(service->persist);

	if (persist)
		shunt_persist_keep(persist, service, server, &pkt->tuple.src);
}

/* Any other segment. */
static __always_inline enum shunt_verdict forward_first_segment(struct shunt_packet *pkt,
								struct shunt_service *service)
{
	struct shunt_syn syn = shunt_syn_find(pkt, service);
	struct shunt_server *server;

	/* Whoever is down since then is given nothing more. */
	if (syn.server && unlikely(READ_ONCE(syn.server->down)))
		syn.server = NULL;
	server = syn.server;
	if (pkt->tcp_flags & SHUNT_TCP_RST && server && !pkt->fast) {
		shunt_syn_forget(pkt, syn);
		return forward_alone(pkt, server);
	}
	if ((pkt->tcp_flags & (SHUNT_TCP_ACK | SHUNT_TCP_RST)) != SHUNT_TCP_ACK)
		return refused(pkt, service, SHUNT_DROP_NO_CONNECTION);
	if (unlikely(!server))
		return forward_first_unknown(pkt, service, syn);
	if (unlikely(rcu_access_pointer(service->persist)))
		remember(pkt, service, server);
	return forward_connected(pkt, service, server, syn);
}

static __always_inline enum shunt_verdict forward_first_datagram(struct shunt_packet *pkt,
								 struct shunt_service *service)
{
	struct shunt_server *server = shunt_choose(pkt, service, false);

	if (unlikely(!server))
		return refused(pkt, service, SHUNT_DROP_NO_SERVER);
	return forward_chosen(pkt, service, server, (struct shunt_syn){});
}

/*
 * Whether a plain packet may begin a connection at the fast hook: a SYN, the ACK
 * after one that waits, or a datagram, to a service whose servers are all in DSR.
 * Once a server is chosen the packet is as good as seen: should it be left after
 * all, the general hook finds the SYN noted, or the connection made, and goes on
 * from there; so it chooses, notes and counts nothing a second time. All else is
 * left before.
 */
static __always_inline bool may_begin_fast(struct shunt_packet *pkt,
					   const struct shunt_service *service)
{
	if (READ_ONCE(service->packet) || !rcu_dereference(service->pool)->dsr ||
	    !shunt_forward_is_easy(pkt->skb, UINT_MAX, pkt->tuple.family) ||
	    nf_inet_addr_cmp(&pkt->tuple.src, &pkt->tuple.dst))
		return false;
	/* A full table is the general hook's: what makes room is not looked for twice. */
	return shunt_tcp_begins(pkt->tcp_flags) || !shunt_limit_reached(pkt->sn, service);
}

/* As shunt_match_service(), without its call where nobody has ranges or marks. */
static __always_inline struct shunt_service *service_of(const struct shunt_packet *pkt)
{
	if (unlikely(rcu_access_pointer(pkt->sn->ranges)))
		return shunt_match_service(pkt);
	return shunt_point_service(pkt->sn, &pkt->tuple);
}

/* A packet of no connection. What a flood is made of is all in here. */
static noinline enum shunt_verdict forward_first(struct shunt_packet *pkt)
{
	struct shunt_service *service = service_of(pkt);

	if (unlikely(!service))
		return pkt->fast ? SHUNT_PASS : forward_answer(pkt, false);
	if (pkt->fast) {
		if (!may_begin_fast(pkt, service))
			return SHUNT_PASS;
		skb_orphan(pkt->skb);
	}
	if (pkt->tuple.protocol != IPPROTO_TCP)
		return forward_first_datagram(pkt, service);
	if (!shunt_tcp_begins(pkt->tcp_flags))
		return forward_first_segment(pkt, service);
	return forward_first_syn(pkt, service);
}

/*
 * An error of no connection: about the answer to a SYN that waits, or to packets
 * that are forwarded without one, or of nobody.
 */
static enum shunt_verdict forward_first_error(struct shunt_packet *pkt)
{
	struct shunt_service *service = shunt_match_service(pkt);
	struct shunt_server *server;

	if (!service)
		return forward_answer(pkt, true);
	server = pkt->tuple.protocol == IPPROTO_TCP ? shunt_syn_owner(pkt, service) : NULL;
	if (!server && shunt_pressed(pkt->sn, service, SHUNT_PRESSED_LATELY))
		server = shunt_choose_row(pkt, service);
	if (!server || READ_ONCE(server->mode) != SHUNT_MODE_DSR)
		return SHUNT_PASS;
	return sent(pkt, server, SHUNT_DIR_CLIENT, shunt_dsr_send_any(pkt, server));
}

/* What is to become of a packet whose connection is in trouble. */
enum fate {
	FATE_GO_ON,
	FATE_ANEW,	/* another server is chosen for it */
	FATE_RESET,
};

/* The connection's server is removed or down, or does not answer. */
static enum fate fate_in_trouble(const struct shunt_packet *pkt, const struct shunt_conn *conn,
				 enum shunt_dir dir)
{
	const struct shunt_server *server = conn->server;
	bool tcp = pkt->tuple.protocol == IPPROTO_TCP;

	/* What the server still says is not lost; the client's next packet decides. */
	if (dir == SHUNT_DIR_SERVER)
		return FATE_GO_ON;
	/* A SYN again, or any datagram, has nothing to lose with another server. */
	if (tcp && shunt_tcp_begins(pkt->tcp_flags) &&
	    READ_ONCE(conn->state) == SHUNT_CONN_STATE_SYN)
		return FATE_ANEW;
	if (!READ_ONCE(server->removed) && !READ_ONCE(server->down))
		return tcp ? FATE_GO_ON : FATE_ANEW;
	/* Ends the connection by itself, and must not be answered. */
	if (pkt->tcp_flags & SHUNT_TCP_RST)
		return FATE_GO_ON;
	switch (READ_ONCE(server->service->on_remove)) {
	case SHUNT_ON_REMOVE_RESET:
		return FATE_RESET;
	case SHUNT_ON_REMOVE_REHASH:
		return FATE_ANEW;
	case SHUNT_ON_REMOVE_KEEP:
		return FATE_GO_ON;
	default:
		/* A UDP server does not miss the beginning of what comes to it. */
		return tcp ? FATE_GO_ON : FATE_ANEW;
	}
}

static __always_inline void note_packet(struct shunt_packet *pkt, struct shunt_conn *conn,
					enum shunt_dir dir)
{
	if (pkt->tuple.protocol == IPPROTO_UDP)
		shunt_udp_packet(conn, dir);
	else if (!shunt_tcp_goes_on(conn, pkt, dir))
		shunt_tcp_packet(conn, pkt, dir);
}

/*
 * A packet whose connection cannot take it, and is left only when there is a
 * server. The service is looked up again, because one found through a connection
 * may be on its way out.
 */
static enum shunt_verdict forward_anew(struct shunt_packet *pkt, struct shunt_conn *conn)
{
	struct shunt_service *service = shunt_match_service(pkt);
	bool begins = shunt_tcp_begins(pkt->tcp_flags);
	struct shunt_server *server;
	struct shunt_syn syn = {};

	if (!service)
		return SHUNT_PASS;
	server = shunt_choose(pkt, service, begins);
	if (!server)
		return refused(pkt, service, SHUNT_DROP_NO_SERVER);
	shunt_conn_unlink(pkt->sn, conn);
	/* What was chosen for a SYN before is not asked for, but its slot is taken. */
	if (begins)
		syn.slot = shunt_syn_find(pkt, service).slot;
	return forward_chosen(pkt, service, server, syn);
}

static enum shunt_verdict forward_reset(struct shunt_packet *pkt, struct shunt_conn *conn)
{
	u8 state = READ_ONCE(conn->state);

	if (shunt_conn_unlink(pkt->sn, conn))
		trace_shunt_conn_reset(conn, state);
	return refused(pkt, conn->server->service, SHUNT_DROP_SERVER_REMOVED);
}

/* Whether a packet of a connection is not simply to go on. */
static __always_inline bool is_to_be_decided(const struct shunt_packet *pkt,
					     const struct shunt_server *server)
{
	return shunt_tcp_begins(pkt->tcp_flags) || shunt_server_in_trouble(server);
}

static noinline enum shunt_verdict forward_decided(struct shunt_packet *pkt,
						   struct shunt_conn *conn, enum shunt_dir dir)
{
	const struct shunt_server *server = conn->server;

	if (dir == SHUNT_DIR_CLIENT && shunt_tcp_begins(pkt->tcp_flags) &&
	    shunt_tcp_restarts(conn, pkt))
		return forward_anew(pkt, conn);
	if (shunt_server_in_trouble(server)) {
		switch (fate_in_trouble(pkt, conn, dir)) {
		case FATE_ANEW:
			return forward_anew(pkt, conn);
		case FATE_RESET:
			return forward_reset(pkt, conn);
		default:
			break;
		}
	}
	note_packet(pkt, conn, dir);
	return sent(pkt, server, dir, shunt_forward_send(pkt, conn, dir));
}

/* A TCP or UDP packet. */
static __always_inline enum shunt_verdict forward_whole(struct shunt_packet *pkt, unsigned long end)
{
	struct shunt_conn *conn = shunt_end_conn(end);
	enum shunt_dir dir = shunt_end_dir(end);

	if (!end)
		return forward_first(pkt);
	if (unlikely(is_to_be_decided(pkt, conn->server)))
		return forward_decided(pkt, conn, dir);
	note_packet(pkt, conn, dir);
	return sent(pkt, conn->server, dir, shunt_forward_send(pkt, conn, dir));
}

static enum shunt_verdict forward_error(struct shunt_packet *pkt)
{
	unsigned long end = shunt_conn_find(pkt);
	enum shunt_dir dir = shunt_end_dir(end);
	struct shunt_conn *conn = shunt_end_conn(end);

	if (!conn)
		return forward_first_error(pkt);
	if (conn->mode == SHUNT_MODE_DSR)
		return sent(pkt, conn->server, dir, shunt_dsr_send_any(pkt, conn->server));
	return sent(pkt, conn->server, dir, shunt_nat_send_error(pkt, conn, dir));
}

/* Not forwarded as it is, whatever connection it may belong to. */
static enum shunt_verdict drop_malformed(struct shunt_packet *pkt)
{
	const struct shunt_service *service = shunt_match_service(pkt);
	const struct shunt_conn *conn;

	if (!service) {
		conn = shunt_end_conn(shunt_conn_find(pkt));
		if (!conn)
			return SHUNT_PASS;
		service = conn->server->service;
	}
	return refused(pkt, service, SHUNT_DROP_MALFORMED);
}

static enum shunt_verdict forward_parsed(struct shunt_packet *pkt, enum shunt_parsed parsed)
{
	switch (parsed) {
	case SHUNT_PARSED_WHOLE:
		return forward_whole(pkt, shunt_conn_find(pkt));
	case SHUNT_PARSED_ERROR:
		return forward_error(pkt);
	case SHUNT_PARSED_MALFORMED:
		return drop_malformed(pkt);
	default:
		return SHUNT_PASS;
	}
}

static enum shunt_verdict forward_fragment(struct shunt_packet *pkt, u8 family)
{
	enum shunt_parsed parsed;

	switch (shunt_fragment_gather(pkt, family)) {
	case SHUNT_GATHERED_KEPT:
		return SHUNT_TAKEN;
	case SHUNT_GATHERED_BROKEN:
		return refused(pkt, NULL, SHUNT_DROP_FRAGMENT);
	default:
		parsed = shunt_packet_parse(pkt, family);
	}
	/* What the kernel would not put together belongs to nobody. */
	if (parsed == SHUNT_PARSED_FRAGMENT)
		return refused(pkt, NULL, SHUNT_DROP_FRAGMENT);
	if (!concerns_us(pkt->sn, &pkt->tuple))
		return SHUNT_PASS;
	return forward_parsed(pkt, parsed);
}

/*
 * Whether a fragment may be of a service's packet. It has no ports; so while there are
 * services by marks it goes by its own, lest the fragments of all others are gathered.
 */
static bool fragment_concerns_us(const struct shunt_packet *pkt)
{
	return shunt_filter_maybe_member(&pkt->sn->vips, &pkt->tuple.dst) ||
	       shunt_filter_maybe(&pkt->sn->nat_servers, &pkt->tuple.src) ||
	       shunt_match_marked(pkt);
}

/* What is not plain. */
static noinline enum shunt_verdict forward_other(struct shunt_packet *pkt, u8 family)
{
	enum shunt_parsed parsed = shunt_packet_parse(pkt, family);

	if (parsed == SHUNT_PARSED_OTHER || !concerns_us(pkt->sn, &pkt->tuple))
		return SHUNT_PASS;
	if (parsed == SHUNT_PARSED_FRAGMENT)
		return fragment_concerns_us(pkt) ? forward_fragment(pkt, family) : SHUNT_PASS;
	return forward_parsed(pkt, parsed);
}

/* Fills in a plain packet. Returns the end that it belongs to, of a living connection, or 0. */
static __always_inline unsigned long take_found(struct shunt_packet *pkt, u8 family,
						struct shunt_found found)
{
	shunt_packet_take_plain(pkt, family);
	pkt->hash = found.hash;
	return shunt_end_living(found.end);
}

enum shunt_verdict shunt_forward(struct shunt_packet *pkt, u8 family, struct shunt_found found)
{
	if (unlikely(!found.plain))
		return forward_other(pkt, family);
	return forward_whole(pkt, family == NFPROTO_IPV4 ?
			     take_found(pkt, NFPROTO_IPV4, found) :
			     take_found(pkt, NFPROTO_IPV6, found));
}

enum shunt_verdict shunt_forward_fast(struct shunt_packet *pkt, u8 family,
				      struct shunt_found found)
{
	struct shunt_conn *conn;
	enum shunt_dir dir;
	unsigned long end;

	if (likely(found.plain))
		end = take_found(pkt, family, found);
	else if (shunt_packet_parse(pkt, family) == SHUNT_PARSED_WHOLE)
		end = shunt_conn_find(pkt);
	else
		return SHUNT_PASS;
	if (!end)
		return found.plain ? forward_first(pkt) : SHUNT_PASS;
	conn = shunt_end_conn(end);
	dir = shunt_end_dir(end);
	if (unlikely(is_to_be_decided(pkt, conn->server)))
		return SHUNT_PASS;
	/* To note a packet again, should it be left, changes nothing. */
	note_packet(pkt, conn, dir);
	skb_orphan(pkt->skb);
	return sent(pkt, conn->server, dir, shunt_forward_send(pkt, conn, dir));
}

bool shunt_forward_note(struct sk_buff *skb, struct shunt_conn *conn, enum shunt_dir dir)
{
	struct shunt_packet pkt __uninitialized;

	if (shunt_conn_is_expired(conn))
		return false;
	if (shunt_conn_protocol(conn) == IPPROTO_UDP) {
		shunt_udp_packet(conn, dir);
		return true;
	}
	pkt.skb = skb;
	pkt.l4 = shunt_conn_is_ipv6(conn) ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
	shunt_packet_take_tcp(&pkt, (const void *)skb->data + pkt.l4);
	shunt_tcp_packet(conn, &pkt, dir);
	return true;
}

void shunt_forward_not_sent(struct shunt_net *sn, const struct shunt_conn *conn,
			    enum shunt_dir dir)
{
	struct shunt_packet pkt = { .sn = sn };

	if (dir == SHUNT_DIR_SERVER)
		shunt_conn_tuple_back(conn, &pkt.tuple);
	else
		shunt_conn_tuple(conn, &pkt.tuple);
	refused(&pkt, conn->server->service, SHUNT_DROP_NOT_SENT);
}

/* The largest fragment that a datagram came in, 0 for one that came whole. */
static unsigned int came_as(const struct shunt_packet *pkt)
{
	if (pkt->tuple.family == NFPROTO_IPV4)
		return IPCB(pkt->skb)->frag_max_size;
	return IP6CB(pkt->skb)->frag_max_size;
}

static bool fits(const struct shunt_packet *pkt, unsigned int mtu)
{
	const struct sk_buff *skb = pkt->skb;

	if (skb_is_gso(skb))
		return skb_gso_validate_network_len(skb, mtu);
	return skb->len - skb_network_offset(skb) <= mtu;
}

/*
 * Whether the packet may be cut: in IPv6 only back into what it came in, or by
 * the host that made it, which says so by ignore_df.
 */
static bool may_cut(const struct shunt_packet *pkt, unsigned int mtu)
{
	unsigned int size = came_as(pkt);

	if (size)
		return size <= mtu || (pkt->tuple.family == NFPROTO_IPV4 &&
				       !(IPCB(pkt->skb)->flags & IPSKB_FRAG_PMTU));
	return pkt->skb->ignore_df || (pkt->tuple.family == NFPROTO_IPV4 &&
				       !(ip_hdr(pkt->skb)->frag_off & htons(IP_DF)));
}

bool shunt_forward_in_fragments(const struct shunt_packet *pkt, unsigned int mtu)
{
	return unlikely(came_as(pkt)) || !fits(pkt, mtu);
}

enum shunt_reason shunt_forward_check(struct shunt_packet *pkt, unsigned int mtu)
{
	struct sk_buff *skb = pkt->skb;
	u8 ttl;

	if (skb_warn_if_lro(skb))
		return SHUNT_DROP_LRO;

	ttl = pkt->tuple.family == NFPROTO_IPV4 ? ip_hdr(skb)->ttl : ipv6_hdr(skb)->hop_limit;
	if (!pkt->local && ttl <= 1) {
		shunt_icmp_ttl(pkt);
		return SHUNT_DROP_TTL;
	}
	if (!fits(pkt, mtu) && !may_cut(pkt, mtu)) {
		shunt_icmp_mtu(pkt, mtu);
		return SHUNT_DROP_MTU;
	}
	return SHUNT_FORWARDED;
}
