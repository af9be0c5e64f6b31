"""Curves as SVG, written by hand: logarithmic across, linear up from zero."""

import math
from html import escape

WIDTH, HEIGHT = 640, 400
LEFT, RIGHT, TOP, BOTTOM = 76, 104, 40, 84
COLOURS = {"gateway": "#c2410c", "nginx": "#15803d", "varnish": "#1d4ed8"}


def draw(curve, caption):
    points = [point for line in curve["curves"].values() for point in line]
    across, up = Across([x for x, _ in points]), Up(max(y for _, y in points))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="12" fill="#333">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        text(LEFT, 24, curve["title"], 'font-size="15" font-weight="bold"'),
    ]
    parts += grid(across, up, 1024 if "bytes" in curve["x_label"] else 1000)
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(text(middle, HEIGHT - BOTTOM + 38, curve["x_label"], 'text-anchor="middle"'))
    height = (TOP + HEIGHT - BOTTOM) / 2
    parts.append(text(16, height, curve["y_label"],
                      f'text-anchor="middle" transform="rotate(-90 16 {height})"'))
    for name, place in zip(curve["curves"], label_places(curve["curves"], up)):
        parts += line(name, curve["curves"][name], across, up, place)
    for number, words in enumerate(caption):
        parts.append(text(LEFT, HEIGHT - 24 + 14 * number, words, 'font-size="10" fill="#777"'))
    return "\n".join([*parts, "</svg>", ""])


class Across:
    """Where a value stands from left to right. Zero, which has no logarithm, stands before one."""

    def __init__(self, values):
        self.values = sorted(set(values))
        self.low, self.high = self.place(self.values[0]), self.place(self.values[-1])

    @staticmethod
    def place(value):
        return math.log10(value) if value > 0 else -0.5

    def __call__(self, value):
        part = (self.place(value) - self.low) / ((self.high - self.low) or 1)
        return LEFT + part * (WIDTH - LEFT - RIGHT)


class Up:
    """Where a value stands from the foot to the top, and where the lines of the grid are."""

    def __init__(self, most):
        power = 10 ** math.floor(math.log10(most or 1))
        step = next(step for step in (0.2, 0.5, 1, 2) if most / (step * power) <= 6) * power
        self.steps = [step * number for number in range(math.ceil(most / step) + 1)]

    def __call__(self, value):
        return HEIGHT - BOTTOM - value / self.steps[-1] * (HEIGHT - TOP - BOTTOM)


def grid(across, up, thousand):
    for value in up.steps:
        y = up(value)
        yield f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>'
        yield text(LEFT - 8, y + 4, short(value), 'text-anchor="end"')
    for value in across.values:
        x = across(value)
        yield f'<path d="M{x:.1f} {HEIGHT - BOTTOM}v5" stroke="#333"/>'
        yield text(x, HEIGHT - BOTTOM + 20, short(value, thousand), 'text-anchor="middle"')


def line(name, points, across, up, place):
    colour = COLOURS.get(name, "#6d28d9")
    places = [(across(x), up(y)) for x, y in points]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
    for x, y in places:
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>'
    yield text(places[-1][0] + 10, place, name, f'fill="{colour}"')


def label_places(curves, up):
    """The heights of the names at the lines' ends, moved apart where they would touch."""
    ends = sorted((up(points[-1][1]) + 4, name) for name, points in curves.items())
    placed, last = {}, -math.inf
    for y, name in ends:
        last = max(y, last + 14)
        placed[name] = last
    return [placed[name] for name in curves]


def text(x, y, words, more=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" {more}>{escape(words)}</text>'


def short(value, thousand=1000):
    for limit, letter in ((thousand ** 2, "M"), (thousand, "k")):
        if value >= limit:
            return f"{value / limit:.3g}{letter}"
    return f"{value:.3g}"
