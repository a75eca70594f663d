/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Capture files: every form libpcap reads, damaged ones, pace, and back-pressure. The
 * two .c files are included for the pace's arithmetic, which takes the time as an
 * argument and so is tested without a clock.
 */
#include "path/capture.c"
#include "path/capture_file.c"
#include "suite.h"

#include <check.h>
#include <event2/event.h>
#include <stdbool.h>

#define FRAME_LEN    60
#define FRAMES_MAX   4096
#define NONE_ALLOWED 0
#define ALL_ALLOWED  UINT64_MAX

static char path[] = P_tmpdir "/tombolo-check-XXXXXX";

/* ---- writing ---- */

struct form {
	bool ng;
	bool big;
	bool nano;
};

static void
put(FILE *f, uint64_t v, int width, bool big)
{
	for (int i = 0; i < width; i++)
		fputc((int)(v >> 8 * (big ? width - 1 - i : i) & 255), f);
}

static void
put_ng_header(FILE *f, const struct form *form)
{
	bool big = form->big;

	put(f, 0x0a0d0d0a, 4, big); /* section */
	put(f, 28, 4, big);
	put(f, 0x1a2b3c4d, 4, big);
	put(f, 1, 2, big);
	put(f, 0, 2, big);
	put(f, UINT64_MAX, 8, big);
	put(f, 28, 4, big);
	put(f, 1, 4, big); /* interface: Ethernet, if_tsresol */
	put(f, 32, 4, big);
	put(f, DLT_EN10MB, 2, big);
	put(f, 0, 2, big);
	put(f, 65535, 4, big);
	put(f, 9, 2, big);
	put(f, 1, 2, big);
	put(f, form->nano ? 9 : 6, 1, big);
	put(f, 0, 3, big);
	put(f, 0, 4, big);
	put(f, 32, 4, big);
}

static void
put_header(FILE *f, const struct form *form)
{
	if (form->ng) {
		put_ng_header(f, form);
		return;
	}
	put(f, form->nano ? 0xa1b23c4d : 0xa1b2c3d4, 4, form->big);
	put(f, 2, 2, form->big);
	put(f, 4, 2, form->big);
	put(f, 0, 8, form->big);
	put(f, 65535, 4, form->big);
	put(f, DLT_EN10MB, 4, form->big);
}

static void
put_bytes(FILE *f, uint32_t serial)
{
	uint8_t bytes[FRAME_LEN] = {0};

	memcpy(bytes, &serial, sizeof(serial));
	fwrite(bytes, sizeof(bytes), 1, f);
}

/* A frame of FRAME_LEN bytes that was `len` long on the wire. */
static void
put_frame(FILE *f, const struct form *form, int64_t ns, uint32_t serial, uint32_t len)
{
	bool big = form->big;
	uint64_t ticks = (uint64_t)ns / (form->nano ? 1 : 1000);

	if (form->ng) {
		put(f, 6, 4, big);
		put(f, 32 + FRAME_LEN, 4, big);
		put(f, 0, 4, big);
		put(f, ticks >> 32, 4, big);
		put(f, ticks & UINT32_MAX, 4, big);
	} else {
		put(f, (uint64_t)(ns / NS_PER_S), 4, big);
		put(f, (uint64_t)(ns % NS_PER_S) / (form->nano ? 1 : 1000), 4, big);
	}
	put(f, FRAME_LEN, 4, big);
	put(f, len, 4, big);
	put_bytes(f, serial);
	if (form->ng)
		put(f, 32 + FRAME_LEN, 4, big);
}

static FILE *
create(const struct form *form)
{
	FILE *f = fopen(path, "wb");

	ck_assert_ptr_nonnull(f);
	put_header(f, form);
	return f;
}

/* count frames, step_ns apart. */
static void
write_file(const struct form *form, uint32_t count, int64_t step_ns)
{
	FILE *f = create(form);

	for (uint32_t i = 0; i < count; i++)
		put_frame(f, form, 1700000000 * NS_PER_S + i * step_ns, i, FRAME_LEN);
	ck_assert_int_eq(fclose(f), 0);
}

static void
write_text(const char *text, size_t len)
{
	FILE *f = fopen(path, "wb");

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(text, 1, len, f), len);
	ck_assert_int_eq(fclose(f), 0);
}

static void
cut_file(long bytes)
{
	struct stat st;

	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(truncate(path, st.st_size - bytes), 0);
}

/* ---- reading ---- */

struct reader {
	struct event_base *base;
	struct capture *c;
	uint64_t allowed; /* frames that may be read */
	uint64_t asked;   /* calls of may_read */
	uint32_t frames;
	uint32_t serials[FRAMES_MAX];
	struct frame last;
	mono_t at[FRAMES_MAX];
	utc_t captured[FRAMES_MAX];
	uint32_t in_batch, batch_max, batches;
	struct event *other;
	uint32_t others; /* turns that the other event had */
	uint32_t ends;
	uint32_t stop_after; /* frames; 0: never */
	char error[512];
};

static void
take_frame(void *arg, const struct frame *frame)
{
	struct reader *r = arg;

	ck_assert_uint_lt(r->frames, FRAMES_MAX);
	ck_assert_uint_eq(r->ends, 0);
	r->captured[r->frames] = frame->captured;
	r->at[r->frames] = clock_now().mono;
	r->last = *frame;
	r->last.bytes = NULL;
	memcpy(&r->serials[r->frames++], frame->bytes, sizeof(uint32_t));
	if (++r->in_batch > r->batch_max)
		r->batch_max = r->in_batch;
	if (r->frames == r->stop_after)
		capture_stop(r->c);
}

static void
end_batch(void *arg)
{
	struct reader *r = arg;

	r->batches++;
	r->in_batch = 0;
}

static bool
may_read(void *arg)
{
	struct reader *r = arg;

	r->asked++;
	return r->frames < r->allowed;
}

static void
take_end(void *arg, const char *error)
{
	struct reader *r = arg;

	ck_assert_uint_eq(r->in_batch, 0);
	r->ends++;
	snprintf(r->error, sizeof(r->error), "%s", error != NULL ? error : "");
}

static const struct capture_ops ops = {
	.frame = take_frame,
	.batch_end = end_batch,
	.may_read = may_read,
	.end = take_end,
};

static struct capture *
open_file(struct reader *r, const char *file, double pace)
{
	struct capture_settings s = {.file = (char *)file, .pace = pace};

	*r = (struct reader){.allowed = ALL_ALLOWED, .base = event_base_new()};
	ck_assert_ptr_nonnull(r->base);
	r->c = capture_open(r->base, &s, NULL, 0, &ops, r, r->error, sizeof(r->error));
	return r->c;
}

static struct reader *
open_reader(double pace)
{
	static struct reader reader;

	ck_assert_msg(open_file(&reader, path, pace) != NULL, "%s", reader.error);
	return &reader;
}

/* Runs until nothing is left to happen. */
static void
run(struct reader *r)
{
	ck_assert_int_ne(event_base_dispatch(r->base), -1);
}

static void
close_reader(struct reader *r)
{
	capture_free(r->c);
	event_base_free(r->base);
}

static void
assert_serials(const struct reader *r, uint32_t count)
{
	ck_assert_uint_eq(r->frames, count);
	for (uint32_t i = 0; i < count; i++)
		ck_assert_uint_eq(r->serials[i], i);
	ck_assert_uint_eq(counter_get(&capture_figures(r->c)->frames), count);
}

static const char *
refuse(const char *file)
{
	static struct reader reader;

	ck_assert_ptr_null(open_file(&reader, file, 0));
	event_base_free(reader.base);
	ck_assert_ptr_nonnull(strstr(reader.error, file));
	return reader.error;
}

/* ---- forms ---- */

START_TEST(every_form)
{
	const struct form f = {_i & 1, _i & 2, _i & 4};
	const int64_t step_ns = f.nano ? 1001 : 1000; /* a microsecond, and a bit */
	utc_t before = clock_now().utc;
	struct reader *r;

	write_file(&f, 5, step_ns);
	r = open_reader(1);
	ck_assert_int_eq(gauge_get(&capture_figures(r->c)->link_up), 0);
	capture_start(r->c);
	ck_assert_int_eq(gauge_get(&capture_figures(r->c)->link_up), 1);
	run(r);
	assert_serials(r, 5);
	ck_assert_uint_eq(r->ends, 1);
	ck_assert_str_eq(r->error, "");
	ck_assert_int_eq(r->last.link_type, DLT_EN10MB);
	ck_assert_uint_eq(r->last.caplen, FRAME_LEN);
	ck_assert_uint_eq(r->last.len, FRAME_LEN);
	for (int i = 0; i < 5; i++) { /* the time of reading, not the file's */
		ck_assert_int_ge(utc_sub(r->captured[i], before), 0);
		ck_assert_int_ge(utc_sub(clock_now().utc, r->captured[i]), 0);
	}
	ck_assert_int_eq(r->c->file->previous_ns, 1700000000 * NS_PER_S + 4 * step_ns);
	close_reader(r);
}
END_TEST

START_TEST(cut_by_snapshot_length)
{
	const struct form f = {.nano = true};
	FILE *out = create(&f);
	struct reader *r;

	put_frame(out, &f, 0, 0, 1500);
	fclose(out);
	r = open_reader(0);
	capture_start(r->c);
	run(r);
	assert_serials(r, 1);
	ck_assert_uint_eq(r->last.caplen, FRAME_LEN);
	ck_assert_uint_eq(r->last.len, 1500);
	close_reader(r);
}
END_TEST

START_TEST(header_only)
{
	struct reader *r;

	write_file(&(struct form){.ng = _i}, 0, 0);
	r = open_reader(1);
	capture_start(r->c);
	run(r);
	assert_serials(r, 0);
	ck_assert_uint_eq(r->ends, 1);
	ck_assert_str_eq(r->error, "");
	close_reader(r);
}
END_TEST

/* Cut within the bytes of the third frame, and within its header. */
START_TEST(truncated)
{
	static const long cuts[] = {1, FRAME_LEN, FRAME_LEN + 1, FRAME_LEN + 15};
	struct reader *r;

	write_file(&(struct form){.ng = _i >= 4}, 3, 1000);
	cut_file(cuts[_i % 4]);
	r = open_reader(0);
	capture_start(r->c);
	run(r);
	assert_serials(r, 2);
	ck_assert_uint_eq(r->ends, 1);
	ck_assert_msg(strncmp(r->error, "frame 3: ", 9) == 0, "%s", r->error);
	ck_assert_ptr_nonnull(strstr(r->error, "truncated"));
	close_reader(r);
}
END_TEST

START_TEST(damaged)
{
	const struct form form = {0};
	FILE *f = create(&form);
	struct reader *r;

	put_frame(f, &form, 0, 0, FRAME_LEN);
	put(f, 0, 8, false);
	put(f, 0x7fffffff, 4, false); /* a length that cannot be */
	put(f, FRAME_LEN, 4, false);
	put_bytes(f, 1);
	fclose(f);
	r = open_reader(0);
	capture_start(r->c);
	run(r);
	assert_serials(r, 1);
	ck_assert_uint_eq(r->ends, 1);
	ck_assert_msg(strncmp(r->error, "frame 2: ", 9) == 0, "%s", r->error);
	close_reader(r);
}
END_TEST

START_TEST(refused)
{
	char other[64];

	write_text("", 0);
	ck_assert_ptr_nonnull(strstr(refuse(path), "is empty"));
	write_text("\x1f\x8b\x08\x00some more", 13);
	ck_assert_ptr_nonnull(strstr(refuse(path), "gunzip it first"));
	write_text("no capture file at all, but long enough for one", 47);
	ck_assert_ptr_nonnull(strstr(refuse(path), "unknown file format"));
	ck_assert_ptr_nonnull(strstr(refuse("/nonexistent/file"), strerror(ENOENT)));
	ck_assert_ptr_nonnull(strstr(refuse(P_tmpdir), "not a regular file"));
	snprintf(other, sizeof(other), "%s.fifo", path);
	ck_assert_int_eq(mkfifo(other, 0600), 0);
	ck_assert_ptr_nonnull(strstr(refuse(other), "not a regular file"));
	unlink(other);
}
END_TEST

/* ---- back-pressure ---- */

START_TEST(waits_for_may_read)
{
	struct reader *r;

	write_file(&(struct form){0}, 10, 1000);
	r = open_reader(0);
	r->allowed = NONE_ALLOWED;
	capture_start(r->c);
	run(r);
	assert_serials(r, 0);
	ck_assert_uint_eq(r->asked, 1);
	for (r->allowed = 1; r->allowed < 10; r->allowed++) {
		capture_resume(r->c);
		run(r);
		assert_serials(r, (uint32_t)r->allowed);
		ck_assert_uint_eq(r->in_batch, 0); /* flushed while it waits */
		ck_assert_uint_eq(r->ends, 0);
	}
	capture_resume(r->c);
	run(r);
	assert_serials(r, 10);
	ck_assert_uint_eq(r->ends, 1);
	ck_assert_uint_ge(r->asked, 10);
	close_reader(r);
}
END_TEST

START_TEST(resume_without_need)
{
	struct reader *r;

	write_file(&(struct form){0}, 3, 1000);
	r = open_reader(0);
	capture_resume(r->c);
	run(r);
	assert_serials(r, 0);
	capture_start(r->c);
	capture_resume(r->c);
	run(r);
	capture_resume(r->c);
	run(r);
	assert_serials(r, 3);
	ck_assert_uint_eq(r->ends, 1);
	close_reader(r);
}
END_TEST

/* However may_read answers, each frame comes once and in order. */
START_TEST(random_back_pressure)
{
	const char *given = getenv("TOMBOLO_SEED");
	unsigned int seed = given != NULL ? (unsigned int)strtoul(given, NULL, 0)
					  : (unsigned int)clock_now().mono.ns;
	unsigned int state = seed;
	uint32_t count = 1 + rand_r(&state) % 2000;
	uint64_t allowed;
	struct reader *r;

	write_file(&(struct form){0}, count, 1000);
	r = open_reader(0);
	r->allowed = NONE_ALLOWED;
	capture_start(r->c);
	run(r);
	while (r->ends == 0) {
		allowed = r->allowed += rand_r(&state) % 600;
		capture_resume(r->c);
		run(r);
		ck_assert_msg(r->frames == (allowed < count ? allowed : count),
			      "seed %u: %u frames of %u", seed, r->frames, count);
	}
	assert_serials(r, count);
	ck_assert_msg(r->batch_max <= CAPTURE_TURN_FRAMES, "seed %u", seed);
	close_reader(r);
}
END_TEST

static void
count_other(evutil_socket_t fd, short what, void *arg)
{
	const struct timeval at_once = {0};
	struct reader *r = arg;

	(void)fd;
	(void)what;
	r->others++;
	event_add(r->other, &at_once);
	ck_assert_uint_le(r->frames, (r->others + 1) * CAPTURE_TURN_FRAMES);
}

/* Between two turns of the file, what else is ready has its own. */
START_TEST(others_have_their_turn)
{
	const struct timeval at_once = {0};
	struct reader *r;

	write_file(&(struct form){0}, 1000, 1000);
	r = open_reader(0);
	r->other = evtimer_new(r->base, count_other, r);
	event_add(r->other, &at_once);
	capture_start(r->c);
	while (r->ends == 0)
		ck_assert_int_ne(event_base_loop(r->base, EVLOOP_ONCE), -1);
	assert_serials(r, 1000);
	ck_assert_uint_eq(r->batch_max, CAPTURE_TURN_FRAMES);
	ck_assert_uint_ge(r->batches, 4);
	ck_assert_uint_ge(r->others, 3);
	event_free(r->other);
	close_reader(r);
}
END_TEST

/* ---- stopping ---- */

START_TEST(stop_inside_frame)
{
	struct reader *r;

	write_file(&(struct form){0}, 10, 1000);
	r = open_reader(0);
	r->stop_after = 4;
	capture_start(r->c);
	run(r);
	capture_resume(r->c);
	run(r);
	assert_serials(r, 4);
	ck_assert_uint_eq(r->ends, 0);
	ck_assert_uint_eq(r->in_batch, 0); /* what was handed on is flushed */
	ck_assert_int_eq(gauge_get(&capture_figures(r->c)->link_up), 0);
	close_reader(r);
}
END_TEST

START_TEST(stop_while_blocked)
{
	struct reader *r;

	write_file(&(struct form){0}, 10, 1000);
	r = open_reader(0);
	r->allowed = 2;
	capture_start(r->c);
	run(r);
	capture_stop(r->c);
	r->allowed = ALL_ALLOWED;
	capture_resume(r->c);
	run(r);
	assert_serials(r, 2);
	ck_assert_uint_eq(r->ends, 0);
	close_reader(r);
}
END_TEST

START_TEST(stop_before_start)
{
	struct reader *r;

	write_file(&(struct form){0}, 10, 1000);
	r = open_reader(1);
	capture_stop(r->c);
	run(r);
	assert_serials(r, 0);
	close_reader(r);
}
END_TEST

/* ---- pace ---- */

/* Never early against the first frame, and in order; how late is the machine's. */
START_TEST(pace_is_kept)
{
	static const double paces[] = {1, 10};
	const int64_t step_ns = 5 * NS_PER_MS;
	double pace = paces[_i];
	struct reader *r;

	write_file(&(struct form){.nano = true}, 10, step_ns);
	r = open_reader(pace);
	capture_start(r->c);
	run(r);
	assert_serials(r, 10);
	ck_assert_uint_eq(r->ends, 1);
	for (int i = 1; i < 10; i++)
		ck_assert_int_ge(mono_sub(r->at[i], r->c->file->anchor),
				 (int64_t)((double)(i * step_ns) / pace));
	close_reader(r);
}
END_TEST

/* Pace and back-pressure together: late frames follow at once. */
START_TEST(pace_after_a_stall)
{
	struct reader *r;

	write_file(&(struct form){.nano = true}, 5, NS_PER_MS);
	r = open_reader(1);
	r->allowed = 1;
	capture_start(r->c);
	run(r);
	assert_serials(r, 1);
	r->allowed = ALL_ALLOWED;
	capture_resume(r->c);
	run(r);
	assert_serials(r, 5);
	ck_assert_uint_eq(r->ends, 1);
	close_reader(r);
}
END_TEST

/* A file whose clock goes wild still ends, in the order of the file. */
START_TEST(wild_clock_still_ends)
{
	static const int64_t times[] = {
		1700000000 * NS_PER_S,     5,
		NS_PER_S * 4000000000,     1700000000 * NS_PER_S,
		1700000000 * NS_PER_S - 5, 0};
	const struct form form = {.nano = true, .ng = true};
	FILE *f = create(&form);
	struct reader *r;

	for (uint32_t i = 0; i < 6; i++)
		put_frame(f, &form, times[i], i, FRAME_LEN);
	fclose(f);
	r = open_reader(1);
	capture_start(r->c);
	run(r);
	assert_serials(r, 6);
	ck_assert_uint_eq(r->ends, 1);
	close_reader(r);
}
END_TEST

static int64_t
due(struct capture_file *f, int64_t sec, int64_t fraction_ns, int64_t now_ns)
{
	struct pcap_pkthdr h = {.ts = {.tv_sec = sec, .tv_usec = fraction_ns}};

	return find_due(f, &h, (mono_t){now_ns}).ns;
}

START_TEST(due_times)
{
	struct capture_file f = {.pace = 2};

	ck_assert_int_eq(due(&f, 100, 500, 7000), 7000); /* the first: now */
	ck_assert_int_eq(due(&f, 101, 500, 7001), 7000 + NS_PER_S / 2);
	ck_assert_int_eq(due(&f, 103, 500, 9000), 7000 + 3 * NS_PER_S / 2);
	/* Out of order by little: late already, and the pace goes on as it was. */
	ck_assert_int_eq(due(&f, 102, 999999999, 9000), 7000 + 1499999749);
	ck_assert_int_eq(due(&f, 104, 500, 9000), 7000 + 2 * NS_PER_S);
	/* No time at all: at once, and the pace goes on as it was. */
	ck_assert_int_eq(due(&f, 105, NS_PER_S, 9100), 9100);
	ck_assert_int_eq(due(&f, 105, -1, 9100), 9100);
	ck_assert_int_eq(due(&f, -1, 0, 9100), 9100);
	ck_assert_int_eq(due(&f, INT64_MAX, 0, 9100), 9100);
	ck_assert_int_eq(due(&f, 105, 500, 9200), 7000 + 5 * NS_PER_S / 2);
	/* The clock was set: at once, and the pace starts anew from there. */
	ck_assert_int_eq(due(&f, 50, 0, 20000), 20000);
	ck_assert_int_eq(due(&f, 52, 0, 20001), 20000 + NS_PER_S);
	ck_assert_int_eq(due(&f, 52 + 25 * 3600, 0, 30000), 30000);
	ck_assert_int_eq(due(&f, 52 + 49 * 3600, 0, 30000),
			 30000 + 12 * 3600 * NS_PER_S);
}
END_TEST

START_TEST(due_without_pace)
{
	struct capture_file f = {.pace = 0};

	ck_assert_int_eq(due(&f, 100, 0, 7000), 7000);
	ck_assert_int_eq(due(&f, 999, 0, 7001), 7001);
}
END_TEST

START_TEST(due_with_a_tiny_pace)
{
	struct capture_file f = {.pace = 1e-300};

	ck_assert_int_eq(due(&f, 100, 0, 7000), 7000);
	ck_assert_int_eq(due(&f, 101, 0, 7000), 7000 + (int64_t)WAIT_NS_MAX);
}
END_TEST

START_TEST(names)
{
	ck_assert_str_eq(drop_point_name(DROP_KERNEL_RING), "kernel_ring");
	ck_assert_str_eq(drop_point_name(DROP_INTERFACE), "interface");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("capture_file");
	TCase *forms = tcase_create("forms"), *pressure = tcase_create("back-pressure"),
	      *stop = tcase_create("stop"), *pace = tcase_create("pace");
	int fd = mkstemp(path), status;

	if (fd < 0)
		return 1;
	close(fd);
	tcase_add_loop_test(forms, every_form, 0, 8);
	tcase_add_test(forms, cut_by_snapshot_length);
	tcase_add_loop_test(forms, header_only, 0, 2);
	tcase_add_loop_test(forms, truncated, 0, 8);
	tcase_add_test(forms, damaged);
	tcase_add_test(forms, refused);
	tcase_add_test(forms, names);
	suite_add_tcase(s, forms);
	tcase_add_test(pressure, waits_for_may_read);
	tcase_add_test(pressure, resume_without_need);
	tcase_add_loop_test(pressure, random_back_pressure, 0, 5);
	tcase_add_test(pressure, others_have_their_turn);
	suite_add_tcase(s, pressure);
	tcase_add_test(stop, stop_inside_frame);
	tcase_add_test(stop, stop_while_blocked);
	tcase_add_test(stop, stop_before_start);
	suite_add_tcase(s, stop);
	tcase_add_loop_test(pace, pace_is_kept, 0, 2);
	tcase_add_test(pace, pace_after_a_stall);
	tcase_add_test(pace, wild_clock_still_ends);
	tcase_add_test(pace, due_times);
	tcase_add_test(pace, due_without_pace);
	tcase_add_test(pace, due_with_a_tiny_pace);
	suite_add_tcase(s, pace);
	status = suite_run(s);
	unlink(path);
	return status;
}
