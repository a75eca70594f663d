/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/top.h"

#include <curses.h>
#include <langinfo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "ctl/ask.h"
#include "ctl/channels.h"
#include "ctl/doc.h"
#include "ctl/live.h"

#define REFRESH_NS NS_PER_S
#define RED        1

struct top {
	const struct ctl *ctl;
	struct live live;
	char error[ASK_ERROR_BYTES]; /* of the last attempt; "" = none */
	size_t sort;                 /* index in sorts */
	size_t first;                /* row at the top */
	size_t page;                 /* rows that fit */
	mono_t due;
	bool utf8, colors, quit;
};

/* NULL: as configured. */
static const char *const sorts[] = {"trouble", "rate",    "lost", "missing",
				    "name",    "waiting", "last", NULL};
#define SORTS (sizeof(sorts) / sizeof(sorts[0]))

/* ---- drawing: curses sends what differs from the last time ---- */

/* A terminal of the 1970s has no blocks, whatever the locale says. */
static bool
has_blocks(void)
{
	const char *terminal = getenv("TERM");

	return strcmp(nl_langinfo(CODESET), "UTF-8") == 0 &&
	       (terminal == NULL || strncmp(terminal, "vt", 2) != 0);
}

static void
draw_line(int y, const char *text, attr_t attributes)
{
	if (y >= LINES)
		return;
	move(y, 0);
	attrset(attributes);
	addnstr(text, -1);
	if (getcury(stdscr) == y && getcurx(stdscr) < COLS)
		clrtoeol();
	attrset(A_NORMAL);
}

/* What a line is written into: it is cut at the last column. */
static FILE *
open_line(char **text, size_t *bytes)
{
	return open_memstream(text, bytes);
}

static void
cut(char *text, size_t columns)
{
	for (; *text != '\0'; text++) {
		if (((unsigned char)*text & 0xc0) == 0x80)
			continue; /* within a character */
		if (columns-- == 0)
			break;
	}
	*text = '\0';
}

static attr_t
alarm_color(const struct top *t)
{
	return t->colors ? COLOR_PAIR(RED) : 0;
}

static int
draw_head(struct top *t)
{
	char *text = NULL, *line, *rest;
	size_t bytes;
	FILE *out = open_line(&text, &bytes);
	int y = 0;

	if (out == NULL)
		return 0;
	live_head(&t->live, out);
	fclose(out);
	rest = text;
	while ((line = strsep(&rest, "\n")) != NULL && rest != NULL && y < LINES - 3) {
		cut(line, (size_t)COLS);
		if (line[0] == '!')
			draw_line(y, line, A_BOLD | alarm_color(t));
		else
			draw_line(y, line, y == 0 ? A_BOLD : A_NORMAL);
		y++;
	}
	free(text);
	return y;
}

static void
draw_columns(struct top *t, int y)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = open_line(&text, &bytes);

	if (out == NULL)
		return;
	live_columns(&t->live, (size_t)COLS, out);
	fclose(out);
	cut(text, (size_t)COLS);
	draw_line(y, text, A_REVERSE);
	free(text);
}

static void
draw_row(struct top *t, int y, const json_t *row)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = open_line(&text, &bytes);

	if (out == NULL)
		return;
	live_row(&t->live, row, (size_t)COLS, t->utf8, out);
	fclose(out);
	cut(text, (size_t)COLS);
	draw_line(y, text, text[0] == ' ' ? A_NORMAL : A_BOLD | alarm_color(t));
	free(text);
}

static void
draw_rows(struct top *t, int y)
{
	const char *word = sorts[t->sort];
	json_t *rows = word != NULL ? channels_sort(t->live.rows, word)
				    : json_incref(t->live.rows);
	size_t count = json_array_size(rows);

	t->page = LINES - 1 > y ? (size_t)(LINES - 1 - y) : 0;
	if (t->first + t->page > count)
		t->first = count > t->page ? count - t->page : 0;
	for (size_t i = 0; i < t->page; i++) {
		size_t n = t->first + i;

		if (n < count)
			draw_row(t, y + (int)i, json_array_get(rows, n));
		else
			draw_line(y + (int)i, "", A_NORMAL);
	}
	json_decref(rows);
}

static void
draw(struct top *t)
{
	const char *word = sorts[t->sort];
	char foot[ASK_ERROR_BYTES + 64];
	int y;

	if (t->live.doc != NULL) {
		y = draw_head(t);
		draw_columns(t, y);
		draw_rows(t, y + 1);
	}
	if (t->error[0] != '\0')
		snprintf(foot, sizeof(foot), "! %s", t->error);
	else
		snprintf(foot, sizeof(foot),
			 "q quit  arrows, PgUp, PgDn scroll  s sort: %s  "
			 "channels %zu-%zu of %zu",
			 word != NULL ? word : "as configured",
			 t->first + (json_array_size(t->live.rows) > 0),
			 t->first + t->page < json_array_size(t->live.rows)
				 ? t->first + t->page
				 : json_array_size(t->live.rows),
			 json_array_size(t->live.rows));
	cut(foot, COLS > 1 ? (size_t)COLS - 1 : 0); /* the corner scrolls */
	draw_line(LINES - 1, foot, t->error[0] != '\0' ? A_BOLD : A_NORMAL);
	refresh();
}

/* ---- keys and time ---- */

static void
scroll_by(struct top *t, int64_t rows)
{
	int64_t first = (int64_t)t->first + rows;

	t->first = first > 0 ? (size_t)first : 0; /* draw_rows() knows the end */
}

static void
take_key(struct top *t, int key)
{
	int64_t page = (int64_t)t->page;

	switch (key) {
	case 'q':
	case 'Q': t->quit = true; break;
	case 's':
		t->sort = (t->sort + 1) % SORTS;
		t->first = 0;
		break;
	case KEY_UP:
	case 'k': scroll_by(t, -1); break;
	case KEY_DOWN:
	case 'j': scroll_by(t, 1); break;
	case KEY_PPAGE: scroll_by(t, -page); break;
	case KEY_NPAGE:
	case ' ': scroll_by(t, page); break;
	case KEY_HOME: t->first = 0; break;
	case KEY_END: scroll_by(t, INT32_MAX); break;
	case '\f': redrawwin(stdscr); break;
	default: break;
	}
}

static bool
fetch(struct top *t)
{
	json_t *doc = ask_status(t->ctl, NULL, t->error);

	if (doc == NULL)
		return false;
	t->error[0] = '\0';
	if (live_take(&t->live, doc))
		return true;
	snprintf(t->error, sizeof(t->error), "out of memory");
	return false;
}

/* A key, or ERR when the next look is due. */
static int
wait_for_key(const struct top *t)
{
	int64_t rest_ns = mono_sub(t->due, clock_now().mono);

	timeout(rest_ns > 0 ? (int)(rest_ns / NS_PER_MS) + 1 : 0);
	return getch();
}

static void
run(struct top *t)
{
	while (!t->quit) {
		int key = wait_for_key(t);

		if (key == ERR) {
			if (!mono_due(t->due, clock_now().mono))
				break; /* no terminal any more */
			fetch(t);
			t->due = mono_add(clock_now().mono, REFRESH_NS);
		} else {
			take_key(t, key);
		}
		draw(t);
	}
}

/* See no-color.org: set, and not empty. */
static bool
wants_colors(void)
{
	const char *no = getenv("NO_COLOR");

	return has_colors() && (no == NULL || no[0] == '\0');
}

/* Curses would write to a file or a pipe all the same, and to a terminal (dumb) that
 * cannot move its cursor. */
static bool
enter_screen(void)
{
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) ||
	    newterm(NULL, stdout, stdin) == NULL)
		return false;
	if (tigetstr("cup") != NULL)
		return true;
	endwin();
	return false;
}

static bool
open_screen(struct top *t)
{
	if (!enter_screen())
		return false;
	cbreak();
	noecho();
	keypad(stdscr, TRUE);
	curs_set(0);
	t->colors = wants_colors();
	if (t->colors) {
		start_color();
		use_default_colors();
		init_pair(RED, COLOR_RED, -1);
	}
	return true;
}

enum ctl_exit
top_run(const struct ctl *ctl)
{
	struct top t = {.ctl = ctl, .utf8 = has_blocks()};

	/* what is wrong from the start is told on a screen that stays */
	if (!fetch(&t)) {
		live_fini(&t.live);
		return ask_failed(t.error);
	}
	if (!open_screen(&t)) {
		live_fini(&t.live);
		fprintf(stderr,
			"tomboloctl: top needs a terminal that can move its "
			"cursor, and that TERM names; see status and channels\n");
		return CTL_USAGE;
	}
	t.due = mono_add(clock_now().mono, REFRESH_NS);
	draw(&t);
	run(&t);
	endwin();
	live_fini(&t.live);
	return CTL_FINE;
}
