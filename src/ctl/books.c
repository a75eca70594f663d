/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/books.h"

#include <inttypes.h>
#include <string.h>

#include "ctl/doc.h"
#include "ctl/health.h"
#include "ctl/table.h"

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))

struct figure {
	struct table_column column;
	const char *key; /* "lost_": the sum of all that begin so */
};

static const struct figure sent_figures[] = {
	{{"CAPTURED", true}, "owed"},       {{"SENT", true}, "sent"},
	{{"SHED", true}, "shed_"},          {{"UNSENT", true}, "unsent"},
	{{"REPAIRED", true}, "repaired"},   {{"RESENT", true}, "resent"},
	{{"ABANDONED", true}, "abandoned"},
};
static const struct figure peer_figures[] = {
	{{"EXPECTED", true}, "expected"}, {{"RECEIVED", true}, "received"},
	{{"EMITTED", true}, "emitted"},   {{"TWICE", true}, "duplicate"},
	{{"LATE", true}, "late"},         {{"STALE", true}, "stale"},
	{{"REFUSED", true}, "refused_"},  {{"HELD", true}, "held"},
	{{"MISSING", true}, "missing"},   {{"LOST", true}, "lost_"},
};

static const json_t *
sent_book(const json_t *doc, const json_t *channel)
{
	return doc_is_relay(doc) ? channel : json_object_get(channel, "relay");
}

static const json_t *
peer_book(const json_t *doc, const json_t *channel)
{
	return doc_is_relay(doc) ? json_object_get(channel, "peer") : channel;
}

/* Only a half's own book has one. */
static int64_t
residual_of(const json_t *channel)
{
	const json_t *residual = json_object_get(channel, "residual");

	if (json_is_integer(residual))
		return json_integer_value(residual);
	return doc_integer(residual, "received") != 0
		       ? doc_integer(residual, "received")
		       : doc_integer(residual, "expected");
}

static int64_t
sum_of(const json_t *book, const char *key)
{
	bool all = key[strlen(key) - 1] == '_';

	return all ? doc_sum(book, key) : doc_integer(book, key);
}

typedef const json_t *choose_book(const json_t *doc, const json_t *channel);

static void
print_table(const json_t *doc, const json_t *remote, choose_book *choose,
	    const struct figure *figures, size_t n, FILE *out)
{
	bool own = doc_is_relay(doc) == (choose == sent_book);
	struct table_column columns[TABLE_COLUMNS_MAX] = {{"CHANNEL", false}};
	struct table t;
	json_t *channel;
	size_t i;

	for (size_t f = 0; f < n; f++)
		columns[f + 1] = figures[f].column;
	columns[n + 1] = (struct table_column){"RESIDUAL", true};
	table_init(&t, columns, n + 1 + own);
	json_array_foreach(json_object_get(remote, "channels"), i, channel)
	{
		const json_t *book = choose(doc, channel);

		table_row(&t);
		table_cell(&t, "%s", doc_string(channel, "name"));
		for (size_t f = 0; f < n; f++)
			table_cell(&t, "%" PRId64, sum_of(book, figures[f].key));
		if (own)
			table_cell(&t, "%" PRId64, residual_of(channel));
	}
	table_print(&t, 2, out);
	table_fini(&t);
}

static void
print_remote(const json_t *doc, const json_t *remote, FILE *out)
{
	const char *name = doc_string(remote, "name");
	const char *node = doc_string(doc, "node");
	bool relay = doc_is_relay(doc);
	json_t *channel;
	size_t i;

	fprintf(out, "relay %s%s\n", relay ? node : name,
		relay ? "" : ", as it last told");
	print_table(doc, remote, sent_book, sent_figures, LENGTH(sent_figures), out);
	fprintf(out, "peer %s%s\n", relay ? name : node,
		relay ? ", as it last told" : "");
	print_table(doc, remote, peer_book, peer_figures, LENGTH(peer_figures), out);
	json_array_foreach(json_object_get(remote, "channels"), i, channel)
	{
		const char *verdict = doc_string(channel, "verdict");

		if (!health_verdict_is_fine(verdict))
			fprintf(out, "channel %s: %s\n", doc_string(channel, "name"),
				verdict);
	}
}

/* ---- beside the books ---- */

static const struct table_column beside_columns[] = {
	{"PLACE", false}, {"COUNTER", false}, {"COUNT", true}};

/* Those of an object that are not 0. */
static void
add_counters(struct table *t, const char *place, const char *prefix,
	     const json_t *counters)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)counters, key, value)
	{
		if (json_integer_value(value) == 0)
			continue;
		table_row(t);
		table_cell(t, "%s", place);
		table_cell(t, "%s%s", prefix, key);
		table_cell(t, "%" PRId64, (int64_t)json_integer_value(value));
	}
}

static void
add_lane(struct table *t, const json_t *lane)
{
	const json_t *tunnel = json_object_get(lane, "tunnel");
	json_t *sockets = json_pack("{s:I,s:I}", "dtls_overflowed",
				    (json_int_t)doc_integer(tunnel, "dtls_overflowed"),
				    "dtls_unsent",
				    (json_int_t)doc_integer(tunnel, "dtls_unsent"));
	json_t *remote;
	size_t i;

	add_counters(t, "capture", "",
		     json_object_get(json_object_get(lane, "capture"), "dropped"));
	json_array_foreach(json_object_get(lane, "remotes"), i, remote)
		add_counters(t, doc_string(remote, "name"),
			     "before capture: ", json_object_get(remote, "dropped"));
	add_counters(t, "sockets", "", sockets);
	json_decref(sockets);
}

static void
add_interface(struct table *t, const json_t *interface)
{
	const char *name = doc_string(interface, "name");

	add_counters(t, name, "", json_object_get(interface, "errors"));
	add_counters(t, name, "allowance exceeded: ",
		     json_object_get(interface, "allowance_exceeded"));
}

static void
print_beside(const json_t *doc, FILE *out)
{
	json_t *lane, *interface;
	struct table t;
	size_t i;

	table_init(&t, beside_columns, LENGTH(beside_columns));
	json_array_foreach(json_object_get(doc, "lanes"), i, lane) add_lane(&t, lane);
	json_array_foreach(json_object_get(doc, "interfaces"), i, interface)
		add_interface(&t, interface);
	fprintf(out, "beside the books%s\n", t.row_count == 0 ? ": nothing" : "");
	if (t.row_count > 0)
		table_print(&t, 2, out);
	table_fini(&t);
}

void
books_print(const json_t *doc, FILE *out)
{
	json_t *lane, *remote;
	size_t i, r;

	json_array_foreach(json_object_get(doc, "lanes"), i, lane)
	{
		json_array_foreach(json_object_get(lane, "remotes"), r, remote)
			print_remote(doc, remote, out);
	}
	print_beside(doc, out);
	fprintf(out, "verdict: %s\n", doc_string(doc, "verdict"));
}
