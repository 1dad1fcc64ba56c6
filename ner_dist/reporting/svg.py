"""matplotlib figures -> SVG within the page: its colours and fonts, tooltips, the same bytes each time."""

from __future__ import annotations

import io
import re
import warnings
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# What is drawn in these colours takes those of the page, which are other ones in the dark. The series are Okabe and
# Ito's palette, which people with any kind of colour vision can tell apart.
INK, SOFT, LINE, PAPER = "#1b1f24", "#5b6470", "#d9dee4", "#fefefe"
SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6d31", "#6b7280")
_VARIABLES = {INK: "ink", SOFT: "soft", LINE: "line", PAPER: "paper"}
_VARIABLES.update({colour: f"c{i}" for i, colour in enumerate(SERIES)})
_COLOUR = re.compile("|".join(_VARIABLES))

_SVG, _XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "ner_dist",
    # A dollar sign in the name of a type is no formula.
    "text.parse_math": False,
    "font.family": "sans-serif",
    "font.size": 8,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.edgecolor": LINE,
    "axes.labelcolor": SOFT,
    "axes.titlecolor": INK,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.facecolor": "none",
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "text.color": INK,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": SOFT,
    "ytick.labelcolor": SOFT,
    "legend.frameon": False,
    "lines.linewidth": 1.4,
}


def series(i: int) -> str:
    """The colour of the i-th of several things."""
    return SERIES[i % len(SERIES)]


class Chart:
    """A figure of one plot, with tooltips. Draw on `axes`, then take `svg`."""

    def __init__(self, name: str, alt: str, title: str, height: float = 2.5, width: float = 4.4) -> None:
        """name: of letters and hyphens, once a page; alt: what there is to see, for who does not see it; inches."""
        self._name, self._alt = name, alt
        self._tips: dict[str, str] = {}
        self._figure = Figure(figsize=(width, height), layout="constrained")
        self.axes: Axes = self._figure.add_subplot()
        self.axes.set_title(title)
        self.axes.tick_params(length=0)

    def tip(self, text: str) -> str:
        """An id; what is drawn with gid=... shows the text as a tooltip."""
        gid = f"tip-{len(self._tips)}"
        self._tips[gid] = text
        return gid

    def dot(self, x: float, y: float, colour: str, text: str, size: float = 4.0, marker: str = "o") -> None:
        style = {"marker": marker, "markersize": size, "markeredgecolor": PAPER, "markeredgewidth": 0.8}
        self.axes.plot([x], [y], color=colour, linestyle="none", gid=self.tip(text), zorder=4, **style)  # type: ignore[arg-type]

    def svg(self) -> Markup:
        file = io.StringIO()
        # No date: the same figure is the same text.
        self._figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
        return _inline(file.getvalue(), self._name, self._alt, self._tips)


@contextmanager
def style() -> Iterator[None]:
    """Figures must be made and drawn within."""
    with mpl.rc_context(_STYLE), warnings.catch_warnings():
        # The text is the browser's to draw, which has more letters than matplotlib measures with.
        warnings.filterwarnings("ignore", "Glyph .* missing")
        yield


def _inline(text: str, name: str, alt: str, tips: dict[str, str]) -> Markup:
    ElementTree.register_namespace("", _SVG)
    ElementTree.register_namespace("xlink", _XLINK)
    root = ElementTree.fromstring(text)
    for parent in list(root.iter()):
        for child in list(parent):
            # The style would hold for the whole page.
            if child.tag in (f"{{{_SVG}}}metadata", f"{{{_SVG}}}style"):
                parent.remove(child)
    for element in root.iter():
        if (gid := element.get("id", "")) in tips:
            title = ElementTree.Element(f"{{{_SVG}}}title")
            title.text = tips[gid]
            element.insert(0, title)
    for size in ("width", "height"):
        del root.attrib[size]
    root.attrib.update({"class": "chart", "role": "img", "aria-label": alt})
    inline = ElementTree.tostring(root, encoding="unicode")
    inline = _COLOUR.sub(lambda found: f"var(--{_VARIABLES[found.group()]})", inline)
    # The page's fonts, and ids that no other figure has.
    inline = re.sub(r"font: ((?:\w+ )*)([\d.]+px)[^;\"]*", r"font: \1\2 var(--font)", inline)
    inline = re.sub(r'\bid="', f'id="{name}-', inline)
    inline = re.sub(r"(url\(|href=\")#", rf"\1#{name}-", inline)
    return Markup(re.sub(r">\s+<", "><", inline))
