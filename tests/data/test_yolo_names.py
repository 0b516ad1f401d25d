"""Class names of YOLO folders: what PyYAML reads is read alike, or refused; never misread."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from refdet.data.yolo_names import find_class_names, yaml_names

yaml = pytest.importorskip("yaml", reason="PyYAML is the oracle")

ANY_NAMES = st.lists(st.text(max_size=6), max_size=4, unique=True)
LETTERS = st.text("ab c:#-'\"\\,[]{}&*!|>%@`é0.\t", min_size=1, max_size=8)


def read(text: str, name: str = "data.yaml") -> tuple[str, ...] | None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / name).write_bytes(text.encode("utf-8", "surrogatepass"))
        found = find_class_names([Path(folder)])
    return found and found[0]


@given(names=ANY_NAMES)
@example(names=[])
@example(names=["yes", "1", "a: b", "# c", " d ", 'e"\\', "café", "\u2028", "\U0001f600"])
def test_yaml_names_are_what_pyyaml_reads(names: list[str]) -> None:
    names = [name for name in names if name.isprintable()]
    assert list(yaml.safe_load(yaml_names(names))["names"] or []) == list(range(len(names)))
    assert list((yaml.safe_load(yaml_names(names))["names"] or {}).values()) == names
    assert read(yaml_names(names)) == (tuple(names) or None)


@given(
    names=st.lists(LETTERS, min_size=1, max_size=3, unique=True),
    flow=st.sampled_from([None, True, False]),
    mapping=st.booleans(),
    style=st.sampled_from([None, "'", '"']),
    allow_unicode=st.booleans(),
)
def test_find_class_names_reads_what_pyyaml_writes_or_refuses(
    names: list[str], flow: bool | None, mapping: bool, style: str | None, allow_unicode: bool
) -> None:
    contents = {
        "path": "../data",
        "names": dict(enumerate(names)) if mapping else names,
        "nc": len(names),
    }
    text = yaml.safe_dump(
        contents, default_flow_style=flow or None, default_style=style, sort_keys=False,
        allow_unicode=allow_unicode,
    )  # fmt: skip
    try:
        got = read(text)
    except ValueError:
        return
    assert got in (tuple(names), None)


@given(lines=st.lists(LETTERS, min_size=1, max_size=3), mapping=st.booleans())
@example(lines=["a # b"], mapping=False)
@example(lines=["'a' 'b'"], mapping=False)
def test_find_class_names_reads_nothing_else_than_pyyaml(lines: list[str], mapping: bool) -> None:
    entries = (f"  {n}: {line}" if mapping else f"  - {line}" for n, line in enumerate(lines))
    assert_as_pyyaml("names:\n" + "\n".join(entries) + "\n")


@given(lines=st.lists(LETTERS, min_size=1, max_size=3), mapping=st.booleans())
@example(lines=["a # b"], mapping=False)
@example(lines=["[a"], mapping=False)
def test_find_class_names_reads_brackets_like_pyyaml(lines: list[str], mapping: bool) -> None:
    entries = (f"{n}: {line}" if mapping else line for n, line in enumerate(lines))
    one, other = "{}" if mapping else "[]"
    assert_as_pyyaml(f"names: {one}{', '.join(entries)}{other}\n")


def assert_as_pyyaml(text: str) -> None:
    try:
        got = read(text)
    except ValueError:
        return
    try:
        # Every scalar stays text, as names do here.
        want = yaml.load(text, Loader=yaml.BaseLoader)["names"]
    except yaml.YAMLError:
        return  # no YAML at all; what is read of it is what stands there
    if isinstance(want, dict):
        assert list(want) == [str(number) for number in range(len(want))]
        want = list(want.values())
    assert got == (tuple(want) or None)


@pytest.mark.parametrize(
    "text",
    [
        "names: [cat, 'a dog', \"bird\"]",
        "names:\n- cat\n- a dog # good\n- bird\nnc: 3",
        "nc: 3\nnames:\n  - cat\n\n  # one more\n  - 'a dog'\n  - bird",
        "names:\n  0: cat\n  1: a dog\n  2: bird\ntrain: images",
        "names: {0: cat, 1: a dog,\n  2: bird}",
        "names: [cat, # first\n  a dog,\n  bird,\n]\r\n",
        "names:\n  1: a dog\n  0: cat\n  2: bird",
    ],
)
def test_find_class_names_reads_every_form(text: str) -> None:
    assert read(text) == ("cat", "a dog", "bird")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nnames: cat", "the names from line 2 on cannot be read: 'cat' is neither"),
        ("names: [cat, dog", "no comma before ''"),
        ("names: [a] b", "something follows"),
        ("names:\n  0: cat\n  2: dog", "there is no class 1, but 2 names"),
        ("names:\n  0: cat\n  0: dog", "class 0 is there twice"),
        ("names:\n  - a\n  1: b", "'1: b' is neither an entry like those before nor a key"),
        ("names:\n  - |\n    a", r"'\|' is no name"),
        ("names:\n  - a\n    b", "'b' is neither an entry"),
        ("names: [a]\nnames: [b]", "line 2: names are there twice"),
        ("names: [a, a]", "class 1 is 'a', as is 0"),
        ('names: ["\\q"]', r"'\\\\q' is no escape"),
    ],
)
def test_find_class_names_refuses_what_it_cannot_read(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"data.yaml.*{message}"):
        read(text)


def test_find_class_names_reads_a_name_a_line() -> None:
    assert read("cat\r\na dog \n\n", "classes.txt") == ("cat", "a dog")
    assert read("", "obj.names") is None
    with pytest.raises(ValueError, match=r"classes.txt, line 2: blank"):
        read("cat\n\ndog\n", "classes.txt")


def test_find_class_names_refuses_files_that_differ(tmp_path: Path) -> None:
    (tmp_path / "data.yaml").write_text("names: [a, b]")
    (tmp_path / "classes.txt").write_text("a\nb\n")
    assert find_class_names([tmp_path]) == (("a", "b"), tmp_path / "data.yaml")
    (tmp_path / "classes.txt").write_text("b\na\n")
    with pytest.raises(ValueError, match=r"data.yaml and .*classes.txt name different classes"):
        find_class_names([tmp_path])
