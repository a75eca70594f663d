# SPDX-License-Identifier: Apache-2.0
# SVG, for latency.awk and delivered.awk: a frame, axes, a curve and a name for each
# rival. Colours are told apart without red and green (Okabe and Ito), and every
# rival has the same one in each picture.

function picture_begin(width, height) {
	printf "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\"" \
		" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" font-size=\"12\">\n",
		width, height, width, height
	printf "<rect width=\"%d\" height=\"%d\" fill=\"#ffffff\"/>\n", width, height
}

function picture_end() {
	print "</svg>"
}

function picture_text(x, y, anchor, text) {
	printf "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" fill=\"#222222\">%s</text>\n",
		x, y, anchor, text
}

function picture_line(x1, y1, x2, y2, colour) {
	printf "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\"/>\n",
		x1, y1, x2, y2, colour
}

# Ours are drawn bold.
function picture_curve(points, rival) {
	printf "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"%s\"%s points=\"%s\"/>\n",
		picture_colour(rival), rival ~ /^tombolo/ ? "2.6" : "1.4",
		picture_dashes(rival), points
}

function picture_mark(x, y, rival) {
	printf "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%s\" stroke=\"%s\" fill=\"%s\"" \
		" stroke-width=\"1.6\"/>\n", x, y, rival ~ /^tombolo/ ? "5" : "3.6",
		picture_colour(rival),
		picture_dashes(rival) == "" ? picture_colour(rival) : "#ffffff"
}

# marked: by its mark, not by its curve.
function picture_name(x, y, rival, marked) {
	if (marked)
		picture_mark(x + 18, y - 4, rival)
	else
		picture_curve(sprintf("%.1f,%.1f %.1f,%.1f", x, y - 4, x + 22, y - 4), rival)
	picture_text(x + 28, y, "start", rival == "vxlan" ? "vxlan (V)" : rival)
}

function picture_colour(rival) {
	if (rival ~ /^tombolo-tls/)
		return "#0072b2"
	if (rival ~ /^tombolo/)
		return "#d55e00"
	if (rival ~ /^openvpn/)
		return "#009e73"
	if (rival ~ /^socat/)
		return "#cc79a7"
	if (rival ~ /^srt/)
		return "#56b4e9"
	if (rival ~ /^rist/)
		return "#e69f00"
	return "#555555"
}

# The second of a kind is dashed, or hollow.
function picture_dashes(rival) {
	if (rival ~ /-2$|-tcp$|-120$|^direct$/)
		return " stroke-dasharray=\"6 3\""
	if (rival ~ /-immediate$/)
		return " stroke-dasharray=\"2 2\""
	return ""
}

function log10(v) {
	return log(v) / log(10)
}
