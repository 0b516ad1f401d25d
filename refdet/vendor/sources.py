"""What a vendored file has to be: the header, and below it the installed refdet's text."""

from __future__ import annotations

import textwrap
from dataclasses import replace

import refdet
from refdet.vendor.contracts_file import contracts_source
from refdet.vendor.extracting import Room, module_source
from refdet.vendor.folder import digest
from refdet.vendor.licence import COPYRIGHT, SPDX
from refdet.vendor.manifest import Kind, VendoredFile, release

WIDTH = 79
"""Of a header's lines: what the strictest linters of host projects allow."""
HEADER_START = (
    f"# SPDX-FileCopyrightText: {COPYRIGHT}\n# SPDX-License-Identifier: {SPDX}\n# refdet "
)
"""By which a file of refdet is known even if no manifest lists it."""


def installed_source(file: VendoredFile) -> str:
    """What the installed refdet has for `file`, without a header.

    Raises:
        ValueError: it has no such file or function; names those that are like it.
    """
    if file.kind is Kind.MODULE:
        return module_source(file.module, file.functions, file.room)
    return contracts_source(file.module, file.functions, file.room)


def with_header(file: VendoredFile, source: str) -> str:
    """`source` below the header that it has in a file like `file`, of its version."""
    part = f" ({', '.join(file.functions)})" if file.functions else ""
    what = "tests of " if file.kind is Kind.CONTRACTS else ""
    origin = f"refdet {file.refdet}: {what}refdet/{file.room}/{file.module}.py{part}"
    lines = [
        f"SPDX-FileCopyrightText: {COPYRIGHT}",
        f"SPDX-License-Identifier: {SPDX}",
        *textwrap.wrap(origin, WIDTH - len("# ")),
        f"sha256 {digest(source)}",
        "Of the text below this header. Do not edit; run `refdet vendor check`.",
    ]
    return "".join(f"# {line}\n" for line in lines) + source


def header_lines(file: VendoredFile) -> int:
    """How many lines the header of `file` has."""
    return with_header(file, "").count("\n")


def as_installed(file: VendoredFile) -> tuple[VendoredFile, str]:
    """`file` as the installed refdet would write it, and the text of that.

    Raises:
        ValueError: the installed refdet is older than the one that wrote `file`, or lacks it.
    """
    if release(refdet.__version__) < release(file.refdet):
        raise ValueError(
            f"{file.path} is of refdet {file.refdet}, and the older {refdet.__version__} is "
            f"installed: install refdet {file.refdet} or later"
        )
    try:
        source = installed_source(file)
    except ValueError as error:
        twin = " --as-torch" if file.room is Room.TORCH_OPS else ""
        raise ValueError(
            f"{file.path} is of refdet {file.refdet}, and refdet {refdet.__version__} does not "
            f"have it any more ({error}): keep refdet {file.refdet}, or `refdet vendor remove "
            f"{file.module}{twin}`"
        ) from error
    fresh = replace(file, refdet=refdet.__version__, source_sha256=digest(source), reason=None)
    text = with_header(fresh, source)
    return replace(fresh, sha256=digest(text)), text


def original(file: VendoredFile) -> str | None:
    """The text that was written when `file` was copied, if the installed refdet still has it."""
    try:
        text = with_header(file, installed_source(file))
    except ValueError:
        return None
    return text if digest(text) == file.sha256 else None
