/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud/xml.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct walk {
	const char *at, *end;
	xml_visit *visit;
	void *arg;
	/* "Root/a/b", and where each name begins. */
	char path[XML_PATH_BYTES];
	size_t path_len;
	size_t starts[XML_DEPTH_MAX];
	unsigned int depth;
	bool leaf; /* nothing but text since the last tag, which opened */
	bool over; /* the root has ended */
	char text[XML_TEXT_BYTES];
	size_t text_len;
};

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool
is_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.' || c == ':';
}

static bool
begins(const struct walk *w, const char *with)
{
	size_t len = strlen(with);

	return (size_t)(w->end - w->at) >= len && memcmp(w->at, with, len) == 0;
}

/* To behind the next one of these; false: there is none. */
static bool
pass(struct walk *w, const char *what)
{
	size_t len = strlen(what);
	const char *found = memmem(w->at, (size_t)(w->end - w->at), what, len);

	if (found == NULL)
		return false;
	w->at = found + len;
	return true;
}

/* A name, borrowed; its length, 0: there is none. */
static size_t
take_name(struct walk *w, const char **name)
{
	*name = w->at;
	while (w->at < w->end && is_name(*w->at))
		w->at++;
	return (size_t)(w->at - *name);
}

/* ---- text ---- */

static bool
put_char(struct walk *w, char c)
{
	if (w->text_len + 1 >= sizeof(w->text))
		return false;
	w->text[w->text_len++] = c;
	return true;
}

/* "#65" or "#x41", without a sign. All but printable ASCII is '?'. */
static bool
put_number(struct walk *w, const char *digits)
{
	bool hex = digits[0] == 'x';
	char *end;
	unsigned long n;

	digits += hex;
	if (!((*digits >= '0' && *digits <= '9') ||
	      (hex && ((*digits | 0x20) >= 'a' && (*digits | 0x20) <= 'f'))))
		return false;
	n = strtoul(digits, &end, hex ? 16 : 10);
	return *end == '\0' && put_char(w, n >= 0x20 && n < 0x7f ? (char)n : '?');
}

static bool
put_entity(struct walk *w)
{
	static const struct {
		const char *name;
		char c;
	} known[] = {
		{"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}};
	const char *start = w->at + 1;
	char name[12] = "";

	if (!pass(w, ";") || (size_t)(w->at - 1 - start) >= sizeof(name))
		return false;
	memcpy(name, start, (size_t)(w->at - 1 - start));
	if (name[0] == '#')
		return put_number(w, name + 1);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(name, known[i].name) == 0)
			return put_char(w, known[i].c);
	return false;
}

static bool
take_text(struct walk *w)
{
	while (w->at < w->end && *w->at != '<') {
		if (w->depth == 0 && !is_blank(*w->at))
			return false;
		if (w->leaf && *w->at == '&') {
			if (!put_entity(w))
				return false;
			continue;
		}
		if (*w->at == '\0' || (w->leaf && !put_char(w, *w->at)))
			return false;
		w->at++;
	}
	return true;
}

/* ---- tags ---- */

static bool
enter(struct walk *w, const char *name, size_t len)
{
	if (w->over || w->depth == XML_DEPTH_MAX ||
	    w->path_len + len + 2 > sizeof(w->path))
		return false;
	if (w->depth > 0)
		w->path[w->path_len++] = '/';
	w->starts[w->depth++] = w->path_len;
	memcpy(w->path + w->path_len, name, len);
	w->path_len += len;
	w->path[w->path_len] = '\0';
	w->leaf = true;
	w->text_len = 0;
	return true;
}

/* Below the root: the root itself is not told of. */
static bool
leave(struct walk *w)
{
	size_t start = w->starts[w->depth - 1];
	bool go_on = true;

	w->text[w->text_len] = '\0';
	if (w->depth > 1)
		go_on = w->visit(w->arg, strchr(w->path, '/') + 1,
				 w->leaf ? w->text : NULL);
	w->depth--;
	w->path_len = start > 0 ? start - 1 : 0;
	w->path[w->path_len] = '\0';
	w->leaf = false;
	w->text_len = 0;
	w->over = w->depth == 0;
	return go_on;
}

/* Attributes are passed over. */
static bool
take_start(struct walk *w)
{
	const char *name;
	size_t len;
	bool empty;

	w->at++;
	len = take_name(w, &name);
	if (len == 0 || !enter(w, name, len))
		return false;
	while (w->at < w->end && *w->at != '>' && *w->at != '/') {
		char quote = *w->at++;

		if (quote == '<')
			return false;
		if ((quote == '"' || quote == '\'') && !pass(w, (char[]){quote, '\0'}))
			return false;
	}
	empty = begins(w, "/>");
	if (!pass(w, empty ? "/>" : ">") || w->at[-1] != '>')
		return false;
	return !empty || leave(w);
}

static bool
take_end(struct walk *w)
{
	const char *name;
	size_t len;

	w->at += 2;
	len = take_name(w, &name);
	while (w->at < w->end && is_blank(*w->at))
		w->at++;
	if (w->depth == 0 || w->at == w->end || *w->at++ != '>')
		return false;
	if (len != w->path_len - w->starts[w->depth - 1] ||
	    memcmp(name, w->path + w->starts[w->depth - 1], len) != 0)
		return false;
	return leave(w);
}

static bool
take_tag(struct walk *w)
{
	if (begins(w, "</"))
		return take_end(w);
	if (begins(w, "<?"))
		return pass(w, "?>");
	if (begins(w, "<!--"))
		return pass(w, "-->");
	if (begins(w, "<!")) /* a DTD, or CDATA: EC2 has neither */
		return false;
	return take_start(w);
}

bool
xml_walk(const char *text, size_t len, xml_visit *visit, void *arg)
{
	struct walk w = {.at = text, .end = text + len, .visit = visit, .arg = arg};

	while (w.at < w.end)
		if (!take_text(&w) || (w.at < w.end && !take_tag(&w)))
			return false;
	return w.over;
}
