"""Which slice of a column an image is in."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from refdet.analysis.grouping import EMPTY, grouping_of, image_sizes, object_counts
from tests.data.small_columns import objects_of


def slices(*cells: str) -> list[str]:
    """The slice of each image."""
    return list(grouping_of("column", cells).values)


def test_grouping_of_text_is_its_values() -> None:
    assert slices("B", "a", "B ", "") == ["B", "a", "B", EMPTY]


def test_grouping_of_empty_cells_is_a_slice_of_its_own() -> None:
    assert slices("1", " ", "2", "") == ["1", EMPTY, "2", EMPTY]


def test_grouping_of_few_numbers_is_a_slice_for_each() -> None:
    assert slices("1", "2.50", "1.0", "2.5", "-3") == ["1", "2.50", "1", "2.50", "-3"]


def test_grouping_of_many_numbers_is_quarters_of_the_images() -> None:
    cells = [str(number) for number in range(20)]
    assert slices(*cells) == [
        *["0 to 4"] * 5,
        *["5 to 9"] * 5,
        *["10 to 14"] * 5,
        *["15 to 19"] * 5,
    ]


def test_grouping_of_many_numbers_keeps_equal_ones_together() -> None:
    cells = ["0"] * 6 + [str(number) for number in (1, 2, 3, 4, 5, 6, 7, 8)] + [""]
    got = slices(*cells)
    # Of 14 numbers the first quarter ends with a 0, the second with 1, the third with 5.
    assert got == ["0"] * 6 + ["1"] + ["2 to 5"] * 4 + ["6 to 8"] * 3 + [EMPTY]


def test_grouping_of_many_numbers_names_ranges_shortly() -> None:
    cells = [str(number / 7 + 0.1) for number in range(20)]
    assert list(dict.fromkeys(slices(*cells))) == [
        *("0.1 to 0.6714", "0.8143 to 1.386", "1.529 to 2.1", "2.243 to 2.814"),
    ]
    # Numbers that are short as they are keep all their digits.
    assert slices(*(str(number) for number in range(123451, 123471)))[0] == "123451 to 123455"
    assert slices(*(str(number + 0.25) for number in range(123451, 123471)))[0] == (
        "123451 to 123455"
    )


def test_grouping_of_many_numbers_tells_near_ones_apart() -> None:
    # To five digits 0.700005 and 0.700010 are the same; to six all eight ends differ.
    cells = [f"{0.7 + number / 1e6:.12f}" for number in range(20)]
    names = list(dict.fromkeys(slices(*cells)))
    assert names == [
        *("0.7 to 0.700004", "0.700005 to 0.700009", "0.70001 to 0.700014"),
        "0.700015 to 0.700019",
    ]


@pytest.mark.parametrize("odd", ["nan", "inf", "1_0", "x"])
def test_grouping_of_a_cell_that_is_no_finite_number_is_text(odd: str) -> None:
    cells = [str(number) for number in range(10)]
    assert slices(*cells, odd) == [*cells, odd]


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["2024-01-05", "2024-01-06"], ["2024-01-05", "2024-01-06"]),
        (["2024-01-05T10:59", "2024-01-05 11:00"], ["2024-01-05 10h", "2024-01-05 11h"]),
        (["2024-01-05T10:59", "2024-01-06"], ["2024-01-05", "2024-01-06"]),
    ],
)
def test_grouping_of_few_dates_is_fine(cells: list[str], values: list[str]) -> None:
    assert slices(*cells) == values


def test_grouping_of_one_day_is_by_the_hour_however_many() -> None:
    got = slices(*(f"2024-01-05T{hour:02}:30" for hour in range(24)))
    assert (got[0], got[-1], len(set(got))) == ("2024-01-05 00h", "2024-01-05 23h", 24)


@pytest.mark.parametrize(
    ("step", "first", "last"),
    [
        (1, "2020-01", "2020-02"),  # 36 days
        (20, "2020 Q1", "2021 Q4"),  # 36 times 20 days: 24 months, 8 quarters
        (100, "2020", "2029"),  # 10 years
    ],
)
def test_grouping_of_many_dates_is_by_the_finest_unit_of_at_most_twelve(
    step: int, first: str, last: str
) -> None:
    days = [date(2020, 1, 1) + timedelta(days=step * number) for number in range(36)]
    got = slices(*map(str, days))
    assert (got[0], got[-1]) == (first, last)
    assert 2 <= len(set(got)) <= 12


def test_grouping_of_names_is_refused() -> None:
    with pytest.raises(ValueError, match=r"column 'id' has 41 different texts .* such as 'n0'"):
        grouping_of("id", [f"n{number}" for number in range(41)])
    assert len(grouping_of("id", [f"n{number}" for number in range(40)]).values) == 40


@pytest.mark.parametrize("cells", [["a", "a"], ["", ""], []])
def test_grouping_of_one_value_is_refused(cells: list[str]) -> None:
    with pytest.raises(ValueError, match="nothing to compare it with"):
        grouping_of("site", cells)


def test_image_sizes_are_text_and_unknown_ones_empty() -> None:
    objects = objects_of(names=("a", "b", "c"))
    objects.images.sizes[:] = [[64, 32], [0, 0], [32, 64]]
    assert image_sizes(objects).values == ("64 x 32", EMPTY, "32 x 64")


def test_object_counts_leave_out_what_does_not_count() -> None:
    boxes = [[0, 0, 4, 4]] * 5
    objects = objects_of(boxes, [0, 0, 1, 0, 0], [0] * 5, names=("a", "b", "c"), crowd=[0])
    assert object_counts(objects).values == ("3", "1", "0")
