/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/conf_value.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/quantity.h"
#include "ops/conf_hours.h"
#include "ops/settings.h"

#define NAME_CHARACTERS \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"
#define PACE_MILLI_MAX 10000000 /* 10000x */

static const char out_of_range[] = "is out of range";

static enum quantity_kind
kind_of(enum conf_type type)
{
	switch (type) {
	case CONF_DURATION: return QUANTITY_DURATION;
	case CONF_SIZE: return QUANTITY_SIZE;
	case CONF_RATE: return QUANTITY_RATE;
	case CONF_FREQUENCY: return QUANTITY_FREQUENCY;
	case CONF_CADENCE: return QUANTITY_CADENCE;
	case CONF_COUNT:
	case CONF_BOOL:
	case CONF_WORD:
	case CONF_NAME:
	case CONF_STRING:
	case CONF_PACE:
	case CONF_GROUP:
	case CONF_HOST:
	case CONF_CONNECT:
	case CONF_LISTEN:
	case CONF_HOURS:
	case CONF_DAYS:
	case CONF_ZONE:
	case CONF_RECORD:
	case CONF_LIST: break;
	}
	return QUANTITY_COUNT;
}

/* Fields are of any width; by memcpy, for base is of any type. */
static void
store(const struct conf_row *row, uint64_t value, void *field)
{
	uint8_t u8 = (uint8_t)value;
	uint16_t u16 = (uint16_t)value;
	uint32_t u32 = (uint32_t)value;

	switch (row->width) {
	case sizeof(u8): memcpy(field, &u8, sizeof(u8)); break;
	case sizeof(u16): memcpy(field, &u16, sizeof(u16)); break;
	case sizeof(u32): memcpy(field, &u32, sizeof(u32)); break;
	default: memcpy(field, &value, sizeof(value)); break;
	}
}

static uint64_t
fetch(const struct conf_row *row, const void *field)
{
	uint64_t u64;
	uint32_t u32;
	uint16_t u16;

	switch (row->width) {
	case sizeof(uint8_t): return *(const uint8_t *)field;
	case sizeof(u16): memcpy(&u16, field, sizeof(u16)); return u16;
	case sizeof(u32): memcpy(&u32, field, sizeof(u32)); return u32;
	default: memcpy(&u64, field, sizeof(u64)); return u64;
	}
}

/* A bound of the table; a bound that does not parse would be our own bug, which
 * the tests of the tables find. */
static uint64_t
bound(const struct conf_row *row, const char *text)
{
	uint64_t value = 0;

	(void)quantity_parse(kind_of(row->type), text, &value);
	return value;
}

static const char *
parse_quantity(const struct conf_row *row, const char *text, void *field)
{
	enum quantity_verdict v;
	uint64_t value;

	v = quantity_parse(kind_of(row->type), text, &value);
	if (v != QUANTITY_OK)
		return quantity_verdict_text(v);
	if (!(value == 0 && row->zero != NULL) &&
	    (value < bound(row, row->min) || value > bound(row, row->max)))
		return out_of_range;
	store(row, value, field);
	return NULL;
}

static const char *
parse_bool(const char *text, bool *field)
{
	if (strcmp(text, "true") == 0 || strcmp(text, "yes") == 0 ||
	    strcmp(text, "on") == 0)
		*field = true;
	else if (strcmp(text, "false") == 0 || strcmp(text, "no") == 0 ||
		 strcmp(text, "off") == 0)
		*field = false;
	else
		return "is neither true nor false";
	return NULL;
}

static const char *
parse_word(const struct conf_row *row, const char *text, void *field)
{
	const char *word;

	for (int i = 0; (word = row->word(i)) != NULL; i++) {
		if (strcmp(word, text) == 0) {
			store(row, (uint64_t)i, field);
			return NULL;
		}
	}
	return "is not a word known here";
}

static const char *
parse_name(const struct conf_row *row, const char *text, char *field)
{
	size_t len = strlen(text);

	if (len == 0)
		return "is empty";
	if (text[strspn(text, NAME_CHARACTERS)] != '\0')
		return "has a character that a name cannot have";
	if (len >= row->width)
		return "is too long";
	memcpy(field, text, len + 1);
	return NULL;
}

static const char *
parse_string(const struct conf_row *row, const char *text, char **field)
{
	size_t len = strlen(text);
	char *copy;

	for (const char *p = text; *p != '\0'; p++) {
		if (*p < 0x20 || *p > 0x7e)
			return "has a character that is not printable ASCII";
	}
	if (len < strtoul(row->min, NULL, 10))
		return "is empty";
	if (len > strtoul(row->max, NULL, 10))
		return "is too long";
	copy = strdup(text);
	if (copy == NULL)
		return "does not fit in memory";
	free(*field);
	*field = copy;
	return NULL;
}

/* In thousandths, so that what is printed parses back to the same double. */
static const char *
parse_pace(const char *text, double *field)
{
	static const char wrong[] = "is not a pace";
	char *end;
	double value;

	if (strcmp(text, "original") == 0 || strcmp(text, "max") == 0) {
		*field = text[0] == 'o' ? 1.0 : 0.0;
		return NULL;
	}
	if (text[strspn(text, "0123456789.")] != 'x')
		return wrong;
	value = strtod(text, &end);
	if (end == text || strcmp(end, "x") != 0)
		return wrong;
	value *= 1000.0;
	if (!(value >= 1.0 && value <= PACE_MILLI_MAX))
		return out_of_range;
	if (fabs(value - round(value)) > 1e-6)
		return "is finer than 0.001x";
	*field = round(value) / 1000.0;
	return NULL;
}

/* Reads one decimal number of at most `max`, without leading zeros (which
 * inet_aton(3) would take for octal). */
static bool
take_number(const char **at, unsigned int max, unsigned int *value)
{
	const char *p = *at;

	if (*p < '0' || *p > '9' || (p[0] == '0' && p[1] >= '0' && p[1] <= '9'))
		return false;
	*value = 0;
	for (; *p >= '0' && *p <= '9'; p++) {
		*value = *value * 10 + (unsigned int)(*p - '0');
		if (*value > max)
			return false;
	}
	*at = p;
	return true;
}

static bool
take_address(const char **at, uint32_t *addr)
{
	unsigned int byte;

	*addr = 0;
	for (int i = 0; i < 4; i++) {
		if (i > 0 && **at != '.')
			return false;
		*at += i > 0;
		if (!take_number(at, 255, &byte))
			return false;
		*addr = *addr << 8 | byte;
	}
	return true;
}

/* Why a text is no address, as helpful as can be. */
static const char *
explain_address(const char *text)
{
	const char *colon = strchr(text, ':');

	if (*text == '[' || (colon != NULL && strchr(colon + 1, ':') != NULL))
		return "is an IPv6 address, only IPv4 is carried";
	if (text[strspn(text, "0123456789.:")] != '\0')
		return "is not a numeric address, host names are not looked up";
	return "is not an IPv4 address";
}

static bool
is_unicast(uint32_t addr)
{
	return addr >> 24 != 0 && addr < 0xe0000000;
}

static const char *
parse_address(const struct conf_row *row, const char *text, void *field)
{
	const char *p = text;
	uint32_t addr;

	if (!take_address(&p, &addr) || *p != '\0')
		return *p == ':' && strspn(text, "0123456789.:") == strlen(text)
			       ? "has a port, which is not due here"
			       : explain_address(text);
	if (row->type == CONF_GROUP && addr >> 28 != 0xe)
		return "is not a multicast address";
	if (row->type == CONF_GROUP && addr >> 8 == 0xe00000)
		return "is link-local multicast, which no router forwards";
	if (row->type == CONF_HOST && !is_unicast(addr))
		return "is not a unicast address";
	store(row, addr, field);
	return NULL;
}

static const char *
parse_endpoint(const struct conf_row *row, const char *text, void *field)
{
	struct endpoint e = {.addr = 0};
	const char *p = text;
	unsigned int port;

	if (!take_address(&p, &e.addr) || (*p != ':' && *p != '\0'))
		return explain_address(text);
	if (*p == '\0')
		return "has no port";
	p++;
	if (!take_number(&p, 65535, &port) || *p != '\0' || port == 0)
		return "has a port that is not 1 to 65535";
	if (!is_unicast(e.addr) && !(row->type == CONF_LISTEN && e.addr == 0))
		return "is not a unicast address";
	e.port = (uint16_t)port;
	memcpy(field, &e, sizeof(e));
	return NULL;
}

const char *
conf_value_parse(const struct conf_row *row, const char *text, void *field)
{
	switch (row->type) {
	case CONF_COUNT:
	case CONF_DURATION:
	case CONF_SIZE:
	case CONF_RATE:
	case CONF_FREQUENCY:
	case CONF_CADENCE: return parse_quantity(row, text, field);
	case CONF_BOOL: return parse_bool(text, field);
	case CONF_WORD: return parse_word(row, text, field);
	case CONF_NAME: return parse_name(row, text, field);
	case CONF_STRING: return parse_string(row, text, field);
	case CONF_PACE: return parse_pace(text, field);
	case CONF_GROUP:
	case CONF_HOST: return parse_address(row, text, field);
	case CONF_CONNECT:
	case CONF_LISTEN: return parse_endpoint(row, text, field);
	case CONF_HOURS: return conf_hours_parse(text, field);
	case CONF_DAYS: return conf_days_parse(text, field);
	case CONF_ZONE: return conf_zone_parse(text, field);
	case CONF_RECORD:
	case CONF_LIST: break;
	}
	return "is not a single value";
}

/* Appends to out, which is large enough for every table (the tests of the tables
 * see to that). */
static void __attribute__((format(printf, 2, 3)))
say(char out[CONF_ALLOWED_BYTES], const char *fmt, ...)
{
	size_t len = strlen(out);
	va_list args;

	va_start(args, fmt);
	vsnprintf(out + len, CONF_ALLOWED_BYTES - len, fmt, args);
	va_end(args);
}

static void
say_quantity(const struct conf_row *row, char out[CONF_ALLOWED_BYTES])
{
	const char *units = quantity_units(kind_of(row->type));

	say(out, "%s to %s", row->min, row->max);
	if (row->zero != NULL)
		say(out, ", or 0 (%s)", row->zero);
	if (row->type == CONF_FREQUENCY)
		say(out, ", with or without /s");
	else if (units[0] != '\0')
		say(out, ", in %s", units);
}

static void
say_words(const struct conf_row *row, char out[CONF_ALLOWED_BYTES])
{
	const char *word;

	for (int i = 0; (word = row->word(i)) != NULL; i++)
		say(out, "%s%s", i > 0 ? ", " : "", word);
}

void
conf_value_allowed(const struct conf_row *row, char out[CONF_ALLOWED_BYTES])
{
	out[0] = '\0';
	switch (row->type) {
	case CONF_COUNT:
	case CONF_DURATION:
	case CONF_SIZE:
	case CONF_RATE:
	case CONF_FREQUENCY:
	case CONF_CADENCE: say_quantity(row, out); break;
	case CONF_BOOL: say(out, "true, false"); break;
	case CONF_WORD: say_words(row, out); break;
	case CONF_NAME:
		say(out, "1 to %zu characters of A-Z a-z 0-9 . _ -", row->width - 1);
		break;
	case CONF_STRING:
		say(out, "%s to %s printable ASCII characters", row->min, row->max);
		break;
	case CONF_PACE: say(out, "original, max, or 0.001x to 10000x"); break;
	case CONF_GROUP: say(out, "a group of 224.0.1.0 to 239.255.255.255"); break;
	case CONF_HOST: say(out, "a numeric IPv4 unicast address as 192.0.2.1"); break;
	case CONF_CONNECT:
		say(out, "a numeric IPv4 address and port as 192.0.2.1:7443");
		break;
	case CONF_LISTEN:
		say(out, "a numeric IPv4 address and port as 192.0.2.1:7443 or "
			 "0.0.0.0:7443");
		break;
	case CONF_HOURS: say(out, "%s", conf_hours_allowed); break;
	case CONF_DAYS: say(out, "%s", conf_days_allowed); break;
	case CONF_ZONE: say(out, "%s", conf_zone_allowed); break;
	case CONF_RECORD: say(out, "a mapping of keys to values"); break;
	case CONF_LIST: say(out, "a sequence of mappings"); break;
	}
}

bool
conf_value_absent(const struct conf_row *row, const void *field)
{
	struct endpoint e;

	switch (row->type) {
	case CONF_NAME: return *(const char *)field == '\0';
	case CONF_STRING: return *(char *const *)field == NULL;
	case CONF_CONNECT:
	case CONF_LISTEN: memcpy(&e, field, sizeof(e)); return e.port == 0;
	case CONF_COUNT:
	case CONF_DURATION:
	case CONF_SIZE:
	case CONF_RATE:
	case CONF_FREQUENCY:
	case CONF_CADENCE:
	case CONF_GROUP:
	case CONF_HOST:
	case CONF_HOURS:
	case CONF_DAYS: return fetch(row, field) == 0;
	case CONF_BOOL:
	case CONF_WORD:
	case CONF_PACE:
	case CONF_ZONE:
	case CONF_RECORD:
	case CONF_LIST: break;
	}
	return false;
}

static void
print_string(const char *text, FILE *out)
{
	putc('"', out);
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			putc('\\', out);
		putc(*text, out);
	}
	putc('"', out);
}

static void
print_pace(double pace, FILE *out)
{
	char text[32];
	int len;

	if (pace == 0.0 || pace == 1.0) {
		fputs(pace == 0.0 ? "max" : "original", out);
		return;
	}
	len = snprintf(text, sizeof(text), "%.3f", pace);
	while (text[len - 1] == '0')
		len--;
	if (text[len - 1] == '.')
		len--;
	fprintf(out, "%.*sx", len, text);
}

static void
print_address(uint32_t addr, FILE *out)
{
	fprintf(out, "%u.%u.%u.%u", addr >> 24, addr >> 16 & 255, addr >> 8 & 255,
		addr & 255);
}

static void
print_endpoint(const void *field, FILE *out)
{
	struct endpoint e;

	memcpy(&e, field, sizeof(e));
	putc('"', out);
	print_address(e.addr, out);
	fprintf(out, ":%u\"", e.port);
}

void
conf_value_print(const struct conf_row *row, const void *field, FILE *out)
{
	char text[QUANTITY_BYTES];

	switch (row->type) {
	case CONF_COUNT:
	case CONF_DURATION:
	case CONF_SIZE:
	case CONF_RATE:
	case CONF_FREQUENCY:
	case CONF_CADENCE:
		quantity_print(kind_of(row->type), fetch(row, field), text);
		fputs(text, out);
		break;
	case CONF_BOOL: fputs(*(const bool *)field ? "true" : "false", out); break;
	case CONF_WORD: fputs(row->word((int)fetch(row, field)), out); break;
	case CONF_NAME: print_string(field, out); break;
	case CONF_STRING: print_string(*(char *const *)field, out); break;
	case CONF_PACE: print_pace(*(const double *)field, out); break;
	case CONF_GROUP:
	case CONF_HOST: print_address((uint32_t)fetch(row, field), out); break;
	case CONF_CONNECT:
	case CONF_LISTEN: print_endpoint(field, out); break;
	case CONF_HOURS: conf_hours_print(field, out); break;
	case CONF_DAYS: conf_days_print(field, out); break;
	case CONF_ZONE: conf_zone_print(field, out); break;
	case CONF_RECORD:
	case CONF_LIST: break;
	}
}
