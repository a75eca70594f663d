/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/doc.h"

#include <string.h>

/* Names come from remotes, and a terminal obeys what it is sent. */
static void
clean_string(json_t *value)
{
	const char *text = json_string_value(value);
	size_t len = strlen(text);
	char *copy = strdup(text);

	for (size_t i = 0; copy != NULL && i < len; i++)
		if (copy[i] < 0x20 || copy[i] > 0x7e)
			copy[i] = '?';
	json_string_set(value, copy != NULL ? copy : "?");
	free(copy);
}

/* Keys are the daemon's own. The depth is bounded by jansson's parser. */
static void
clean(json_t *value)
{
	const char *key;
	json_t *child;
	size_t i;

	if (json_is_string(value))
		clean_string(value);
	json_array_foreach(value, i, child) clean(child);
	json_object_foreach(value, key, child) clean(child);
}

json_t *
doc_parse(const char *text, size_t len)
{
	json_t *doc = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);

	if (!json_is_string(json_object_get(doc, "half")) ||
	    !json_is_array(json_object_get(doc, "lanes"))) {
		json_decref(doc);
		return NULL;
	}
	clean(doc);
	return doc;
}

int64_t
doc_integer(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

const char *
doc_string(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	return text != NULL ? text : "";
}

bool
doc_true(const json_t *o, const char *key)
{
	return json_is_true(json_object_get(o, key));
}

bool
doc_is_relay(const json_t *doc)
{
	return strcmp(doc_string(doc, "half"), "relay") == 0;
}

int64_t
doc_sum(const json_t *o, const char *prefix)
{
	int64_t sum = 0;
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)o, key,
			    value) if (strncmp(key, prefix, strlen(prefix)) == 0) sum +=
		json_integer_value(value);
	return sum;
}
