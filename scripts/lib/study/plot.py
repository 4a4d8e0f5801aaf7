# SPDX-License-Identifier: Apache-2.0
"""Lines over layers on a logarithmic scale, as SVG."""

import math

WIDTH, HEIGHT, LEFT, TOP, BOTTOM, RIGHT = 760, 420, 70, 30, 50, 220
COLOURS = ["#1b6ca8", "#c8553d", "#3a7d44", "#8e5aa8", "#b8860b", "#4a4a4a", "#d1495b", "#00798c"]


def lines_over_layers(title: str, series: dict) -> str:
    """`series`: name to values above 0, one a layer."""
    values = [value for row in series.values() for value in row if value > 0]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    count = max(len(row) for row in series.values())

    def x(layer: int) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * layer / max(count - 1, 1)

    def y(value: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (high - math.log10(value)) / max(high - low, 1)

    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
             f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>', f'<text x="{LEFT}" y="18" font-size="14">{title}</text>']  # fmt: skip
    for power in range(low, high + 1):
        at = y(10.0**power)
        parts += [f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}" stroke="#ddd"/>',
                  f'<text x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">1e{power}</text>']  # fmt: skip
    for layer in range(0, count, 3):
        parts.append(f'<text x="{x(layer):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{layer}</text>')
    parts.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 12}" text-anchor="middle">layer</text>')
    for number, (name, row) in enumerate(series.items()):
        colour = COLOURS[number % len(COLOURS)]
        points = " ".join(f"{x(layer):.1f},{y(value):.1f}" for layer, value in enumerate(row) if value > 0)
        parts += [f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>',
                  f'<text x="{WIDTH - RIGHT + 12}" y="{TOP + 14 + 18 * number}" fill="{colour}">{name}</text>']  # fmt: skip
    return "\n".join([*parts, "</svg>", ""])
