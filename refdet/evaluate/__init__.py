"""Judge a detector: a data set's objects and detections in, an `Evaluation` out.

There is one matching, COCO's, by `refdet.core.coco_eval`: AP, counts, curves, confusion matrix,
false positives and missed objects are all read from it. What it leaves over is then matched by the
same function whatever its class, to say what was taken for what. VOC's two APs have their own rule.

AP sees every detection, whatever its score: a score threshold before AP changes it. The score
thresholds decide what counts as a detection for everything else.

An ignored object (VOC calls it difficult) is not to be found, and what finds it is neither right
nor wrong. By VOC's rule that holds for any number of detections, by COCO's for one; a second is a
duplicate. A crowd takes any number by either rule; VOC's measures its IoU as any other's.
"""

from refdet.evaluate.judging import JudgedDataSet, coco_data
from refdet.evaluate.settings import EvaluationSettings
from refdet.evaluate.splits import evaluate_columns, evaluate_split, judged_columns

__all__ = [
    "EvaluationSettings",
    "JudgedDataSet",
    "coco_data",
    "evaluate_columns",
    "evaluate_split",
    "judged_columns",
]
