# SPDX-License-Identifier: Apache-2.0
# Draws, with picture.awk, what each rival has lost on each line, from the table of
# medians.awk. The bottom is: nothing.

BEGIN {
	FS = " *[|] *"
	left = 70; top = 30; h = 300; step = 130; least = 1e-4
}

NR <= 2 {
	next
}

{
	if (!($2 in column)) {
		column[$2] = ++columns
		title[columns] = $2
	}
	if (!($3 in seen)) {
		seen[$3] = 1
		rival[++rivals] = $3
	}
	lost[$2, $3] = 100 - $4
}

function x_of(i, r) {
	return left + (i - 0.5) * step + (r - rivals / 2 - 0.5) * step * 0.85 / rivals
}

# Percent: from 100 at the top down to `least`, and none below that.
function y_of(v) {
	return v < least ? top + h : top + (h - 30) * (2 - log10(v)) / (2 - log10(least))
}

function draw_frame(i, v) {
	for (i = 2; i >= log10(least) - 0.5; i--) {
		v = 10 ^ i
		picture_line(left, y_of(v), left + columns * step, y_of(v), "#dddddd")
		picture_text(left - 6, y_of(v) + 4, "end", v "%")
	}
	picture_line(left, y_of(0), left + columns * step, y_of(0), "#222222")
	picture_text(left - 6, y_of(0) + 4, "end", "nothing")
	picture_text(left, top - 12, "start", "lost on each line")
	for (i = 1; i <= columns; i++) {
		picture_line(left + i * step, top, left + i * step, top + h, "#dddddd")
		picture_text(left + (i - 0.5) * step, top + h + 18, "middle", title[i])
	}
}

function draw_rival(r, i) {
	for (i = 1; i <= columns; i++)
		if ((title[i], rival[r]) in lost)
			picture_mark(x_of(i, r), y_of(lost[title[i], rival[r]]), rival[r])
	picture_name(left + columns * step + 20, top + 10 + 20 * r, rival[r], 1)
}

END {
	picture_begin(left + columns * step + 190, top + h + 40)
	draw_frame()
	for (r = 1; r <= rivals; r++)
		draw_rival(r)
	picture_end()
}
