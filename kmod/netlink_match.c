// SPDX-License-Identifier: GPL-2.0
/*
 * What a service matches, in requests and listings: an address and a port, as most
 * have, or several addresses each with one port, some or all, or a mark.
 */
#include <linux/slab.h>

#include "match.h"
#include "netlink.h"
#include "netlink_gen.h"

/* The nth of them, from 0 on; the last one if there are fewer. */
static const struct nlattr *match_attr(const struct genl_info *info, unsigned int nth)
{
	const struct nlattr *attr;
	int rest;

	nla_for_each_attr(attr, nlmsg_attrdata(info->nlhdr, GENL_HDRLEN),
			  nlmsg_attrlen(info->nlhdr, GENL_HDRLEN), rest)
		if (nla_type(attr) == SHUNT_A_SERVICE_MATCH && !nth--)
			return attr;
	return info->attrs[SHUNT_A_SERVICE_MATCH];
}

int shunt_nl_refuse_match(struct genl_info *info, int err, const struct shunt_refusal *no)
{
	if (no->attr != SHUNT_A_SERVICE_MATCH)
		return shunt_nl_refuse(info->extack, info->attrs, err, no);
	if (!info->attrs[SHUNT_A_SERVICE_MATCH])
		return shunt_nl_refuse_do(info, err, SHUNT_A_SERVICE_ADDRESS, no->why);
	if (info->extack) {
		info->extack->_msg = no->why;
		NL_SET_BAD_ATTR(info->extack, match_attr(info, no->nth));
	}
	return err;
}

static int refuse_entry(struct genl_info *info, unsigned int nth, const char *why)
{
	const struct shunt_refusal no = {
		.why = why,
		.attr = SHUNT_A_SERVICE_MATCH,
		.nth = nth,
	};

	return shunt_nl_refuse_match(info, -EINVAL, &no);
}

/* An address as the one of a service. */
static int get_addr(struct genl_info *info, const struct nlattr *attr, unsigned int nth,
		    union nf_inet_addr *addr, u8 *family)
{
	u8 has = shunt_nl_get_addr(attr, addr);

	if (!has)
		return refuse_entry(info, nth, "an address has 4 bytes, or 16");
	if (*family && has != *family)
		return refuse_entry(info, nth,
				    "the addresses of a service are of one family; expected one as those before it");
	*family = has;
	if (!shunt_nl_addr_is_host(has, addr))
		return refuse_entry(info, nth,
				    "a virtual address must be one that clients elsewhere can reach");
	return 0;
}

static int get_entry(struct genl_info *info, const struct nlattr *attr, unsigned int nth,
		     struct shunt_match_entry *entry, u8 *family)
{
	struct nlattr *attrs[SHUNT_A_MATCH_MAX + 1];
	int err;

	err = nla_parse_nested(attrs, SHUNT_A_MATCH_MAX, attr, shunt_match_nl_policy,
			       info->extack);
	if (err)
		return err;
	if (!attrs[SHUNT_A_MATCH_ADDRESS])
		return refuse_entry(info, nth, "what a service matches needs an address");
	err = get_addr(info, attrs[SHUNT_A_MATCH_ADDRESS], nth, &entry->addr, family);
	if (err)
		return err;
	entry->last = U16_MAX;
	if (!attrs[SHUNT_A_MATCH_FIRST_PORT] && !attrs[SHUNT_A_MATCH_LAST_PORT])
		return 0;
	if (!attrs[SHUNT_A_MATCH_FIRST_PORT])
		return refuse_entry(info, nth, "a range of ports needs its first port");
	entry->first = ntohs(nla_get_be16(attrs[SHUNT_A_MATCH_FIRST_PORT]));
	entry->last = attrs[SHUNT_A_MATCH_LAST_PORT] ?
		      ntohs(nla_get_be16(attrs[SHUNT_A_MATCH_LAST_PORT])) : entry->first;
	if (!entry->first || entry->first > entry->last)
		return refuse_entry(info, nth,
				    "a service's ports are from 1 to 65535, and the first of a range is not above its last");
	return 0;
}

static struct shunt_match *match_alloc(unsigned int count)
{
	struct shunt_match *match;

	match = kzalloc(struct_size(match, entry, count), GFP_KERNEL_ACCOUNT);
	if (match)
		match->count = count;
	return match;
}

/* The one address and port of most services. */
static int get_single(struct genl_info *info, struct shunt_match_entry *entry, u8 *family)
{
	const struct nlattr *addr = info->attrs[SHUNT_A_SERVICE_ADDRESS];
	const struct nlattr *port = info->attrs[SHUNT_A_SERVICE_PORT];
	int err;

	err = get_addr(info, addr, 0, &entry->addr, family);
	if (err)
		return err;
	entry->first = ntohs(nla_get_be16(port));
	entry->last = entry->first;
	if (!entry->first)
		return shunt_nl_refuse_do(info, -EINVAL, SHUNT_A_SERVICE_PORT,
					  "a service's port is from 1 to 65535");
	return 0;
}

static int get_entries(struct genl_info *info, struct shunt_match *match, u8 *family)
{
	const struct nlattr *attr;
	unsigned int nth = 0;
	int rest, err = 0;

	if (info->attrs[SHUNT_A_SERVICE_ADDRESS])
		return get_single(info, match->entry, family);
	nla_for_each_attr(attr, nlmsg_attrdata(info->nlhdr, GENL_HDRLEN),
			  nlmsg_attrlen(info->nlhdr, GENL_HDRLEN), rest) {
		if (nla_type(attr) != SHUNT_A_SERVICE_MATCH || err)
			continue;
		err = get_entry(info, attr, nth, &match->entry[nth], family);
		nth++;
	}
	return err;
}

static unsigned int count_entries(const struct genl_info *info)
{
	const struct nlattr *attr;
	unsigned int count = 0;
	int rest;

	if (info->attrs[SHUNT_A_SERVICE_ADDRESS])
		return 1;
	nla_for_each_attr(attr, nlmsg_attrdata(info->nlhdr, GENL_HDRLEN),
			  nlmsg_attrlen(info->nlhdr, GENL_HDRLEN), rest)
		count += nla_type(attr) == SHUNT_A_SERVICE_MATCH;
	return count;
}

/* Whether the attributes go together. */
static int check_attrs(struct genl_info *info)
{
	struct nlattr **attrs = info->attrs;
	bool single = attrs[SHUNT_A_SERVICE_ADDRESS] || attrs[SHUNT_A_SERVICE_PORT];

	if (single && !(attrs[SHUNT_A_SERVICE_ADDRESS] && attrs[SHUNT_A_SERVICE_PORT]))
		return shunt_nl_refuse_do(info, -EINVAL, 0,
					  "a service needs an address and a port, or a fwmark");
	if (single + !!attrs[SHUNT_A_SERVICE_MATCH] + !!attrs[SHUNT_A_SERVICE_FWMARK] > 1)
		return shunt_nl_refuse_do(info, -EINVAL, attrs[SHUNT_A_SERVICE_FWMARK] ?
					  SHUNT_A_SERVICE_FWMARK : SHUNT_A_SERVICE_ADDRESS,
					  "a service goes by addresses, which are told once, or by a fwmark");
	if (count_entries(info) > SHUNT_MATCH_MAX)
		return refuse_entry(info, SHUNT_MATCH_MAX,
				    "a service has at most 64 addresses with their ports; make it two services, or use ranges of ports");
	return 0;
}

/* The family that a request tells by itself, 0 if none. */
static u8 family_told(const struct genl_info *info)
{
	const struct nlattr *attr = info->attrs[SHUNT_A_SERVICE_FAMILY];

	if (!attr)
		return 0;
	return nla_get_u32(attr) == SHUNT_FAMILY_IPV4 ? NFPROTO_IPV4 : NFPROTO_IPV6;
}

int shunt_nl_family_attr(const struct genl_info *info)
{
	if (info->attrs[SHUNT_A_SERVICE_FAMILY])
		return SHUNT_A_SERVICE_FAMILY;
	return info->attrs[SHUNT_A_SERVICE_MATCH] ? SHUNT_A_SERVICE_MATCH :
						    SHUNT_A_SERVICE_ADDRESS;
}

int shunt_nl_get_match(struct genl_info *info, struct shunt_match **match, u8 *family)
{
	const struct nlattr *fwmark = info->attrs[SHUNT_A_SERVICE_FWMARK];
	u8 told = family_told(info);
	int err;

	*match = NULL;
	*family = told;
	err = check_attrs(info);
	if (err || (!fwmark && !count_entries(info)))
		return err;
	*match = match_alloc(count_entries(info));
	if (!*match)
		return shunt_nl_refuse_do(info, -ENOMEM, 0, "there is no memory for the addresses");
	if (fwmark) {
		(*match)->fwmark = nla_get_u32(fwmark);
		return 0;
	}
	*family = 0;
	err = get_entries(info, *match, family);
	if (!err && told && told != *family)
		err = shunt_nl_refuse_do(info, -EINVAL, SHUNT_A_SERVICE_FAMILY,
					 "the addresses are of the other family");
	if (err) {
		kfree(*match);
		*match = NULL;
	}
	return err;
}

static u8 protocol_told(const struct shunt_service *service)
{
	switch (service->protocols) {
	case SHUNT_CARRIES_TCP:
		return IPPROTO_TCP;
	case SHUNT_CARRIES_UDP:
		return IPPROTO_UDP;
	default:
		return SHUNT_PROTOCOL_TCP_UDP;
	}
}

static int put_entry(struct sk_buff *skb, const struct shunt_match_entry *entry, u8 family)
{
	struct nlattr *nest = nla_nest_start(skb, SHUNT_A_SERVICE_MATCH);

	if (!nest ||
	    nla_put(skb, SHUNT_A_MATCH_ADDRESS, shunt_nl_addr_size(family), &entry->addr))
		return -EMSGSIZE;
	if (!shunt_match_is_every_port(entry) &&
	    (nla_put_be16(skb, SHUNT_A_MATCH_FIRST_PORT, htons(entry->first)) ||
	     nla_put_be16(skb, SHUNT_A_MATCH_LAST_PORT, htons(entry->last))))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

int shunt_nl_put_match(struct sk_buff *skb, const struct shunt_service *service)
{
	const struct shunt_match *match = shunt_match_of(service);
	const struct shunt_match_entry *first = match->entry;
	u8 family = service->family;
	unsigned int i;
	int err;

	err = nla_put_u8(skb, SHUNT_A_SERVICE_PROTOCOL, protocol_told(service)) ?:
	      nla_put_u32(skb, SHUNT_A_SERVICE_FAMILY, family == NFPROTO_IPV4 ?
			  SHUNT_FAMILY_IPV4 : SHUNT_FAMILY_IPV6);
	if (err || match->fwmark)
		return err ?: nla_put_u32(skb, SHUNT_A_SERVICE_FWMARK, match->fwmark);
	err = nla_put(skb, SHUNT_A_SERVICE_ADDRESS, shunt_nl_addr_size(family), &first->addr) ?:
	      nla_put_be16(skb, SHUNT_A_SERVICE_PORT,
			   shunt_match_is_port(first) ? htons(first->first) : 0);
	for (i = 0; i < match->count && !err; i++)
		err = put_entry(skb, &match->entry[i], family);
	return err;
}
