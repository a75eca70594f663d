/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay.yaml and peer.yaml, as bytes. Every input is tried as both. What is refused
 * must say so in one printable line; what is taken must print as a configuration
 * that is taken again and prints the same.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "holds.h"
#include "ops/conf.h"

#define ERROR_BYTES 512

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_error(const char *error)
{
	size_t len = strlen(error);

	CHECK(len > 0 && len < ERROR_BYTES && strncmp(error, "fuzz:", 5) == 0);
	for (size_t i = 0; i < len; i++)
		CHECK(error[i] >= 0x20 && error[i] <= 0x7e);
}

struct text {
	char *bytes;
	size_t len;
};

static FILE *
open_text(struct text *t)
{
	FILE *out = open_memstream(&t->bytes, &t->len);

	CHECK(out != NULL);
	return out;
}

static void
check_same(struct text *first, struct text *second)
{
	CHECK(first->len == second->len &&
	      memcmp(first->bytes, second->bytes, first->len) == 0);
	free(first->bytes);
	free(second->bytes);
}

static void
try_relay(const char *bytes, size_t len)
{
	struct text first, second;
	struct relay_settings *s;
	char error[ERROR_BYTES];
	FILE *out;

	s = relay_conf_parse("fuzz", bytes, len, error, sizeof(error));
	if (s == NULL) {
		check_error(error);
		return;
	}
	out = open_text(&first);
	relay_conf_print(s, out);
	fclose(out);
	relay_conf_free(s);
	s = relay_conf_parse("fuzz", first.bytes, first.len, error, sizeof(error));
	CHECK(s != NULL);
	out = open_text(&second);
	relay_conf_print(s, out);
	fclose(out);
	relay_conf_free(s);
	check_same(&first, &second);
}

static void
try_peer(const char *bytes, size_t len)
{
	struct text first, second;
	struct peer_settings *s;
	char error[ERROR_BYTES];
	FILE *out;

	s = peer_conf_parse("fuzz", bytes, len, error, sizeof(error));
	if (s == NULL) {
		check_error(error);
		return;
	}
	out = open_text(&first);
	peer_conf_print(s, out);
	fclose(out);
	peer_conf_free(s);
	s = peer_conf_parse("fuzz", first.bytes, first.len, error, sizeof(error));
	CHECK(s != NULL);
	out = open_text(&second);
	peer_conf_print(s, out);
	fclose(out);
	peer_conf_free(s);
	check_same(&first, &second);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	try_relay((const char *)data, size);
	try_peer((const char *)data, size);
	return 0;
}
