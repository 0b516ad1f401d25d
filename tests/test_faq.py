"""The README answers what users of other tools ask, and names a test for each answer."""

from __future__ import annotations

import re
from typing import NamedTuple

import pytest

from tests.conftest import REPOSITORY
from tests.test_first_notebook import is_a_test

ASKED = {
    "the same detections, another mAP": {
        "ultralytics/ultralytics#17270",
        "roboflow/supervision#1834",
        "Lightning-AI/torchmetrics#1164",
    },
    "no predictions, or no ground truth": {
        "Lightning-AI/torchmetrics#601",
        "Lightning-AI/torchmetrics#794",
    },
    "maxDets other than 100": {"cocodataset/cocoapi#558"},
    "a confusion matrix that does not add up": {
        "open-mmlab/mmdetection#10631",
        "ultralytics/ultralytics#7905",
    },
    "false positives on background images": {
        "roboflow/supervision#1836",
        "Lightning-AI/torchmetrics#1184",
    },
    "time and memory": {"Lightning-AI/torchmetrics#1024", "MiXaiLL76/faster_coco_eval#57"},
    "several processes": {"Lightning-AI/torchmetrics#1144", "roboflow/rf-detr#1507"},
    "which detections are the false positives": {"ultralytics/ultralytics#3342", "obss/sahi#679"},
    "the best threshold per class": {"roboflow/supervision#632"},
    "a confidence filter": {"ultralytics/yolov5#1466"},
    "ties and input order": {"Lightning-AI/torchmetrics#1966"},
    "class ids": {"Lightning-AI/torchmetrics#2932"},
    "degenerate boxes": {"pytorch/vision#2240", "pytorch/vision#2582"},
    "overflow": {"roboflow/supervision#2485", "pytorch/vision#3371"},
    "the GPU": {"cocodataset/cocoapi#578"},
}
"""What is asked, and in which threads."""


class Answer(NamedTuple):
    """One entry of the FAQ."""

    threads: set[str]
    tests: list[str]
    text: str


def answers() -> dict[str, Answer]:
    """By question, in bold: threads in brackets, the answer, and tests in backquotes."""
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    _, _, section = readme.partition("\n## Questions that users of other tools ask\n")
    section, _, _ = section.partition("\n## ")
    found = {}
    for entry in section.split("\n\n**")[1:]:
        question, _, rest = entry.partition("**\n")
        threads, _, rest = rest.partition(")\n")
        text, *tests = re.split(r"^`tests/(.*?)`,?$", rest, flags=re.MULTILINE)
        found[question] = Answer(
            set(re.findall(r"[\w.-]+/[\w.-]+#\d+", threads)),
            [test for test in tests if test.strip()],
            text,
        )
    return found


@pytest.mark.parametrize("topic", ASKED)
def test_faq_answers_what_is_asked(topic: str) -> None:
    cited = [answer.threads for answer in answers().values()]
    assert cited.count(ASKED[topic]) == 1


@pytest.mark.parametrize("question", answers())
def test_faq_answer_is_held_by_tests_that_exist(question: str) -> None:
    answer = answers()[question]
    assert question.endswith("?")
    assert answer.text.strip()
    assert answer.tests
    assert [test for test in answer.tests if not is_a_test(test)] == []


def test_faq_has_no_other_question() -> None:
    assert len(answers()) == len(ASKED)
