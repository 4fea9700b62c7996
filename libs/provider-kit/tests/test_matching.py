"""Which operations a report is matched with: those that it names, whatever else comes with it."""

import pytest

from malipo.contracts.outcomes import Declined
from provider_kit.attempt_rows import OriginalAttempt
from provider_kit.credentials import Account
from provider_kit.matching import Originals, match
from provider_kit.provider import Ages, CallbackOutcome, NamedOperation, ParsedCallback
from provider_kit.references import OWN


def original(make, number: int, *, references=(), claims=()) -> OriginalAttempt:
    return OriginalAttempt(
        operation=make.charge(number),
        headers={},
        first_sent_at=None,
        account_fingerprint=None,
        reference=None,
        outcome=None,
        ages=Ages(),
        references=references,
        claims=claims,
    )


def test_of_the_operations_of_many_reports_each_is_matched_with_those_that_it_names_alone(make):
    by_id = original(make, 1, references=[("main", "obj_1")])
    given = original(make, 2, references=[("main", "obj_2"), ("order", "or_2")])
    claimed = original(make, 3, claims=[("main", "obj_3")])
    originals = Originals([by_id, given, claimed])

    def named_in(*asked: NamedOperation) -> list[OriginalAttempt]:
        return list(originals.named_in(ParsedCallback("evt_1", ask=asked)).values())

    assert named_in(NamedOperation(kind="charge", operation_id="pay_1.1")) == [by_id]
    assert named_in(NamedOperation(kind="charge", references={"order": "or_2", "main": "obj_2"})) == [given]
    assert named_in(NamedOperation(kind="charge", references={"main": "obj_3"})) == [claimed]
    assert named_in(NamedOperation(kind="charge", operation_id="pay_9.1")) == []
    assert named_in(*(NamedOperation(kind="charge", operation_id=f"pay_{n}.1") for n in (3, 1))) == [by_id, claimed]


@pytest.mark.parametrize(
    ("own", "reference", "believed"),
    [
        ("OURS", "obj_1", True),
        ("OTHERS", "obj_1", False),  # or the other's reports would be ours from now on
        ("OURS", "obj_2", False),
        (None, "obj_1", True),
    ],
)
def test_an_outcome_is_of_no_operation_that_we_or_the_provider_have_called_otherwise(make, own, reference, believed):
    ours = original(make, 1, references=[(OWN, "OURS"), ("main", "obj_1")])
    told = CallbackOutcome(kind="charge", references={"object": reference}, own=own, outcome=Declined(code="no"))
    parsed = ParsedCallback("evt_1", [told])
    named = Originals([ours]).named_in(parsed)
    matched = match(parsed, Account("cred_1", "mer_1", "test", "default", {}), named, believe=True)
    assert (bool(matched.believed), bool(matched.unmatched)) == (believed, not believed)


def test_an_operation_whose_answer_is_not_here_yet_is_found_by_the_name_that_we_gave_it(make):
    ours = original(make, 1, references=[(OWN, "OURS")])
    told = CallbackOutcome(kind="charge", references={"object": "obj_1"}, own="OURS", outcome=Declined(code="no"))
    parsed = ParsedCallback("evt_1", [told])
    named = Originals([ours]).named_in(parsed)
    matched = match(parsed, Account("cred_1", "mer_1", "test", "default", {}), named, believe=True)
    assert matched.believed == [(told, ours)]
