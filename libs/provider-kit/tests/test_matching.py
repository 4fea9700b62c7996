"""Which operations a report is matched with: those that it names, whatever else comes with it."""

from provider_kit.attempt_rows import OriginalAttempt
from provider_kit.matching import Originals
from provider_kit.provider import Ages, NamedOperation, ParsedCallback


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
