"""Which receipt names a payment: what the callback of its prompt has claimed, if nothing claimed there differs."""

import json
from datetime import timedelta

import mpesa_samples as samples
import pytest

from malipo.contracts.outcomes import Succeeded
from provider_kit.provider import References
from provider_mpesa.account import read_account
from provider_mpesa.mapping import CHECKOUT, RECEIPT, outcome_of_query
from provider_mpesa.objects import MpesaResponse

ANSWERED = ((CHECKOUT, samples.NAME),)
TOLD = (RECEIPT, samples.RECEIPT)


@pytest.mark.parametrize(
    ("known", "claims", "receipt"),
    [
        (ANSWERED, (TOLD,), samples.RECEIPT),
        ((), (*ANSWERED, TOLD), samples.RECEIPT),
        (ANSWERED, (), None),
        (ANSWERED, (TOLD, (RECEIPT, "SKL4OTHER9")), None),
        (ANSWERED, ((CHECKOUT, "ws_CO_another"), TOLD), None),
    ],
    ids=["after the answer", "before the answer", "no callback", "two receipts", "another prompt"],
)
def test_a_payment_is_named_by_the_receipt_that_its_callback_claims(known, claims, receipt):
    attempt = samples.attempt(samples.charge(), references=References(known, claims=claims))
    response = MpesaResponse(200, json.dumps(samples.asked()).encode())
    account = read_account(samples.CREDENTIALS, "test")
    outcome = outcome_of_query(attempt, attempt.operation, account, response, name=samples.NAME, settle=timedelta())
    assert outcome == Succeeded(amount=samples.KES_10, reference=receipt)
