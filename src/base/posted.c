/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first word is a version, odd while the others are being written. The words
 * themselves are atomic, so that a reader who comes in between reads nonsense, which it
 * throws away, and nothing undefined.
 */
#include "base/posted.h"

#include <string.h>

#define TRIES 16

void
posted_put(counter_t *words, const void *record, size_t bytes)
{
	uint64_t version = counter_get(&words[0]), word;
	const uint8_t *from = record;

	counter_set(&words[0], version + 1);
	atomic_thread_fence(memory_order_release);
	for (size_t i = 1; bytes > 0; i++) {
		size_t n = bytes < sizeof word ? bytes : sizeof word;

		word = 0;
		memcpy(&word, from, n);
		counter_set(&words[i], word);
		from += n;
		bytes -= n;
	}
	atomic_store_explicit(&words[0].v, version + 2, memory_order_release);
}

static void
copy(const counter_t *words, uint8_t *to, size_t bytes)
{
	for (size_t i = 1; bytes > 0; i++) {
		uint64_t word = counter_get(&words[i]);
		size_t n = bytes < sizeof word ? bytes : sizeof word;

		memcpy(to, &word, n);
		to += n;
		bytes -= n;
	}
}

bool
posted_get(const counter_t *words, void *record, size_t bytes)
{
	for (int i = 0; i < TRIES; i++) {
		uint64_t before =
			atomic_load_explicit(&words[0].v, memory_order_acquire);

		if (before == 0)
			return false;
		copy(words, record, bytes);
		atomic_thread_fence(memory_order_acquire);
		if (before % 2 == 0 && counter_get(&words[0]) == before)
			return true;
	}
	return false;
}
