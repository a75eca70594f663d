/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/page.h"

#include <event2/buffer.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <string.h>

#include "ops/page_text.h"

#define HASH_BYTES 32
#define HASH_CHARS 48 /* as base64, and the end of the string */

/* Of what stands between the tags, as CSP has it; false when OpenSSL cannot. */
static bool
hash_text(const char *text, char out[HASH_CHARS])
{
	unsigned char hash[HASH_BYTES];

	if (EVP_Digest(text, strlen(text), hash, NULL, EVP_sha256(), NULL) != 1)
		return false;
	EVP_EncodeBlock((unsigned char *)out, hash, sizeof(hash));
	return true;
}

static void
put_head(struct evbuffer *out, const char *css_hash, const char *js_hash)
{
	evbuffer_add_printf(out,
			    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n"
			    "<meta charset=\"utf-8\">\n"
			    "<meta http-equiv=\"Content-Security-Policy\" content=\""
			    "default-src 'none'; base-uri 'none'; form-action 'none'; "
			    "connect-src 'self'; img-src data:; "
			    "style-src 'sha256-%s'; script-src 'sha256-%s'\">\n"
			    "<meta name=\"viewport\" content=\"width=device-width, "
			    "initial-scale=1\">\n"
			    "<meta name=\"referrer\" content=\"no-referrer\">\n"
			    "<link rel=\"icon\" href=\"data:,\">\n"
			    "<title>Tombolo</title>\n",
			    css_hash, js_hash);
}

void
page_serve(void *arg, struct evbuffer *out, const char **content_type, int *status)
{
	char css_hash[HASH_CHARS], js_hash[HASH_CHARS];

	(void)arg;
	if (!hash_text(page_text_css, css_hash) || !hash_text(page_text_js, js_hash)) {
		*status = 500;
		evbuffer_add_printf(out, "no SHA-256 here\n");
		return;
	}
	*content_type = "text/html; charset=utf-8";
	put_head(out, css_hash, js_hash);
	evbuffer_add_printf(out, "<style>%s</style>\n</head>\n<body>\n%s",
			    page_text_css, page_text_html);
	evbuffer_add_printf(out, "<script>%s</script>\n</body>\n</html>\n",
			    page_text_js);
}
