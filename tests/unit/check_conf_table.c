/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables of the configuration: sound in themselves, and the same as what the
 * manual says. In a manual each key is an item ".It Ic path" whose text names its
 * bounds, its default or "Required", and its words. TOMBOLO_SRCDIR is the top of
 * the source tree.
 */
#include "ops/conf_table.h"

#include <check.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/quantity.h"
#include "ops/conf.h"
#include "ops/conf_value.h"
#include "suite.h"

#define MANUAL_BYTES (256 * 1024)
#define KEYS_MAX     128

struct manual {
	char text[MANUAL_BYTES];
	const char *file;
	size_t keys; /* of the tables, found in it */
};

static struct manual manual;

static void
read_manual(const char *file)
{
	const char *top = getenv("TOMBOLO_SRCDIR");
	char path[4096];
	size_t len;
	FILE *in;

	snprintf(path, sizeof(path), "%s/man/%s", top != NULL ? top : ".", file);
	in = fopen(path, "r");
	ck_assert_msg(in != NULL, "no file %s; set TOMBOLO_SRCDIR", path);
	len = fread(manual.text, 1, sizeof(manual.text) - 1, in);
	fclose(in);
	ck_assert_uint_gt(len, 0);
	manual.text[len] = '\0';
	manual.file = file;
	manual.keys = 0;
}

/* The text of a key's item, to be freed, or NULL. */
static char *
find_item(const char *path)
{
	static const char *const ends[] = {"\n.It ", "\n.El", "\n.Sh "};
	char head[256];
	const char *begin, *end = NULL;

	snprintf(head, sizeof(head), "\n.It Ic %s\n", path);
	begin = strstr(manual.text, head);
	if (begin == NULL)
		return NULL;
	begin += strlen(head) - 1;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		const char *p = strstr(begin, ends[i]);

		if (p != NULL && (end == NULL || p < end))
			end = p;
	}
	return strndup(begin, end != NULL ? (size_t)(end - begin) : strlen(begin));
}

static bool
is_inner(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '/';
}

/* As a word of its own: "1ms" is not in "11ms". */
static bool
has_word(const char *text, const char *word)
{
	for (const char *p = text; (p = strstr(p, word)) != NULL; p++) {
		if (!is_inner(p[strlen(word)]) && !is_inner(p[-1]))
			return true;
	}
	return false;
}

static void
check_item_word(const char *path, const char *item, const char *word)
{
	ck_assert_msg(word == NULL || has_word(item, word),
		      "%s: %s does not name \"%s\" in:%s", manual.file, path, word,
		      item);
}

/* In the section on reloads: the key, or what it is part of. */
static bool
is_said_to_be_live(const char *path)
{
	static const char title[] = ".Ss Changing it while it runs\n";
	char *section = strstr(manual.text, title), *end, key[128];
	bool found = false;
	char saved;

	ck_assert_msg(section != NULL, "%s has no such section", manual.file);
	end = strstr(section + sizeof(title), "\n.Ss ");
	ck_assert_ptr_nonnull(end);
	saved = *end;
	*end = '\0';
	for (size_t len = strlen(path); len > 0 && !found; len--) {
		if (path[len] != '\0' && path[len] != '.' && path[len] != '[')
			continue;
		snprintf(key, sizeof(key), ".Ic %.*s ", (int)len, path);
		found = strstr(section, key) != NULL;
	}
	*end = saved;
	return found;
}

static void
check_in_manual(const char *path, const struct conf_row *row, void *arg)
{
	char *item = find_item(path), capacity[32];
	const char *word;

	(void)arg;
	ck_assert_msg(item != NULL, "%s has no \".It Ic %s\"", manual.file, path);
	manual.keys++;
	if (row->record == NULL && !strstr(path, "channels[]"))
		ck_assert_msg(is_said_to_be_live(path) == row->live,
			      "%s: whether %s may change on a reload", manual.file,
			      path);
	check_item_word(path, item, row->max);
	if (row->type != CONF_STRING)
		check_item_word(path, item, row->min);
	check_item_word(path, item, row->fallback);
	check_item_word(path, item, row->zero);
	if (row->required)
		check_item_word(path, item, "Required");
	for (int i = 0; row->word != NULL && (word = row->word(i)) != NULL; i++)
		check_item_word(path, item, word);
	snprintf(capacity, sizeof(capacity), "%zu", row->capacity);
	if (row->type == CONF_LIST)
		check_item_word(path, item, capacity);
	free(item);
}

static size_t
count_items(void)
{
	size_t count = 0;

	for (const char *p = manual.text; (p = strstr(p, "\n.It Ic ")) != NULL; p++)
		count++;
	return count;
}

/* Every key is in it, and since the numbers agree, nothing else is. */
static void
check_manual(const char *file, const struct conf_record *record)
{
	read_manual(file);
	conf_keys(record, check_in_manual, NULL);
	ck_assert_uint_gt(manual.keys, 30);
	ck_assert_uint_eq(manual.keys, count_items());
}

START_TEST(test_relay_manual)
{
	check_manual("tombolo-relay.yaml.5", relay_conf_record());
}
END_TEST

START_TEST(test_peer_manual)
{
	check_manual("tombolo-peer.yaml.5", peer_conf_record());
}
END_TEST

static bool
is_quantity(const struct conf_row *row)
{
	return row->type <= CONF_CADENCE;
}

static const char *
parse(const struct conf_row *row, const char *text, uint64_t *value)
{
	union {
		uint8_t u8;
		uint16_t u16;
		uint32_t u32;
		uint64_t u64;
	} field = {.u64 = 0};
	const char *problem = conf_value_parse(row, text, &field);

	*value = row->width == 1   ? field.u8
		 : row->width == 2 ? field.u16
		 : row->width == 4 ? field.u32
				   : field.u64;
	return problem;
}

static enum quantity_kind
kind_of(const struct conf_row *row)
{
	static const enum quantity_kind kinds[] = {
		[CONF_COUNT] = QUANTITY_COUNT,
		[CONF_DURATION] = QUANTITY_DURATION,
		[CONF_SIZE] = QUANTITY_SIZE,
		[CONF_RATE] = QUANTITY_RATE,
		[CONF_FREQUENCY] = QUANTITY_FREQUENCY,
		[CONF_CADENCE] = QUANTITY_CADENCE,
	};

	return kinds[row->type];
}

/* Both bounds are taken, and fit the field; one step beyond is refused. */
static void
check_bounds(const char *path, const struct conf_row *row)
{
	uint64_t min = 0, max = 0, stored;
	char text[QUANTITY_BYTES];

	ck_assert_msg(quantity_parse(kind_of(row), row->min, &min) == QUANTITY_OK &&
			      quantity_parse(kind_of(row), row->max, &max) ==
				      QUANTITY_OK,
		      "bounds of %s", path);
	ck_assert_msg(min < max, "%s", path);
	ck_assert_msg(parse(row, row->min, &stored) == NULL && stored == min, "%s",
		      path);
	ck_assert_msg(parse(row, row->max, &stored) == NULL && stored == max, "%s",
		      path);
	quantity_print(kind_of(row), max + 1, text);
	ck_assert_msg(parse(row, text, &stored) != NULL, "%s takes %s", path, text);
	ck_assert_msg((parse(row, "0", &stored) == NULL) ==
			      (row->zero != NULL || min == 0),
		      "%s at 0", path);
	if (min > 1) {
		quantity_print(kind_of(row), min - 1, text);
		ck_assert_msg(parse(row, text, &stored) != NULL, "%s takes %s", path,
			      text);
	}
}

static void
check_row(const char *path, const struct conf_row *row, void *arg)
{
	char allowed[CONF_ALLOWED_BYTES];
	double field[16];

	++*(size_t *)arg;
	conf_value_allowed(row, allowed);
	ck_assert_msg(allowed[0] != '\0' && strlen(allowed) < sizeof(allowed) - 1, "%s",
		      path);
	ck_assert_msg(row->help != NULL && row->help[0] != '\0', "%s has no help",
		      path);
	ck_assert_msg(!(row->required && row->fallback != NULL), "%s", path);
	ck_assert_msg((row->record != NULL) ==
			      (row->type == CONF_RECORD || row->type == CONF_LIST),
		      "%s", path);
	ck_assert_msg((row->word != NULL) == (row->type == CONF_WORD), "%s", path);
	ck_assert_msg(row->type != CONF_LIST || row->capacity > 0, "%s", path);
	if (row->fallback != NULL)
		ck_assert_msg(conf_value_parse(row, row->fallback, field) == NULL,
			      "default of %s", path);
	if (is_quantity(row))
		check_bounds(path, row);
}

START_TEST(test_rows)
{
	size_t relay_rows = 0, peer_rows = 0;

	conf_keys(relay_conf_record(), check_row, &relay_rows);
	conf_keys(peer_conf_record(), check_row, &peer_rows);
	ck_assert_uint_gt(relay_rows, 40);
	ck_assert_uint_gt(peer_rows, 40);
}
END_TEST

struct names {
	char path[KEYS_MAX][96];
	size_t count;
};

static void
collect(const char *path, const struct conf_row *row, void *arg)
{
	struct names *n = arg;

	(void)row;
	ck_assert_uint_lt(n->count, KEYS_MAX);
	snprintf(n->path[n->count++], sizeof(n->path[0]), "%s", path);
}

/* No key stands twice in a record, or the second could never be reached. */
START_TEST(test_keys_differ)
{
	static struct names n;

	conf_keys(_i == 0 ? relay_conf_record() : peer_conf_record(), collect, &n);
	for (size_t i = 0; i < n.count; i++) {
		for (size_t k = 0; k < i; k++)
			ck_assert_str_ne(n.path[i], n.path[k]);
	}
	ck_assert_str_eq(n.path[0], "node");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("conf_table");
	TCase *rows = tcase_create("rows"), *manuals = tcase_create("manuals");

	tcase_add_test(rows, test_rows);
	tcase_add_loop_test(rows, test_keys_differ, 0, 2);
	suite_add_tcase(s, rows);
	tcase_add_test(manuals, test_relay_manual);
	tcase_add_test(manuals, test_peer_manual);
	suite_add_tcase(s, manuals);
	return suite_run(s);
}
