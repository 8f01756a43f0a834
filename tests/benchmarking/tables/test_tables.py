"""One table in three formats."""

import csv
import io
import math

from dagen.benchmarking.tables.tables import Table, Value, as_csv, latex, markdown

TABLE = Table(
    "a_b & c",
    ("", "x | y", "MB"),
    (
        ("best", Value(12.34, 0.56, best=True, count=3), Value(1.539, digits=2)),
        ("source + strong augmentation*", Value(math.nan), Value(1234567, digits=0)),
    ),
    ("100 % of it.",),
)


def test_markdown() -> None:
    assert markdown(TABLE) == (
        "### a_b & c\n\n"
        "|  | x \\| y | MB |\n"
        "|---|---:|---:|\n"
        "| best | **12.3 ± 0.6** | 1.54 |\n"
        "| source + strong augmentation* | – | 1,234,567 |\n\n"
        "- 100 % of it.\n"
    )


def test_latex_escapes_what_means_something_there() -> None:
    text = latex(TABLE)
    caption = r"\caption{a\_b \& c. Mean over 3 seeds $\pm$ half of the 95 \% t-interval.}"
    assert caption in text and r"\label{tab:table-a-b-c}" in text
    assert text.startswith("% 100 % of it.\n")  # too long for a caption
    assert r"best & \textbf{12.3 $\pm$ 0.6} & 1.54 \\" in text
    assert r"& -- & 1,234,567 \\" in text
    assert r"\begin{tabular}{lrr}" in text


def test_columns_can_be_chosen_and_those_that_name_the_rows_stay() -> None:
    found = TABLE.chosen(["MB", "x | y"])
    assert found.columns == ("", "MB", "x | y") and found.rows[0][1] == TABLE.rows[0][2]
    assert TABLE.chosen(["elsewhere"]).columns == ("",)


def test_several_columns_may_name_a_row() -> None:
    two = Table("t", ("", "loss", "x"), (("ENet", "focal", Value(1.0)),), labels=2)
    assert "|---|---|---:|" in markdown(two) and r"{llr}" in latex(two)
    assert list(csv.reader(io.StringIO(as_csv([two]))))[1][1:4] == ["ENet, focal", "x", "1.0"]


def test_csv_has_a_line_for_each_number_unrounded() -> None:
    rows = list(csv.reader(io.StringIO(as_csv([TABLE]))))
    assert rows == [
        ["table", "row", "column", "value", "interval95", "n"],
        ["a_b & c", "best", "x | y", "12.34", "0.56", "3"],
        ["a_b & c", "best", "MB", "1.539", "", "1"],
        ["a_b & c", "source + strong augmentation*", "MB", "1234567", "", "1"],
    ]
