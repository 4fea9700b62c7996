"""The provider against the simulated Daraja, over real sockets: the outcomes, what callbacks say, and what its book holds."""

from dataclasses import replace
from datetime import timedelta

import mpesa_samples as samples
import pytest
from mpesa_account import pay

from malipo import ids
from malipo.contracts.outcomes import AMOUNT_MISMATCH, ActionRequired, Declined, Pending, Succeeded, Unknown
from malipo_simulators.mpesa.stk.customers import TEST_NUMBERS
from provider_kit.errors import Lacking, Misconfigured, NotReady
from provider_mpesa.codes import PROMPT_DOUBTS
from testkit.waiting import until

PAYS, CANCELS, TIMES_OUT, PAYS_LATE = "254700000000", "254700000001", "254700000004", "254700000030"
AT_THE_PHONE = "254722000333"
DAY = timedelta(days=1)


async def ended(mpesa, operation):
    return await until(lambda: mpesa.hinted(operation), what="the callback")


def refund_of(receipt: str):
    return samples.refund(operation_id=ids.new("ref"), reference=receipt)


async def paid(mpesa) -> str:
    """The receipt of a payment."""
    operation = pay(PAYS)
    await mpesa.execute(operation)
    await ended(mpesa, operation)
    outcome = await mpesa.query(operation)
    assert isinstance(outcome, Succeeded)
    return outcome.reference


async def test_a_customer_is_prompted_and_pays_and_the_receipt_is_the_payments_reference(mpesa):
    operation = pay(PAYS)
    waiting = await mpesa.execute(operation)
    assert isinstance(waiting, ActionRequired)
    assert waiting.action.phone == "2547*****000"
    await ended(mpesa, operation)
    outcome = await mpesa.query(operation)
    assert outcome == Succeeded(amount=samples.KES_10, reference=(await mpesa.prompts())[0]["receipt"])
    assert await mpesa.query(operation) == outcome
    assert await mpesa.book() == [("stk", 10)]


async def test_without_its_callback_a_payment_succeeds_by_the_query_and_has_no_receipt_yet(mpesa):
    await mpesa.fault("webhook_drop")
    operation = pay(PAYS)
    await mpesa.execute(operation)
    await until(mpesa.book, what="the payment")
    assert await mpesa.query(operation) == Succeeded(amount=samples.KES_10)


async def test_a_prompt_that_is_open_asks_the_customer_and_when_the_intent_is_over_it_is_pending(mpesa):
    operation = pay(AT_THE_PHONE)
    waiting = await mpesa.execute(operation)
    assert await mpesa.query(operation) == waiting
    over = replace(mpesa.attempt(operation).ages, expires_in=timedelta())
    assert await mpesa.provider.query(mpesa.attempt(operation, ages=over)) == Pending()
    second = await mpesa.execute(pay(AT_THE_PHONE))
    assert (type(second), second.code) == (Declined, "customer_busy")


@pytest.mark.parametrize("phone", [phone for phone, ending in TEST_NUMBERS.items() if ending != "paid"])
async def test_however_a_prompt_ends_unpaid_the_failure_says_why_in_the_merchants_words(mpesa, phone):
    operation = pay(phone)
    await mpesa.execute(operation)
    await ended(mpesa, operation)
    outcome = await mpesa.query(operation)
    if isinstance(outcome, Unknown):
        code = outcome.reason.removeprefix("result ")
        later = await mpesa.query(operation, age=DAY)
        assert later == (PROMPT_DOUBTS.get(code) or outcome)
    else:
        assert isinstance(outcome, Declined)
        assert not outcome.code.isdecimal()
        assert outcome.message
    assert await mpesa.book() == []


async def test_what_is_paid_after_it_timed_out_is_a_doubt_until_it_is_settled_and_no_receipt_is_guessed(mpesa):
    operation = pay(TIMES_OUT)
    await mpesa.execute(operation)
    await ended(mpesa, operation)
    assert (await mpesa.query(operation)).reason == "result 1037"
    await mpesa.control(f"phone/{(await mpesa.prompts())[0]['checkout_request_id']}/pay_late")
    assert (await mpesa.query(operation)).reason == "result 1037"
    assert (await mpesa.query(operation, age=DAY)).code == "customer_not_reached"
    assert await mpesa.book() == [("stk", 10)]  # which the statement shows


LOST = ["answer_lost", "reset_after_effect", "malformed_json", "error_after_effect", "html_with_200"]


@pytest.mark.parametrize("fault", LOST)
async def test_a_prompt_whose_answer_was_lost_is_found_by_its_callback_and_the_phone_rings_once(mpesa, fault):
    operation = pay(PAYS)
    await mpesa.fault(fault, match={"path": "/mpesa/stkpush/*"})
    assert isinstance(await mpesa.execute(operation), Unknown)
    assert await mpesa.query(operation) == Unknown(reason="M-Pesa's name of the prompt is not known")
    await ended(mpesa, operation)
    outcome = await mpesa.query(operation)
    assert outcome == Succeeded(amount=samples.KES_10, reference=(await mpesa.prompts())[0]["receipt"])
    assert len(await mpesa.prompts()) == 1


async def test_a_callback_that_overtakes_the_answer_changes_nothing_that_it_must_not(mpesa):
    operation = pay(PAYS)
    await mpesa.fault("webhook_before_answer", match={"path": "/mpesa/stkpush/*"})
    assert isinstance(await mpesa.execute(operation), ActionRequired)
    await ended(mpesa, operation)
    assert isinstance(await mpesa.query(operation), Succeeded)


async def test_an_error_before_the_effect_is_a_doubt_and_nobody_was_prompted(mpesa):
    for fault in ("error_before_effect", "system_busy", "connection_reset", "html_with_200_before_effect"):
        await mpesa.fault(fault, match={"path": "/mpesa/stkpush/*"})
        assert isinstance(await mpesa.execute(pay(PAYS)), Unknown), fault
    assert await mpesa.prompts() == []


async def test_a_callback_of_another_amount_is_a_doubt_though_the_query_says_paid(mpesa):
    operation = pay(PAYS)
    await mpesa.fault("amount_mismatch", match={"path": "/mpesa/stkpush/*"})
    await mpesa.execute(operation)
    await ended(mpesa, operation)
    outcome = await mpesa.query(operation)
    assert (type(outcome), outcome.reason) == (Unknown, AMOUNT_MISMATCH)


async def test_a_forged_success_is_asked_about_and_not_believed(mpesa):
    operation = pay(AT_THE_PHONE)
    await mpesa.fault("forged_success", delay_seconds=0, match={"path": "/mpesa/stkpush/*"})
    waiting = await mpesa.execute(operation)
    await ended(mpesa, operation)
    assert await mpesa.query(operation) == waiting
    await mpesa.control(f"phone/{(await mpesa.prompts())[0]['checkout_request_id']}/pay")
    await until(mpesa.book, what="the payment")
    await until(lambda: len(mpesa.receiver.posted) == 2, what="the genuine callback")
    await mpesa.parsed(operation)
    assert await mpesa.query(operation) == Succeeded(amount=samples.KES_10)  # of two receipts none is taken


async def test_a_token_that_is_killed_from_outside_is_fetched_anew_once(mpesa):
    await mpesa.execute(pay(PAYS))
    await mpesa.fault("token_killed", match={"path": "/mpesa/stkpush/*"})
    assert isinstance(await mpesa.execute(pay(CANCELS)), ActionRequired)
    assert len(await mpesa.prompts()) == 2


@pytest.mark.parametrize(("fault", "reason"), [("rate_limited", "spike_arrest"), ("quota_violation", "quota")])
async def test_what_the_gateway_turned_away_was_not_sent_and_the_app_pauses(mpesa, fault, reason):
    await mpesa.fault(fault, match={"path": "/mpesa/stkpush/*"})
    with pytest.raises(NotReady) as raised:
        await mpesa.execute(pay(PAYS))
    assert raised.value.retry_after_seconds == 2
    assert mpesa.pauses.begun == [reason]
    assert await mpesa.prompts() == []


async def test_a_wrong_passkey_or_consumer_key_is_a_misconfiguration(mpesa):
    operation = pay(PAYS)
    for wrong in ({"passkey": "of another"}, {"consumer_key": "revoked"}):
        mpesa.wait_at_most(5)  # with no token yet
        with pytest.raises(Misconfigured):
            await mpesa.execute(operation, credentials=mpesa.credentials | wrong)
    assert await mpesa.prompts() == []


async def test_a_till_is_paid_by_its_number(mpesa):
    till = {"kind": "till", "shortcode": "600333", "till_number": "500333"}
    await mpesa.control("shortcodes", code="600333", kind="till", tills=["500333"])
    mpesa.credentials |= till
    operation = pay(PAYS)
    await mpesa.execute(operation)
    await ended(mpesa, operation)
    assert isinstance(await mpesa.query(operation), Succeeded)


async def test_a_refund_reverses_the_payment_and_its_result_ends_it(mpesa):
    operation = refund_of(await paid(mpesa))
    assert await mpesa.execute(operation) == Pending()
    (outcome,) = await until(lambda: mpesa.confirmed(operation), what="the result")
    assert (type(outcome), outcome.amount) == (Succeeded, samples.KES_10)
    assert outcome.reference
    assert await mpesa.book() == [("stk", 10), ("reversal", 10)]


@pytest.mark.parametrize("fault", LOST)
async def test_a_refund_whose_answer_was_lost_is_ended_by_its_result(mpesa, fault):
    operation = refund_of(await paid(mpesa))
    await mpesa.fault(fault, match={"path": "/mpesa/reversal/*"})
    assert isinstance(await mpesa.execute(operation), Unknown)
    (outcome,) = await until(lambda: mpesa.confirmed(operation), what="the result")
    assert isinstance(outcome, Succeeded)
    assert await mpesa.book() == [("stk", 10), ("reversal", 10)]


async def test_a_refund_whose_result_was_lost_is_asked_about_and_the_answer_ends_it(mpesa):
    operation = refund_of(await paid(mpesa))
    await mpesa.fault("webhook_drop", match={"event_type": "reversal.*"})
    assert await mpesa.execute(operation) == Pending()
    await until(lambda: len_of(mpesa.book()), what="the reversal")
    assert await mpesa.query(operation) == Pending()
    (outcome,) = await until(lambda: mpesa.confirmed(operation), what="the answer")
    assert (type(outcome), outcome.amount) == (Succeeded, samples.KES_10)


async def len_of(book) -> bool:
    return len(await book) == 2


async def test_a_refund_that_waited_too_long_at_m_pesa_is_asked_about(mpesa):
    operation = refund_of(await paid(mpesa))
    await mpesa.fault("queue_timeout", match={"path": "/mpesa/reversal/*"})
    assert await mpesa.execute(operation) == Pending()
    (parsed,) = await until(lambda: mpesa.parsed(operation), what="the notice")
    assert [one.kind for one in parsed.ask] == ["refund"]
    assert not parsed.confirmed


async def test_a_refund_that_cannot_be_made_says_what_to_mend(mpesa):
    receipt = await paid(mpesa)
    first = refund_of(receipt)
    await mpesa.execute(first)
    await until(lambda: mpesa.confirmed(first), what="the result")
    for operation, end in (
        (refund_of(receipt), Unknown(reason="result R000001")),
        (refund_of("AAA0AAA0AA"), "refund_failed"),
    ):
        assert await mpesa.execute(operation) == Pending()
        (outcome,) = await until(lambda one=operation: mpesa.confirmed(one), what="the result")
        assert end in (outcome, getattr(outcome, "code", None))
    mpesa.credentials |= {"initiator_password": "wrong"}
    operation = refund_of(await paid(mpesa))
    await mpesa.execute(operation)
    (outcome,) = await until(lambda: mpesa.confirmed(operation), what="the result")
    assert (outcome.code, outcome.message) == (
        "provider_misconfigured", "M-Pesa refuses the initiator's name or password."
    )  # fmt: skip


async def test_without_an_initiator_or_a_certificate_nothing_is_reversed_and_the_text_says_what_to_set(mpesa):
    without = {name: value for name, value in mpesa.credentials.items() if not name.startswith("initiator")}
    operation = refund_of("AAA0AAA0AA")
    with pytest.raises(Lacking, match="initiator"):
        await mpesa.provider.prepare(mpesa.attempt(operation, credentials=without))
    live = samples.refund(mode="live")
    with pytest.raises(Misconfigured, match="MPESA_CERTIFICATE_FILE"):
        await mpesa.provider.prepare(mpesa.attempt(live))
