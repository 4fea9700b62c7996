"""What the census sees of one payment when the orchestrator, the gateway and the merchant do not have the same."""

import re
from typing import cast

import pytest

from chaos import census
from chaos.customers.customer import Due, Ledger
from chaos.fakes import Books
from chaos.onlooker import Onlooker, Row
from malipo_local.merchant import DemoMerchant

PAID = {"payment_id": "pay_1", "status": "completed", "step": 3, "captured": 5, "refunded": 0}
PROCESSING = PAID | {"status": "processing"}
FIRST = {"payment_id": "pay_1", "sequence": 1, "type": "payment.requires_action", "id": "evt_1"}
SECOND = {"payment_id": "pay_1", "sequence": 2, "type": "payment.completed", "id": "evt_2"}
SECOND_AS_THIRD = SECOND | {"sequence": 3}
SECOND_UNDER_TWO_IDS = [FIRST, SECOND, SECOND | {"id": "evt_3"}]


def entry(entry_id: str, cause: str | None, *, delivered: bool = False) -> Row:
    return {"payment_id": "pay_1", "id": entry_id, "cause": cause, "delivered": delivered}


REQUEST, ATTEMPT, CALLBACK = entry("msg_1", None), entry("msg_2", "step-1"), entry("msg_3", "step-1")
STEPS = [entry("step-1", "msg_1"), entry("step-2", "msg_2"), entry("step-3", "msg_3")]
WEBHOOKS = [entry(f"dlv_{number}-1", f"evt_{number}", delivered=True) for number in (1, 2)]
TIMELINE = [REQUEST, ATTEMPT, CALLBACK, *STEPS, *WEBHOOKS]
UNDELIVERED = [*TIMELINE[:-1], entry("dlv_2-1", "evt_2")]
REPEAT = {"payment_id": "pay_1", "message_id": "msg_2", "trigger": "succeeded", "times": 2}

WHOLE: dict[str, list[Row]] = {
    "orchestrator payments": [PAID],
    "gateway payments": [PAID],
    "gateway operations": [],
    "orchestrator history": [FIRST, SECOND],
    "orchestrator history, grouped": [],
    "orchestrator history, contradictions": [],
    "gateway events": [FIRST, SECOND],
    "gateway timeline": TIMELINE,
    "merchant": [FIRST, SECOND],
}
HOLDERS = ("orchestrator history", "gateway events", "merchant")


def _part(query: str) -> str:
    return ", grouped" if "GROUP BY" in query else ", contradictions" if "contradiction" in query else ""


class _System(Books):
    """A merchant of one payment that is paid by both books, and the stores around it, whose rows are given."""

    def __init__(self, rows: dict[str, list[Row]]) -> None:
        super().__init__("completed", 5, "charge:5")
        self._rows = rows

    def rows(self, service: str, query: str, ids: list[str]) -> list[Row]:
        assert ids == ["pay_1"]
        table = re.findall(r"FROM (\w+)", query)[0]  # a union is of payments first
        return self._rows[f"{service} {table}{_part(query)}"]

    def dead_letters(self) -> dict[str, int]:
        return {}

    def received(self, _: str | None) -> list[Row]:
        return [one | {"verified": True, "answered": 200} for one in self._rows["merchant"]]


def counted(**changed: list[Row]) -> census.Census:
    system = _System(WHOLE | changed)
    ledger = Ledger(wanted=1, payments={"pay_1": Due("completed", 5)})
    return census.count(cast("Onlooker", system), cast("DemoMerchant", system), ledger)


def test_a_payment_of_which_all_have_the_same_has_ended_and_breaks_no_promise():
    assert counted() == census.Census(ended=1, broken=[])


def test_a_webhook_may_come_again():
    assert counted(merchant=[FIRST, SECOND, FIRST, SECOND]).broken == []


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        (
            {"gateway payments": [PROCESSING]},
            "the gateway shows the payment processing at step 3, the orchestrator has it completed at step 3",
        ),
        ({"gateway payments": [PAID | {"step": 2}]}, "the gateway shows the payment completed at step 2"),
        ({"gateway payments": []}, "the gateway shows the payment nowhere"),
        ({"orchestrator payments": []}, "the orchestrator does not know it"),
        (
            {"orchestrator payments": [PROCESSING], "gateway payments": [PROCESSING]},
            "the payment has not ended, it is processing at step 3",
        ),
    ],
)
def test_a_payment_that_has_not_ended_everywhere_alike_is_seen_and_is_not_counted(
    changed: dict[str, list[Row]], text: str
):
    found = counted(**changed)
    assert found.ended == 0
    assert any(broken.startswith("pay_1: ") and text in broken for broken in found.broken)


@pytest.mark.parametrize("held", [[], [FIRST], [SECOND, FIRST], SECOND_UNDER_TWO_IDS, [FIRST, SECOND_AS_THIRD]])
@pytest.mark.parametrize(
    ("holder", "text"), [("gateway events", "GET /v1/events lists"), ("merchant", "the merchant received")]
)
def test_an_event_that_is_missing_doubled_or_out_of_order_is_seen(holder: str, text: str, held: list[Row]):
    [broken] = counted(**{holder: held}).broken
    assert text in broken
    assert "1 payment.requires_action (evt_1), 2 payment.completed (evt_2)" in broken


def test_a_gap_in_the_numbers_is_seen_when_all_have_it():
    found = counted(**{holder: [FIRST, SECOND_AS_THIRD] for holder in HOLDERS})
    assert found.broken == ["pay_1: the published events are numbered [1, 3]"]


def test_a_payment_of_which_nothing_was_published_is_seen():
    found = counted(**{holder: list[Row]() for holder in HOLDERS})
    assert "pay_1: nothing was ever published" in found.broken


def test_a_refund_that_the_gateway_still_shows_as_processing_is_seen():
    waiting = {"payment_id": "pay_1", "operation": "refund ref_1"}
    assert counted(**{"gateway operations": [waiting]}).broken == [
        "pay_1: the gateway shows refund ref_1 as processing"
    ]


def test_an_outcome_that_contradicts_the_end_is_seen():
    late = {"payment_id": "pay_1", "trigger": "declined"}
    [broken] = counted(**{"orchestrator history, contradictions": [late]}).broken
    assert broken == "pay_1: declined came after the end, and contradicts it"


@pytest.mark.parametrize("amounts", [{"captured": 0}, {"refunded": 3}])
def test_a_payment_that_ended_otherwise_than_it_had_to_is_seen_though_all_agree(amounts: Row):
    [broken] = counted(**{"gateway payments": [PAID | amounts]}).broken
    assert broken.endswith("it should be completed with 5 captured and 0 refunded")


def test_two_ends_of_one_payment_are_seen_though_all_have_both():
    failed = FIRST | {"type": "payment.failed"}
    [broken] = counted(**{holder: [failed, SECOND] for holder in HOLDERS}).broken
    assert "['payment.failed', 'payment.completed']" in broken


def test_a_message_that_was_applied_twice_is_seen():
    assert counted(**{"orchestrator history, grouped": [REPEAT]}).broken == [
        "pay_1: message msg_2 was applied 2 times (succeeded)"
    ]


@pytest.mark.parametrize(
    ("entries", "text"),
    [
        ([one for one in TIMELINE if one["id"] != "step-2"], "lacks ['step-2']"),
        ([one for one in TIMELINE if one is not CALLBACK], "lacks ['msg_3']"),
        (TIMELINE[:-1], "no webhook of ['evt_2'] that was delivered"),
        (UNDELIVERED, "no webhook of ['evt_2'] that was delivered"),
    ],
)
def test_what_a_timeline_lacks_is_seen(entries: list[Row], text: str):
    [broken] = counted(**{"gateway timeline": entries}).broken
    assert text in broken
