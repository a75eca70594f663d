# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# page_text.sh DIRECTORY: page.html, page.css and the three page*.js there as C strings.
set -eu

echo '/* made by page_text.sh */'
echo '#include "ops/page_text.h"'
# put_text NAME FILE...: one after the other.
put_text() {
	printf '\nconst char page_text_%s[] =\n' "$1"
	shift
	sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/"/' -e 's/$/\\n"/' "$@"
	echo ';'
}
put_text html "$1/page.html"
put_text css "$1/page.css"
put_text js "$1/page_logic.js" "$1/page_draw.js" "$1/page.js"
