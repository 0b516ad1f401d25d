"""The `refdet` command: finds the sub-command, reads its options, runs it, and words its errors."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TypeVar, cast

import tyro

import refdet
from refdet.config_file import Config, arguments_from_toml, part_arguments, to_toml
from refdet.files import write_text_atomic

AnyConfig = TypeVar("AnyConfig", bound=Config)


@dataclass(frozen=True)
class Command:
    """One sub-command: where its options lie, and the function that runs it.

    Both are named, not imported, so that `refdet evaluate` does not load torch, and starts quickly.
    """

    options: str
    function: str

    @property
    def config_type(self) -> type[Config]:
        """The dataclass of its options."""
        return cast("type[Config]", _found(self.options))  # as the table below has it


EXTRAS = {"torch": "torch", "torchvision": "torch", "hypothesis": "conformance"}
"""Which extra brings what a command may lack."""

STOPPED = 130
"""The exit code after Ctrl-C: 128 and the number of the signal, as shells have it."""

COMMANDS = {
    ("train", "ssd300"): Command("config_train.TrainSSD300", "train.train_ssd300"),
    ("train", "faster-rcnn"): Command("config_train.TrainFasterRCNN", "train.train_faster_rcnn"),
    ("infer",): Command("config.Infer", "infer.infer"),
    ("evaluate",): Command("config.Evaluate", "judge_files.evaluate_files"),
    ("compare",): Command("config_analysis.Compare", "compare.compare_runs"),
    ("report",): Command("config_analysis.Report", "report_page.report"),
    ("slices",): Command("config_analysis.Slices", "slices.slice_run"),
    ("tune",): Command("config_analysis.Tune", "tune.tune_thresholds"),
    ("audit-labels",): Command("config_analysis.AuditLabels", "audit_labels.audit_labels"),
    ("check-data",): Command("config.CheckData", "judge.check_data"),
    ("convert",): Command("config.Convert", "convert.convert"),
    ("conformance", "list"): Command("config_conformance.ConformanceList", "conform.list_all"),
    ("conformance", "show"): Command("config_conformance.ConformanceShow", "conform.show_contract"),
    ("conformance", "run"): Command("config_conformance.ConformanceRun", "conform.run_conformance"),
    ("vendor", "add"): Command("config_vendor.VendorAdd", "vendoring.vendor_add"),
    ("vendor", "check"): Command("config_vendor.VendorCheck", "vendoring.vendor_check"),
    ("vendor", "update"): Command("config_vendor.VendorUpdate", "vendoring.vendor_update"),
    ("vendor", "record"): Command("config_vendor.VendorRecord", "vendoring.vendor_record"),
    ("vendor", "remove"): Command("config_vendor.VendorRemove", "vendoring.vendor_remove"),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `refdet` with `arguments`, by default those of the shell; exits non-zero on an error."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    group = tuple(word for word in words if word not in ("-h", "--help"))
    if group in {(), *(name[:1] for name in COMMANDS if len(name) > 1)}:
        print(overview(group))  # noqa: T201 - printing is what this is for
        sys.exit(0 if len(group) < len(words) else 2)
    if words[0] == "--version":
        print(f"refdet {refdet.__version__}")  # noqa: T201 - likewise
        return
    try:
        if words[0] == "config":
            _save_config(words[1:])
        else:
            name, config = _parse(words)
            sys.exit(_run(COMMANDS[name], config))
    except KeyboardInterrupt:
        sys.stderr.write("refdet: stopped by Ctrl-C; what was written so far is complete\n")
        sys.exit(STOPPED)
    except BrokenPipeError:
        # Whoever reads, such as `head`, has seen enough. Nothing is left to be flushed at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except (ValueError, TypeError, OSError) as error:
        # These carry a sentence for the user; a traceback is for whoever develops refdet.
        if os.environ.get("REFDET_TRACEBACK"):
            traceback.print_exc()
        sys.exit(f"refdet: {error}")


def overview(group: tuple[str, ...] = ()) -> str:
    """What `refdet --help` prints; of a group such as `("vendor",)` its commands alone."""
    lines = [f"usage: {' '.join(('refdet', *group))} COMMAND [OPTIONS]", "", "Commands:"]
    for name, command in COMMANDS.items():
        if name[: len(group)] == group:
            summary = (command.config_type.__doc__ or "").strip().splitlines()[0]
            lines.append(f"  {' '.join(name):<18} {summary}")
    if group:
        return "\n".join(lines)
    lines += [
        f"  {'config':<18} Save a command's options: refdet config FILE.toml COMMAND [OPTIONS]",
        "",
        "`refdet COMMAND --help` explains a command's options. Every command also takes",
        "`--config FILE.toml`; options beside it win over the file's.",
    ]
    return "\n".join(lines)


def _parse(words: list[str]) -> tuple[tuple[str, ...], Config]:
    for name, command in COMMANDS.items():
        if tuple(words[: len(name)]) == name:
            prog = " ".join(("refdet", *name))
            return name, parse_options(command.config_type, words[len(name) :], prog)
    known = ", ".join(" ".join(name) for name in (*COMMANDS, ("config",)))
    given = " ".join(words[:2])
    raise ValueError(f"no command {given!r}; there are: {known}. `refdet --help` explains them")


def parse_options(config_type: type[AnyConfig], words: list[str], prog: str) -> AnyConfig:
    """The options of one command from its arguments, those in a `--config` file included."""
    words = [part for word in words for part in _split_at_equals(word)]
    if "--config" in words:
        at = words.index("--config")
        if at + 1 == len(words):
            raise ValueError("--config needs a file: --config FILE.toml")
        runs, options = part_arguments([*words[:at], *words[at + 2 :]], config_type)
        runs_in_file, options_in_file = arguments_from_toml(Path(words[at + 1]), config_type)
        # Later options win, so the file's come first. What has no name comes before any of them:
        # behind a list it would be taken for a part of that.
        words = [*(runs or runs_in_file), *options_in_file, *options]
    return tyro.cli(config_type, args=words, prog=prog, config=(tyro.conf.EnumChoicesFromValues,))


def _split_at_equals(word: str) -> list[str]:
    return word.split("=", 1) if word.startswith("--config=") else [word]


def _save_config(words: list[str]) -> None:
    if not words or words[0].startswith("-") or not words[0].endswith(".toml"):
        raise ValueError("usage: refdet config FILE.toml COMMAND [OPTIONS]")
    file = Path(words[0])
    if file.exists():
        raise ValueError(f"{file} exists already; name another file or remove it first")
    name, config = _parse(words[1:])
    write_text_atomic(file, to_toml(config))
    print(f"saved; use it with: refdet {' '.join(name)} --config {file}")  # noqa: T201 - likewise


def _run(command: Command, config: Config) -> int:
    try:
        found = _found(command.function)
    except ModuleNotFoundError as error:
        extra = EXTRAS.get(error.name or "")
        if extra is None:
            raise
        raise ValueError(
            f"this command needs {error.name}: pip install 'refdet[{extra}]' brings it"
        ) from error
    # A function found by its name has no type; the table pairs it with its options.
    run = cast("Callable[[Config], int]", found)
    return run(config)


def _found(name: str) -> object:
    """What `module.name` of this package is."""
    module, _, attribute = name.rpartition(".")
    found: object = getattr(import_module(f"refdet.{module}"), attribute)
    return found


if __name__ == "__main__":
    main()
