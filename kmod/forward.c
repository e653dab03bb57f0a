// SPDX-License-Identifier: GPL-2.0
/*
 * hook -> packet -> here: known connection? else service, scheduler, new
 * connection; then state, and out through the connection's mode.
 */
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/rcupdate.h>
#include <net/gso.h>
#include <net/icmp.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/route.h>

#include "conn.h"
#include "forward.h"
#include "net.h"
#include "sched.h"
#include "service.h"

static const struct shunt_mode_ops *const modes[] = {
	[SHUNT_MODE_DSR] = &shunt_dsr_ops,
	[SHUNT_MODE_NAT] = &shunt_nat_ops,
};

/* The one cheap test that packets of no service leave by. */
static bool concerns_us(const struct shunt_net *sn, const struct shunt_tuple *tuple)
{
	return shunt_filter_maybe(&sn->vips, &tuple->dst) ||
	       shunt_filter_maybe(&sn->nat_servers, &tuple->src);
}

static enum shunt_verdict refused(struct shunt_packet *pkt, enum shunt_reason reason)
{
	shunt_drop_count(pkt->sn, reason);
	switch (reason) {
	case SHUNT_DROP_NO_SERVER:
	case SHUNT_DROP_NO_CONNECTION:
		return SHUNT_REJECT;
	default:
		return pkt->skb ? SHUNT_DROP : SHUNT_TAKEN;
	}
}

/* A first packet: chooses its server. NULL with the reason if there is none. */
static struct shunt_conn *admit(struct shunt_packet *pkt, struct shunt_service *service,
				enum shunt_reason *reason)
{
	const struct shunt_pool *pool = rcu_dereference(service->pool);
	struct shunt_server *server;

	if (pkt->tuple.protocol == IPPROTO_TCP && !shunt_tcp_begins(pkt->tcp_flags)) {
		*reason = SHUNT_DROP_NO_CONNECTION;
		return NULL;
	}
	server = pool->sched->pick(service, pool, &pkt->tuple);
	if (!server) {
		*reason = SHUNT_DROP_NO_SERVER;
		return NULL;
	}
	return shunt_conn_make(pkt->sn, &pkt->tuple, server, reason);
}

static void note_packet(struct shunt_packet *pkt, struct shunt_conn *conn, enum shunt_dir dir)
{
	shunt_conn_touch(conn);
	if (pkt->tuple.protocol == IPPROTO_TCP)
		shunt_tcp_packet(conn, pkt->tcp_flags, dir);
	else
		shunt_udp_packet(conn, dir);
}

static enum shunt_verdict forward_whole(struct shunt_packet *pkt)
{
	enum shunt_dir dir = SHUNT_DIR_CLIENT;
	enum shunt_reason reason;
	struct shunt_conn *conn;

	conn = shunt_conn_find(pkt->sn, &pkt->tuple, &dir);
	if (conn && dir == SHUNT_DIR_CLIENT && shunt_tcp_begins(pkt->tcp_flags) &&
	    shunt_conn_over(conn)) {
		/* A SYN on a finished tuple is a new connection. */
		shunt_conn_unlink(pkt->sn, conn);
		conn = NULL;
	}
	if (!conn) {
		struct shunt_service *service = shunt_service_match(pkt->sn, &pkt->tuple);

		if (!service)
			return SHUNT_PASS;
		conn = admit(pkt, service, &reason);
		if (!conn)
			return refused(pkt, reason);
		dir = SHUNT_DIR_CLIENT;
	}

	note_packet(pkt, conn, dir);
	reason = modes[conn->mode]->send(pkt, conn, dir);
	if (reason)
		return refused(pkt, reason);
	shunt_counters_packet(conn->server->counters, pkt, dir == SHUNT_DIR_SERVER);
	return SHUNT_TAKEN;
}

static enum shunt_verdict forward_error(struct shunt_packet *pkt)
{
	enum shunt_reason reason;
	struct shunt_conn *conn;
	enum shunt_dir dir;

	conn = shunt_conn_find(pkt->sn, &pkt->tuple, &dir);
	if (!conn)
		return SHUNT_PASS;
	reason = modes[conn->mode]->send_error(pkt, conn, dir);
	if (reason)
		return refused(pkt, reason);
	shunt_counters_packet(conn->server->counters, pkt, dir == SHUNT_DIR_SERVER);
	return SHUNT_TAKEN;
}

/* Not forwarded as it is, whatever connection it may belong to. */
static enum shunt_verdict drop_matched(struct shunt_packet *pkt, enum shunt_reason reason)
{
	enum shunt_dir dir;

	if (!shunt_service_match(pkt->sn, &pkt->tuple) &&
	    !shunt_conn_find(pkt->sn, &pkt->tuple, &dir))
		return SHUNT_PASS;
	return refused(pkt, reason);
}

enum shunt_verdict shunt_forward(struct shunt_packet *pkt, u8 family)
{
	enum shunt_parsed parsed = shunt_packet_parse(pkt, family);

	if (parsed == SHUNT_PARSED_OTHER || !concerns_us(pkt->sn, &pkt->tuple))
		return SHUNT_PASS;

	switch (parsed) {
	case SHUNT_PARSED_WHOLE:
		return forward_whole(pkt);
	case SHUNT_PARSED_ERROR:
		return forward_error(pkt);
	case SHUNT_PARSED_FRAGMENT:
		return drop_matched(pkt, SHUNT_DROP_FRAGMENT);
	default:
		return drop_matched(pkt, SHUNT_DROP_MALFORMED);
	}
}

/*
 * icmp_send() wants a route on the skb; before routing there is none, so the
 * way back to the sender stands in.
 */
static bool have_route(struct shunt_packet *pkt)
{
	struct sk_buff *skb = pkt->skb;
	struct flowi4 fl4 = { .daddr = ip_hdr(skb)->saddr };
	struct rtable *rt;

	if (skb_dst(skb))
		return true;
	rt = ip_route_output_key(pkt->sn->net, &fl4);
	if (IS_ERR(rt))
		return false;
	skb_dst_set(skb, &rt->dst);
	return true;
}

static void tell_ttl(struct shunt_packet *pkt)
{
	if (pkt->tuple.family == NFPROTO_IPV6)
		icmpv6_send(pkt->skb, ICMPV6_TIME_EXCEED, ICMPV6_EXC_HOPLIMIT, 0);
	else if (have_route(pkt))
		icmp_send(pkt->skb, ICMP_TIME_EXCEEDED, ICMP_EXC_TTL, 0);
}

static void tell_mtu(struct shunt_packet *pkt, unsigned int mtu)
{
	if (pkt->tuple.family == NFPROTO_IPV6)
		icmpv6_send(pkt->skb, ICMPV6_PKT_TOOBIG, 0, mtu);
	else if (ip_hdr(pkt->skb)->frag_off & htons(IP_DF) && have_route(pkt))
		icmp_send(pkt->skb, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, htonl(mtu));
}

static bool fits(const struct shunt_packet *pkt, unsigned int mtu)
{
	const struct sk_buff *skb = pkt->skb;

	if (skb_is_gso(skb))
		return skb_gso_validate_network_len(skb, mtu);
	return skb->len - skb_network_offset(skb) <= mtu;
}

enum shunt_reason shunt_forward_check(struct shunt_packet *pkt, unsigned int mtu)
{
	struct sk_buff *skb = pkt->skb;
	u8 ttl;

	if (skb_warn_if_lro(skb))
		return SHUNT_DROP_LRO;

	ttl = pkt->tuple.family == NFPROTO_IPV4 ? ip_hdr(skb)->ttl : ipv6_hdr(skb)->hop_limit;
	if (!pkt->local && ttl <= 1) {
		tell_ttl(pkt);
		return SHUNT_DROP_TTL;
	}
	if (!fits(pkt, mtu)) {
		tell_mtu(pkt, mtu);
		return SHUNT_DROP_MTU;
	}
	return SHUNT_FORWARDED;
}

void shunt_forward_hop(struct shunt_packet *pkt)
{
	if (pkt->local)
		return;
	if (pkt->tuple.family == NFPROTO_IPV4)
		ip_decrease_ttl(ip_hdr(pkt->skb));
	else
		ipv6_hdr(pkt->skb)->hop_limit--;
}
