/* SPDX-License-Identifier: Apache-2.0 */
#include "line.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/quantity.h"

#define QUEUE_BYTES  (256u << 10)
#define VALUE_BYTES  64
#define NS_MAX       (3600 * NS_PER_S)
#define RATE_MIN_BIT 1000

void
line_init(struct line *l, uint64_t seed)
{
	*l = (struct line){
		.settings.queue_bytes = QUEUE_BYTES,
		.random = seed,
		.sent_out_ns = INT64_MIN,
		.last_due_ns = INT64_MIN,
	};
}

/* ---- settings ---- */

static bool
parse_time(const char *text, int64_t *out_ns)
{
	uint64_t v;

	if (quantity_parse(QUANTITY_DURATION, text, &v) != QUANTITY_OK || v > NS_MAX)
		return false;
	*out_ns = (int64_t)v;
	return true;
}

/* "2.5%" at the start of text; *rest is what follows. */
static bool
parse_percent(const char *text, double *share, const char **rest)
{
	char *end;
	double v = strtod(text, &end);

	if (end == text || *end != '%' || !(v >= 0 && v <= 100))
		return false;
	*share = v / 100;
	*rest = end + 1;
	return true;
}

static bool
set_delay(struct line *l, const char *value, int64_t now_ns)
{
	(void)now_ns;
	return parse_time(value, &l->settings.delay_ns);
}

static bool
set_jitter(struct line *l, const char *value, int64_t now_ns)
{
	(void)now_ns;
	return parse_time(value, &l->settings.jitter_ns);
}

/* A burst begins with the chance share / (burst * (1 - share)), so that there is a
 * shortest burst for each share. */
static bool
set_loss(struct line *l, const char *value, int64_t now_ns)
{
	struct line_settings *s = &l->settings;
	const char *rest;
	char *end;

	(void)now_ns;
	if (!parse_percent(value, &s->loss, &rest))
		return false;
	s->burst_pkts = 0;
	if (*rest == '\0')
		return true;
	s->burst_pkts = strtod(rest + 1, &end);
	return *rest == ':' && end != rest + 1 && *end == '\0' && s->burst_pkts >= 1 &&
	       s->burst_pkts <= 1e6 && s->loss <= s->burst_pkts * (1 - s->loss);
}

static bool
set_duplicate(struct line *l, const char *value, int64_t now_ns)
{
	const char *rest;

	(void)now_ns;
	return parse_percent(value, &l->settings.duplicate, &rest) && *rest == '\0';
}

static bool
set_reorder(struct line *l, const char *value, int64_t now_ns)
{
	const char *rest;

	(void)now_ns;
	return parse_percent(value, &l->settings.reorder, &rest) && *rest == ':' &&
	       parse_time(rest + 1, &l->settings.reorder_ns);
}

static bool
set_rate(struct line *l, const char *value, int64_t now_ns)
{
	(void)now_ns;
	return quantity_parse(QUANTITY_RATE, value, &l->settings.rate_bits) ==
		       QUANTITY_OK &&
	       (l->settings.rate_bits == 0 || l->settings.rate_bits >= RATE_MIN_BIT);
}

static bool
set_queue(struct line *l, const char *value, int64_t now_ns)
{
	(void)now_ns;
	return quantity_parse(QUANTITY_SIZE, value, &l->settings.queue_bytes) ==
	       QUANTITY_OK;
}

static bool
add_window(struct line *l, const char *value, int64_t now_ns)
{
	const char *colon = strchr(value, ':');
	char from[VALUE_BYTES] = "";
	int64_t from_ns, length_ns;

	if (colon == NULL || l->window_count == LINE_WINDOWS)
		return false;
	memcpy(from, value, (size_t)(colon - value));
	if (!parse_time(from, &from_ns) || !parse_time(colon + 1, &length_ns))
		return false;
	from_ns += now_ns;
	l->windows[l->window_count++] =
		(struct line_window){.from_ns = from_ns, .to_ns = from_ns + length_ns};
	return true;
}

static bool
set_dark(struct line *l, const char *value, int64_t now_ns)
{
	l->dark = strcmp(value, "on") == 0;
	if (l->dark)
		return true;
	if (strcmp(value, "off") != 0)
		return add_window(l, value, now_ns);
	l->window_count = 0;
	return true;
}

/* item is "key=value". */
static bool
set_one(struct line *l, const char *item, int64_t now_ns)
{
	static const struct {
		const char *key;
		bool (*set)(struct line *l, const char *value, int64_t now_ns);
	} keys[] = {
		{"delay=", set_delay},     {"jitter=", set_jitter},
		{"loss=", set_loss},       {"duplicate=", set_duplicate},
		{"reorder=", set_reorder}, {"rate=", set_rate},
		{"queue=", set_queue},     {"dark=", set_dark},
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		size_t len = strlen(keys[i].key);

		if (strncmp(item, keys[i].key, len) == 0)
			return keys[i].set(l, item + len, now_ns);
	}
	return false;
}

const char *
line_set(struct line *l, const char *settings, int64_t now_ns, char *error,
	 size_t error_bytes)
{
	struct line changed = *l;
	char item[VALUE_BYTES];

	while (*settings != '\0') {
		size_t len = strcspn(settings, ",");

		snprintf(item, sizeof(item), "%.*s", (int)len, settings);
		if (len >= sizeof(item) || !set_one(&changed, item, now_ns)) {
			snprintf(error, error_bytes, "not a setting: %s", item);
			return error;
		}
		settings += len + (settings[len] == ',');
	}
	*l = changed;
	return NULL;
}

/* ---- the fate of a packet ---- */

/* SplitMix64; evenly spread over [0, 1). */
static double
draw(struct line *l)
{
	uint64_t z = l->random += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return (double)((z ^ z >> 31) >> 11) * 0x1p-53;
}

static bool
is_dark(const struct line *l, int64_t now_ns)
{
	for (unsigned int i = 0; i < l->window_count; i++)
		if (now_ns >= l->windows[i].from_ns && now_ns < l->windows[i].to_ns)
			return true;
	return l->dark;
}

static bool
is_lost(struct line *l)
{
	const struct line_settings *s = &l->settings;

	if (s->loss <= 0)
		l->losing = false;
	else if (s->burst_pkts <= 0)
		l->losing = draw(l) < s->loss;
	else if (l->losing)
		l->losing = draw(l) >= 1 / s->burst_pkts;
	else
		l->losing = draw(l) * s->burst_pkts * (1 - s->loss) < s->loss;
	return l->losing;
}

/* False when the queue is full; otherwise *out_ns is when the last bit has left. */
static bool
pass_queue(struct line *l, size_t len, int64_t now_ns, int64_t *out_ns)
{
	const struct line_settings *s = &l->settings;
	double ns_per_byte;
	int64_t free_ns = l->sent_out_ns > now_ns ? l->sent_out_ns : now_ns;

	*out_ns = now_ns;
	if (s->rate_bits == 0)
		return true;
	ns_per_byte = 8e9 / (double)s->rate_bits;
	if ((double)(free_ns - now_ns) / ns_per_byte + (double)len >
	    (double)s->queue_bytes)
		return false;
	l->sent_out_ns = free_ns + (int64_t)(ns_per_byte * (double)len);
	*out_ns = l->sent_out_ns;
	return true;
}

static enum line_verdict
carry(struct line *l, int64_t out_ns, int64_t *due_ns)
{
	const struct line_settings *s = &l->settings;
	int64_t due = out_ns + s->delay_ns;

	if (s->jitter_ns > 0)
		due += (int64_t)(draw(l) * (double)s->jitter_ns);
	if (due < l->last_due_ns)
		due = l->last_due_ns;
	*due_ns = due;
	if (s->reorder > 0 && draw(l) < s->reorder) {
		*due_ns += s->reorder_ns;
		return LINE_REORDERED;
	}
	l->last_due_ns = due;
	if (s->duplicate > 0 && draw(l) < s->duplicate)
		return LINE_DUPLICATED;
	return LINE_CARRIED;
}

enum line_verdict
line_take(struct line *l, size_t len, int64_t now_ns, int64_t *due_ns)
{
	int64_t out_ns;

	if (is_dark(l, now_ns))
		return LINE_LOST_DARK;
	if (is_lost(l))
		return LINE_LOST;
	if (!pass_queue(l, len, now_ns, &out_ns))
		return LINE_LOST_QUEUE;
	return carry(l, out_ns, due_ns);
}
