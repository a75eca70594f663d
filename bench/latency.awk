# SPDX-License-Identifier: Apache-2.0
# Draws, with picture.awk, how many datagrams are not there yet after how long: one
# panel a scenario, both axes logarithmic, all runs of a rival together. A curve that
# goes flat has lost the rest.
# Reads lines "SCENARIO: description" first, in the order of the panels, and then the
# files "SCENARIO RIVAL RUN" that sink --cdf has written.

NR == FNR {
	panel[substr($1, 1, length($1) - 1)] = ++panels
	title[panels] = $0
	next
}

FNR == 1 {
	path = FILENAME
	sub(/.*\//, "", path)
	split(path, part, " ")
	if (!(part[2] in seen)) {
		seen[part[2]] = 1
		rival[++rivals] = part[2]
	}
	curve = panel[part[1]] SUBSEP part[2]
	drawn[curve] = 1
}

{
	within[curve, FNR] += $2
	sent[curve, FNR] += $3
	ms[FNR] = $1
	if (FNR > steps)
		steps = FNR
}

function x_of(p, v) {
	return left + ((p - 1) % across) * (w + gap_x) + w * (log10(v) + 1) / 5
}

# Shares below the least that is shown lie on the bottom.
function y_of(p, share) {
	if (share < least)
		share = least
	return top + int((p - 1) / across) * (h + gap_y) + h * log10(share) / log10(least)
}

function draw_frame(p, i) {
	picture_text(x_of(p, 0.1), y_of(p, 1) - 8, "start", title[p])
	for (i = -1; i <= 4; i++) {
		picture_line(x_of(p, 10 ^ i), y_of(p, 1), x_of(p, 10 ^ i), y_of(p, least), "#dddddd")
		picture_text(x_of(p, 10 ^ i), y_of(p, least) + 15, "middle", 10 ^ i)
	}
	for (i = 0; i >= -5; i--) {
		picture_line(x_of(p, 0.1), y_of(p, 10 ^ i), x_of(p, 1e4), y_of(p, 10 ^ i), "#dddddd")
		picture_text(x_of(p, 0.1) - 5, y_of(p, 10 ^ i) + 4, "end", 100 * 10 ^ i "%")
	}
	picture_text((x_of(p, 0.1) + x_of(p, 1e4)) / 2, y_of(p, least) + 31, "middle",
		"not delivered within ... ms")
}

function draw_curve(p, name, curve, points, i, share) {
	curve = p SUBSEP name
	if (!(curve in drawn))
		return
	for (i = 1; i <= steps; i++) {
		if (ms[i] < 0.1 || ms[i] > 1e4)
			continue
		share = 1 - within[curve, i] / sent[curve, i]
		points = points sprintf("%.1f,%.1f ", x_of(p, ms[i]), y_of(p, share))
		if (share <= 0)
			break
	}
	picture_curve(points, name)
}

END {
	left = 60; top = 30; w = 380; h = 240; gap_x = 90; gap_y = 70
	least = 1e-5
	across = panels < 2 ? 1 : 2
	down = int((panels + across - 1) / across)
	names_y = top + down * (h + gap_y)
	picture_begin(left + across * (w + gap_x), names_y + 18 * int((rivals + 3) / 4) + 8)
	for (p = 1; p <= panels; p++) {
		draw_frame(p)
		for (r = 1; r <= rivals; r++)
			draw_curve(p, rival[r])
	}
	wide = (left + across * (w + gap_x) - 40) / 4
	for (r = 1; r <= rivals; r++)
		picture_name(20 + (r - 1) % 4 * wide, names_y + 12 + 18 * int((r - 1) / 4), rival[r])
	picture_end()
}
