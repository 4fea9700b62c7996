"""What is kept of a payment is what came to the tables, divided by the payments."""

from bench import report, tables
from bench.sizes import Kept
from bench.tables import Size

BEFORE = {
    ("gateway", "payments"): Size(10, 0, 0, 8192, 0, 16384),
    ("gateway", "merchants"): Size(8, 0, 0, 8192, 0, 8192),
}
AFTER = {
    ("gateway", "payments"): Size(110, 5, 1, 108_192, 1000, 26_384),
    ("gateway", "merchants"): Size(8, 0, 0, 8192, 0, 8192),
    ("orchestrator", "new"): Size(1, 0, 0, 8192, 0, 0),
}


def test_only_what_came_in_between_counts() -> None:
    came = tables.since(BEFORE, AFTER)
    assert came["gateway", "payments"] == Size(100, 5, 1, 100_000, 1000, 10_000)
    assert came["gateway", "merchants"].total == 0
    assert came.keys() == BEFORE.keys()


def test_rows_and_bytes_of_one_payment_are_shown_by_table_and_in_sum() -> None:
    kept = Kept(100, "card", {("gateway", "payments"): Size(200, 0, 0, 100_000, 1000, 10_000)}, [], {})
    assert kept.bytes_a_payment == 1110
    drawn = report.sizes_table(kept)
    rows = [*zip(*(column.cells for column in drawn.columns), strict=True)]
    assert rows == [
        ("gateway", "", "1,000", "100", "10", "1,110"),
        ("  payments", "2.00", "1,000", "100", "10", "1,110"),
        ("everything", "", "1,000", "100", "10", "1,110"),
    ]
