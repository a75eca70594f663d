/* SPDX-License-Identifier: Apache-2.0 */
#include "path/figures.h"

_Static_assert(sizeof(struct sent_book) == SENT_FIGURES * sizeof(counter_t),
	       "a page is its counters");
_Static_assert(sizeof(struct peer_book) == PEER_FIGURES * sizeof(counter_t),
	       "a page is its counters");

uint8_t
figures_copy(const counter_t *page, size_t count, uint64_t *figures)
{
	for (size_t i = 0; i < count; i++)
		figures[i] = counter_get(&page[i]);
	return (uint8_t)count;
}

void
figures_store(counter_t *page, size_t known, const uint64_t *figures, size_t count)
{
	for (size_t i = 0; i < known && i < count; i++)
		counter_set(&page[i], figures[i]);
}

void
figures_clear(counter_t *page, size_t count)
{
	for (size_t i = 0; i < count; i++)
		counter_set(&page[i], 0);
}

/* Summed unsigned: a hostile half may have said anything. */
#define GET(name) counter_get(&b->name)

int64_t
sent_residual(const struct sent_book *b)
{
	return (int64_t)(GET(owed) - GET(sent) - GET(shed_age) - GET(shed_bytes) -
			 GET(shed_aged) - GET(unsent));
}

int64_t
received_residual(const struct peer_book *b)
{
	return (int64_t)(GET(received) - GET(emitted) - GET(duplicate) - GET(late) -
			 GET(stale) - GET(refused_oversize) - GET(refused_error) -
			 GET(refused_memory) - GET(refused_window) - GET(held));
}

uint64_t
peer_book_lost(const struct peer_book *b)
{
	return GET(lost_give_up) + GET(lost_aged) + GET(lost_never) + GET(lost_window) +
	       GET(lost_restart) + GET(lost_drain);
}

int64_t
expected_residual(const struct peer_book *b)
{
	return (int64_t)(GET(expected) - GET(emitted) - GET(stale) -
			 GET(refused_oversize) - GET(refused_error) -
			 peer_book_lost(b) - GET(missing) - GET(held));
}
