"""The official SDK: disputes, early fraud warnings, the balance and its movements, payouts."""

import pytest
import stripe as sdk

pytest_plugins = ["sdk_account"]


def test_money_that_bypasses_pending_is_available_at_once(account):
    account.pay("pm_card_bypassPending", capture_method="automatic")
    balance = account.v1.balance.retrieve()
    assert (balance.available[0].amount, balance.pending[0].amount) == (941, 0)


def disputed(account, method="pm_card_createDispute"):
    intent = account.pay(method)
    return intent, account.until(lambda: account.v1.disputes.list({"payment_intent": intent.id}).data)


def test_a_test_card_disputes_and_the_money_goes_with_a_fee(account):
    intent, [dispute] = disputed(account)
    assert (dispute.status, dispute.reason, dispute.is_charge_refundable) == ("needs_response", "fraudulent", False)
    [taken] = dispute.balance_transactions
    assert (taken.amount, taken.fee, taken.net, taken.reporting_category) == (-1000, 1500, -2500, "dispute")
    with pytest.raises(sdk.InvalidRequestError) as error:
        account.v1.refunds.create({"payment_intent": intent.id})
    assert error.value.code == "charge_disputed"
    assert account.events("charge.dispute.funds_withdrawn")


@pytest.mark.parametrize(("text", "status"), [("winning_evidence", "won"), ("losing_evidence", "lost")])
def test_evidence_decides_a_dispute(account, text, status):
    _, [dispute] = disputed(account, "pm_card_createDisputeProductNotReceived")
    draft = account.v1.disputes.update(dispute.id, {"evidence": {"customer_name": "A"}, "submit": False})
    assert (draft.status, draft.evidence_details.submission_count) == ("needs_response", 0)
    sent = account.v1.disputes.update(dispute.id, {"evidence": {"uncategorized_text": text}})
    assert (sent.status, sent.evidence_details.has_evidence) == ("under_review", True)
    closed = account.until(lambda: (one := account.v1.disputes.retrieve(dispute.id)).status == status and one)
    assert len(closed.balance_transactions) == (2 if status == "won" else 1)
    assert bool(account.events("charge.dispute.funds_reinstated")) == (status == "won")
    [event] = account.events("charge.dispute.closed")
    assert event.data.previous_attributes.status == "under_review"


def test_a_merchant_gives_in(account):
    _, [dispute] = disputed(account)
    assert account.v1.disputes.close(dispute.id).status == "lost"
    with pytest.raises(sdk.InvalidRequestError, match="already closed"):
        account.v1.disputes.close(dispute.id)


def test_an_inquiry_takes_nothing_until_it_escalates(account):
    _, [inquiry] = disputed(account, "pm_card_createDisputeInquiry")
    assert (inquiry.status, inquiry.balance_transactions, inquiry.is_charge_refundable) == (
        "warning_needs_response",
        [],
        True,
    )
    account.v1.disputes.update(inquiry.id, {"evidence": {"uncategorized_text": "escalate_inquiry_evidence"}})
    account.until(lambda: account.v1.disputes.retrieve(inquiry.id).status == "needs_response")
    assert account.events("charge.dispute.funds_withdrawn")


def test_a_charge_is_disputed_twice(account):
    _, disputes = disputed(account, "pm_card_createMultipleDisputes")
    assert [one.amount for one in disputes] == [500, 500]


def test_an_issuer_warns_early(account):
    intent = account.pay("pm_card_createIssuerFraudRecord")
    [warning] = account.until(lambda: account.v1.radar.early_fraud_warnings.list({"payment_intent": intent.id}).data)
    assert (warning.actionable, warning.charge) == (True, intent.latest_charge)
    account.v1.refunds.create({"payment_intent": intent.id})
    assert account.v1.radar.early_fraud_warnings.retrieve(warning.id).actionable is False


def test_the_balance_is_the_sum_of_its_movements(account):
    intent = account.pay(capture_method="automatic")
    account.v1.refunds.create({"payment_intent": intent.id, "amount": 300})
    moved = account.v1.balance_transactions.list({}).data
    assert [(one.type, one.amount, one.fee, one.net) for one in moved] == [
        ("refund", -300, 0, -300),
        ("charge", 1000, 59, 941),
    ]
    balance = account.v1.balance.retrieve()
    assert balance.available[0].amount + balance.pending[0].amount == sum(one.net for one in moved)
    [one] = account.v1.balance_transactions.list({"source": intent.latest_charge, "expand": ["data.source"]}).data
    assert one.source.payment_intent == intent.id


def test_a_payout_carries_what_is_available(account):
    for _ in range(2):
        account.pay("pm_card_bypassPending", capture_method="automatic")
    payout = account.control("payouts", {"api_key": account.key})
    carried = account.v1.balance_transactions.list({"payout": payout["id"]}).data
    assert payout["amount"] == sum(one.net for one in carried) == 2 * 941
    account.control(f"payouts/{payout['id']}/paid")
    assert account.v1.payouts.retrieve(payout["id"]).status == "paid"
    assert account.events("payout.paid")


def test_a_payout_is_asked_for_and_canceled(account):
    account.pay("pm_card_bypassPending", capture_method="automatic")
    payout = account.v1.payouts.create({"amount": 500, "currency": "usd", "metadata": {"a": "b"}})
    assert account.v1.payouts.cancel(payout.id).status == "canceled"
    assert account.v1.balance.retrieve().available[0].amount == 941
    with pytest.raises(sdk.InvalidRequestError) as error:
        account.v1.payouts.create({"amount": 5000, "currency": "usd"})
    assert error.value.code == "balance_insufficient"
