"""Writes the page: templates, style and scripts in one file, whose policy admits no others."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from refdet.analysis_records import Analysis, Comparison
from refdet.files import json_text, write_text_atomic
from refdet.report.cells import one_line
from refdet.report.page.content import content_of

FOLDER = Path(__file__).resolve().parent
STYLES = ("style.css", "explorer.css", "gallery.css")
SCRIPTS = ("names.js", "page.js", "explorer.js", "gallery.js", "edges.js")

# What would end a script element, or a line of it, inside JSON; there it means the same as `\u...`.
_JSON_ESCAPES = {ord(letter): f"\\u{ord(letter):04x}" for letter in "<>&\u2028\u2029"}


@dataclass(frozen=True, eq=False)
class PageExtras:
    """What the threshold explorer and the gallery show; an empty one leaves its section out.

    Both are put into the page as JSON: text keys, lists, text, numbers, booleans and None; NaN
    becomes null. Scripts read them from the elements `explorer-data` and `gallery-data`, and the
    templates `explorer.html.j2` and `gallery.html.j2` as `explorer` and `gallery`.

    Attributes:
        explorer: what `refdet.report.page.explorer` makes.
        gallery: what `refdet.report.page.gallery` makes, pictures as `data:` URLs.
    """

    explorer: Mapping[str, object] = field(default_factory=dict)
    gallery: Mapping[str, object] = field(default_factory=dict)


def write_page(
    path: Path,
    analyses: Sequence[Analysis],
    comparison: Comparison | None,
    extras: PageExtras,
) -> None:
    """Write the page, replaced at once.

    Args:
        path: the HTML file.
        analyses: of one run, or of two on the same images.
        comparison: of the two, the first one being a; None for one.
        extras: what the parts that move show.

    Raises:
        ValueError: there are not one or two runs, or there are two and no comparison, or the
            reverse.
    """
    if len(analyses) not in {1, 2}:
        raise ValueError(f"a page shows one run or two, got {len(analyses)}")
    if (comparison is not None) != (len(analyses) == 2):
        raise ValueError("a comparison is shown if and only if there are two runs")
    write_text_atomic(path, page_html(analyses, comparison, extras))


def page_html(
    analyses: Sequence[Analysis], comparison: Comparison | None, extras: PageExtras
) -> str:
    """The page as text."""
    style = "\n".join(_text(name) for name in STYLES)
    scripts = [_text(name) for name in SCRIPTS]
    template = _environment().get_template("template.html.j2")
    return template.render(
        policy=_policy(style, scripts),
        style=Markup(style),  # noqa: S704 - our own files
        scripts=[Markup(script) for script in scripts],  # noqa: S704
        explorer=extras.explorer,
        gallery=extras.gallery,
        **content_of(analyses, comparison, [key for key in vars(extras) if getattr(extras, key)]),
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["json"] = script_json
    environment.filters["one_line"] = one_line
    return environment


def script_json(value: object) -> Markup:
    """`value` as JSON that is safe inside a script element, whatever text is in it."""
    return Markup(json_text(value).translate(_JSON_ESCAPES))  # noqa: S704 - escaped just now


def _text(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def _policy(style: str, scripts: Sequence[str]) -> str:
    """The only style and scripts that run are those of this file, and nothing is loaded."""
    hashes = " ".join(_hash(script) for script in scripts)
    return (
        f"default-src 'none'; img-src data:; style-src {_hash(style)}; script-src {hashes}; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
