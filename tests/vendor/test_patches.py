"""Patches: there and back, readable for other tools, and applied only where they belong."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from refdet.vendor.patches import (
    PatchError,
    apply_patch,
    lines_of,
    make_patch,
    move_patch,
    parse_patch,
    reverse_patch,
    unified_diff,
)

# Few different lines, so that many are alike; among them what other ways to split would split at.
LINES = st.sampled_from(
    ["a", "b", "", "@@ -1 +1 @@", "-- x", "\x0cpage", "\u2028", "\\ No newline"]
)


@st.composite
def texts(draw: st.DrawFn, lines: st.SearchStrategy[str] = LINES) -> str:
    text = "\n".join(draw(st.lists(lines, max_size=12)))
    return text + draw(st.sampled_from(["", "\n"])) if text else text


@given(text=texts())
@example(text="\n")
@example(text="a\n\nb")
def test_lines_of_joins_to_the_text(text: str) -> None:
    assert "".join(lines_of(text)) == text
    assert all(line.endswith("\n") and line.count("\n") == 1 for line in lines_of(text)[:-1])


@given(old=texts(), new=texts())
@example(old="", new="a")
@example(old="a\n", new="a")
@example(old="a", new="")
def test_patch_applies_and_reverses(old: str, new: str) -> None:
    patch = make_patch(old, new, "f.py")
    assert (patch == "") == (old == new)
    if patch:
        hunks = parse_patch(patch)
        assert apply_patch(hunks, old) == new
        assert reverse_patch(hunks, new) == old


@given(old=texts(), new=texts())
def test_patch_fits_its_own_text_only_once(old: str, new: str) -> None:
    lines = old.split("\n")
    if not old.endswith("\n") or old == new:
        return
    for hunk in parse_patch(make_patch(old, new, "f.py")):
        block = "".join(hunk.old).removesuffix("\n").split("\n")
        places = [at for at in range(len(lines)) if lines[at : at + len(block)] == block]
        assert len(places) == 1
    assert move_patch(parse_patch(make_patch(old, new, "f.py")), old) == new


@given(old=texts(st.sampled_from("abc")), new=texts(st.sampled_from("abc")), kept=st.integers(0, 2))
def test_patch_is_read_by_git(
    old: str, new: str, kept: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    head = "kept\n" * kept
    # An empty file is no file to git, which wants to be told in other words.
    if old == new or not head + old or not head + new:
        return
    folder = tmp_path_factory.mktemp("git")
    (folder / "f.py").write_bytes((head + old).encode())
    (folder / "f.patch").write_text(make_patch(head + old, head + new, "f.py", kept), newline="")
    command = ["git", "apply", "--unidiff-zero", "f.patch"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (folder / "f.py").read_bytes().decode() == head + new


def numbered(name: str, count: int) -> list[str]:
    return [f"{name}{index}\n" for index in range(count)]


@given(before=st.integers(0, 6), after=st.integers(0, 6))
def test_move_patch_follows_its_lines(before: int, after: int) -> None:
    old = [*numbered("top", 3), *numbered("near", 7), *numbered("end", 3)]
    new = [line.replace("near3", "changed") for line in old]
    hunks = parse_patch(make_patch("".join(old), "".join(new), "f.py"))
    later = [*numbered("other", before), *numbered("near", 7), *numbered("last", after)]
    want = [line.replace("near3", "changed") for line in later]
    assert move_patch(hunks, "".join(later)) == "".join(want)


TEXT = "".join(numbered("line", 9))
PATCH = make_patch(TEXT, TEXT.replace("line4\n", "mine\n"), "f.py")


@pytest.mark.parametrize("line", ["line1", "line4", "line7"])
def test_move_patch_stops_where_a_line_of_its_own_is_another(line: str) -> None:
    with pytest.raises(
        PatchError, match=r"@@ -2,7 \+2,7 @@ does not fit any more:\n line1"
    ) as error:
        move_patch(parse_patch(PATCH), TEXT.replace(line, "theirs"))
    assert "-line4\n+mine\n line5" in str(error.value)


def test_move_patch_stops_where_it_fits_twice() -> None:
    with pytest.raises(PatchError, match="fits in 2 places"):
        move_patch(parse_patch(PATCH), TEXT + TEXT)


def test_move_patch_stops_where_hunks_would_change_their_order() -> None:
    old = "".join([*numbered("a", 9), *numbered("b", 9)])
    hunks = parse_patch(make_patch(old, old.replace("a4", "x").replace("b4", "y"), "f.py"))
    assert len(hunks) == 2
    with pytest.raises(PatchError, match="does not fit any more"):
        move_patch(hunks, "".join([*numbered("b", 9), *numbered("a", 9)]))


def test_apply_patch_takes_no_other_place() -> None:
    with pytest.raises(PatchError, match=r"@@ -2,7 \+2,7 @@ does not fit"):
        apply_patch(parse_patch(PATCH), f"new\n{TEXT}")


def test_apply_patch_refuses_hunks_that_overlap() -> None:
    hunks = parse_patch("--- a\n+++ b\n@@ -1,2 +1,2 @@\n-a\n+x\n b\n@@ -2,2 +2,2 @@\n b\n-c\n+y\n")
    with pytest.raises(PatchError, match=r"@@ -2,2 \+2,2 @@ overlaps the one before it"):
        apply_patch(hunks, "a\nb\nc\n")


def test_parse_patch_takes_context_whose_trailing_spaces_were_stripped() -> None:
    old, new = "a\n\nb\n\n", "a\n\nB\n\nc\n"
    patch = make_patch(old, new, "f.py")
    stripped = "".join(f"{line.rstrip()}\n" for line in patch.splitlines())
    assert stripped != patch
    assert apply_patch(parse_patch(stripped), old) == new


@pytest.mark.parametrize("blank", [1, 2, 3])
def test_parse_patch_takes_context_whose_last_blank_lines_were_stripped(blank: int) -> None:
    """pre-commit's best known hooks leave no trailing spaces, and one newline at the end."""
    old, new = "a\n" + "\n" * blank, "A\n" + "\n" * blank
    patch = make_patch(old, new, "f.py")
    assert patch.endswith("+A\n" + " \n" * blank)
    (hunk,) = parse_patch(patch.removesuffix(" \n" * blank))
    assert apply_patch([hunk], old) == new


def test_make_patch_grows_its_context_until_it_fits_once() -> None:
    part = "".join([*numbered("near", 10)])
    old = f"first\n{part}second\n{part}"
    start, end = old.rsplit("near5\n", 1)
    patch = make_patch(old, f"{start}mine\n{end}", "f.py")
    (hunk,) = parse_patch(patch)
    assert hunk.old[0] == "second\n"
    assert move_patch([hunk], f"second\n{part}first\n{part}") == (
        "second\n" + part.replace("near5", "mine") + f"first\n{part}"
    )


def test_make_patch_leaves_the_kept_lines_out_of_its_context() -> None:
    patch = make_patch("v1\na\nb\n", "v1\nA\nb\n", "f.py", kept_lines=1)
    assert patch == "--- a/f.py\n+++ b/f.py\n@@ -2,2 +2,2 @@\n-a\n+A\n b\n"
    assert move_patch(parse_patch(patch), "v2\nmore\na\nb\n") == "v2\nmore\nA\nb\n"


def test_make_patch_refuses_a_change_of_the_kept_lines() -> None:
    with pytest.raises(PatchError, match="the first 2 lines are refdet's header"):
        make_patch("a\nb\nc\n", "a\nB\nc\n", "f.py", kept_lines=2)


@pytest.mark.parametrize(
    ("patch", "message"),
    [
        ("", "line 1: a unified diff starts"),
        ("--- a\n+++ b\n", "line 1: a unified diff starts"),
        ("+++ b\n--- a\n@@ -1 +1 @@\n-a\n+b\n", "line 1: a unified diff starts"),
        ("--- a\n+++ b\n@@ 1 @@\n-a\n+b\n", "line 3: expected '@@ "),
        ("--- a\n+++ b\n@@ -1,2 +1 @@\n-a\n+b\n", "line 3: the hunk has not as many lines"),
        ("--- a\n+++ b\n@@ -1 +1,2 @@\n-a\n+b\n", "line 3: the hunk has not as many lines"),
        ("--- a\n+++ b\n@@ -1,5 +1,5 @@\n-a\n+b\n", "line 3: the hunk has not as many lines"),
        ("--- a\n+++ b\n@@ -1,2 +1,2 @@\n-a\n+b\n@@ -9 +9 @@\n-a\n+b\n", "line 3: the hunk has"),
        ("--- a\n+++ b\n@@ -1 +1 @@\n-a\n+b\nnoise\n", "line 6: expected '@@ "),
    ],
)
def test_parse_patch_names_the_line_that_is_none(patch: str, message: str) -> None:
    with pytest.raises(PatchError, match=message):
        parse_patch(patch)


@given(patch=st.text("-+ @,1a\\\n", max_size=60))
def test_parse_patch_gives_hunks_or_an_error(patch: str) -> None:
    try:
        hunks = parse_patch(f"--- a\n+++ b\n@@ -1 +1 @@\n-a\n+b\n{patch}")
    except PatchError:
        return
    assert hunks[0].old == ("a\n",)


def test_unified_diff_says_where_no_newline_ends_the_text() -> None:
    want = "--- old\n+++ new\n@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n"
    assert unified_diff("a", "a\n", "old", "new") == want
