"""Draws figures as bars, as SVG that fits light and dark pages. Needs nothing but the standard library."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH = 760
NAMES = 190
"""The width of the names at the left."""
VALUES = 90
"""The width that is left for the figures at the right."""
ROW = 28
BAR = 16
TOP = 78
BOTTOM = 18

_STYLE = """
text { font: 13px system-ui, -apple-system, "Segoe UI", Roboto, Helvetica, Arial, sans-serif; fill: #24292f }
.title { font-size: 16px; font-weight: 600 }
.note { font-size: 12px; fill: #57606a }
.ours { font-weight: 600 }
.grid { stroke: #d0d7de; stroke-width: 1 }
.whisker { stroke: #24292f; stroke-width: 1.2; opacity: .65 }
.bar-ours { fill: #2563eb }
.bar-safe { fill: #8c959f }
.bar-unsafe { fill: #e0be62 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .note { fill: #9198a1 }
  .grid { stroke: #3d444d }
  .whisker { stroke: #e6edf3 }
  .bar-ours { fill: #4c8dff }
  .bar-safe { fill: #6e7681 }
  .bar-unsafe { fill: #9a6b0c }
}
"""

_KINDS = {"ours": "jobqueue", "safe": "runs a job again whose worker died", "unsafe": "does not, or not always"}


@dataclass(frozen=True)
class Bar:
    """A bar.

    Attributes:
        name: at its left.
        value: its length.
        least: where its whisker begins.
        most: where its whisker ends.
        kind: ``ours``, ``safe`` or ``unsafe``: whether a job runs again whose worker died.
        text: at its right.
    """

    name: str
    value: float
    least: float
    most: float
    kind: str
    text: str


def bars(title: str, note: str, rows: Sequence[Bar]) -> str:
    """Return a plot.

    Args:
        title: above it.
        note: below the title, such as which way is the better one.
        rows: the bars, from the top.
    """
    height = TOP + ROW * len(rows) + BOTTOM
    room = WIDTH - NAMES - VALUES
    scale = room / (max((row.most for row in rows), default=0) or 1)
    size = f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{escape(title)}">',
        f"<style>{_STYLE}</style>",
        f'<text class="title" x="12" y="24">{escape(title)}</text>',
        f'<text class="note" x="12" y="43">{escape(note)}</text>',
        *_legend({row.kind for row in rows}),
    ]
    # Lines at round figures.
    step = _round_step(room / scale)
    for number in range(int(room / scale / step) + 1):
        x = NAMES + number * step * scale
        parts.append(f'<line class="grid" x1="{x:.1f}" y1="{TOP - 4}" x2="{x:.1f}" y2="{height - BOTTOM + 2}"/>')
    for number, row in enumerate(rows):
        parts += _bar(row, TOP + ROW * number, scale)
    return "\n".join([*parts, "</svg>\n"])


def _bar(row: Bar, top: float, scale: float) -> list[str]:
    middle = top + ROW / 2
    length, upper = max(1.5, row.value * scale), middle - BAR / 2
    emphasis = ' class="ours"' if row.kind == "ours" else ""
    parts = [
        f'<text{emphasis} x="{NAMES - 10}" y="{middle + 4.5:.1f}" text-anchor="end">{escape(row.name)}</text>',
        f'<rect class="bar-{row.kind}" x="{NAMES}" y="{upper:.1f}" width="{length:.1f}" height="{BAR}" rx="3"/>',
    ]
    if row.most > row.least:
        least, most = NAMES + row.least * scale, NAMES + row.most * scale
        parts.append(
            f'<path class="whisker" fill="none" d="M{least:.1f} {middle:.1f}H{most:.1f}M{least:.1f} {middle - 4:.1f}v8'
            f'M{most:.1f} {middle - 4:.1f}v8"/>'
        )
    end = NAMES + max(length, row.most * scale) + 8
    return [*parts, f'<text{emphasis} x="{end:.1f}" y="{middle + 4.5:.1f}">{escape(row.text)}</text>']


def _legend(kinds: set[str]) -> list[str]:
    parts, x = [], 12.0
    for kind, name in _KINDS.items():
        if kind in kinds:
            parts.append(f'<rect class="bar-{kind}" x="{x:.0f}" y="53" width="11" height="11" rx="2"/>')
            parts.append(f'<text class="note" x="{x + 16:.0f}" y="63">{escape(name)}</text>')
            x += 40 + 6.3 * len(name)
    return parts


def _round_step(most: float) -> float:
    """Return 1, 2 or 5 times a power of ten, of which there are four to nine up to some figure."""
    step = 10.0 ** (len(str(int(most))) - 2) if most >= 1 else 0.01
    while True:
        for factor in (1, 2, 5):
            if most / (step * factor) <= 9:
                return step * factor
        step *= 10
