/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a designer would complain of, computed in the page: texts with too little contrast
 * (WCAG 2.1, AA), texts that are cut, a page wider than its window, targets too small.
 * For browse.py, =audit.
 */
(() => {
	const complaints = [];
	const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
	const paint = color => {
		canvas.clearRect(0, 0, 1, 1);
		canvas.fillStyle = color;
		canvas.fillRect(0, 0, 1, 1);
		return [...canvas.getImageData(0, 0, 1, 1).data];
	};
	const luminance = color => color.slice(0, 3).map(v => v / 255)
		.map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
		.reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
	const contrast = (a, b) => {
		const [x, y] = [luminance(a), luminance(b)].sort((m, n) => n - m);

		return (x + .05) / (y + .05);
	};
	/* The place's box is painted, not the background of an element. */
	const behind = e => {
		const box = e.closest("#picture g[data-level]");

		if (box)
			return paint(getComputedStyle(box.querySelector("rect")).fill);
		for (let up = e; up; up = up.parentElement) {
			const color = paint(getComputedStyle(up).backgroundColor);

			if (color[3] === 255)
				return color;
		}
		return [255, 255, 255, 255];
	};
	const isSeen = e => e.checkVisibility({visibilityProperty: true, opacityProperty: true}) && !e.closest(".unseen, .skip");
	const ownText = e => [...e.childNodes].filter(n => n.nodeType === 3).map(n => n.data.trim()).join("");
	const label = e => `${e.tagName}${e.id && "#" + e.id} "${ownText(e).slice(0, 40)}"`;

	for (const e of document.body.querySelectorAll("*")) {
		if (ownText(e) === "" || !isSeen(e) || ["SCRIPT", "STYLE", "title", "desc", "NOSCRIPT"].includes(e.tagName))
			continue;
		const style = getComputedStyle(e), svg = e instanceof SVGElement;
		const ratio = contrast(paint(svg ? style.fill : style.color), behind(e));

		if (ratio < 4.5)
			complaints.push(`${label(e)}: contrast ${ratio.toFixed(2)}`);
		const b = e.getBoundingClientRect(), clip = svg ? (e.closest("g[data-level]") || e.ownerSVGElement).getBoundingClientRect() : null;

		if (clip && (b.left < clip.left - 1 || b.right > clip.right + 1))
			complaints.push(`${label(e)}: sticks out of its picture`);
		if (!svg && e.scrollWidth > e.clientWidth + 1 && style.overflowX !== "visible" && style.overflowX !== "auto")
			complaints.push(`${label(e)}: is cut`);
	}
	for (const e of document.querySelectorAll("[placeholder]")) {
		const ratio = contrast(paint(getComputedStyle(e, "::placeholder").color), behind(e));

		if (ratio < 4.5)
			complaints.push(`${label(e)}: contrast ${ratio.toFixed(2)} of the placeholder`);
	}
	for (const e of document.querySelectorAll("button, input, summary")) {
		const b = e.getBoundingClientRect();

		if (isSeen(e) && b.height < 24) /* WCAG 2.2, 2.5.8 */
			complaints.push(`${label(e)}: ${b.height} pixels high`);
	}
	for (const e of document.querySelectorAll("svg.plot"))
		for (const [i, a] of [...e.querySelectorAll("text")].entries())
			for (const b of [...e.querySelectorAll("text")].slice(i + 1)) {
				const p = a.getBoundingClientRect(), q = b.getBoundingClientRect();

				if (p.left < q.right && q.left < p.right && p.top + 4 < q.bottom && q.top + 4 < p.bottom)
					complaints.push(`${label(a)} and ${label(b)} overlap`);
			}
	if (document.documentElement.scrollWidth > innerWidth)
		complaints.push(`the page is ${document.documentElement.scrollWidth} wide, the window ${innerWidth}`);
	return complaints;
})()
