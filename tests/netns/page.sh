#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The status page of both daemons in a browser: all is well, the line is lossy, a half
# does not answer. With PAGE_PICTURES, the pictures of doc/ are made there.
set -u
# shellcheck source=lib.sh
. "${TOMBOLO_SRCDIR:-$(dirname "$0")/../..}/tests/netns/lib.sh"
need chromium python3
setup
WIRES='1:dtls 2:dtls' write_relay_conf
LISTEN=dtls write_peer_conf
start_bridge
pictures=${PAGE_PICTURES:-$dir}

# browse HALF PICTURE EXPRESSION...: in the daemon's own namespace.
browse() {
	local half=$1 picture=$2

	shift 2
	on "$half" python3 "$TOMBOLO_SRCDIR/tests/tools/browse.py" \
		-s "$pictures/page-$picture.png" -w "${WIDTH:-1280}" -h "${HEIGHT:-1024}" \
		-t "$dir/$picture.seen" chromium "$dir/profile.$picture" "http://$(metrics_address "$half")/" "$@" ||
		fail "$half, $picture"
}

says() {
	printf 'document.getElementById("%s").textContent.includes("%s")' "$1" "$2"
}

level() {
	printf 'document.getElementById("%s").dataset.level === "%s"' "$1" "$2"
}

market --channels 4 --count 2000 --rate 5000 >"$dir/market.json" || fail marketgen
wait_until 'is_at_rest 2000'

shown='document.getElementById("channels").tBodies[0].rows.length === 4'
for half in relay peer; do
	browse $half $half "$(level verdict ok)" "$(says verdict 'nothing lost')" \
		"$shown" "$(says channels market3)" "$(says channels 239.10.0.1:30001)" \
		"$(says paths dtls)" "$(says paths open)" \
		"document.querySelectorAll('#paths tbody tr').length === 2" \
		"$(says range '4 of 4')"
done

# ---- with traffic, and with trouble ----

# points COUNT: so many seconds are in the plot of the rate.
points() {
	printf '[...document.querySelectorAll("#rate-plot polyline")].some(e => %s)' \
		"e.getAttribute('points').split(' ').length >= $1"
}

market --channels 4 --count 400000 --rate 2000 >"$dir/market.json" &
generator=$!
browse peer healthy "$(points "${PAGE_POINTS:-3}")" "$(level verdict ok)" \
	"$(says delay-cap 'p99 (dashes) ')"
WIDTH=390 HEIGHT=1400 browse peer phone "$(points 3)" "$(says range '4 of 4')"

line_loss 5 1
line_cut 2
# shellcheck disable=SC2016
wait_until '[ "$(metric peer tombolo_peer_gaps_total)" -gt 0 ]'
browse peer trouble "$(points "${PAGE_POINTS:-3}")" "$(says words '1 of 2 paths down')" \
	"$(says paths '\u2715 down')" '!!document.querySelector("#rate-plot path.gap")'

# The page is open when the daemon goes.
browse peer silent "$(points 3)" '!document.getElementById("stale").hidden' \
	"$(says stale 'What is shown is ')" "$(level verdict unknown)" 'document.body.classList.contains("old")' &
browser=$!
# shellcheck disable=SC2016
wait_until '[ -e "$dir/silent.seen" ]' 60
stop peer KILL
wait "$browser" || fail 'the page does not say that nobody answers'
browse relay relay-alone "$(says words 'Line: trouble; session vpc-a is ')"
kill "$generator"
exit 0
