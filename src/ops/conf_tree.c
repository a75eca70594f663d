/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/conf_tree.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

/* One open mapping or sequence. */
struct level {
	struct conf_node *node;
	struct conf_node *last; /* child */
	char *key;              /* read, its value not yet */
	struct conf_mark key_at;
};

struct builder {
	struct conf_tree *tree;
	struct conf_report *report;
	struct level level[CONF_DEPTH_MAX];
	size_t depth;
	unsigned int documents;
};

const char *
conf_node_kind_name(enum conf_node_kind kind)
{
	switch (kind) {
	case CONF_SCALAR: return "a value";
	case CONF_MAPPING: return "a mapping";
	case CONF_SEQUENCE: return "a sequence";
	}
	return "nothing";
}

static struct conf_mark
to_mark(yaml_mark_t m)
{
	return (struct conf_mark){(unsigned int)m.line + 1, (unsigned int)m.column + 1};
}

static bool
refuse(struct builder *b, const yaml_event_t *e, const char *why)
{
	conf_report(b->report, to_mark(e->start_mark), "%s", why);
	return false;
}

static struct conf_node *
make_node(struct builder *b, enum conf_node_kind kind, const yaml_event_t *e)
{
	struct conf_node *n;

	if (b->tree->nodes >= CONF_NODES_MAX) {
		refuse(b, e, "the file has too many values, at most 65536 are allowed");
		return NULL;
	}
	n = calloc(1, sizeof(*n));
	if (n == NULL) {
		refuse(b, e, "out of memory");
		return NULL;
	}
	n->kind = kind;
	n->at = to_mark(e->start_mark);
	n->made = b->tree->made;
	b->tree->made = n;
	b->tree->nodes++;
	return n;
}

/* Hangs a value where it belongs: under the root, in a sequence, or with the key
 * that was read before it. */
static bool
attach(struct builder *b, struct conf_node *n, const yaml_event_t *e)
{
	struct level *l;

	if (b->depth == 0) {
		b->tree->root = n;
		return true;
	}
	l = &b->level[b->depth - 1];
	if (l->node->kind == CONF_MAPPING && l->key == NULL)
		return refuse(b, e,
			      "a key must be a word, not a mapping or a sequence");
	n->key = l->key;
	n->key_at = l->key_at;
	l->key = NULL;
	if (l->last == NULL)
		l->node->child = n;
	else
		l->last->next = n;
	l->last = n;
	return true;
}

static bool
open_level(struct builder *b, enum conf_node_kind kind, const yaml_event_t *e)
{
	struct conf_node *n;

	if (b->depth == CONF_DEPTH_MAX)
		return refuse(b, e, "nested too deeply, at most 16 levels are allowed");
	n = make_node(b, kind, e);
	if (n == NULL || !attach(b, n, e))
		return false;
	b->level[b->depth++] = (struct level){.node = n};
	return true;
}

static bool
add_scalar(struct builder *b, const yaml_event_t *e)
{
	const char *text = (const char *)e->data.scalar.value;
	struct level *l = b->depth > 0 ? &b->level[b->depth - 1] : NULL;
	struct conf_node *n;
	char *copy;

	if (strlen(text) != e->data.scalar.length)
		return refuse(b, e, "a NUL character is not allowed");
	copy = strdup(text);
	if (copy == NULL)
		return refuse(b, e, "out of memory");
	if (l != NULL && l->node->kind == CONF_MAPPING && l->key == NULL) {
		l->key = copy;
		l->key_at = to_mark(e->start_mark);
		return true;
	}
	n = make_node(b, CONF_SCALAR, e);
	if (n == NULL) {
		free(copy);
		return false;
	}
	n->text = copy;
	return attach(b, n, e);
}

static bool
refuse_extras(struct builder *b, const yaml_event_t *e, const yaml_char_t *anchor,
	      const yaml_char_t *tag)
{
	if (anchor != NULL)
		return refuse(b, e, "anchors (&) are not allowed, write the value out");
	if (tag != NULL)
		return refuse(b, e, "tags (!) are not allowed, write the value alone");
	return true;
}

static bool
take_event(struct builder *b, const yaml_event_t *e)
{
	switch (e->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (b->documents++ > 0)
			return refuse(b, e, "a second document (---) is not allowed");
		return true;
	case YAML_ALIAS_EVENT:
		return refuse(b, e, "aliases (*) are not allowed, write the value out");
	case YAML_SCALAR_EVENT:
		return refuse_extras(b, e, e->data.scalar.anchor, e->data.scalar.tag) &&
		       add_scalar(b, e);
	case YAML_SEQUENCE_START_EVENT:
		return refuse_extras(b, e, e->data.sequence_start.anchor,
				     e->data.sequence_start.tag) &&
		       open_level(b, CONF_SEQUENCE, e);
	case YAML_MAPPING_START_EVENT:
		return refuse_extras(b, e, e->data.mapping_start.anchor,
				     e->data.mapping_start.tag) &&
		       open_level(b, CONF_MAPPING, e);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT: b->depth--; return true;
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_STREAM_END_EVENT:
	case YAML_DOCUMENT_END_EVENT: return true;
	}
	return true;
}

/* The reader tells only an offset, the scanner and the parser tell a mark. */
static struct conf_mark
locate(const yaml_parser_t *p, const char *text, size_t bytes)
{
	struct conf_mark at = {1, 1};

	if (p->error != YAML_READER_ERROR)
		return to_mark(p->problem_mark);
	if (bytes > p->problem_offset)
		bytes = p->problem_offset;
	for (size_t i = 0; i < bytes; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c == '\n')
			at = (struct conf_mark){at.line + 1, 1};
		else if ((c & 0xc0) != 0x80) /* columns count characters */
			at.column++;
	}
	return at;
}

static bool
build(struct builder *b, yaml_parser_t *p, const char *text, size_t bytes)
{
	bool ok = true, end = false;
	yaml_event_t e;

	while (ok && !end) {
		if (yaml_parser_parse(p, &e) == 0) {
			conf_report(b->report, locate(p, text, bytes),
				    "not YAML: %s%s%s",
				    p->problem != NULL ? p->problem : "out of memory",
				    p->context != NULL ? " " : "",
				    p->context != NULL ? p->context : "");
			return false;
		}
		ok = take_event(b, &e);
		end = e.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&e);
	}
	return ok;
}

static bool
check_root(const struct conf_tree *t, struct conf_report *r)
{
	if (t->root == NULL)
		conf_report(r, (struct conf_mark){1, 1},
			    "the file is empty, a mapping of keys to values is due");
	else if (t->root->kind != CONF_MAPPING)
		conf_report(r, t->root->at,
			    "the file is %s, a mapping of keys to values is due",
			    conf_node_kind_name(t->root->kind));
	return !r->failed;
}

bool
conf_tree_parse(struct conf_tree *t, const char *text, size_t bytes,
		struct conf_report *r)
{
	struct builder b = {.tree = t, .report = r};
	yaml_parser_t p;
	bool ok;

	*t = (struct conf_tree){.root = NULL};
	if (bytes > CONF_FILE_BYTES_MAX) {
		conf_report(r, (struct conf_mark){0, 0},
			    "the file is too large, at most 1 MiB is allowed");
		return false;
	}
	if (bytes >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		text += 3; /* byte order mark of UTF-8 */
		bytes -= 3;
	}
	if (yaml_parser_initialize(&p) == 0) {
		conf_report(r, (struct conf_mark){0, 0}, "out of memory");
		return false;
	}
	yaml_parser_set_encoding(&p, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&p, (const unsigned char *)text, bytes);
	ok = build(&b, &p, text, bytes);
	yaml_parser_delete(&p);
	for (size_t i = 0; i < CONF_DEPTH_MAX; i++)
		free(b.level[i].key); /* whose value never came */
	return ok && check_root(t, r);
}

void
conf_tree_fini(struct conf_tree *t)
{
	struct conf_node *n, *next;

	for (n = t->made; n != NULL; n = next) {
		next = n->made;
		free(n->text);
		free(n->key);
		free(n);
	}
	*t = (struct conf_tree){.root = NULL};
}

/* Takes "[n]" or "key" (with the dot before it) off the path. */
static const struct conf_node *
descend(const struct conf_node *parent, const char **path)
{
	const struct conf_node *n = parent->child;
	const char *p = *path;
	size_t len;

	if (*p == '[') {
		for (size_t i = strtoul(p + 1, NULL, 10); i > 0 && n != NULL; i--)
			n = n->next;
		*path = p + strcspn(p, "]") + 1;
		return n;
	}
	p += *p == '.';
	len = strcspn(p, ".[");
	*path = p + len;
	while (n != NULL &&
	       (n->key == NULL || strlen(n->key) != len || memcmp(n->key, p, len) != 0))
		n = n->next;
	return n;
}

struct conf_mark
conf_tree_mark(const struct conf_tree *t, const char *path)
{
	const struct conf_node *n = t->root, *inner = t->root;

	while (inner != NULL && *path != '\0') {
		inner = descend(inner, &path);
		n = inner != NULL ? inner : n;
	}
	return n->at;
}
