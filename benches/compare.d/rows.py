"""The table: each row is a figure, its spread, its target in the design, and whether it is met."""

import re
from dataclasses import asdict, dataclass, field
from statistics import median

NOT_MEASURED = "not measured"


@dataclass
class Row:
    """`limit` is the target; `at_least` says on which side of it one wants to be."""

    case: str
    title: str
    figure: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    unit: str = ""
    limit: float | None = None
    at_least: bool = True
    note: str = ""
    values: list = field(default_factory=list)

    @classmethod
    def of(cls, case, title, figure, values, **more):
        return cls(case, title, figure, median(values), min(values), max(values), values=values,
                   **more)

    @property
    def met(self):
        if self.limit is None or self.value is None:
            return None
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def target(self):
        if self.limit is None:
            return "-"
        return f"{'>=' if self.at_least else '<='} {number(self.limit)}{self.unit}"

    def verdict(self):
        return {True: "met", False: "MISSED", None: "-"}[self.met] if self.value is not None \
            else self.note or NOT_MEASURED

    def as_json(self):
        return {**asdict(self), "target": self.target(), "met": self.met}


def number(value):
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def show_rows(rows):
    heads = ("case", "what is compared", "median", "spread", "target", "")
    lines = [heads]
    for row in rows:
        has = row.value is not None
        spread = f"{number(row.low)}-{number(row.high)}" if has and row.low != row.high else ""
        title = f"{row.title}: {row.figure}" if row.figure else row.title
        value = number(row.value) + row.unit if has else ""
        # Reasons may be logs of many lines; their first says most.
        last = row.verdict().splitlines()[0][:100]
        if has and row.note:
            last += f" ({row.note})"
        lines.append((row.case, title, value, spread, row.target(), last))
    return columns(lines, right=(2, 3, 4))


def show_servers(measured):
    """`measured`: of each work and server the medians."""
    lines = [("work", "server", "requests/s", "per CPU s", "CPU us", "p50 us", "p99 us", "peak MB")]
    for one in measured:
        lines.append((
            one["work"], one["server"], number(one["requests_per_second"]),
            number(one["requests_per_cpu_second"]), number(one["cpu_microseconds_per_request"]),
            number(one["p50_microseconds"]), number(one["p99_microseconds"]),
            number(one["peak_megabytes"]),
        ))
    return columns(lines, right=range(2, 8))


def columns(lines, right):
    widths = [max(len(line[at]) for line in lines) for at in range(len(lines[0]))]
    written = []
    for line in lines:
        cells = [cell.rjust(width) if at in right else cell.ljust(width)
                 for at, (cell, width) in enumerate(zip(line, widths))]
        written.append(re.sub(r"\s+$", "", "  ".join(cells)))
    return "\n".join(written)
