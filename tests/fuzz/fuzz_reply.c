/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an API, or whoever answers in its place, may send: every input is read as each
 * of the replies. What is taken is within its bounds and fit for a terminal.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "holds.h"
#include "cloud/reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require_id(const char *id)
{
	size_t len = strnlen(id, REPLY_ID_BYTES);

	CHECK(len < REPLY_ID_BYTES);
	for (size_t i = 0; i < len; i++)
		CHECK((id[i] >= '0' && id[i] <= '9') || id[i] == '-' ||
		      ((id[i] | 0x20) >= 'a' && (id[i] | 0x20) <= 'z'));
}

static void
try_members(const char *text, size_t len)
{
	struct reply_members m = {0};
	char next[REPLY_TOKEN_BYTES];
	int rc = reply_members(text, len, &m, next);

	CHECK(rc == 0 || rc == -EPROTO || rc == -E2BIG || rc == -ENOMEM);
	CHECK(m.count <= REPLY_ITEMS_MAX);
	CHECK(strnlen(next, sizeof(next)) < sizeof(next));
	for (size_t i = 0; i < m.count; i++) {
		CHECK(m.list[i].group != 0);
		require_id(m.list[i].interface);
		require_id(m.list[i].subnet);
	}
	free(m.list);
}

static void
try_domains(const char *text, size_t len)
{
	struct reply_domains d = {.count = 0};
	struct reply_association a = {.subnet = "subnet-1"};
	char next[REPLY_TOKEN_BYTES];

	(void)reply_domains(text, len, &d, next);
	CHECK(d.count <= REPLY_DOMAINS_MAX);
	for (size_t i = 0; i < d.count; i++) {
		require_id(d.list[i].id);
		require_id(d.list[i].state);
	}
	(void)reply_association(text, len, &a, next);
	require_id(a.state);
}

static void
try_interface(const char *text, size_t len)
{
	struct reply_interface i = {.id = ""};

	if (reply_interface(text, len, &i) == 0)
		CHECK(i.id[0] != '\0');
	CHECK(i.address_count <= REPLY_ADDRESSES_MAX);
	require_id(i.id);
	require_id(i.subnet);
}

static void
try_error(const char *text, size_t len)
{
	struct reply_error e;

	if (!reply_error(text, len, &e))
		return;
	CHECK(e.code[0] != '\0');
	for (const char *c = e.message; *c != '\0'; c++)
		CHECK(*c >= 0x20 && *c <= 0x7e);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;

	try_members(text, size);
	try_domains(text, size);
	try_interface(text, size);
	try_error(text, size);
	return 0;
}
