"""Draw a picture of bars as an SVG file."""

from collections.abc import Iterable
from typing import Final
from xml.sax.saxutils import escape

import attrs


@attrs.frozen
class Bar:
    """The result of one server: the median of the runs, the least and the greatest."""

    name: str
    kind: str
    middle: float
    least: float
    greatest: float
    note: str = ""


@attrs.frozen
class Theme:
    """The colours of one file."""

    background: str
    text: str
    muted: str
    line: str
    fills: dict[str, str]


THEMES: Final = {
    "light": Theme(
        "#ffffff",
        "#1f2328",
        "#59636e",
        "#d1d9e0",
        {"ours": "#0969da", "baseline": "#afb8c1", "peer": "#bf8700"},
    ),
    "dark": Theme(
        "#0d1117",
        "#f0f6fc",
        "#9198a1",
        "#3d444d",
        {"ours": "#4493f8", "baseline": "#656c76", "peer": "#d29922"},
    ),
}


# Of the picture, in its own units, which are pixels at full size.
_WIDTH: Final = 820
_LEFT: Final = 250
_SPAN: Final = 330
_ROW: Final = 26
_FONTS: Final = "system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif"


class Drawing:
    """The rows of a picture, from top to bottom."""

    def __init__(self, theme: Theme) -> None:
        self._theme = theme
        self._parts: list[str] = []
        self._y = 18.0

    def add_title(self, title: str, explanation: str) -> None:
        """Add what a group of bars shows."""
        self._y += 26 if self._parts else 12
        self._add_text(20, title, size=15, weight=600)
        self._y += 19
        self._add_text(20, explanation, size=12, colour=self._theme.muted)
        self._y += 12

    def add_bar(self, bar: Bar, scale: float, figure: str) -> None:
        """Add a bar whose length is its median relative to *scale*, with its spread."""
        theme, top = self._theme, self._y + 5
        length = max(2.0, _SPAN * bar.middle / scale)
        reach = _LEFT + max(length, _SPAN * bar.greatest / scale)
        self._y += 17
        self._add_text(_LEFT - 12, bar.name, anchor="end")
        self._parts.append(
            f'<rect x="{_LEFT}" y="{top:.1f}" width="{length:.1f}" height="16" rx="2" '
            f'fill="{theme.fills[bar.kind]}"/>'
        )
        if bar.greatest > bar.least:
            ends = [_LEFT + _SPAN * end / scale for end in (bar.least, bar.greatest)]
            middle = top + 8
            self._parts.append(
                f'<path d="M{ends[0]:.1f} {middle}H{ends[1]:.1f}'
                f'M{ends[0]:.1f} {middle - 4}v8M{ends[1]:.1f} {middle - 4}v8" '
                f'stroke="{theme.text}" stroke-width="1.2"/>'
            )
        self._add_text(reach + 10, figure, weight=600, note=bar.note)
        self._y += _ROW - 17

    def add_heading(self, heading: str) -> None:
        """Add a line over bars that belong together."""
        self._y += 17
        self._add_text(_LEFT, heading, size=12, colour=self._theme.muted)
        self._y += 5

    def add_notes(self, notes: Iterable[str]) -> None:
        """Add what a reader must know about the figures."""
        self._y += 12
        self._parts.append(
            f'<path d="M20 {self._y}H{_WIDTH - 20}" stroke="{self._theme.line}"/>'
        )
        self._y += 4
        for note in notes:
            self._y += 16
            self._add_text(20, note, size=11.5, colour=self._theme.muted)

    def _add_text(
        self,
        x: float,
        text: str,
        *,
        size: float = 13,
        weight: int = 400,
        anchor: str = "start",
        colour: str = "",
        note: str = "",
    ) -> None:
        beside = (
            f'<tspan dx="8" font-weight="400" font-size="12" '
            f'fill="{self._theme.muted}">{escape(note)}</tspan>'
            if note
            else ""
        )
        self._parts.append(
            f'<text x="{x:.1f}" y="{self._y:.1f}" font-size="{size}" '
            f'font-weight="{weight}" text-anchor="{anchor}" '
            f'fill="{colour or self._theme.text}">{escape(text)}{beside}</text>'
        )

    def finish(self, description: str) -> str:
        """Return the picture as a file of SVG."""
        height = self._y + 20
        size = (
            f'width="{_WIDTH}" height="{height:.0f}" '
            f'viewBox="0 0 {_WIDTH} {height:.0f}"'
        )
        fonts = f'font-family="{_FONTS}"'
        background = self._theme.background
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" {fonts}>',
            f"<title>{escape(description)}</title>",
            f'<rect width="100%" height="100%" rx="6" fill="{background}"/>',
            *self._parts,
            "</svg>\n",
        ]
        return "\n".join(parts)
