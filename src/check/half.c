/* SPDX-License-Identifier: Apache-2.0 */
#include "check/half.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ops/conf.h"

#define RELAY_FILE SYSCONFDIR "/tombolo/relay.yaml"
#define PEER_FILE  SYSCONFDIR "/tombolo/peer.yaml"

static bool
load_relay(struct half *h, char *error, size_t error_bytes)
{
	h->relay = relay_conf_load(h->file, error, error_bytes);
	if (h->relay != NULL)
		h->both = HALF_SETTINGS(h->relay);
	return h->relay != NULL;
}

static bool
load_peer(struct half *h, char *error, size_t error_bytes)
{
	h->peer = peer_conf_load(h->file, error, error_bytes);
	if (h->peer != NULL)
		h->both = HALF_SETTINGS(h->peer);
	return h->peer != NULL;
}

static const char *
find_usual(char *error, size_t error_bytes)
{
	bool relay = access(RELAY_FILE, F_OK) == 0, peer = access(PEER_FILE, F_OK) == 0;

	if (relay != peer)
		return relay ? "relay" : "peer";
	snprintf(error, error_bytes,
		 relay ? "%s and %s are here: say which, by --relay "
			 "or --peer, or by -f FILE"
		       : "neither %s nor %s is here: say which by -f "
			 "FILE",
		 RELAY_FILE, PEER_FILE);
	return NULL;
}

/* A file of which nobody said what it is: whichever can read it. */
static bool
load_either(struct half *h, bool *ambiguous, char *error, size_t error_bytes)
{
	if (load_relay(h, error, error_bytes) || load_peer(h, error, error_bytes))
		return true;
	*ambiguous = true;
	snprintf(error, error_bytes,
		 "%s is the configuration of neither half as it is: say which it is "
		 "meant to be, by --relay or --peer, to see what is wrong with it",
		 h->file);
	return false;
}

bool
half_load(struct half *h, const char *name, const char *file, bool *ambiguous,
	  char *error, size_t error_bytes)
{
	bool relay;

	*h = (struct half){0};
	*ambiguous = false;
	if (file != NULL)
		snprintf(h->file, sizeof(h->file), "%s", file);
	if (name == NULL && file != NULL)
		return load_either(h, ambiguous, error, error_bytes);
	if (name == NULL)
		name = find_usual(error, error_bytes);
	*ambiguous = name == NULL;
	if (name == NULL)
		return false;
	relay = strcmp(name, "relay") == 0;
	if (file == NULL)
		snprintf(h->file, sizeof(h->file), "%s",
			 relay ? RELAY_FILE : PEER_FILE);
	return relay ? load_relay(h, error, error_bytes)
		     : load_peer(h, error, error_bytes);
}

void
half_fini(struct half *h)
{
	relay_conf_free(h->relay);
	peer_conf_free(h->peer);
}
