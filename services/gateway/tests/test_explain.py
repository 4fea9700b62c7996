"""A payment explained: why it is there, since when, what happens next, and what may safely be done."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from gateway.history.instead import CHANGING, CORRECTED, OTHER_ACTIONS, REFUNDED
from gateway.history.schemas import EXPLANATION
from gateway.history.texts import EXPLANATIONS
from gateway.history.words import MAY
from malipo import clock, ids
from malipo.contracts.events import Cause, Failure, PublicEvent
from malipo.contracts.failures import OWN_FAILURES, RETRY_ADVICE
from malipo.contracts.outcomes import (
    Approval,
    AttemptPostponed,
    Declined,
    OtherAction,
    OutcomeReported,
    PhonePrompt,
)
from malipo.contracts.retry import Retry
from malipo.contracts.topics import OUTCOMES

NOW = clock.now()
SOON = NOW + timedelta(hours=1)  # later than any run of the tests lasts


async def explain(merchant, payment) -> dict:
    answer = await merchant.get(f"/v1/payments/{payment['id']}/explain")
    assert answer.status_code == 200, answer.text
    return answer.json()


def codes(explained: dict) -> list[str]:
    return [may["code"] for may in explained["you_may"]]


def moved(step, state: str, trigger: str, **changes):
    cause = Cause(trigger=trigger, source="attempt", message_id="msg_1", detail=changes.pop("detail", None))
    return replace(step, to_state=state, cause=cause, **changes)


@pytest.fixture
async def payment(merchant) -> dict:
    return (await merchant.pay()).json()


@pytest.fixture
def go(gateway, merchant, payment):
    """Brings the payment into a state."""

    async def there(state: str, trigger: str, *, public: str | None = None, view: dict | None = None, **changes):
        step = gateway.step(merchant, payment, public or state, **view or {})
        await gateway.receive(moved(step, state, trigger, **changes))

    return there


async def test_what_was_just_accepted_is_explained(merchant, payment):
    explained = await explain(merchant, payment)
    assert (explained["status"], explained["state"], explained["reason"]) == ("processing", "initiated", "accepted")
    assert explained["since"]
    assert explained["next_by"] is None
    assert codes(explained) == ["cancel", "wait", "repeat"]
    assert explained["obstacle"] is None
    assert explained["contradictions"] == explained["operations"] == []


async def test_doubt_is_explained_with_the_next_query_and_a_warning_of_a_new_key(merchant, payment, go):
    await go("processing", "dispatched", deadline=SOON)
    since = NOW + timedelta(seconds=1)
    await go("in_doubt", "unknown", public="processing", detail="timeout", deadline=SOON, occurred_at=since)
    later = SOON + timedelta(minutes=5)
    await go("in_doubt", "overdue", public="processing", deadline=later, occurred_at=SOON)
    explained = await explain(merchant, payment)
    assert (explained["status"], explained["state"], explained["reason"]) == ("processing", "in_doubt", "overdue")
    assert explained["why"] == EXPLANATIONS["payment", "in_doubt", "overdue"].why
    assert clock.iso(since)[:19] == explained["since"][:19], "since doubt began, not since the last query"
    assert explained["next_by"][:19] == clock.iso(later)[:19]
    assert codes(explained) == ["cancel", "wait", "repeat"]
    assert "a second payment moves money a second time" in explained["you_may"][2]["text"]


async def test_a_decline_has_the_providers_code_and_text_and_a_new_payment_is_safe(merchant, payment, go):
    failure = Failure("do_not_honor", "Your card was declined.")
    await go("failed", "declined", detail=failure.code, view={"failure": failure})
    explained = await explain(merchant, payment)
    assert (explained["state"], explained["detail"], explained["next_by"]) == ("failed", "do_not_honor", None)
    assert explained["failure"] == {"code": "do_not_honor", "message": "Your card was declined.", "retry": None}
    assert explained["why"] == EXPLANATIONS["payment", "failed", "declined"].why
    assert codes(explained) == ["pay_anew"]


@pytest.mark.parametrize("advice", RETRY_ADVICE)
async def test_a_decline_says_whether_the_same_method_may_be_charged_again(merchant, payment, go, advice):
    failure = Failure("insufficient_funds", "No.", Retry(advice=advice, not_before=SOON, network_decline_code="51"))
    await go("failed", "declined", detail=failure.code, view={"failure": failure})
    for shown in (await explain(merchant, payment), (await merchant.get(f"/v1/payments/{payment['id']}")).json()):
        retry = shown["failure"]["retry"]
        assert (retry["advice"], retry["network_decline_code"], retry["network_advice_code"]) == (advice, "51", None)
        assert retry["not_before"][:19] == clock.iso(SOON)[:19]
    explained = await explain(merchant, payment)
    assert explained["next"].endswith(RETRY_ADVICE[advice])
    await go("failed", "succeeded", contradiction=True)
    assert (await explain(merchant, payment))["next"] == "Nothing: this is its end."


async def test_refused_credentials_are_named_and_to_be_put_anew_before_a_new_payment(merchant, payment, go):
    failure = Failure("provider_misconfigured", "Stripe refuses the secret_key.")
    await go("failed", "declined", detail=failure.code, view={"failure": failure})
    explained = await explain(merchant, payment)
    assert "refuses your credentials" in explained["why"]
    assert "PUT /v1/provider-credentials/stripe first" in explained["next"]
    assert explained["failure"]["message"] == "Stripe refuses the secret_key."
    assert codes(explained) == ["configure", "pay_anew"]


async def test_refused_credentials_of_another_account_are_to_be_put_there(merchant, payment, go):
    failure = Failure("provider_misconfigured", "Stripe refuses the secret_key.")
    await go("failed", "declined", detail=failure.code, view={"failure": failure, "account": "berlin"})
    explained = await explain(merchant, payment)
    route = "PUT /v1/provider-credentials/stripe/accounts/berlin "
    assert route in explained["next"]
    assert route in explained["you_may"][0]["text"]


@pytest.mark.parametrize("code", OWN_FAILURES)
async def test_a_failure_with_a_code_of_our_own_is_explained_by_its_own_text(merchant, payment, go, code):
    await go("failed", "declined", detail=code, view={"failure": Failure(code)})
    explained = await explain(merchant, payment)
    assert explained["why"] == OWN_FAILURES[code].why
    assert explained["next"].endswith(OWN_FAILURES[code].advice.replace("/{provider}/accounts/{account}", "/stripe"))
    assert codes(explained)[-1] == "pay_anew"


@pytest.mark.parametrize("code", ["insufficient_funds", "never_sent"])
async def test_after_a_contradiction_a_new_payment_is_not_called_safe(merchant, payment, go, code):
    await go("failed", "declined", detail=code)
    await go("failed", "succeeded", contradiction=True)
    explained = await explain(merchant, payment)
    assert (explained["reason"], codes(explained)) == ("declined", [])
    assert explained["next"] == "Nothing: this is its end."
    [contradiction] = explained["contradictions"]
    assert (contradiction["id"], contradiction["trigger"]) == ("step-2", "succeeded")


async def test_what_can_still_be_refunded_decides_whether_a_refund_is_offered(gateway, merchant, payment, go, make):
    await go("completed", "succeeded")
    assert codes(await explain(merchant, payment)) == ["refund"]
    refund = (await merchant.post(f"/v1/payments/{payment['id']}/refunds")).json()
    begins = gateway.step(merchant, payment, operation=make.operation(refund, "processing"))
    await gateway.receive(moved(begins, "processing", "dispatched", deadline=SOON))
    explained = await explain(merchant, payment)
    assert codes(explained) == []
    [under_way] = explained["operations"]
    assert (under_way["id"], under_way["kind"], under_way["state"]) == (refund["id"], "refund", "processing")
    assert under_way["next_by"][:19] == clock.iso(SOON)[:19]
    failure = Failure("expired_card", "The card has expired.")
    failed = gateway.step(merchant, payment, operation=make.operation(refund, "failed", failure=failure))
    await gateway.receive(moved(failed, "failed", "declined", detail="expired_card"))
    explained = await explain(merchant, payment)
    assert (codes(explained), explained["why"]) == (["refund"], EXPLANATIONS["payment", "completed", "succeeded"].why)
    [one] = explained["operations"]
    assert (one["reason"], one["detail"], codes(one)) == ("declined", "expired_card", ["refund"])
    assert one["failure"] == {"code": "expired_card", "message": "The card has expired.", "retry": None}


async def test_what_was_refunded_is_explained_for_the_payment_and_each_refund(gateway, merchant, payment, go, make):
    await go("completed", "succeeded")

    async def refund(amount: int, refunded: int) -> None:
        shown = (await merchant.post(f"/v1/payments/{payment['id']}/refunds", {"amount": amount})).json()
        assert (await explain(merchant, payment))["why"] == REFUNDED["under way"].why
        ends = gateway.step(merchant, payment, operation=make.operation(shown), amount_refunded=refunded)
        await gateway.receive(moved(ends, "completed", "succeeded"))

    await refund(250, 250)
    explained = await explain(merchant, payment)
    assert (explained["why"], codes(explained)) == (REFUNDED["of a part"].why, ["refund"])
    await refund(1000, 1250)
    explained = await explain(merchant, payment)
    assert (explained["why"], explained["next"], codes(explained)) == (
        REFUNDED["of all"].why,
        "Nothing: this is its end.",
        [],
    )
    assert [(one["amount"], one["state"], one["failure"]) for one in explained["operations"]] == [
        (250, "completed", None),
        (1000, "completed", None),
    ]


async def test_what_a_refund_under_way_will_give_back_is_not_offered_again(merchant, payment, go):
    await go("completed", "succeeded")
    await merchant.post(f"/v1/payments/{payment['id']}/refunds", {"amount": 1250})
    explained = await explain(merchant, payment)
    assert (explained["why"], codes(explained)) == (REFUNDED["under way"].why, [])


async def test_a_cancel_under_way_bars_captures_and_cancels(merchant, payment, go):
    await go("authorized", "authorized", deadline=SOON)
    assert codes(await explain(merchant, payment)) == ["capture", "cancel", "wait"]
    await merchant.post(f"/v1/payments/{payment['id']}/cancel")
    explained = await explain(merchant, payment)
    assert codes(explained) == ["wait", "repeat"]
    assert [(one["kind"], one["reason"]) for one in explained["operations"]] == [("cancel", "accepted")]


@pytest.mark.parametrize("kind", ["capture", "cancel"])
async def test_a_payment_of_which_a_capture_or_cancel_is_in_doubt_says_so_itself(
    gateway, merchant, payment, go, make, kind
):
    await go("authorized", "authorized", deadline=SOON)
    begun = (await merchant.post(f"/v1/payments/{payment['id']}/{kind}")).json()
    step = gateway.step(merchant, payment, "authorized", operation=make.operation(begun, "processing"))
    await gateway.receive(moved(step, "in_doubt", "unknown"))
    explained = await explain(merchant, payment)
    assert (explained["why"], codes(explained)) == (CHANGING[kind, "in doubt"].why, ["wait", "repeat"])


async def test_a_payment_in_doubt_says_that_a_cancel_waits_for_the_answer(gateway, merchant, payment, go, make):
    await go("in_doubt", "unknown", public="processing", deadline=SOON)
    begun = (await merchant.post(f"/v1/payments/{payment['id']}/cancel")).json()
    step = gateway.step(merchant, payment, "processing", operation=make.operation(begun, "processing"))
    await gateway.receive(moved(step, "waiting", "deferred"))
    explained = await explain(merchant, payment)
    assert explained["why"] == EXPLANATIONS["payment", "in_doubt", "unknown"].why
    assert "Your cancel waits" in explained["next"]
    assert explained["operations"][0]["why"] == EXPLANATIONS["cancel", "waiting", "deferred"].why


async def test_an_action_that_cannot_be_shown_offers_no_redirect_and_a_way_out(merchant, payment, go):
    await go("requires_action", "action_required", view={"action": OtherAction("use_stripe_sdk")}, deadline=SOON)
    explained = await explain(merchant, payment)
    assert (explained["why"], codes(explained)) == (OTHER_ACTIONS["other"].why, ["cancel", "wait", "repeat"])


@pytest.mark.parametrize(
    ("action", "name", "offered"),
    [
        (Approval("https://pay.test"), "approval", ["redirect", "cancel", "wait", "repeat"]),
        (PhonePrompt("+2547****678"), "phone_prompt", ["wait", "repeat"]),
    ],
)
async def test_a_customer_who_must_agree_elsewhere_is_explained_by_the_action(
    merchant, payment, go, action, name, offered
):
    await go("requires_action", "action_required", view={"action": action}, deadline=SOON)
    explained = await explain(merchant, payment)
    assert (explained["why"], codes(explained)) == (OTHER_ACTIONS[name].why, offered)


async def test_a_payment_of_which_a_part_is_captured_says_what_may_be_done_with_the_rest(merchant, payment, go):
    await go("authorized", "captured", view={"amount_captured": 1000}, deadline=SOON)
    explained = await explain(merchant, payment)
    assert explained["why"] == EXPLANATIONS["payment", "authorized", "captured"].why
    assert codes(explained) == ["capture", "cancel", "wait"]


@pytest.mark.parametrize(
    ("reason", "explained"), [("ECHECK", "eCheck, which takes days"), ("SOMETHING_NEW", "works on it.")]
)
async def test_what_is_pending_says_what_it_waits_for_also_after_it_was_asked(merchant, payment, go, reason, explained):
    await go("pending", "pending", public="processing", view={"provider": "paypal"}, detail=reason, deadline=SOON)
    shown = await explain(merchant, payment)
    assert (shown["detail"], explained in shown["why"]) == (reason, True)
    await go("pending", "overdue", public="processing", view={"provider": "paypal"}, deadline=SOON)
    shown = await explain(merchant, payment)
    assert shown["detail"] == reason


async def test_money_that_came_after_the_end_is_explained_until_it_is_refunded(gateway, merchant, payment, go, make):
    corrected = PublicEvent(ids.new("evt"), "payment.corrected", 1)
    await go("failed", "declined")
    await go("completed", "succeeded", view={"amount_captured": 1250}, from_state="failed", public_event=corrected)
    explained = await explain(merchant, payment)
    assert (explained["why"], codes(explained)) == (CORRECTED["keep"].why, ["refund"])


async def test_refused_operations_are_distinguished_by_their_amounts_and_say_why(gateway, merchant, payment, go, make):
    await go("completed", "succeeded")
    for amount in (1251, 2000):
        refund = (await merchant.post(f"/v1/payments/{payment['id']}/refunds", {"amount": amount})).json()
        await gateway.receive(make.refusal(merchant.id, refund, "refund_exceeds_captured"))
    refused = (await explain(merchant, payment))["operations"]
    assert [one["amount"] for one in refused] == [1251, 2000]
    for one in refused:
        assert (one["state"], one["reason"], one["detail"]) == ("failed", "refused", "refund_exceeds_captured")
        assert one["failure"] == {"code": "refund_exceeds_captured", "message": "100 is left", "retry": None}


async def test_an_obstacle_is_shown_until_the_operation_is_answered(gateway, merchant, payment, go):
    await go("processing", "dispatched", deadline=SOON)
    common = {"payment_id": payment["id"], "operation_id": payment["id"], "kind": "charge", "provider": "stripe"}
    postponed = AttemptPostponed(
        **common, step=1, code="provider_unreachable", detail="no connection", tries=2, retry_at=SOON, observed_at=NOW
    )
    await gateway.receive(replace(postponed, tries=1, observed_at=NOW - timedelta(1)), postponed, topic=OUTCOMES)
    obstacle = (await explain(merchant, payment))["obstacle"]
    assert (obstacle["code"], obstacle["detail"], obstacle["tries"]) == ("provider_unreachable", "no connection", 2)
    assert obstacle["retry_at"][:19] == clock.iso(SOON)[:19]
    past = replace(postponed, tries=4, retry_at=NOW, observed_at=SOON)
    await gateway.receive(past, topic=OUTCOMES)
    assert (await explain(merchant, payment))["obstacle"]["retry_at"] is None
    answer = OutcomeReported(**common, outcome=Declined(code="no"), source="attempt", step=1, observed_at=NOW)
    await gateway.receive(answer, topic=OUTCOMES)
    assert (await explain(merchant, payment))["obstacle"] is None


@pytest.mark.parametrize(
    ("opened_by", "may"), [("merchant", ["wait", "repeat"]), ("malipo", ["wait"]), ("provider", ["wait"])]
)
async def test_only_what_the_merchant_has_requested_may_be_requested_again(
    gateway, merchant, payment, make, opened_by, may
):
    shown = {"id": ids.new("ref"), "payment_id": payment["id"], "kind": "refund", "reason": None}
    refund = make.operation(shown | {"amount": 1, "currency": "USD"}, "processing", opened_by=opened_by)
    begins = gateway.step(merchant, payment, operation=refund)
    await gateway.receive(moved(begins, "processing", "from_the_future"))
    [under_way] = (await explain(merchant, payment))["operations"]
    assert codes(under_way) == may


async def test_every_state_and_reason_can_be_explained(gateway, merchant, make):
    for subject, state, reason in EXPLANATIONS:
        if reason in ("accepted", "refused") or subject == "setup":  # which is no payment's: see test_setups.py
            continue
        payment = (await merchant.pay()).json()
        operation = None
        if subject != "payment":
            shown = {"id": ids.new(subject[:3]), "payment_id": payment["id"], "kind": subject, "reason": None}
            operation = make.operation(shown | {"amount": 1, "currency": "USD"}, "processing")
        step = gateway.step(merchant, payment, "processing", operation=operation)
        await gateway.receive(moved(step, state, reason))
        explained = await explain(merchant, payment)
        about = explained if operation is None else explained["operations"][0]
        assert (about["state"], about["reason"]) == (state, reason)
        assert set(codes(about)) <= set(MAY)
        assert list(explained) == EXPLANATION.components["Explanation"]["required"]
        for one in explained["operations"]:
            assert list(one) == EXPLANATION.components["Explanation"]["properties"]["operations"]["items"]["required"]


@pytest.mark.parametrize("state", sorted({state for _, state, _ in EXPLANATIONS}))
async def test_a_reason_from_the_future_is_explained_by_its_state(gateway, merchant, payment, go, make, state):
    await go(state, "from_the_future", public="processing")
    explained = await explain(merchant, payment)
    assert (explained["state"], explained["reason"]) == (state, "from_the_future")
    assert explained["why"]
    assert explained["next"]
    assert set(codes(explained)) <= {"wait", "repeat", "redirect"}  # safe whatever the reason means
    refund = (await merchant.post(f"/v1/payments/{payment['id']}/refunds")).json()
    begins = gateway.step(merchant, payment, operation=make.operation(refund, "processing"))
    await gateway.receive(moved(begins, "processing", "from_the_future"))
    [under_way] = (await explain(merchant, payment))["operations"]
    assert (under_way["reason"], codes(under_way)) == ("from_the_future", ["wait", "repeat"])


async def test_a_state_from_the_future_is_explained_as_such(merchant, payment, go):
    await go("from_the_future", "succeeded", public="processing")
    explained = await explain(merchant, payment)
    assert (explained["state"], explained["status"], codes(explained)) == ("from_the_future", "processing", ["repeat"])
