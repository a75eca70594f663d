/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_CONF_H
#define TOMBOLO_CONF_H
/*
 * relay.yaml and peer.yaml: load, check, print. Start-up and reload only.
 */
#include <stddef.h>
#include <stdio.h>

#include "ops/settings.h"

/*
 * Reads and checks a file. On success returns the settings, to be released with
 * *_conf_free(). On failure returns NULL and leaves in error one line
 * "file:line:column: key: what is wrong; allowed: ...", NUL-terminated.
 * Nothing is read but the file itself (the certificates are not).
 */
struct relay_settings *relay_conf_load(const char *file, char *error,
				       size_t error_bytes);
struct peer_settings *peer_conf_load(const char *file, char *error, size_t error_bytes);

/* The same from memory; file is what error lines call it. */
struct relay_settings *relay_conf_parse(const char *file, const char *text,
					size_t bytes, char *error, size_t error_bytes);
struct peer_settings *peer_conf_parse(const char *file, const char *text, size_t bytes,
				      char *error, size_t error_bytes);

/* Prints the effective configuration, every default included, as YAML that
 * loads back to equal settings. */
void relay_conf_print(const struct relay_settings *s, FILE *out);
void peer_conf_print(const struct peer_settings *s, FILE *out);

void relay_conf_free(struct relay_settings *s);
void peer_conf_free(struct peer_settings *s);

/* The two files to what does not care which it is: conf_load() of ops/conf_file.h. */
struct conf_half;
extern const struct conf_half relay_conf, peer_conf;

/* The tables, for conf_keys() of ops/conf_table.h. */
struct conf_record;
const struct conf_record *relay_conf_record(void);
const struct conf_record *peer_conf_record(void);

#endif
