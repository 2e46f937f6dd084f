"""docs/performance.md, put together: the tables of full runs, and the plot of how cost grows.

Owns what stands between the page's markers `<!-- results: NAME -->` and `<!-- end -->`, and
docs/growth.svg; everything else on the page is written by hand. `python -m benchmarks.report`
writes both anew, and a test of the house holds them to `benchmarks/results`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path

from benchmarks.harness import RESULTS, ROOT

PAGE = ROOT / "docs" / "performance.md"
PLOT = ROOT / "docs" / "growth.svg"
MARKED = re.compile(
    r"(?P<open><!-- results: (?P<name>[\w-]+) -->\n).*?(?P<close><!-- end -->)", re.DOTALL
)
NOT_MEASURED = "Not measured on this version yet.\n"
_PANEL_WIDTH, _PANEL_HEIGHT, _MARGIN, _PER_LINE = 220, 150, 44, 3
_INK, _LINE, _EVEN = "#24292f", "#0969da", "#8c959f"

Point = tuple[float, float]


def assembled(page: str) -> str:
    """The page with each marked place filled from its results file."""

    def filled(match: re.Match[str]) -> str:
        return f"{match['open']}{shown(match['name'])}{match['close']}"

    return MARKED.sub(filled, page)


def shown(name: str) -> str:
    """A results file as the page shows it: without its heading, which is the page's own."""
    file = RESULTS / f"{name}.md"
    if not file.is_file():
        return NOT_MEASURED
    return file.read_text(encoding="utf-8").partition("\n\n")[2]


def names_in(page: str) -> list[str]:
    """The results that a page has a place for."""
    return [match["name"] for match in MARKED.finditer(page)]


def growth_results() -> list[Path]:
    """The results files that are drawn."""
    return sorted(RESULTS.glob("growth-*.md"))


def points(table: str) -> list[Point]:
    """Size and seconds of each line: the size is the number that the line's name begins with."""
    found = []
    for line in table.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        size = re.match(r"[\d,]+", cells[0])
        if line.startswith("|") and size:
            found.append((float(size[0].replace(",", "")), float(cells[1])))
    return found


def plot(files: list[Path]) -> str:
    """A panel a table: seconds over size, both logarithmic, with what is in proportion dashed."""
    lines = math.ceil(len(files) / _PER_LINE)
    width = _PER_LINE * (_PANEL_WIDTH + _MARGIN * 2)
    height = lines * (_PANEL_HEIGHT + _MARGIN * 2)
    style = f'font-family="sans-serif" font-size="11" fill="{_INK}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" {style}>',
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for number, file in enumerate(files):
        left = (number % _PER_LINE) * (_PANEL_WIDTH + _MARGIN * 2) + _MARGIN
        top = (number // _PER_LINE) * (_PANEL_HEIGHT + _MARGIN * 2) + _MARGIN
        text = file.read_text(encoding="utf-8")
        title = text.splitlines()[0].removeprefix("# Growth: ")
        parts.append(f'<g transform="translate({left},{top})">')
        parts += _panel(title, points(text))
        parts.append("</g>")
    return "\n".join([*parts, "</svg>", ""])


def _panel(title: str, found: list[Point]) -> Iterator[str]:
    sizes = [size for size, _ in found]
    even = [(size, found[0][1] * size / sizes[0]) for size in sizes]
    low = math.floor(math.log10(min(seconds for _, seconds in found)))
    high = math.ceil(math.log10(max(seconds for _, seconds in found)))
    high = max(high, low + 1)
    widest = max(math.log10(sizes[-1] / sizes[0]), 1e-9)

    def place(point: Point) -> Point:
        across = math.log10(point[0] / sizes[0]) / widest * _PANEL_WIDTH
        up = (math.log10(point[1]) - low) / (high - low) * _PANEL_HEIGHT
        return across, _PANEL_HEIGHT - up

    yield f'<text y="-12" font-weight="bold">{title}</text>'
    yield f'<path d="M0 0V{_PANEL_HEIGHT}H{_PANEL_WIDTH}" fill="none" stroke="{_INK}"/>'
    for power in range(low, high + 1):
        _, y = place((sizes[0], 10.0**power))
        yield f'<text x="-6" y="{y + 4:.1f}" text-anchor="end">{10.0**power:g} s</text>'
    for size in sizes:
        x, _ = place((size, 10.0**low))
        yield f'<text x="{x:.1f}" y="{_PANEL_HEIGHT + 16}" text-anchor="middle">{size:g}</text>'
    yield _curve([place(p) for p in even if p[1] <= 10.0**high], _EVEN, ' stroke-dasharray="4 4"')
    yield _curve([place(point) for point in found], _LINE, ' stroke-width="2"')
    for x, y in map(place, found):
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{_LINE}"/>'


def _curve(placed: list[Point], colour: str, style: str) -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
    return f'<polyline points="{path}" fill="none" stroke="{colour}"{style}/>'


def main() -> None:
    """Write the page and the plot."""
    PAGE.write_text(assembled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    PLOT.write_text(plot(growth_results()), encoding="utf-8")
    print(f"{PAGE.relative_to(ROOT)} and {PLOT.relative_to(ROOT)} are written")


if __name__ == "__main__":
    main()
