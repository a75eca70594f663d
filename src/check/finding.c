/* SPDX-License-Identifier: Apache-2.0 */
#include "check/finding.h"

#include <stdarg.h>
#include <stdlib.h>

static void put(char text[FINDING_TEXT_BYTES], const char *fmt, va_list args)
	__attribute__((format(printf, 2, 0)));

static void
put(char text[FINDING_TEXT_BYTES], const char *fmt, va_list args)
{
	vsnprintf(text, FINDING_TEXT_BYTES, fmt, args);
	for (char *c = text; *c != '\0'; c++)
		if (*c < 0x20 || *c > 0x7e)
			*c = '?';
}

void
finding_set(struct finding *f, enum finding_result result, const char *fmt, ...)
{
	va_list args;

	f->result = result;
	va_start(args, fmt);
	put(f->found, fmt, args);
	va_end(args);
}

void
finding_cause(struct finding *f, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	put(f->cause, fmt, args);
	va_end(args);
}

void
finding_remedy(struct finding *f, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	put(f->remedy, fmt, args);
	va_end(args);
}

void
findings_fini(struct findings *fs)
{
	free(fs->list);
	*fs = (struct findings){0};
}

static bool
make_room(struct findings *fs)
{
	size_t room = fs->room > 0 ? 2 * fs->room : 64;
	struct finding *list;

	if (fs->count < fs->room)
		return true;
	list = realloc(fs->list, room * sizeof(*list));
	if (list == NULL)
		return false;
	fs->list = list;
	fs->room = room;
	return true;
}

struct finding *
findings_add(struct findings *fs, enum check_id check)
{
	struct finding *f = &fs->spare;

	if (make_room(fs))
		f = &fs->list[fs->count++];
	else
		fs->short_of_memory = true;
	*f = (struct finding){.check = check};
	return f;
}

size_t
findings_count(const struct findings *fs, enum finding_result result)
{
	size_t n = 0;

	for (size_t i = 0; i < fs->count; i++)
		n += fs->list[i].result == result;
	return n;
}

const char *
finding_result_name(enum finding_result result)
{
	static const char *const names[] = {[FINDING_OK] = "ok",
					    [FINDING_WARN] = "warn",
					    [FINDING_FAIL] = "FAIL",
					    [FINDING_SKIP] = "skip"};

	return names[result];
}

static void
print(const struct finding *f, FILE *out)
{
	const struct catalog_entry *e = catalog_entry(f->check);

	fprintf(out, "%02u %-4s  %s: %s\n", e->number, finding_result_name(f->result),
		e->name, f->found);
	if (f->cause[0] != '\0')
		fprintf(out, "         cause: %s\n", f->cause);
	if (f->remedy[0] != '\0')
		fprintf(out, "         remedy: %s\n", f->remedy);
}

void
findings_print(const struct findings *fs, FILE *out)
{
	for (size_t i = 0; i < fs->count; i++)
		print(&fs->list[i], out);
	if (fs->short_of_memory)
		fprintf(out, "not all that was found is here: out of memory\n");
	fprintf(out, "%zu ok, %zu warn, %zu fail, %zu skip\n",
		findings_count(fs, FINDING_OK), findings_count(fs, FINDING_WARN),
		findings_count(fs, FINDING_FAIL), findings_count(fs, FINDING_SKIP));
}

static json_t *
describe(const struct finding *f)
{
	static const char *const results[] = {[FINDING_OK] = "ok",
					      [FINDING_WARN] = "warn",
					      [FINDING_FAIL] = "fail",
					      [FINDING_SKIP] = "skip"};
	const struct catalog_entry *e = catalog_entry(f->check);
	json_t *o = json_pack("{s:i, s:s, s:s, s:s, s:s}", "number", (int)e->number,
			      "name", e->name, "group", e->group, "result",
			      results[f->result], "found", f->found);

	if (f->cause[0] != '\0')
		json_object_set_new(o, "cause", json_string(f->cause));
	if (f->remedy[0] != '\0')
		json_object_set_new(o, "remedy", json_string(f->remedy));
	return o;
}

json_t *
findings_json(const struct findings *fs)
{
	json_t *o = json_object(), *list = json_array();

	for (size_t i = 0; i < fs->count; i++)
		json_array_append_new(list, describe(&fs->list[i]));
	json_object_set_new(o, "checks", list);
	json_object_set_new(o, "failed",
			    json_integer((json_int_t)findings_count(fs, FINDING_FAIL)));
	json_object_set_new(o, "warned",
			    json_integer((json_int_t)findings_count(fs, FINDING_WARN)));
	return o;
}
