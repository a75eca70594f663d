# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# page_text.sh DIRECTORY: page.html, page.css and page.js there as C strings.
set -eu

echo '/* made by page_text.sh */'
echo '#include "ops/page_text.h"'
for part in html css js; do
	printf '\nconst char page_text_%s[] =\n' "$part"
	sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/"/' -e 's/$/\\n"/' "$1/page.$part"
	echo ';'
done
