"""Matplotlib figures -> inline SVG in the colours and fonts of the page, with tooltips, the same bytes each time."""

from __future__ import annotations

import io
import re
import warnings
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# What is drawn in these colours gets the page's CSS variable instead, so one figure serves light and dark mode. The
# series are the palette of Okabe and Ito, which is safe for colour-blind readers.
INK, SOFT, LINE, PAPER = "#1b1f24", "#5b6470", "#d9dee4", "#fefefe"
SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6d31", "#6b7280")
_VARIABLES = {INK: "ink", SOFT: "soft", LINE: "line", PAPER: "paper"}
_VARIABLES.update({colour: f"c{i}" for i, colour in enumerate(SERIES)})
_COLOUR = re.compile("|".join(_VARIABLES))
_REFERENCE = re.compile(r"^#|(?<=url\()#")

_SVG, _XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
# In inches of 72 units; the page makes a figure as wide as its column.
_WIDTH = 4.8
# Characters of a legend's line.
_LEGEND_CHARS = 54
_STYLE = Path(__file__).with_name("figure.mplstyle")


class Picture(NamedTuple):
    title: str
    svg: Markup


def series_colour(i: int) -> str:
    """The colour of the i-th of several things."""
    return SERIES[i % len(SERIES)]


@contextmanager
def drawing_style() -> Iterator[None]:
    """Charts must be created and drawn within; also a decorator."""
    with mpl.rc_context(fname=_STYLE), warnings.catch_warnings():
        # The browser draws the text, with fonts that have more letters than the one Matplotlib measures with.
        warnings.filterwarnings("ignore", "Glyph .* missing")
        yield


class Chart:
    """A figure with one plot and tooltips. Draw on `axes`, then take `picture`."""

    def __init__(self, name: str, title: str, alt: str, height: float = 2.6) -> None:
        """name: letters and hyphens, unique in the page. alt: the description for screen readers. height: inches."""
        self._name, self._title, self._alt = name, title, alt
        self._tips: dict[str, str] = {}
        self._figure = Figure(figsize=(_WIDTH, height), layout="constrained")
        self.axes: Axes = self._figure.add_subplot()
        self.axes.tick_params(length=0)

    def tip(self, text: str) -> str:
        """An id; what is drawn with gid=ID shows the text as a tooltip."""
        gid = f"tip-{len(self._tips)}"
        self._tips[gid] = text
        return gid

    def dot(self, x: float, y: float, colour: str, text: str, size: float = 4.0, marker: str = "o") -> None:
        style = {"marker": marker, "markersize": size, "markeredgecolor": PAPER, "markeredgewidth": 0.8}
        self.axes.plot([x], [y], color=colour, linestyle="none", gid=self.tip(text), zorder=4, **style)  # type: ignore[arg-type]

    def name_rows(self, names: list[str]) -> None:
        """Let the y axis run down and name its whole numbers."""
        self.axes.set_yticks(range(len(names)), names, color=INK)
        self.axes.set_ylim(len(names) - 0.5, -0.5)
        self.axes.grid(axis="y", visible=False)

    def legend(self, title: str | None = None) -> None:
        """Put the legend above the axes, where it hides nothing; the figure grows by its second and further lines."""
        labels = self.axes.get_legend_handles_labels()[1]
        num_columns = max(1, _LEGEND_CHARS // (max(map(len, labels)) + 4))
        num_lines = -(-len(labels) // num_columns)
        self._figure.set_figheight(self._figure.get_figheight() + 0.19 * (num_lines - 1))
        self._figure.legend(loc="outside upper left", ncols=num_columns, title=title, alignment="left")

    def picture(self) -> Picture:
        file = io.StringIO()
        # Without the date, so the same figure is the same text.
        self._figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
        return Picture(self._title, _inline(file.getvalue(), self._name, self._alt, self._tips))


def _inline(text: str, name: str, alt: str, tips: dict[str, str]) -> Markup:
    ElementTree.register_namespace("", _SVG)
    ElementTree.register_namespace("xlink", _XLINK)
    root = ElementTree.fromstring(text)
    for parent in list(root.iter()):
        for child in list(parent):
            # A style element would apply to the whole page.
            if child.tag in (f"{{{_SVG}}}metadata", f"{{{_SVG}}}style"):
                parent.remove(child)
    for size in ("width", "height"):
        del root.attrib[size]
    root.attrib.update({"class": "chart", "role": "img", "aria-label": alt})
    for element in root.iter():
        if (gid := element.get("id", "")) in tips:
            title = ElementTree.Element(f"{{{_SVG}}}title")
            title.text = tips[gid]
            element.insert(0, title)
        # Only attributes are changed, never text; the prefix makes ids unique in the page.
        for key, value in element.attrib.items():
            value = _COLOUR.sub(lambda found: f"var(--{_VARIABLES[found.group()]})", value)
            value = _REFERENCE.sub(f"#{name}-", value)
            element.set(key, f"{name}-{value}" if key == "id" else value)
    return Markup(re.sub(r">\s+<", "><", ElementTree.tostring(root, encoding="unicode")))
