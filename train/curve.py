#!/usr/bin/python3
"""Draws the training curves as SVG.

usage: curve.py DIR FILE.svg"""

import csv
import math
import os
import sys

WIDTH, HEIGHT, LEFT, BOTTOM = 720, 360, 60, 310


def main(folder, out):
    curves = {}
    for name in ("large", "small"):
        with open(os.path.join(folder, name + ".csv")) as f:
            curves[name] = [(int(r[1]), max(float(r[3]), 1e-3)) for r in csv.reader(f)]
    most = max(q for c in curves.values() for q, _ in c)
    x = lambda q: LEFT + q / most * (WIDTH - LEFT - 80)
    y = lambda loss: 20 + (math.log10(5) - math.log10(loss)) / (math.log10(5) + 3) * (BOTTOM - 20)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="13">',
        "<style>text{fill:#333}line{stroke:#999}.large{stroke:#06c}.small{stroke:#c60}"
        "@media(prefers-color-scheme:dark){text{fill:#ddd}.large{stroke:#6bf}.small{stroke:#fa5}}</style>",
        "<title>training loss against questions seen</title>",
    ]
    for loss in (1, 0.1, 0.01, 0.001):
        lines.append(f'<line x1="{LEFT}" x2="{WIDTH - 60}" y1="{y(loss):.0f}" y2="{y(loss):.0f}" stroke-opacity=".4"/>'
                     f'<text x="{LEFT - 8}" y="{y(loss) + 4:.0f}" text-anchor="end">{loss:g}</text>')
    for k in range(0, most // 1000 + 1, 20):
        lines.append(f'<text x="{x(k * 1000):.0f}" y="{BOTTOM + 20}" text-anchor="middle">{k}k</text>')
    lines.append(f'<text x="{LEFT}" y="14">loss of an answer token, nats (running mean)</text>'
                 f'<text x="{WIDTH - 60}" y="{BOTTOM + 40}" text-anchor="end">questions seen</text>')
    for name, c in curves.items():
        points = " ".join(f"{x(q):.1f},{y(loss):.1f}" for q, loss in c)
        lines.append(f'<polyline class="{name}" fill="none" stroke-width="2" points="{points}"/>'
                     f'<text x="{x(c[-1][0]) + 6:.0f}" y="{y(c[-1][1]) + 4:.0f}">{name}</text>')
    with open(out, "w") as f:
        f.write("\n".join(lines + ["</svg>", ""]))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
