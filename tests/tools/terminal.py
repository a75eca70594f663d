#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""terminal.py COLUMNS ROWS <SCREEN >PAGE.html

A page that looks like the terminal of which `tmux capture-pane -e -p` told SCREEN: for a
browser to take a picture of. Knows the attributes that tomboloctl top uses.
"""
import html
import re
import sys

COLORS = {31: "#ff7b72", 32: "#7ee787", 33: "#e3b341"}
CELL = 8.43  # of DejaVu Sans Mono at 14 px


def style(attributes):
    fore, back = attributes.get("color", "#d6dae0"), "#14171a"
    if "reverse" in attributes:
        fore, back = back, fore
    return (f"color:{fore};background:{back};"
            f"font-weight:{700 if 'bold' in attributes else 400}")


def apply(attributes, codes):
    for code in [int(c or 0) for c in codes.split(";")]:
        if code in (0, 39, 27, 22):
            for key in {0: list(attributes), 39: ["color"], 27: ["reverse"],
                        22: ["bold"]}[code]:
                attributes.pop(key, None)
        elif code == 1:
            attributes["bold"] = True
        elif code == 7:
            attributes["reverse"] = True
        elif code in COLORS:
            attributes["color"] = COLORS[code]


def main():
    columns, rows = int(sys.argv[1]), int(sys.argv[2])
    attributes, out = {}, []
    for line in sys.stdin.read().split("\n")[:rows]:
        parts = re.split(r"\x1b\[([0-9;]*)m|\x1b\([B0]|\x0f|\x0e", line)
        for i, part in enumerate(parts):
            if i % 2 == 1 and part is not None:
                apply(attributes, part)
            elif i % 2 == 0 and part:
                out.append(f'<span style="{style(attributes)}">{html.escape(part)}</span>')
        out.append("\n")
    print("<!DOCTYPE html><meta charset=utf-8><title>top</title>"
          "<style>body{margin:0;background:#14171a}pre{margin:0;padding:10px;"
          f"width:{columns * CELL:.0f}px;height:{rows * 18}px;overflow:hidden;"
          "font:14px/18px 'DejaVu Sans Mono',monospace}</style><pre>"
          + "".join(out) + "</pre>")


main()
