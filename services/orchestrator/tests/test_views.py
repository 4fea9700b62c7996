"""What a refused command advises, by what the payment's provider can do."""

import pytest
from told import Told

from malipo import ids
from malipo.contracts.commands import PaymentMethod, RefundPayment
from malipo.contracts.outcomes import ActionRequired, PhonePrompt, Unknown
from malipo.money import Money

PHONE = "2547*****678"


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
