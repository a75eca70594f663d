/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_UNIT_H
#define TOMBOLO_UNIT_H
/* Figures as a person reads them. Pure. */
#include <stdint.h>

struct unit_text {
	char text[32];
};

/* 0 … 999999, 1.23M, 45.6G: at most 7 characters. */
struct unit_text unit_count(int64_t n);
/* "12/s", "4.50k/s" */
struct unit_text unit_per_s(double n);
/* Of bytes a second: "800 bit/s", "12.3 Mbit/s" */
struct unit_text unit_bits(double bytes_per_s);
/* "64.0 MiB" */
struct unit_text unit_bytes(int64_t bytes);
/* Two significant places: "980 ns", "4.21 ms", "3.2 s", "4 min 10 s", "2 d 4 h"; "-"
 * when negative. */
struct unit_text unit_duration(int64_t ns);
/* "0 %", "0.012 %", "1.2 %" */
struct unit_text unit_percent(int64_t ppm);
/* "2026-11-22 13:03:23 UTC" */
struct unit_text unit_time(int64_t utc_ns);
/* "2026-11-22 13:03:23.000123" */
struct unit_text unit_moment(int64_t utc_ns);

#endif
