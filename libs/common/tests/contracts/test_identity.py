"""The ids of charges, confirms and operations."""

from typing import get_args

import pytest

from malipo.contracts.events import OperationKind
from malipo.contracts.identity import PREFIXES, attempt_of, charge_id, confirm_id


def test_each_attempt_at_a_payment_has_an_identity_of_its_own_and_its_confirms_belong_to_it():
    first, second = charge_id("pay_1", 1), charge_id("pay_1", 2)
    assert first != second
    assert confirm_id(first, 1) != confirm_id(first, 2)
    assert [attempt_of(one) for one in (first, second, confirm_id(second, 3))] == [1, 2, 2]


@pytest.mark.parametrize("other", ["pay_1", "ref_1", "", "pay_1.", "pay_1.c1"])
def test_an_id_of_something_else_is_refused(other: str):
    with pytest.raises(ValueError, match="no charge"):
        attempt_of(other)


def test_the_id_of_each_kind_of_operation_begins_in_a_way_of_its_own():
    assert set(PREFIXES) == set(get_args(OperationKind))
    assert len(set(PREFIXES.values())) == len(PREFIXES)
