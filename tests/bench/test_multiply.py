"""Payments are multiplied without two of them having an id in common."""

from datetime import timedelta

from bench.multiply import Rows
from malipo import ids

MERCHANT = ids.new("mer")


def row(payment_id: str) -> bytes:
    return f'{payment_id}\t{MERCHANT}\t2026-11-21 10:00:00+00\t{{"id":"{payment_id}","at":"2026-11-21T10:00:00Z"}}\n'.encode()


def test_every_copy_has_other_ids_and_dates_and_the_same_merchant() -> None:
    payments = [ids.new("pay") for _ in range(20)]
    rows = Rows(b"".join(map(row, payments)))
    seen = set(payments)
    for number in range(1, 200):
        copied = [line.split("\t") for line in rows.copy(number).decode().splitlines()]
        assert {line[1] for line in copied} == {MERCHANT}
        assert all(line[0] in line[3] and line[2][:10] in line[3] for line in copied)
        assert all(line[2] < "2026-11-21" for line in copied)
        assert seen.isdisjoint(line[0] for line in copied)
        seen.update(line[0] for line in copied)


def test_a_copied_id_is_as_old_as_its_row() -> None:
    payment = ids.new("pay")
    copied = Rows(row(payment)).copy(9).decode().split("\t")
    moved = ids.made_at(payment) - ids.made_at(copied[0])
    assert abs(moved - timedelta(days=10)) < timedelta(minutes=1)
    assert copied[2] == "2026-11-11 10:00:00+00"


def test_rows_that_belong_to_no_payment_are_not_copied() -> None:
    assert not Rows(f"{MERCHANT}\tcorner-shop\t2026-11-21 10:00:00+00\n".encode())
