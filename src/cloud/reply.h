/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_REPLY_H
#define TOMBOLO_REPLY_H
/*
 * What EC2 answers (API version 2016-11-15), as far as it is wanted. Each of these takes
 * one page of a reply, adds to what is there, and sets the token of the next page ("":
 * it was the last). 0, -EPROTO: not such a reply, or -ENOMEM or -E2BIG: too many. Of
 * identifiers only letters, digits and '-' are taken. Touches memory alone.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REPLY_ID_BYTES    48
#define REPLY_TOKEN_BYTES 4096
#define REPLY_ITEMS_MAX   65536

/* Of SearchTransitGatewayMulticastGroups: an interface's part in a group. */
struct reply_member {
	uint32_t group;
	bool is_member, is_source;
	bool by_igmp; /* joined; false: registered */
	char interface[REPLY_ID_BYTES];
	char subnet[REPLY_ID_BYTES];
};

struct reply_members {
	struct reply_member *list; /* to be released with free() */
	size_t count, room;
};

int reply_members(const char *text, size_t len, struct reply_members *members,
		  char next[REPLY_TOKEN_BYTES]);

/* Of DescribeTransitGatewayMulticastDomains. */
struct reply_domain {
	char id[REPLY_ID_BYTES];
	char state[REPLY_ID_BYTES]; /* "available" */
	bool igmp, static_sources;
};

#define REPLY_DOMAINS_MAX 64
struct reply_domains {
	struct reply_domain list[REPLY_DOMAINS_MAX];
	size_t count;
};

int reply_domains(const char *text, size_t len, struct reply_domains *domains,
		  char next[REPLY_TOKEN_BYTES]);

/* Of GetTransitGatewayMulticastDomainAssociations: the state of one subnet. */
struct reply_association {
	const char *subnet;         /* that is looked for */
	char state[REPLY_ID_BYTES]; /* "associated"; "": it is not there */
	size_t count;               /* of all subnets */
};

int reply_association(const char *text, size_t len, struct reply_association *a,
		      char next[REPLY_TOKEN_BYTES]);

/* Of DescribeNetworkInterfaces: the first one. */
#define REPLY_ADDRESSES_MAX 64
struct reply_interface {
	char id[REPLY_ID_BYTES];
	char subnet[REPLY_ID_BYTES];
	bool is_checked; /* source/destination */
	uint32_t addresses[REPLY_ADDRESSES_MAX];
	size_t address_count;
};

int reply_interface(const char *text, size_t len, struct reply_interface *i);

/* Of a refusal: its code, as in "UnauthorizedOperation", and message; false: it is
 * none. Both made printable. */
struct reply_error {
	char code[64];
	char message[256];
};

bool reply_error(const char *text, size_t len, struct reply_error *e);

#endif
