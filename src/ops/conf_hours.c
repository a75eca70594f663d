/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/conf_hours.h"

#include <stdbool.h>
#include <string.h>

#include "ops/settings.h"

#define DAY_MIN      (24 * 60)
#define ZONE_WEST    (12 * 60) /* of UTC: the farthest that there are */
#define ZONE_EAST    (14 * 60)
#define DAYS_IN_WEEK 7

const char conf_hours_allowed[] = "a span of a day as 09:00-15:30, or 18:00-05:00 into "
				  "the next day";
const char conf_days_allowed[] =
	"days and spans of mon, tue, wed, thu, fri, sat, sun, as mon-fri or mon,wed-fri";
const char conf_zone_allowed[] = "local, or -12:00 to +14:00 of UTC as +09:00";

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* "09:00", both digits of both; 24:00 is the end of the day. */
static bool
take_time(const char **at, int *min)
{
	const char *p = *at;
	int hour, minute;

	if (!is_digit(p[0]) || !is_digit(p[1]) || p[2] != ':' || !is_digit(p[3]) ||
	    !is_digit(p[4]))
		return false;
	hour = (p[0] - '0') * 10 + (p[1] - '0');
	minute = (p[3] - '0') * 10 + (p[4] - '0');
	if (minute > 59 || hour * 60 + minute > DAY_MIN)
		return false;
	*min = hour * 60 + minute;
	*at += 5;
	return true;
}

/* ---- hours ---- */

const char *
conf_hours_parse(const char *text, struct hours *hours)
{
	int from, to;

	if (!take_time(&text, &from) || *text++ != '-' || !take_time(&text, &to) ||
	    *text != '\0')
		return "is not a span of a day";
	if (from == DAY_MIN)
		return "begins at the end of the day, which is 00:00";
	if (from == to)
		return "is empty; leave it out for always";
	*hours = (struct hours){.from_min = (uint16_t)from, .to_min = (uint16_t)to};
	return NULL;
}

void
conf_hours_print(const struct hours *hours, FILE *out)
{
	fprintf(out, "\"%02d:%02d-%02d:%02d\"", hours->from_min / 60,
		hours->from_min % 60, hours->to_min / 60, hours->to_min % 60);
}

/* ---- days ---- */

static const char *const day_names[DAYS_IN_WEEK] = {"mon", "tue", "wed", "thu",
						    "fri", "sat", "sun"};

static bool
take_day(const char **at, int *day)
{
	for (int i = 0; i < DAYS_IN_WEEK; i++) {
		if (strncmp(*at, day_names[i], 3) == 0) {
			*day = i;
			*at += 3;
			return true;
		}
	}
	return false;
}

/* A day, or a span, which may go over the end of the week. */
static bool
take_days(const char **at, unsigned int *days)
{
	int first, last;

	if (!take_day(at, &first))
		return false;
	last = first;
	if (**at == '-') {
		++*at;
		if (!take_day(at, &last))
			return false;
	}
	for (int day = first; day != last; day = (day + 1) % DAYS_IN_WEEK)
		*days |= 1u << day;
	*days |= 1u << last;
	return true;
}

const char *
conf_days_parse(const char *text, uint8_t *days)
{
	unsigned int all = 0;

	while (take_days(&text, &all)) {
		if (*text == '\0') {
			*days = (uint8_t)all;
			return NULL;
		}
		if (*text++ != ',')
			break;
	}
	return "is not a list of days";
}

void
conf_days_print(const uint8_t *days, FILE *out)
{
	const char *before = "";

	for (int day = 0; day < DAYS_IN_WEEK; day++) {
		int last = day;

		if ((*days & 1u << day) == 0)
			continue;
		while (last + 1 < DAYS_IN_WEEK && (*days & 1u << (last + 1)) != 0)
			last++;
		fprintf(out, "%s%s", before, day_names[day]);
		if (last > day)
			fprintf(out, "-%s", day_names[last]);
		before = ",";
		day = last;
	}
}

/* ---- zone ---- */

const char *
conf_zone_parse(const char *text, int16_t *zone_min)
{
	bool west = *text == '-';
	int min;

	if (strcmp(text, "local") == 0) {
		*zone_min = ZONE_LOCAL;
		return NULL;
	}
	if (*text != '+' && *text != '-')
		return "is neither local nor an offset from UTC";
	text++;
	if (!take_time(&text, &min) || *text != '\0')
		return "is neither local nor an offset from UTC";
	if (min > (west ? ZONE_WEST : ZONE_EAST))
		return "is out of range";
	*zone_min = (int16_t)(west ? -min : min);
	return NULL;
}

void
conf_zone_print(const int16_t *zone_min, FILE *out)
{
	int min = *zone_min < 0 ? -*zone_min : *zone_min;

	if (*zone_min == ZONE_LOCAL)
		fputs("local", out);
	else
		fprintf(out, "\"%c%02d:%02d\"", *zone_min < 0 ? '-' : '+', min / 60,
			min % 60);
}
