/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_BENCH_BRIDGE_H
#define TOMBOLO_BENCH_BRIDGE_H
/*
 * A bridge of many channels: the cores of both halves in one process, under a virtual
 * clock, with the operator's files. What is done to it is what a start, a reload, a
 * choice of `join: demand` and a restart do, and each part's time of the processor is
 * taken by itself. What asks the kernel (IGMP, the filter's compiler) is left out.
 */
#include <stddef.h>
#include <stdint.h>

#define BRIDGE_CHANGED 10 /* channels that a reload adds, removes and moves: each */

/* Where it is done: on the main thread, or on the lane of a half. */
#define BRIDGE_STEPS(X)                                                               \
	X(RELAY_FILE, "main", "relay's file is read, checked and compared")           \
	X(RELAY_PREPARE, "main", "reload of the relay is prepared")                   \
	X(RELAY_RELOAD, "lane", "relay: reload")                                      \
	X(RELAY_TELL, "lane", "relay: tells what changed, and hears reports")         \
	X(PEER_HEAR, "lane", "peer: hears what changed")                              \
	X(PEER_FILE, "main", "peer's file is read, checked and compared")             \
	X(PEER_RELOAD, "lane", "peer: reload")                                        \
	X(PEER_MOVE, "lane", "peer: reload that moves all, with datagrams that wait") \
	X(CHOICE_PREPARE, "main", "choice of half the channels is prepared")          \
	X(CHOICE, "lane", "relay: choice")                                            \
	X(RELAY_GREET, "lane", "relay: greets")                                       \
	X(PEER_GREETED, "lane", "peer: is greeted")                                   \
	X(PEER_AGAIN, "lane", "peer: is greeted anew")                                \
	X(PEER_RESTART, "lane", "peer: is greeted by another process of the relay")   \
	X(PEER_RENAMED, "lane", "peer: is greeted with other names, its tables full")

enum bridge_step {
#define X(id, where, what) BRIDGE_##id,
	BRIDGE_STEPS(X)
#undef X
		BRIDGE_STEP_COUNT
};

const char *bridge_step_where(enum bridge_step step);
const char *bridge_step_what(enum bridge_step step);

/* Does it all once. ns: of the processor, by step. Ends the program when something is
 * not as it has to be. */
void bridge_run(size_t channels, int64_t ns[BRIDGE_STEP_COUNT]);

#endif
