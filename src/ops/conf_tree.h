/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_CONF_TREE_H
#define TOMBOLO_CONF_TREE_H
/*
 * YAML text to a tree of mappings, sequences and scalars, each with its place in
 * the file. Bounded in bytes, nodes and depth; what YAML has beyond that
 * (anchors, aliases, tags, several documents, keys that are not scalars) is
 * refused, so that a tree is never larger than its file.
 */
#include <stdbool.h>
#include <stddef.h>

#include "ops/conf_report.h"

#define CONF_FILE_BYTES_MAX (1024 * 1024)
#define CONF_NODES_MAX      65536
#define CONF_DEPTH_MAX      16

enum conf_node_kind { CONF_SCALAR, CONF_MAPPING, CONF_SEQUENCE };

struct conf_node {
	enum conf_node_kind kind;
	struct conf_mark at;
	char *text; /* of a scalar, without NUL inside */
	char *key;  /* of a mapping's child, else NULL */
	struct conf_mark key_at;
	struct conf_node *child; /* first */
	struct conf_node *next;  /* sibling, in file order */
	struct conf_node *made;  /* all nodes, for release */
};

struct conf_tree {
	struct conf_node *root; /* a mapping */
	struct conf_node *made;
	size_t nodes;
};

/* "a mapping", "a sequence", "a value" */
const char *conf_node_kind_name(enum conf_node_kind kind);

/* False with a line in r when the text is no such tree. Release it either way. */
bool conf_tree_parse(struct conf_tree *t, const char *text, size_t bytes,
		     struct conf_report *r);
void conf_tree_fini(struct conf_tree *t);

/* The place of a path such as "channels[2].group", or of what encloses it as far as
 * the file has it. */
struct conf_mark conf_tree_mark(const struct conf_tree *t, const char *path);

#endif
