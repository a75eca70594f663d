/* SPDX-License-Identifier: Apache-2.0 */
/*
 * capture_probe: drives src/path/capture.h and prints one line of JSON per event, so
 * that a test waits for a state and not for a time.
 *
 *   capture_probe -i interface [-b buffer_bytes] [-B] [-P] [-J]
 *                 [-g group:port[@source]]...
 *
 * -B hands on by block, -P is promiscuous, -J joins nothing. Events: open (or failed),
 * link, dropped and, when asked on standard input, a line each:
 *   figures     the figures, at once
 *   until N     the figures, once frames and ring drops together are N or more
 *   stop        stops, prints the figures as "stopped", and frees the capture and
 *               ends once standard input is at its end
 * At the end of standard input it stops as well.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "options.h"
#include "path/capture.h"

#define CHANNELS     4096
#define LINE_BYTES   256
#define SERIAL_BYTES 8
#define MINUTE_NS    (60 * NS_PER_S)
#define NO_TARGET    UINT64_MAX

struct probe {
	struct event_base *base;
	struct capture *capture;
	char line[LINE_BYTES]; /* of standard input, so far */
	size_t line_len;
	uint64_t target;
	uint64_t batches, tags[3], cut, disorder, bad_time;
	uint64_t serial; /* of the newest frame: its last 8 bytes */
};

static void
print_figures(struct probe *p, const char *event)
{
	const struct capture_figures *f = capture_figures(p->capture);

	printf("{\"event\":\"%s\",\"frames\":%" PRIu64 ",\"kernel_ring\":%" PRIu64
	       ",\"interface\":%" PRIu64 ",\"link_up\":%" PRId64
	       ",\"ring_bytes\":%" PRId64 ",\"batches\":%" PRIu64
	       ",\"untagged\":%" PRIu64 ",\"tagged\":%" PRIu64
	       ",\"double_tagged\":%" PRIu64 ",\"cut\":%" PRIu64
	       ",\"disorder\":%" PRIu64 ",\"bad_time\":%" PRIu64 "}\n",
	       event, counter_get(&f->frames), counter_get(&f->drops[DROP_KERNEL_RING]),
	       counter_get(&f->drops[DROP_INTERFACE]), gauge_get(&f->link_up),
	       gauge_get(&f->ring_bytes), p->batches, p->tags[0], p->tags[1],
	       p->tags[2], p->cut, p->disorder, p->bad_time);
	fflush(stdout);
}

static void
check_target(struct probe *p)
{
	const struct capture_figures *f = capture_figures(p->capture);
	uint64_t seen =
		counter_get(&f->frames) + counter_get(&f->drops[DROP_KERNEL_RING]);

	if (seen < p->target)
		return;
	p->target = NO_TARGET;
	print_figures(p, "reached");
}

static unsigned int
count_tags(const struct frame *frame)
{
	size_t at = 12;
	unsigned int tags = 0;

	while (at + 2 <= frame->caplen && tags < 2) {
		unsigned int type = frame->bytes[at] << 8 | frame->bytes[at + 1];

		if (type != 0x8100 && type != 0x88a8)
			break;
		tags++;
		at += 4;
	}
	return tags;
}

static void
take_frame(void *arg, const struct frame *frame)
{
	struct probe *p = arg;
	int64_t age_ns = utc_sub(clock_now().utc, frame->captured);
	uint64_t serial = 0;

	p->tags[count_tags(frame)]++;
	p->cut += frame->caplen < frame->len;
	p->bad_time += age_ns < -MINUTE_NS || age_ns > MINUTE_NS;
	for (size_t i = 0; i < SERIAL_BYTES && frame->caplen >= SERIAL_BYTES; i++)
		serial = serial << 8 | frame->bytes[frame->caplen - SERIAL_BYTES + i];
	p->disorder += serial < p->serial;
	p->serial = serial;
}

static void
end_batch(void *arg)
{
	struct probe *p = arg;

	p->batches++;
	check_target(p);
}

static void
take_dropped(void *arg, enum drop_point point, uint64_t n)
{
	printf("{\"event\":\"dropped\",\"point\":\"%s\",\"n\":%" PRIu64 "}\n",
	       drop_point_name(point), n);
	fflush(stdout);
	check_target(arg);
}

static void
take_link(void *arg, int error, const char *text)
{
	(void)arg;
	printf("{\"event\":\"link\",\"error\":%d,\"text\":\"%s\"}\n", -error, text);
	fflush(stdout);
}

static void
obey(struct probe *p, const char *line)
{
	if (strcmp(line, "figures") == 0) {
		print_figures(p, "figures");
	} else if (strncmp(line, "until ", 6) == 0) {
		p->target = options_number(line + 6, 0, UINT32_MAX);
		check_target(p);
	} else if (strcmp(line, "stop") == 0) {
		event_base_loopbreak(p->base);
	} else {
		options_die("command", line);
	}
}

/* All that is there in one turn, so that a command takes effect at once. */
static void
take_input(evutil_socket_t fd, short what, void *arg)
{
	struct probe *p = arg;
	ssize_t n = read(fd, p->line + p->line_len, LINE_BYTES - 1 - p->line_len);
	char *end;

	(void)what;
	if (n < 0 && errno == EINTR)
		return;
	if (n <= 0) {
		event_base_loopbreak(p->base);
		return;
	}
	p->line_len += (size_t)n;
	while ((end = memchr(p->line, '\n', p->line_len)) != NULL) {
		*end = '\0';
		obey(p, p->line);
		p->line_len -= (size_t)(end + 1 - p->line);
		memmove(p->line, end + 1, p->line_len);
	}
}

/* "239.1.2.3:30001@10.0.0.9" */
static void
add_channel(struct channel_settings *channels, size_t *count, char *text)
{
	char *at = strchr(text, '@');
	uint64_t group_port;

	if (*count == CHANNELS)
		options_die("-g", "too many channels");
	if (at != NULL)
		*at++ = '\0';
	group_port = options_channel(text);
	channels[(*count)++] = (struct channel_settings){
		.group = (uint32_t)(group_port >> 16),
		.port = (uint16_t)group_port,
		.source = at != NULL ? options_address(at) : 0,
	};
}

static size_t
read_options(int argc, char **argv, struct capture_settings *s,
	     struct channel_settings *channels)
{
	size_t count = 0;
	int c;

	while ((c = getopt(argc, argv, "i:b:BPJg:")) != -1) {
		switch (c) {
		case 'i': s->interface = optarg; break;
		case 'b':
			s->buffer_bytes = options_number(optarg, 0, UINT64_MAX);
			break;
		case 'B': s->immediate = false; break;
		case 'P': s->promiscuous = true; break;
		case 'J': s->join = JOIN_NONE; break;
		case 'g': add_channel(channels, &count, optarg); break;
		default: options_die("usage", "see the first comment of the source");
		}
	}
	return count;
}

static void
run(struct probe *p)
{
	struct event *input =
		event_new(p->base, STDIN_FILENO, EV_READ | EV_PERSIST, take_input, p);

	event_add(input, NULL);
	print_figures(p, "open");
	capture_start(p->capture);
	event_base_dispatch(p->base);
	capture_stop(p->capture);
	print_figures(p, "stopped");
	while (read(STDIN_FILENO, p->line, LINE_BYTES) > 0)
		;
	event_free(input);
	capture_free(p->capture);
}

int
main(int argc, char **argv)
{
	static const struct capture_ops ops = {
		.frame = take_frame,
		.batch_end = end_batch,
		.dropped = take_dropped,
		.link = take_link,
	};
	struct channel_settings *channels = calloc(CHANNELS, sizeof(*channels));
	struct capture_settings s = {.buffer_bytes = 16 << 20, .immediate = true};
	struct probe p = {.base = event_base_new(), .target = NO_TARGET};
	char error[512];
	size_t count;

	log_init("capture_probe", LOG_LEVEL_INFO);
	if (channels == NULL || p.base == NULL)
		options_die("start", "out of memory");
	count = read_options(argc, argv, &s, channels);
	if (s.interface == NULL)
		options_die("usage", "-i is needed");
	p.capture = capture_open(p.base, &s, channels, count, &ops, &p, error,
				 sizeof(error));
	free(channels);
	if (p.capture != NULL)
		run(&p);
	else
		printf("{\"event\":\"failed\",\"error\":\"%s\"}\n", error);
	event_base_free(p.base);
	return p.capture == NULL;
}
