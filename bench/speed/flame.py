"""Draw nested timings as icicles in one SVG: time goes to the right, and what a call is made of hangs below it."""

from __future__ import annotations

import math
from typing import NamedTuple
from xml.etree import ElementTree

from ner_dist.errors import UserError

# Pixels.
_WIDTH, _MARGIN, _ROW, _GAP = 1280, 28, 26, 1
_TITLE, _HEADING, _BETWEEN, _LEGEND_ROW = 64, 52, 26, 24
_FONT, _LETTER = 12, 6.9
# A label shorter than this says nothing.
_FEWEST_LETTERS = 3
_STYLE = """
text { font: 12px 'Helvetica Neue', Helvetica, Arial, 'DejaVu Sans', sans-serif; fill: #22262b }
.title { font-size: 20px; font-weight: 600 }
.heading { font-size: 14px; font-weight: 600 }
.quiet { fill: #6a737d }
.light { fill: #ffffff }
.line { stroke: #d7dbe0; stroke-width: 1 }
.frame:hover rect { stroke: #22262b }
"""


class Frame(NamedTuple):
    """A call, with the calls within it."""

    name: str
    # What its colour stands for.
    part: str
    ms: float
    children: list[Frame]
    # Paler: something that is not divided further, such as an operator.
    leaf: bool = False


class Panel(NamedTuple):
    """One icicle, as wide as the picture whatever its time."""

    heading: str
    frame: Frame


def depth(frame: Frame) -> int:
    return 1 + max((depth(child) for child in frame.children), default=0)


def svg(title: str, note: str, panels: list[Panel], colours: dict[str, str]) -> str:
    """The picture, hovering over a frame gives its numbers; colours: of the parts, as #rrggbb, also for the legend."""
    columns = 7
    legend = math.ceil(len(colours) / columns) * _LEGEND_ROW
    height = _TITLE + legend + sum(_HEADING + depth(panel.frame) * _ROW + _BETWEEN for panel in panels) + _MARGIN
    size = {"width": str(_WIDTH), "height": str(height), "viewBox": f"0 0 {_WIDTH} {height}"}
    root = ElementTree.Element("svg", {"xmlns": "http://www.w3.org/2000/svg", **size})
    ElementTree.SubElement(root, "style").text = _STYLE
    ElementTree.SubElement(root, "rect", {"width": "100%", "height": "100%", "fill": "#ffffff"})
    _text(root, _MARGIN, 36, title, "title")
    _text(root, _MARGIN, 56, note, "quiet")
    top = _TITLE + 12
    for number, (part, colour) in enumerate(colours.items()):
        x = _MARGIN + number % columns * (_WIDTH - 2 * _MARGIN) / columns
        y = top + number // columns * _LEGEND_ROW
        _rectangle(root, x, y, 14, 14, colour)
        _text(root, x + 20, y + 11.5, part)
    top += legend
    for panel in panels:
        rows = depth(panel.frame) * _ROW
        _text(root, _MARGIN, top + 20, panel.heading, "heading")
        _scale(root, panel.frame.ms, top + _HEADING - 6, rows + 6)
        _draw(root, panel.frame, _MARGIN, top + _HEADING, (_WIDTH - 2 * _MARGIN) / panel.frame.ms, panel.frame, colours)
        top += _HEADING + rows + _BETWEEN
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def _draw(
    root: ElementTree.Element, frame: Frame, x: float, y: float, scale: float, whole: Frame, colours: dict[str, str]
) -> None:
    """Frame and, from its left edge on, its children; what they leave free is the call's own."""
    if frame.ms < sum(child.ms for child in frame.children) * (1 - 1e-6):
        raise UserError(f"{frame.name} took {frame.ms:g} ms, less than what it is made of")
    colour = _pale(colours[frame.part]) if frame.leaf else colours[frame.part]
    group = ElementTree.SubElement(root, "g", {"class": "frame"})
    share = f"{frame.ms / whole.ms:.1%}"
    ElementTree.SubElement(group, "title").text = f"{frame.name}: {frame.ms:.3g} ms, {share} ({frame.part})"
    width = frame.ms * scale
    # A hairline between neighbours, at the cost of the wide ones only.
    _rectangle(group, x, y, width - _GAP if width > 4 * _GAP else width, _ROW - _GAP, colour)
    label = _label(frame.name, share, width)
    if label:
        _text(group, x + 5, y + _ROW / 2 + _FONT / 3, label, "light" if _is_dark(colour) else "")
    for child in frame.children:
        _draw(root, child, x, y + _ROW, scale, whole, colours)
        x += child.ms * scale


def _scale(root: ElementTree.Element, whole_ms: float, y: float, height: float) -> None:
    """Lines behind the frames at round times, at most 10 of them."""
    power = 10 ** math.floor(math.log10(whole_ms / 10))
    step_ms = next(n * power for n in (1, 2, 5, 10) if whole_ms / (n * power) <= 10)
    for number in range(1, math.ceil(whole_ms / step_ms)):
        x = _MARGIN + number * step_ms * (_WIDTH - 2 * _MARGIN) / whole_ms
        ends = {"x1": f"{x:.2f}", "x2": f"{x:.2f}", "y1": f"{y:.2f}", "y2": f"{y + height:.2f}"}
        ElementTree.SubElement(root, "line", {**ends, "class": "line"})
        _text(root, x, y - 4, f"{number * step_ms:g} ms", "quiet", anchor="middle")


def _label(name: str, share: str, width: float) -> str:
    """As much as there is room for."""
    room = int((width - 9) / _LETTER)
    if len(name) + len(share) + 2 <= room:
        return f"{name}  {share}"
    if len(name) > room:
        # The class goes first.
        name = name.rpartition(".")[2]
    if len(name) <= room:
        return name
    return f"{name[: room - 1]}…" if room > _FEWEST_LETTERS else ""


def _rectangle(parent: ElementTree.Element, x: float, y: float, width: float, height: float, colour: str) -> None:
    place = {"x": f"{x:.3f}", "y": f"{y:.3f}", "width": f"{width:.3f}", "height": f"{height:.3f}"}
    ElementTree.SubElement(parent, "rect", {**place, "rx": "1.5", "fill": colour})


def _text(parent: ElementTree.Element, x: float, y: float, text: str, style: str = "", anchor: str = "start") -> None:
    place = {"x": f"{x:.2f}", "y": f"{y:.2f}", "text-anchor": anchor}
    # Two spaces stay two.
    space = {"xml:space": "preserve"}
    ElementTree.SubElement(parent, "text", {**place, **space, **({"class": style} if style else {})}).text = text


def _rgb(colour: str) -> list[int]:
    return [int(colour[at : at + 2], 16) for at in (1, 3, 5)]


def _pale(colour: str) -> str:
    """Halfway to white."""
    return "#" + "".join(f"{round(255 - 0.5 * (255 - value)):02x}" for value in _rgb(colour))


def _is_dark(colour: str) -> bool:
    red, green, blue = _rgb(colour)
    return 0.299 * red + 0.587 * green + 0.114 * blue < 135
