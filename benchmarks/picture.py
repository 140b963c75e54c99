"""Draws curves as one SVG, a panel for each, both axes logarithmic. Values below one do not occur."""

from collections.abc import Iterator, Sequence
from html import escape
from math import ceil, floor, log10

from benchmarks.curves import Curve

COLOURS = ("#0b6bcb", "#b35900")
WIDTH, HEIGHT, LEFT, TOP, BOTTOM, RIGHT = 340, 300, 66, 44, 48, 18
GREY, PALE = "#333333", "#dddddd"
Place = tuple[float, float]


def draw(curves: Sequence[Curve], unit: str) -> str:
    width = WIDTH * len(curves)
    box = f'viewBox="0 0 {width} {HEIGHT}" font-family="sans-serif" font-size="11"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {box}>',
        f'<rect width="{width}" height="{HEIGHT}" fill="#fff"/>',
    ]
    for number, curve in enumerate(curves):
        parts += [f'<g transform="translate({number * WIDTH} 0)">', *Panel(curve).parts(unit), "</g>"]
    return "\n".join([*parts, "</svg>", ""])


class Panel:
    def __init__(self, curve: Curve) -> None:
        values = [figure.median for figures in curve.points.values() for figure in figures]
        self._curve = curve
        self._low, self._high = floor(log10(min(values))), ceil(log10(max(values)))

    def parts(self, unit: str) -> Iterator[str]:
        curve, bottom = self._curve, HEIGHT - BOTTOM
        yield _text((LEFT, 16), f"{unit}: {curve.title}")
        for exponent in range(self._low, self._high + 1):
            y = self._y(10**exponent)
            yield _line([(LEFT, y), (WIDTH - RIGHT, y)], PALE)
            yield _text((LEFT - 6, y + 4), f"{10**exponent:,}", "end")
        for value in curve.xs:
            yield _text((self._x(value), bottom + 16), f"{value:,}", "middle")
        yield _text(((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12), curve.x_label, "middle")
        for number, (name, figures) in enumerate(curve.points.items()):
            colour = COLOURS[number]
            places = [(self._x(x), self._y(figure.median)) for x, figure in zip(curve.xs, figures, strict=True)]
            yield _line(places, colour, 2)
            yield from (f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places)
            yield _text((LEFT + 130 * number, 33), name, fill=colour)

    def _x(self, value: float) -> float:
        first, last = log10(self._curve.xs[0]), log10(self._curve.xs[-1])
        return LEFT + 8 + (log10(value) - first) / (last - first) * (WIDTH - LEFT - RIGHT - 16)

    def _y(self, value: float) -> float:
        return HEIGHT - BOTTOM - (log10(value) - self._low) / (self._high - self._low) * (HEIGHT - TOP - BOTTOM)


def _line(places: Sequence[Place], colour: str, width: int = 1) -> str:
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    return f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="{width}"/>'


def _text(place: Place, words: str, anchor: str = "start", fill: str = GREY) -> str:
    return f'<text x="{place[0]:.1f}" y="{place[1]:.1f}" text-anchor="{anchor}" fill="{fill}">{escape(words)}</text>'
