"""Who takes part, with what in hand, and up to which size it is worth waiting for."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.evaluation.inputs import Form


@dataclass(frozen=True)
class Evaluator:
    """One package, given one form of input.

    Attributes:
        package: its name on PyPI.
        form: what it is given.
        module: the file in `peers` that calls it.
        largest: with more detections than this it takes minutes, and is left out.
    """

    package: str
    form: Form
    module: str
    largest: int | None = None

    @property
    def name(self) -> str:
        """The package and its form of input, as a table shows it."""
        return f"{self.package} ({self.form.value})"

    @property
    def function(self) -> str:
        """The function of the module that is timed."""
        return f"from_{self.form.value}"


EVALUATORS = (
    Evaluator("pycocotools", Form.LISTS, "with_pycocotools", 450_000),
    Evaluator("faster-coco-eval", Form.LISTS, "with_faster_coco_eval", 500_000),
    Evaluator("torchmetrics", Form.IMAGES, "with_torchmetrics", 500_000),
    Evaluator("supervision", Form.IMAGES, "with_supervision", 300_000),
    Evaluator("vernier", Form.LISTS, "with_vernier"),
    Evaluator("hotcoco", Form.LISTS, "with_hotcoco"),
    Evaluator("ultrafast-pycocotools", Form.LISTS, "with_ultrafast"),
    Evaluator("refdet", Form.LISTS, "with_refdet"),
    Evaluator("vernier", Form.ARRAYS, "with_vernier"),
    Evaluator("hotcoco", Form.ARRAYS, "with_hotcoco"),
    Evaluator("ultrafast-pycocotools", Form.ARRAYS, "with_ultrafast"),
    Evaluator("refdet", Form.ARRAYS, "with_refdet"),
)
