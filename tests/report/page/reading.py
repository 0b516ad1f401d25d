"""A page read as a browser would, as far as the tests need it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = frozenset({"meta", "input", "img", "br", "link", "hr"})


@dataclass
class Element:
    """An element: its attributes and what is in it, text and elements in order."""

    tag: str
    attributes: dict[str, str]
    children: list[Element | str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All text in it."""
        return "".join(one if isinstance(one, str) else one.text for one in self.children)

    def all(self, tag: str = "", **attributes: str) -> list[Element]:
        """Every element below it of that tag with those attributes; `class_` is one of several."""
        return [one for one in self.below() if one.fits(tag, attributes)]

    def one(self, tag: str = "", **attributes: str) -> Element:
        (found,) = self.all(tag, **attributes)
        return found

    def below(self) -> Iterator[Element]:
        for child in self.children:
            if isinstance(child, Element):
                yield child
                yield from child.below()

    def fits(self, tag: str, attributes: dict[str, str]) -> bool:
        wanted = dict(attributes)
        name = wanted.pop("class_", "")
        return (
            (not tag or self.tag == tag)
            and (not name or name in self.attributes.get("class", "").split())
            and all(self.attributes.get(key) == value for key, value in wanted.items())
        )


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open = [Element("", {})]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"<{tag}> has an attribute twice: {names}"
        one = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(one)
        if tag not in VOID:
            self.open.append(one)

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].tag == tag, f"</{tag}> ends <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def read_page(html: str) -> Element:
    """The page's elements; fails where one is not closed."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    assert len(reader.open) == 1, f"<{reader.open[-1].tag}> is not closed"
    return reader.open[0]


def table_rows(page: Element, key: str) -> list[list[str]]:
    """The table's rows of cells as text; a number and its interval are apart by a blank."""
    return [
        [
            " ".join(part for child in cell.children if (part := _text(child)))
            for cell in row.children
            if isinstance(cell, Element)
        ]
        for row in page.one("table", id=key).all("tr")
    ]


def _text(child: Element | str) -> str:
    # A drawing's ticks are no text of the table.
    if isinstance(child, Element):
        return "" if child.tag == "svg" else child.text
    return child.strip()
