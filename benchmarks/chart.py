"""A bar chart as SVG, by hand: a picture of five bars is no reason for a plotting library."""

from collections.abc import Sequence
from html import escape

from benchmarks.report import Bar

WIDTH, LEFT, RIGHT, HIGH, GAP, TOP = 720, 190, 110, 26, 12, 44


def svg(title: str, bars: Sequence[Bar]) -> str:
    """Horizontal bars from zero, each with its value; readable on light and on dark pages."""
    most = max((bar.value for bar in bars), default=0.0) or 1.0
    height = TOP + len(bars) * (HIGH + GAP) + GAP
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img"',
        f' aria-label="{escape(title)}" font-family="system-ui, sans-serif" font-size="14">',
        f'<rect width="{WIDTH}" height="{height}" rx="6" fill="#ffffff"/>',
        f'<text x="16" y="27" font-size="16" font-weight="600" fill="#1f2933">{escape(title)}</text>',
    ]
    for number, bar in enumerate(bars):
        y = TOP + number * (HIGH + GAP)
        length = max(2.0, bar.value / most * (WIDTH - LEFT - RIGHT))
        middle, colour = y + HIGH / 2 + 5, "#0b6e4f" if bar.ours else "#9aa5b1"
        lines += [
            f'<text x="{LEFT - 12}" y="{middle:.0f}" text-anchor="end" fill="#1f2933">{escape(bar.label)}</text>',
            f'<rect x="{LEFT}" y="{y}" width="{length:.1f}" height="{HIGH}" rx="3" fill="{colour}"/>',
            f'<text x="{LEFT + length + 8:.1f}" y="{middle:.0f}" fill="#1f2933">{bar.value:,.0f}</text>',
        ]
    return "\n".join([*lines, "</svg>", ""])
