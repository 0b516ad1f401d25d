"""What the second source notebook got wrong, and the test that fails on its behaviour.

The notebook trained a Faster R-CNN on electrical components. Each row of its faults stands here
with the tests that hold it right; a test that is renamed or removed must be replaced here too.
"""

from __future__ import annotations

import pytest

from tests.test_first_notebook import is_a_test

FAULTS = {
    "anchors for small objects do not fit the RPN head, which fails at the first batch": [
        "models/test_faster_rcnn_network.py::test_build_network_has_a_head_for_its_anchors",
        "models/test_faster_rcnn_network.py::test_build_network_fits_where_the_notebook_failed_at_the_first_batch",
    ],
    "label 0 is taken for background": [
        "models/test_faster_rcnn.py::test_losses_shift_labels_by_the_background",
        "models/test_faster_rcnn.py::test_overfitting_one_image_finds_the_first_and_the_last_class",
        "test_evaluate_settings.py::test_evaluate_split_takes_label_0_for_a_class_and_not_for_background",
    ],
    "label 32 overflows": [
        "models/test_faster_rcnn.py::test_losses_refuse_a_label_out_of_range",
        "data/test_npy_csv.py::test_read_split_counts_classes_from_0_whatever_the_file_does",
    ],
    "np.trapz is gone from NumPy 2": [
        "core/test_average_precision.py::test_average_precision_interp101_reproduces_a_notebook_that_coco_contradicts",
    ],
    "AP is wrong: 0.995 for a perfect detector, 0.55 where 1 of 10 is found": [
        "core/test_average_precision.py::test_average_precision_interp101_reproduces_a_notebook_that_coco_contradicts",
        "core/test_average_precision.py::test_average_precision_coco_equals_pycocotools_bit_for_bit",
        "test_evaluate.py::test_evaluate_split_means_equal_pycocotools",
    ],
    "the score threshold is applied before AP": [
        "test_evaluate.py::test_evaluate_split_counts_at_the_score_threshold_and_lets_ap_see_everything",
        "test_evaluate_settings.py::test_evaluate_split_ap_would_change_with_a_score_threshold_before_it",
        "test_infer_circuits.py::test_infer_keeps_every_detection_whatever_the_score_threshold",
    ],
    "validation changes 195 tensors, so evaluating changes training": [
        "models/test_faster_rcnn.py::test_judge_changes_no_tensor_no_random_state_and_no_mode",
        "models/test_faster_rcnn.py::test_the_notebooks_validation_changes_batch_norm",
        "training/test_validation.py::test_validator_changes_nothing",
        "training/test_train.py::test_train_with_an_evaluation_every_second_epoch_is_the_same_run",
    ],
    "unstable sorts give .294 or .287 for the same data": [
        "core/test_average_precision.py::test_average_precision_with_tied_scores_has_one_value_where_an_unstable_sort_has_many",
        "test_evaluate_settings.py::test_evaluate_split_takes_equal_scores_in_the_order_of_the_images",
    ],
    "normalised coordinates are guessed, file by file": [
        "data/test_npy_csv_auto.py::test_coordinates_are_settled_by_all_splits",
        "data/test_npy_csv_auto.py::test_coordinates_that_are_mixed_are_an_error",
        "data/test_npy_csv_auto.py::test_settled_says_what_was_chosen_and_why",
    ],
    "one value of 1.002 silently drops every box of a file": [
        "data/test_npy_csv.py::test_read_split_names_a_fraction_that_is_just_outside",
    ],
    "uint16 images and floats slightly out of range turn black or white": [
        "data/test_decode.py::test_decode_image_names_what_is_no_image",
        "data/test_source.py::test_check_finds_values_that_only_decoding_shows",
    ],
    "scale jitter is undone by the network's own resize": [
        "data/test_augmentation_faster_rcnn.py::test_scale_in_place_survives_the_resize_of_the_network",
        "data/test_augmentation_faster_rcnn.py::test_faster_rcnn_training_transform_keeps_labels_with_their_boxes",
        "data/test_augmentation_faster_rcnn.py::test_resizing_the_image_alone_does_not_reach_the_network",
    ],
    "hue wraps at 255": [
        "data/test_augmentation_faster_rcnn.py::test_faster_rcnn_training_transform_hue_does_not_wrap",
    ],
    "resume restores weights only, so 1 + 1 epochs differ from 2": [
        "training/test_resuming.py::test_train_one_epoch_and_one_more_are_two",
        "training/test_resuming.py::test_train_stopped_by_ctrl_c_and_resumed_is_the_same_run",
    ],
    "checkpoints are not atomic": [
        "models/test_checkpoints.py::test_save_checkpoint_keeps_the_old_file_if_writing_fails",
        "training/test_resuming.py::test_save_checkpoint_leaves_the_old_one_when_the_disk_is_full",
        "training/test_resuming.py::test_train_killed_at_random_moments_loses_nothing",
    ],
    "exporting pictures deletes every PNG in the folder": [
        "report/test_pictures.py::test_write_pictures_touches_no_other_file",
        "report/test_pictures.py::test_write_pictures_replaces_and_removes_its_own",
    ],
    "reports are empty when pictures are off": [
        "test_infer_circuits.py::test_infer_writes_reports_where_no_picture_is_wanted",
    ],
    "excluding a.v1 removes a": [
        "data/test_exclusion.py::test_exclude_images_of_a_name_with_a_dot_keeps_its_beginning",
    ],
    "hard-coded thresholds of .999 switch classes off": [
        "test_infer_circuits.py::test_infer_has_no_threshold_that_nobody_gave",
        "test_tune.py::test_tune_prints_and_writes_the_thresholds_found_by_hand",
        "test_tune.py::test_tune_says_which_class_keeps_its_threshold",
    ],
    "a skipped step crashes the scaler": [
        "training/test_stepping.py::test_step_skips_what_is_not_finite",
        "training/test_stepping.py::test_step_skips_a_gradient_that_overflows",
    ],
    "the history can hold NaN, which is not JSON": [
        "training/test_logbook.py::test_write_history_holds_nothing_that_is_not_json",
        "training/test_undefined.py::test_train_judged_on_images_without_objects_writes_null",
        "test_files.py::test_json_text_turns_what_is_not_finite_into_null_at_every_depth",
    ],
}


@pytest.mark.parametrize("fault", FAULTS)
def test_second_notebook_fault_has_tests_that_exist(fault: str) -> None:
    assert FAULTS[fault]
    assert [place for place in FAULTS[fault] if not is_a_test(place)] == []
