/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/unit.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"

#define MIN_NS  (60 * NS_PER_S)
#define HOUR_NS (60 * MIN_NS)
#define DAY_NS  (24 * HOUR_NS)

__attribute__((format(printf, 1, 2))) static struct unit_text
say(const char *fmt, ...)
{
	struct unit_text t;
	va_list args;

	va_start(args, fmt);
	vsnprintf(t.text, sizeof(t.text), fmt, args);
	va_end(args);
	return t;
}

/* How many decimals make three digits of what is below 1000. */
static int
decimals(double n)
{
	if (n < 9.995)
		return 2;
	return n < 99.95 ? 1 : 0;
}

/* By thousands; before stands between number and prefix. */
static struct unit_text
scale(double n, const char *before, const char *unit)
{
	static const char *const prefixes[] = {"", "k", "M", "G", "T", "P", "E"};
	unsigned int i = 0;

	for (; n >= 999.5 && i < 6; i++)
		n /= 1000;
	return say("%.*f%s%s%s", i == 0 ? 0 : decimals(n), n, before, prefixes[i],
		   unit);
}

struct unit_text
unit_count(int64_t n)
{
	if (n < 1000000)
		return say("%" PRId64, n);
	return scale((double)n, "", "");
}

struct unit_text
unit_per_s(double n)
{
	return scale(n, "", "/s");
}

struct unit_text
unit_bits(double bytes_per_s)
{
	return scale(8 * bytes_per_s, " ", "bit/s");
}

struct unit_text
unit_bytes(int64_t bytes)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
	double n = (double)bytes;
	unsigned int i = 0;

	for (; n >= 1023.95 && i < 5; i++)
		n /= 1024;
	return say("%.*f %s", i == 0 ? 0 : 1, n, units[i]);
}

static struct unit_text
say_fraction(int64_t ns, int64_t unit_ns, const char *unit)
{
	double n = (double)ns / (double)unit_ns;

	return say("%.*f %s", decimals(n), n, unit);
}

static struct unit_text
say_pair(int64_t ns, int64_t big_ns, const char *big, int64_t small_ns,
	 const char *small)
{
	return say("%" PRId64 " %s %" PRId64 " %s", ns / big_ns, big,
		   ns % big_ns / small_ns, small);
}

struct unit_text
unit_duration(int64_t ns)
{
	if (ns < 0)
		return say("-");
	if (ns < NS_PER_US)
		return say("%" PRId64 " ns", ns);
	if (ns < NS_PER_MS)
		return say_fraction(ns, NS_PER_US, "us");
	if (ns < NS_PER_S)
		return say_fraction(ns, NS_PER_MS, "ms");
	if (ns < 10 * NS_PER_S)
		return say("%.1f s", (double)(ns / (NS_PER_S / 10)) / 10);
	if (ns < MIN_NS)
		return say("%" PRId64 " s", ns / (int64_t)NS_PER_S);
	if (ns < HOUR_NS)
		return say_pair(ns, MIN_NS, "min", NS_PER_S, "s");
	if (ns < DAY_NS)
		return say_pair(ns, HOUR_NS, "h", MIN_NS, "min");
	return say_pair(ns, DAY_NS, "d", HOUR_NS, "h");
}

struct unit_text
unit_percent(int64_t ppm)
{
	return say("%.2g %%", (double)ppm / 10000);
}

struct unit_text
unit_time(int64_t utc_ns)
{
	time_t seconds = (time_t)(utc_ns / NS_PER_S);
	struct unit_text t;
	struct tm tm;

	gmtime_r(&seconds, &tm);
	strftime(t.text, sizeof(t.text), "%Y-%m-%d %H:%M:%S UTC", &tm);
	return t;
}

struct unit_text
unit_moment(int64_t utc_ns)
{
	struct unit_text t = unit_time(utc_ns), moment;

	snprintf(moment.text, sizeof(moment.text), "%.19s.%06" PRId64, t.text,
		 utc_ns % (int64_t)NS_PER_S / (int64_t)NS_PER_US);
	return moment;
}
