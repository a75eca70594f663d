# SPDX-License-Identifier: Apache-2.0
# The runs of tools/bench (runs.txt) to medians: form=table (Markdown) or form=json.
# Lines: scenario rival run delivered-% duplicates reordered p50 p99 p99.9 max (ms)
# CPU-relay CPU-peer CPU-machine (us a datagram) sent line-late-p99 gen-late-max (us).

BEGIN {
	columns = split("delivered duplicates reordered p50 p99 p99.9 max " \
		"cpu_relay cpu_peer cpu_machine", name, " ")
	format = "%.4f %.0f %.0f %.3f %.3f %.3f %.3f %.2f %.2f %.2f"
	split(format, digits, " ")
}

{
	bout = $1 SUBSEP $2
	if (!(bout in runs))
		order[++bouts] = bout
	n = ++runs[bout]
	for (i = 1; i <= columns; i++)
		value[bout, i, n] = $(i + 3)
	if (n == 1 || $4 < worst[bout])
		worst[bout] = $4
	sent[bout] = $14
}

function median(bout, i, n, a, b, held, list) {
	n = runs[bout]
	for (a = 1; a <= n; a++) {
		held = value[bout, i, a] + 0
		for (b = a - 1; b > 0 && list[b] > held; b--)
			list[b + 1] = list[b]
		list[b + 1] = held
	}
	return n % 2 ? list[(n + 1) / 2] : (list[n / 2] + list[n / 2 + 1]) / 2
}

# By how much it is above V, the unrepaired VXLAN of the same scenario.
function above(bout, i, part, v) {
	split(bout, part, SUBSEP)
	v = part[1] SUBSEP "vxlan"
	if (!(v in runs))
		return "-"
	return sprintf("%+.3f", median(bout, i) - median(v, i))
}

function cpu(bout, i) {
	split(bout, part, SUBSEP)
	if (i < 10 && (part[2] == "vxlan" || part[2] == "direct"))
		return "kernel"
	return sprintf(digits[i], median(bout, i))
}

function print_table(k, i, bout, part) {
	print "| scenario | rival | delivered % | worst run % | twice | out of order |" \
		" p50 ms | p99 ms | p99.9 ms | max ms | p99 - V | p99.9 - V |" \
		" relay us | peer us | machine us |"
	print "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
	for (k = 1; k <= bouts; k++) {
		bout = order[k]
		split(bout, part, SUBSEP)
		printf "| %s | %s |", part[1], part[2]
		for (i = 1; i <= 7; i++) {
			printf " " digits[i] " |", median(bout, i)
			if (i == 1)
				printf " %.4f |", worst[bout]
		}
		printf " %s | %s |", above(bout, 5), above(bout, 6)
		printf " %s | %s | %s |\n", cpu(bout, 8), cpu(bout, 9), cpu(bout, 10)
	}
}

function print_json(k, i, bout, part) {
	for (k = 1; k <= bouts; k++) {
		bout = order[k]
		split(bout, part, SUBSEP)
		printf "{\"scenario\": \"%s\", \"rival\": \"%s\", \"runs\": %d" \
			", \"sent\": %d, \"delivered_worst\": %.4f",
			part[1], part[2], runs[bout], sent[bout], worst[bout]
		for (i = 1; i <= columns; i++)
			printf ", \"%s\": " digits[i], name[i], median(bout, i)
		print k < bouts ? "}," : "}"
	}
}

END {
	if (form == "json")
		print_json()
	else
		print_table()
}
