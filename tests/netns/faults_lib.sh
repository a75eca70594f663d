# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
#
# What the scenarios of injected faults share: a real Prometheus with the shipped rules
# looks at both halves, and a fault has to be named rightly three times: in the ledger's
# sentence of each half, by an alert and by no wrong one, and in the log, whose line
# leads to its entry in doc/TROUBLESHOOTING.md. Sourced after lib.sh.

rules=$TOMBOLO_SRCDIR/etc/prometheus/tombolo.rules.yml
handbook=$TOMBOLO_SRCDIR/doc/TROUBLESHOOTING.md
# Prometheus reaches the peer over the second wire, so the first may be cut.
# shellcheck disable=SC2034
PEER_METRICS=$PEER_LINE2:9465
SERVER=127.0.0.1:9090
began=0 # when the fault did, in ms

now_ms() {
	date +%s%3N
}

# ---- Prometheus ----

# The shipped rules with one thing changed, so that a test need not wait for minutes:
# every duration of `for:`, `interval:`, `offset` and every window in brackets is a
# sixtieth of what it was, a window and an offset at least 3 s for scrapes of one second.
hurry_rules() {
	awk '
	function hurried(text, least,   n, unit, ms) {
		n = text + 0
		unit = substr(text, length(text))
		ms = n * (unit == "h" ? 3600 : unit == "m" ? 60 : 1) * 1000 / 60
		if (ms < least)
			ms = least
		return int(ms) "ms"
	}
	/^ +(for|interval): / { $0 = substr($0, 1, index($0, ":")) " " hurried($NF, 250) }
	{
		line = $0
		done = ""
		while (match(line, /(\[|offset )[0-9]+[smh]/)) {
			match_text = substr(line, RSTART, RLENGTH)
			sub(/^(\[|offset )/, "", match_text)
			done = done substr(line, 1, RSTART - 1 + RLENGTH - length(match_text)) \
				hurried(match_text, 3000)
			line = substr(line, RSTART + RLENGTH)
		}
		print done line
	}' "$rules" >"$dir/hurried.rules.yml"
	[ "$(grep -cE '\[[0-9]+ms\]|for: [0-9]+ms' "$dir/hurried.rules.yml")" -gt 40 ] ||
		fail 'the rules have no durations any more'
}

start_prometheus() {
	hurry_rules
	cat >"$dir/prometheus.yml" <<-EOF2
		global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 500ms}
		rule_files: ["$dir/hurried.rules.yml"]
		scrape_configs:
		  - job_name: tombolo
		    static_configs: [{targets: ["$RELAY_METRICS", "$PEER_METRICS"]}]
	EOF2
	promtool check config "$dir/prometheus.yml" >"$dir/promtool.log" 2>&1 ||
		fail 'promtool check config'
	TZ=UTC GOMAXPROCS=1 ip netns exec "$(netns relay)" prometheus \
		--config.file="$dir/prometheus.yml" --storage.tsdb.path="$dir/tsdb" \
		--storage.tsdb.retention.time=1h --web.listen-address="$SERVER" \
		--web.max-connections=16 --log.level=warn >"$dir/prometheus.log" 2>&1 &
	wait_until "on relay curl -fsS -m 5 http://$SERVER/-/ready"
	wait_until "[ \"\$(query 'sum(up)')\" = 2 ]"
}

# query EXPRESSION: the values.
query() {
	on relay curl -fsS -m 5 --data-urlencode "query=$1" \
		"http://$SERVER/api/v1/query" | jq -r '.data.result[].value[1]'
}

alerts() {
	on relay curl -fsS -m 5 "http://$SERVER/api/v1/alerts"
}

# raised NAME [LABEL=VALUE...]: an alert of that name is firing, with these labels.
raised() {
	alerts | jq -e --args '[$ARGS.positional[1:][] | capture("^(?<key>[^=]+)=(?<value>.*)$")] as $want
		| $ARGS.positional[0] as $name
		| .data.alerts | any(.state == "firing" and .labels.alertname == $name and
			(.labels as $labels | $want | all($labels[.key] == .value)))' "$@" >/dev/null
}

quiet() {
	! raised "$@"
}

nothing_raised() {
	[ "$(alerts | jq '.data.alerts | length')" = 0 ]
}

# All that fired since the fault began, by name.
raised_since() {
	on relay curl -fsS -m 5 --data-urlencode \
		"query=count by (alertname) (count_over_time(ALERTS{alertstate=\"firing\"}[$(($(now_ms) - began))ms]))" \
		"http://$SERVER/api/v1/query" | jq -r '.data.result[].metric.alertname' | sort
}

# only NAME...: of all alerts that fired since the fault began each is one of these, and
# the first is among them.
only() {
	local name fired

	fired=$(raised_since)
	grep -qx "$1" <<<"$fired" || fail "$fault: $1 did not fire, but: $fired"
	for name in $fired; do
		[[ " $* " == *" $name "* ]] || fail "$fault: $name is a wrong alert"
	done
	say "$fault: alerts: ${fired//$'\n'/ }"
}

# ---- sentences ----

# verdict HALF: the ledger's sentence, without what is on the way at this moment.
verdict() {
	"$sbin/tomboloctl" -s "$dir/run/$1.sock" --json ledger | jq -r .verdict |
		sed -E 's/; under way: [^;]*//g'
}

# sentence HALF PATTERN: the whole of it.
sentence() {
	[[ "$(verdict "$1")" =~ ^$2$ ]]
}

# hear HALF PATTERN: it comes to be said.
hear() {
	wait_until "sentence $1 '$2' || { verdict $1 >'$dir/verdict'; false; }" "${3-}"
	say "$fault: $1: $(verdict "$1")"
}

# ---- the handbook ----

# entry_of MESSAGE: the text of its entry.
entry_of() {
	awk -v message="$1" '
		/^- `/ || /^#/ { inside = index($0, message) > 0; if (inside) print; next }
		inside { print }' "$handbook"
}

# chapter_of ANCHOR: the text of the chapter.
chapter_of() {
	awk -v anchor="$1" '
		/^#/ {
			heading = tolower($0)
			sub(/^#* */, "", heading)
			gsub(/ /, "-", heading)
			inside = heading == anchor
		}
		inside { print }' "$handbook"
}

# told HALF MESSAGE WORDS: the daemon wrote such a line (as tools/log-entries has it, ...
# for a value), the handbook has its entry, and the entry, or the chapter of an alert that
# it points to, says these words.
told() {
	local message=$2 anchor text

	# "...", with its dots escaped, is anything.
	sed -E 's/[][().*^$+?{}|\\]/\\&/g; s/(\\\.){3}/.*/g' <<<"$message" >"$dir/pattern"
	wait_until "grep -qEf '$dir/pattern' '$dir/$1.log'"
	grep -qxF -- "$message" "$dir/messages" || fail "$fault: nobody logs: $message"
	text=$(entry_of "$message")
	[ -n "$text" ] || fail "$fault: no entry: $message"
	for anchor in $(grep -oE '\(#[a-z-]+\)' <<<"$text" | tr -d '(#)'); do
		text+=$(chapter_of "$anchor")
	done
	grep -qiE -- "$3" <<<"$(tr -s '[:space:]' ' ' <<<"$text")" || fail "$fault: the entry does not say: $3"
}

# explained ALERT WORDS: the chapter that the alert points to has cause, way to confirm
# and remedy, and says these words.
explained() {
	local anchor text part

	anchor=$(awk -v name="$1" '
		$1 == "-" && $2 == "alert:" { inside = $3 == name }
		inside && $1 == "runbook:" { sub(/.*#/, ""); print; exit }' "$rules")
	text=$(chapter_of "${anchor:-none}")
	for part in Cause Confirm Remedy; do
		grep -qF "*$part" <<<"$text" || fail "$fault: $1: no $part in its chapter"
	done
	grep -qiE -- "$2" <<<"$(tr -s '[:space:]' ' ' <<<"$text")" || fail "$fault: $1: its chapter does not say: $2"
}

# ---- a fault ----

# healthy FAULT [RELAY-SENTENCE [PEER-SENTENCE]]: nothing is raised, and both say that
# nothing is wrong, or what the faults before have left in their books.
healthy() {
	fault=$1
	hear relay "${2:-nothing lost}"
	hear peer "${3:-nothing lost}"
	wait_until nothing_raised
	began=$(now_ms)
}

market_begin() {
	market_start --channels 4 --rate 2000 --max 1400 --duration 600
}

# start_faults: both daemons, traffic that goes on, and who watches them. Configurations
# are there, and have sockets in $dir/run.
start_faults() {
	need prometheus promtool jq
	"$TOMBOLO_SRCDIR/tools/log-entries" "$TOMBOLO_SRCDIR/src" >"$dir/messages" ||
		fail log-entries
	start_bridge
	market_begin
	start_prometheus
}
