"""As test_runbooks.py, for what providers do: contradictions, doubts, money without a payment, statements, callbacks."""

import json
import re
from datetime import timedelta

import httpx
import pytest
from databases import execute, sql
from operating import run_command
from scraping import value

from malipo import clock, ids
from malipo.contracts.identity import charge_id
from malipo.contracts.outcomes import OutcomeReported, Succeeded
from malipo.contracts.topics import OUTCOMES
from malipo.money import Money
from malipo_local.merchant import Json
from operations import pages
from operations.acts import publish
from operations.alerts import causes
from operations.pages import follow
from operations.scrapes import SECONDS, above, is_over
from operations.shop import pay_soon, told_once

CREATES = {"method": "POST", "path": "/v1/payment_intents"}
CARD = {"amount": 1250, "currency": "USD", "method": {"type": "card", "token": "pm_card_visa"}}

pytestmark = pytest.mark.timeout(900)


@pytest.mark.whole
@causes("MalipoContradiction")
def test_a_provider_contradicts_itself(stack, shop):
    payment_id = shop.pay()["id"]
    shop.wait(payment_id, "completed", seconds=SECONDS)
    twice = Succeeded(amount=Money(1250, "USD"), reference="pi_of_another")
    report = OutcomeReported(
        payment_id=payment_id, operation_id=charge_id(payment_id, 1), kind="charge", provider="stripe", outcome=twice,
        source="callback", step=1, observed_at=clock.now(),
    )  # fmt: skip
    publish(stack, OUTCOMES, payment_id, report)
    above(stack, "MalipoContradiction", "orchestrator", "malipo_outcomes_ignored_total", reason="contradiction")
    assert "completed" in follow(stack, "MalipoContradiction", PAYMENT=payment_id, KEY=shop.key)


def refund_in_doubt(stack, shop):
    paid = shop.pay()["id"]
    shop.wait(paid, "completed", seconds=SECONDS)
    shop.stripe_fault("error_before_effect", match={"method": "POST", "path": "/v1/refunds"})
    refund_id = shop.post(f"/v1/payments/{paid}/refunds", {"amount": 100}).raise_for_status().json()["id"]
    since = "SELECT in_doubt_since FROM operations WHERE id = $1"
    is_over(lambda: sql(stack, "orchestrator", since, refund_id) is not None)
    return refund_id


@pytest.mark.whole
@causes("MalipoDoubtLasts", "MalipoDoubtOverdue", "MalipoProviderUnclear")
def test_a_doubt_lasts_until_a_person_decides(stack, shop):
    shop.stripe_fault("error_before_effect", match=CREATES | {"amount": 4481})
    payment_id = shop.pay(amount=4481, prefer="respond-async")["id"]
    shop.wait(payment_id, "processing", reason="awaiting_provider_confirmation", seconds=SECONDS)
    refund_id = refund_in_doubt(stack, shop)
    doubts = (payment_id, refund_id)
    for alert, since in (("MalipoDoubtLasts", timedelta(hours=2)), ("MalipoDoubtOverdue", timedelta(hours=7))):
        execute(
            stack,
            "orchestrator",
            "UPDATE payments SET in_doubt_since = now() - $2::interval WHERE id = $1",
            payment_id,
            since,
        )
        above(stack, alert, "orchestrator", "malipo_doubt_oldest_seconds", subject="payment")
        if alert == "MalipoDoubtLasts":
            assert all(one in follow(stack, alert) for one in doubts)
    above(stack, "MalipoProviderUnclear", "provider-stripe", "malipo_provider_calls_total", 0, result="unknown")
    assert 'result="unknown"' in follow(stack, "MalipoProviderUnclear", PAYMENT=payment_id, KEY=shop.key)

    def is_decided(doubt: str) -> bool:
        try:
            follow(stack, "MalipoDoubtOverdue", DOUBT=doubt, END="failed")
        except pages.CommandFailed:  # what may still be sent is not decided
            return False
        return True

    for doubt in doubts:
        is_over(lambda of=doubt: is_decided(of))
    shop.wait(payment_id, "failed", seconds=SECONDS)
    assert shop.wait_refund(refund_id, seconds=SECONDS)["status"] == "failed"
    is_over(lambda: value(stack, "orchestrator", "malipo_doubt_oldest_seconds") == 0)


@pytest.mark.whole
@causes("MalipoSuspenseOpen")
def test_money_is_in_suspense_until_it_is_settled(stack, shop):
    above(stack, "MalipoSuspenseOpen", "orchestrator", "malipo_suspense_open", seconds=180)
    found = re.search(r"\bsus_\w+", run_command(stack, "orchestrator", "suspense", "list"))
    assert found
    follow(stack, "MalipoSuspenseOpen", SUSPENSE=found[0])
    is_over(lambda: value(stack, "orchestrator", "malipo_suspense_open") == 0)


@pytest.mark.whole
@causes("MalipoUnmatchedReport")
def test_a_provider_reports_what_matches_nothing(stack, shop):
    owner = ids.new("pay")
    form: Json = {
        "amount": 777, "currency": "usd", "payment_method": "pm_card_visa", "confirm": "true",
        "automatic_payment_methods[enabled]": "true", "automatic_payment_methods[allow_redirects]": "never",
        "metadata[malipo_payment_id]": owner, "metadata[malipo_operation_id]": charge_id(owner, 1),
    }  # fmt: skip
    shop.stripe.post("/v1/payment_intents", data=form, auth=(shop.stripe_key, "")).raise_for_status()
    is_over(
        lambda: any(
            value(stack, "provider-stripe", "malipo_provider_unmatched_total", concerns=one)
            for one in ("ours", "claimed", "unclear")
        )
    )
    lines = follow(stack, "MalipoUnmatchedReport").splitlines()
    assert charge_id(owner, 1) in [
        json.loads(line)["reference_ids"].get("operation") for line in lines if line.startswith("{")
    ]


@pytest.mark.whole
@causes("MalipoStatementBehind", "MalipoStatementRunsOut", "MalipoStatementGap")
def test_a_statement_is_not_read_and_then_was_read_too_late(stack, shop):
    shop.pay()
    behind = "UPDATE statements SET covered_until = now() - $1::interval, due_at = now() + interval '1 hour', hastened_at = NULL"
    execute(stack, "provider-stripe", behind, timedelta(days=2))
    above(stack, "MalipoStatementBehind", "provider-stripe", "malipo_provider_statement_age_seconds")
    assert "covered_until" in follow(stack, "MalipoStatementBehind", PROVIDER="stripe")
    execute(stack, "provider-stripe", behind, timedelta(days=25))
    window = value(stack, "provider-stripe", "malipo_provider_statement_window_seconds", provider="stripe")
    above(stack, "MalipoStatementRunsOut", "provider-stripe", "malipo_provider_statement_age_seconds", 0.75 * window)
    assert "25 days" in follow(stack, "MalipoStatementRunsOut", PROVIDER="stripe")
    execute(stack, "provider-stripe", behind, timedelta(days=40))
    execute(stack, "provider-stripe", "UPDATE statements SET due_at = now()")
    above(stack, "MalipoStatementGap", "provider-stripe", "malipo_provider_statement_gaps_total")
    assert "status" in follow(stack, "MalipoStatementGap", PROVIDER="stripe")
    is_over(lambda: value(stack, "provider-stripe", "malipo_provider_statement_age_seconds") < 3600)


@pytest.mark.whole
@causes("MalipoCallbacksRefused")
def test_callbacks_are_refused(stack, shop):
    path = shop.put_credentials([])["callback_path"]
    for _ in range(21):
        httpx.post(
            stack.url("provider-stripe") + path,
            json={},
            headers={"Stripe-Signature": f"t={int(clock.now().timestamp())},v1=00"},
        )
    above(stack, "MalipoCallbacksRefused", "provider-stripe", "malipo_provider_callbacks_total", result="bad_signature")
    assert "bad_signature" in follow(stack, "MalipoCallbacksRefused")
    shop.connect_stripe()


@pytest.mark.whole
@causes("MalipoProviderCircuitOpen")
def test_a_provider_is_not_called_for_now(stack, shop):
    """The last: the stand-in begins anew, and remembers nothing."""
    stack.stop_service("stripe-sim")
    pay_soon(shop, 12)
    above(stack, "MalipoProviderCircuitOpen", "provider-stripe", "malipo_provider_circuits", state="open")
    assert "no way there" in follow(stack, "MalipoProviderCircuitOpen", STRIPE_API=stack.url("stripe-sim"))
    stack.start_service("stripe-sim")
    stack.wait_ready("stripe-sim", SECONDS)
    is_over(lambda: value(stack, "provider-stripe", "malipo_provider_circuits", state="open") == 0)
    told_once(shop, shop.pay(amount=3999)["id"])
