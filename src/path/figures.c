/* SPDX-License-Identifier: Apache-2.0 */
#include "path/figures.h"

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
