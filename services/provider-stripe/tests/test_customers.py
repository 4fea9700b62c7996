"""Which customer at Stripe is charged whose card is to be kept, where one may have been made and nobody has recorded it."""

from datetime import timedelta

import pytest
from msgspec.structs import replace as changed
from stripe_script import Stripe, sent

from provider_kit.errors import NotReady, NotSent
from provider_stripe import customers
from provider_stripe.requests import request
from testkit.operations import charge
from testkit.transports import Reply

SAVING = changed(charge(), save_method=True, customer_ref="customer-7")


async def test_one_that_cannot_be_found_among_too_many_is_made_anew(monkeypatch):
    monkeypatch.setattr(customers, "_MOST_PAGES", 1)
    others, made = Reply({"data": [{"id": "cus_9"}], "has_more": True}), Reply({"id": "cus_1"})
    stripe = Stripe(others, made, made)
    stripe.customers.age = timedelta(hours=25)
    attempt = sent(SAVING)
    await stripe.provider.prepare(attempt)
    assert stripe.calls == ["GET /v1/customers", "POST /v1/customers", "GET /v1/customers/cus_1"]
    assert request(attempt)[1]["customer"] == "cus_1"


@pytest.mark.parametrize(("status", "error"), [(409, NotReady), (400, NotReady), (429, NotSent), (500, NotSent)])
async def test_that_one_customer_cannot_be_made_now_does_not_count_as_stripe_being_away(status, error):
    stripe = Stripe(Reply({}, status))
    with pytest.raises(NotSent) as raised:
        await stripe.provider.prepare(sent(SAVING))
    assert raised.type is error
