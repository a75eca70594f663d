/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_CAPTURE_FILE_H
#define TOMBOLO_CAPTURE_FILE_H
/*
 * Frames from a capture file, pcap or pcapng of any byte order and resolution, at
 * its own pace, a multiple of it, or as fast as may_read allows. Called by
 * capture.c only; the functions are those of capture.h.
 */
#include "path/capture_sink.h"

struct capture_file;

/* sink is borrowed until capture_file_free(). NULL: a line in error. */
struct capture_file *capture_file_open(struct event_base *base,
				       const struct capture_settings *s,
				       struct capture_sink *sink, char *error,
				       size_t error_bytes);
void capture_file_start(struct capture_file *f);
void capture_file_stop(struct capture_file *f);
void capture_file_resume(struct capture_file *f);
void capture_file_free(struct capture_file *f);

#endif
