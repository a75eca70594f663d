/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_CONF_TABLE_H
#define TOMBOLO_CONF_TABLE_H
/*
 * A configuration is described by tables: one record per mapping, one row per
 * key. The same rows read a file, fill in defaults, print the effective
 * configuration, release it, and name the keys that the manual must have.
 *
 * Bounds and defaults are kept as an operator would write them, so that error
 * lines, manual and program cannot disagree about them.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "ops/conf_tree.h"

enum conf_type {
	/* quantities: an unsigned integer of any width, or an int64_t */
	CONF_COUNT,
	CONF_DURATION,
	CONF_SIZE,
	CONF_RATE,
	CONF_FREQUENCY,
	CONF_CADENCE,
	/* other scalars */
	CONF_BOOL,    /* bool */
	CONF_WORD,    /* int or enum: one of row->word() */
	CONF_NAME,    /* char[]: of a node, channel or remote */
	CONF_STRING,  /* char *, NULL when absent; min and max are its length */
	CONF_PACE,    /* double: original, max or Nx */
	CONF_GROUP,   /* uint32_t: multicast address that can be routed */
	CONF_HOST,    /* uint32_t: unicast address */
	CONF_CONNECT, /* struct endpoint: unicast address and port */
	CONF_LISTEN,  /* struct endpoint: 0.0.0.0 too */
	CONF_HOURS,   /* struct hours */
	CONF_DAYS,    /* uint8_t: bit 0 is Monday */
	CONF_ZONE,    /* int16_t: minutes east of UTC, or ZONE_LOCAL */
	/* what holds other rows */
	CONF_RECORD, /* a mapping: a struct inside this one */
	CONF_LIST, /* a sequence of mappings: an array of structs, or a pointer to one */
};

struct conf_record;

struct conf_row {
	const char *key;
	enum conf_type type;
	size_t offset; /* of the field in its record's struct */
	size_t width;  /* of the field, in bytes */
	const char *min, *max;
	const char *fallback; /* what holds when the key is absent */
	bool required;        /* absent (or an empty list) is an error */
	bool optional; /* a record that, when absent, has no defaults and stays zero */
	const char *zero; /* 0 is allowed outside min to max, and means this */
	const char *(*word)(int value); /* NULL past the last */
	const struct conf_record *record;
	/* lists: */
	size_t count_offset; /* of their size_t, in this record's struct */
	size_t capacity;
	bool heap; /* the field is a pointer, released by conf_free() */
	bool live; /* may change while the daemon runs; of a list, as a whole */
	const char *help;
};

struct conf_record {
	const struct conf_row *rows;
	size_t count;
	size_t bytes; /* of its struct */
};

#define CONF_FIELD(type, member) \
	.offset = offsetof(type, member), .width = sizeof(((type *)NULL)->member)
#define CONF_ROWS_MAX 32
#define CONF_RECORD_OF(type, table)                                           \
	{                                                                     \
		.rows = (table), .count = sizeof(table) / sizeof((table)[0]), \
		.bytes = sizeof(type)                                         \
	}

/* Reads a tree into a zeroed struct of the record, defaults included. False with
 * a line in r; conf_free() is due in both cases. */
bool conf_read(const struct conf_record *record, const struct conf_tree *tree,
	       void *base, struct conf_report *r);

/* A row's field in a struct of its record; of a list its size, and its items. */
const void *conf_field(const struct conf_row *row, const void *base);
size_t conf_count(const struct conf_row *row, const void *base);
const char *conf_items(const struct conf_row *row, const void *base);

/* Releases what the rows own, not base itself. */
void conf_free(const struct conf_record *record, void *base);

/* Prints YAML that conf_read() reads back to the same settings. */
void conf_print(const struct conf_record *record, const void *base, FILE *out);

/* Visits every key, outer ones first; path as in "peers[].paths[].connect". */
typedef void conf_visit(const char *path, const struct conf_row *row, void *arg);
void conf_keys(const struct conf_record *record, conf_visit *visit, void *arg);

#endif
