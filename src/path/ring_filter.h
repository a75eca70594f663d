/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_RING_FILTER_H
#define TOMBOLO_RING_FILTER_H
/*
 * The kernel's filter of a ring: compiled by libpcap, put on the socket by ourselves.
 * pcap_setfilter(3PCAP) would throw away what comes while it changes one, and would
 * judge what the ring holds by the old one. Inside capture only.
 */
#include <stddef.h>

#include "path/filter.h"

struct bpf_program;
struct pcap;

/* Texts from the narrowest to the widest, as enum filter_width counts them. */
typedef const char *const filter_texts[FILTER_WIDTH_COUNT];

/* The narrowest that can be had, on an active handle that is not read yet. 0, or a
 * negative errno with a line for the operator in error. */
int ring_filter_set(struct pcap *pcap, filter_texts texts, char *error);

/* For a ring that is being read: the same filter, compiled on a handle of its own. What
 * cannot be compiled now takes everything. NULL: the link type's filter stands, whatever
 * the channels are. Any thread; may take some tens of milliseconds. */
struct bpf_program *ring_filter_compile(const char *interface, filter_texts texts);

/* On the socket of the ring, from now on and with nothing lost between. 0 or a negative
 * errno. Any thread. */
int ring_filter_attach(int fd, const struct bpf_program *program);
void ring_filter_attach_none(int fd);
void ring_filter_attach_all(int fd);

void ring_filter_free(struct bpf_program *program);

#endif
