/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_CONF_HOURS_H
#define TOMBOLO_CONF_HOURS_H
/*
 * When: hours of a day, days of a week, a time zone; text to field and back, for
 * conf_value.c. A parser returns NULL, or what is wrong with the text (static), the
 * field then being untouched; what is printed parses back to the same.
 */
#include <stdint.h>
#include <stdio.h>

struct hours;

/* "09:00-15:30"; "18:00-05:00" ends on the next day. */
extern const char conf_hours_allowed[];
const char *conf_hours_parse(const char *text, struct hours *hours);
void conf_hours_print(const struct hours *hours, FILE *out);

/* "mon-fri", "sat,mon-wed". */
extern const char conf_days_allowed[];
const char *conf_days_parse(const char *text, uint8_t *days);
void conf_days_print(const uint8_t *days, FILE *out);

/* "local", "+09:00". */
extern const char conf_zone_allowed[];
const char *conf_zone_parse(const char *text, int16_t *zone_min);
void conf_zone_print(const int16_t *zone_min, FILE *out);

#endif
