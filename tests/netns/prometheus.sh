#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What comes with Tombolo for Prometheus and Grafana fits what the daemons say: the
# rules and their tests, the dashboard, doc/METRICS.md; and a real Prometheus scrapes
# both halves, computes, and raises an alert when the relay is gone.
set -u
# shellcheck source=lib.sh
. "${TOMBOLO_SRCDIR:-$(dirname "$0")/../..}/tests/netns/lib.sh"
need prometheus promtool jq python3
rules=$TOMBOLO_SRCDIR/etc/prometheus/tombolo.rules.yml
dashboard=$TOMBOLO_SRCDIR/etc/grafana/tombolo.json
handbook=$TOMBOLO_SRCDIR/doc/TROUBLESHOOTING.md
# Where one Prometheus, at the relay's host, reaches both.
PEER_METRICS=$PEER_LINE1:9465
SERVER=127.0.0.1:9090

# promtool is silent until something is wrong.
tool() {
	promtool "$@" >"$dir/promtool.log" 2>&1 || fail "promtool $*"
}

# ---- the rules by themselves ----

rules_hold() {
	tool check rules "$rules"
	tool test rules "${rules%.rules.yml}.test.yml"
}

# One of each is missing, whichever it is.
alerts_are_complete() {
	local what alerts

	alerts=$(sed -n 's/.*- alert: //p' "$rules")
	[ "$(wc -l <<<"$alerts")" -ge 30 ] || fail 'where are the alerts?'
	for what in severity summary description runbook; do
		# The three of the certificate share theirs.
		[ "$(grep -cE "(^ +|[{])$what: " "$rules")" -ge \
			$(($(wc -l <<<"$alerts") - 2)) ] || fail "an alert has no $what"
	done
	for what in $alerts; do
		grep -q "name: '$what\." "${rules%.rules.yml}.test.yml" ||
			fail "$what has no test"
	done
}

# An anchor is a heading in lower case, without blanks.
runbooks_exist() {
	local anchor headings

	headings=$(grep '^#' "$handbook" | sed 's/^#* *//' | tr '[:upper:] ' '[:lower:]-')
	while IFS= read -r anchor; do
		grep -qx -- "$anchor" <<<"$headings" ||
			fail "no chapter $anchor in ${handbook##*/}"
	done < <(sed -n 's/.*runbook: .*#//p' "$rules" | sort -u)
}

# ---- what the daemons say ----

# What only the driver of an EC2 instance's card knows has no sample here: its labels.
hardware='tombolo_interface_allowance_exceeded_packets_total=interface, allowance
tombolo_interface_conntrack_allowance_available=interface'

# Every family that HOST announces has a sample, but for those.
is_complete() {
	fetch "$1" /metrics | grep -vE "^# TYPE tombolo_interface_(allowance|conntrack)_" | awk '
		/^# TYPE / { name = $3; families++; empty[name] = 1; next }
		/^#/ { next }
		{ delete empty[name] }
		END { for (name in empty) exit 1; exit families == 0 }'
}

scrape_both() {
	local half

	for half in relay peer; do
		wait_until "is_complete $half"
		fetch "$half" /metrics >"$dir/$half.prom" || fail "no metrics of the $half"
		promtool check metrics <"$dir/$half.prom" >"$dir/promtool.log" 2>&1 ||
			fail "promtool check metrics: $half"
		[ ! -s "$dir/promtool.log" ] || fail "promtool complains of the $half"
	done
	awk '/^# TYPE / { print $3 }' "$dir"/*.prom | sort -u >"$dir/families"
}

# The rows of doc/METRICS.md, as they have to be.
table() {
	awk -v hardware="$hardware" '
		BEGIN {
			n = split(hardware, lines, "\n")
			for (i = 1; i <= n; i++) {
				split(lines[i], part, "=")
				labels[part[1]] = part[2]
			}
		}
		FNR == 1 { half = FILENAME; sub(/.*\//, "", half); sub(/\..*/, "", half) }
		/^# HELP / { name = $3; help[name] = $0; sub(/^# HELP [^ ]* /, "", help[name]) }
		/^# TYPE / { type[name] = $4; said[name] = said[name] half }
		/^#/ { next }
		!(name in labels) {
			labels[name] = ""
			text = $0
			while (match(text, /[{,][a-z]+="/)) {
				label = substr(text, RSTART + 1, RLENGTH - 3)
				text = substr(text, RSTART + RLENGTH)
				if (label != "le")
					labels[name] = labels[name] (labels[name] ? ", " : "") label
			}
		}
		END {
			for (name in type)
				printf("| `%s` | %s | %s | %s | %s |\n", name,
				       said[name] == "relaypeer" ? "both" : said[name],
				       type[name], labels[name], help[name])
		}' "$dir/relay.prom" "$dir/peer.prom" | LC_ALL=C sort
}

handbook_of_metrics_is_right() {
	grep '^| `tombolo_' "$TOMBOLO_SRCDIR/doc/METRICS.md" >"$dir/documented"
	table >"$dir/said"
	diff "$dir/documented" "$dir/said" >&2 ||
		fail 'doc/METRICS.md is not what the daemons say; the lines with > are'
}

# known FILE: every metric named in it is one of the daemons'.
known() {
	local name

	grep -oE '\btombolo_[a-z0-9_]+' "$1" | sed -E 's/_(bucket|sum|count)$//' |
		sort -u >"$dir/named"
	[ -s "$dir/named" ] || fail "${1##*/} names no metric"
	while IFS= read -r name; do
		grep -qx "$name" "$dir/families" || fail "${1##*/}: there is no $name"
	done <"$dir/named"
}

# ---- the dashboard ----

# Its expressions as rules, its variables filled in as Grafana would.
dashboard_holds() {
	# shellcheck disable=SC2016
	jq -e '.templating.list[0].type == "datasource" and
		([.panels[] | select(.targets) | .targets[].datasource.uid] |
			all(. == "${datasource}")) and
		([.panels[].id] | length == (unique | length))' \
		"$dashboard" >/dev/null || fail 'the dashboard is not one that loads anywhere'
	# shellcheck disable=SC2016
	jq '{groups: [{name: "dashboard", rules: [
		[.panels[].targets[]?.expr, .annotations.list[].expr] | to_entries[] |
		{record: "panel:\(.key)", expr: (.value |
			gsub("\\$__(rate_interval|range)"; "5m") |
			gsub("\\$(relay|peer|channel)"; "(a|b)"))}]}]}' \
		"$dashboard" >"$dir/dashboard.rules.yml" || fail 'the dashboard is no JSON'
	[ "$(jq '.groups[0].rules | length' "$dir/dashboard.rules.yml")" -gt 50 ] ||
		fail 'where are the panels?'
	grep -qF '$' "$dir/dashboard.rules.yml" && fail 'a variable is unknown'
	tool check rules "$dir/dashboard.rules.yml"
}

# ---- a server ----

# The rules as they are, but for the patience.
start_server() {
	sed -E 's/^( +for:) .*/\1 0s/; s/^( +interval:) .*/\1 250ms/' \
		"$rules" >"$dir/impatient.rules.yml"
	cat >"$dir/prometheus.yml" <<-EOF
		global: {scrape_interval: 250ms, scrape_timeout: 250ms, evaluation_interval: 250ms}
		rule_files: ["$dir/impatient.rules.yml"]
		scrape_configs:
		  - job_name: tombolo
		    static_configs: [{targets: ["$RELAY_METRICS", "$PEER_METRICS"]}]
	EOF
	tool check config "$dir/prometheus.yml"
	TZ=UTC GOMAXPROCS=1 ip netns exec "$(netns relay)" prometheus \
		--config.file="$dir/prometheus.yml" --storage.tsdb.path="$dir/tsdb" \
		--storage.tsdb.retention.time=1h --web.listen-address="$SERVER" \
		--web.max-connections=16 --log.level=warn >"$dir/prometheus.log" 2>&1 &
	server=$!
	wait_until "on relay curl -fsS -m 5 http://$SERVER/-/ready"
}

stop_server() {
	kill -TERM "$server" || fail 'prometheus has ended before'
	wait_until "! kill -0 $server"
	wait "$server" || fail "prometheus ended with $?"
}

# query EXPRESSION: the values.
query() {
	on relay curl -fsS -m 5 --data-urlencode "query=$1" \
		"http://$SERVER/api/v1/query" | jq -r '.data.result[].value[1]'
}

# says EXPRESSION VALUE: exactly one value, and this.
says() {
	[ "$(query "$1")" = "$2" ]
}

# evaluated TIME: every rule, without an error, since then.
evaluated() {
	on relay curl -fsS -m 5 "http://$SERVER/api/v1/rules" | jq -e --arg since "$1" '
		[.data.groups[].rules[] | .health == "ok" and .lastEvaluation > $since] |
		length > 40 and all' >/dev/null
}

firing() {
	[ -n "$(query "ALERTS{alertname=\"$1\", alertstate=\"firing\", instance=\"$2\"}")" ]
}

# ---- the scenario ----

setup
rules_hold
alerts_are_complete
runbooks_exist
dashboard_holds
write_relay_conf
sed -i '/name: "\?market0"\?,/s|}$|, expect: {rate: 1/h, over: 24h}}|' "$dir/relay.yaml"
# shellcheck source=members.sh
. "$TOMBOLO_SRCDIR/tests/netns/members.sh"
start_cloud a
members a 1 2 3 4
export AWS_ENDPOINT_URL_EC2=$address
EMIT="quota: {flow_pps: 75000, flow_rate: 1Gbit}, domain: $domain, members: ec2" \
	start_bridge
market --rate 2000 --count 2000 --seed 1 >/dev/null || fail marketgen
wait_until 'is_at_rest 2000'
scrape_both
handbook_of_metrics_is_right
known "$rules"
known "$dashboard"

start_server
wait_until "says 'sum(up{job=\"tombolo\"})' 2"
emitted=$(metric peer tombolo_peer_emitted_datagrams_total)
[ "$emitted" = 2000 ] || fail "$emitted emitted"
wait_until "says 'sum(tombolo_peer_emitted_datagrams_total)' $emitted"
# Every rule has been evaluated with what was scraped, and nothing is raised.
wait_until "says 'count(tombolo:flow_quota:ratio)' 8"
wait_until "evaluated $(date -u +%FT%T.%NZ)"
[ -z "$(query ALERTS)" ] || fail "raised without cause: $(on relay curl -fsS -m 5 \
	"http://$SERVER/api/v1/alerts")"
stop relay
[ "$status" = 0 ] || fail "the relay ended with $status"
wait_until "firing TomboloSessionDown $PEER_METRICS"
wait_until "firing TomboloDown $RELAY_METRICS"
# No word that a template could not be filled in.
on relay curl -fsS -m 5 "http://$SERVER/api/v1/alerts" >"$dir/alerts.json"
jq -e '[.data.alerts[].annotations[]] |
	length > 0 and all(test("<error|no value") | not)' "$dir/alerts.json" >/dev/null ||
	fail "annotations: $(cat "$dir/alerts.json")"
stop_server
stop peer
[ "$status" = 0 ] || fail "the peer ended with $status"
exit 0
