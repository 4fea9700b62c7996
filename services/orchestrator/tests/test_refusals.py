"""What a refused command is told: why, and what its merchant can do instead."""

import pytest
from msgspec.structs import replace
from told import Told

from malipo import ids
from malipo.contracts.commands import CapturePayment, PaymentMethod, RefundPayment
from malipo.contracts.outcomes import ActionRequired, Authorized, Declined, PhonePrompt, Succeeded, Unknown
from malipo.money import Money
from orchestrator.machine import DECIDED
from orchestrator.views import _ADVICE, PUBLIC

REF_1, CAP_1 = ids.new("ref"), ids.new("cap")
PHONE = "2547*****678"


@pytest.mark.parametrize(
    ("command", "outcome", "detail"),
    [
        (
            CapturePayment(payment_id="", capture_id=CAP_1),
            Unknown(reason="timeout"),
            (
                'The payment is processing. Capture it once it is authorized; one made without "capture": "manual" is '
                "captured by itself."
            ),
        ),
        (
            CapturePayment(payment_id="", capture_id=CAP_1),
            Succeeded(amount=Money(1000, "USD"), reference="pi"),
            "The payment is completed. Its money is captured already: refund it to give money back.",
        ),
        (
            CapturePayment(payment_id="", capture_id=CAP_1),
            Declined(code="x", message="No."),
            "The payment is failed. Nothing is held: make a new payment.",
        ),
        (
            RefundPayment(payment_id="", refund_id=REF_1),
            Authorized(amount=Money(1000, "USD"), reference="pi"),
            "The payment is authorized. No money is taken yet: cancel it to release what is held, or capture less.",
        ),
    ],
)
async def test_a_refusal_explains_the_payments_status_and_what_the_merchant_can_do(
    orchestrator, make, command, outcome, detail
):
    create = make.create(capture="manual")
    await orchestrator.handle(create, make.report(create.payment_id, outcome))
    [refused] = await orchestrator.handle(replace(command, payment_id=create.payment_id))
    assert refused.detail == detail


@pytest.mark.parametrize(
    ("outcome", "advice"),
    [
        (ActionRequired(action=PhonePrompt(PHONE)), "No money is taken yet. Refund it once it is completed."),
        (Unknown(reason="timeout"), "Refund it once it is completed."),
    ],
)
def test_a_refund_before_the_money_is_known_advises_no_cancel_where_the_provider_has_none(outcome, advice):
    method = PaymentMethod(type="mpesa", details={"phone": PHONE})
    told = Told(amount=Money(10_000, "KES"), method=method, configured=("mpesa",))
    told.report(outcome)
    [refused] = told.handle(RefundPayment(payment_id=told.id, refund_id=ids.new("ref")))
    assert refused.code == "payment_not_refundable"
    assert refused.detail.endswith(f". {advice}")
    assert "cancel" not in refused.detail


def test_there_is_advice_for_every_state_in_which_a_command_is_refused():
    allowed = {"payment_not_capturable": {"authorized"}, "payment_not_refundable": {"completed"}}
    every = set(PUBLIC.values())
    advised = {code: set(advice) for code, advice in _ADVICE.items()}
    assert advised == {
        "payment_not_cancelable": {PUBLIC[state] for state in DECIDED if state in PUBLIC},
        **{code: every - states for code, states in allowed.items()},
    }
