// SPDX-License-Identifier: GPL-2.0
#include <arpa/inet.h>
#include <string.h>

#include <linux/genetlink.h>

#include "nl.h"

static void note(const struct nlattr *attr, const struct nlattr **attrs,
		 uint16_t max)
{
	uint16_t type = mnl_attr_get_type(attr);

	if (type <= max)
		attrs[type] = attr;
}

void nl_attrs(const struct nlmsghdr *nlh, const struct nlattr **attrs,
	      uint16_t max)
{
	const struct nlattr *attr;

	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr))
		note(attr, attrs, max);
}

void nl_nested(const struct nlattr *nest, const struct nlattr **attrs,
	       uint16_t max)
{
	const struct nlattr *attr;

	if (!nest)
		return;
	mnl_attr_for_each_nested(attr, nest)
		note(attr, attrs, max);
}

uint64_t nl_number(const struct nlattr *attr)
{
	switch (attr ? mnl_attr_get_payload_len(attr) : 0) {
	case sizeof(uint8_t):
		return mnl_attr_get_u8(attr);
	case sizeof(uint16_t):
		return mnl_attr_get_u16(attr);
	case sizeof(uint32_t):
		return mnl_attr_get_u32(attr);
	case sizeof(uint64_t):
		return mnl_attr_get_u64(attr);
	default:
		return 0;
	}
}

const char *nl_string(const struct nlattr *attr)
{
	uint16_t size = attr ? mnl_attr_get_payload_len(attr) : 0;
	const char *text = size ? mnl_attr_get_payload(attr) : "";

	return size && text[size - 1] ? "" : text;
}

void nl_endpoint(const struct nlattr *address, const struct nlattr *port,
		 struct endpoint *ep)
{
	uint16_t size = address ? mnl_attr_get_payload_len(address) : 0;

	memset(ep, 0, sizeof(*ep));
	if (size == sizeof(struct in_addr))
		ep->family = AF_INET;
	else if (size == sizeof(struct in6_addr))
		ep->family = AF_INET6;
	if (ep->family)
		memcpy(ep->address, mnl_attr_get_payload(address), size);
	ep->port = ntohs((uint16_t)nl_number(port));
}
