"""A payment ends at its time, which the gateway sets or accepts, by the database's clock."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

import pytest

from gateway.payments.acceptance import _fit
from gateway.payments.fitting import Candidate
from gateway.payments.schemas import NewPayment
from malipo import clock
from malipo.contracts.commands import CreatePayment
from malipo.contracts.providers import PROVIDERS
from malipo.messaging.pool import time_of
from testkit.clocks import put_wrong

HOUR = timedelta(hours=1)


@pytest.fixture(params=[-HOUR, HOUR], ids=["an hour behind", "an hour ahead"])
def wrong_clock(request, monkeypatch):
    put_wrong(monkeypatch, request.param)


async def pay(merchant, expires_at, key: str | None = None):
    body = {"amount": 1250, "currency": "USD", "method": {"type": "card", "token": "pm_card_visa"}}
    return await merchant.pay(body | {"expires_at": expires_at}, key)


async def command(gateway) -> CreatePayment:
    return [message for message in await gateway.sent() if isinstance(message, CreatePayment)][-1]


async def test_a_payment_ends_after_a_quarter_of_an_hour_unless_the_merchant_sets_another_time(gateway, merchant):
    now = await time_of(gateway.dependencies.database.reads)
    shown = (await merchant.pay()).json()
    sent = await command(gateway)
    assert abs((sent.expires_at - now - timedelta(minutes=15)).total_seconds()) < 60
    assert datetime.fromisoformat(shown["expires_at"]) == sent.expires_at
    wanted = now + 2 * HOUR
    shown = (await pay(merchant, wanted.isoformat())).json()
    assert datetime.fromisoformat(shown["expires_at"]) == (await command(gateway)).expires_at == wanted


@pytest.mark.parametrize("ahead", [timedelta(seconds=30), timedelta(hours=25), -HOUR])
async def test_a_time_that_is_too_near_or_too_far_is_refused_with_the_time_of_now(gateway, merchant, ahead):
    wanted = await time_of(gateway.dependencies.database.reads) + ahead
    response = await pay(merchant, wanted.isoformat())
    problem = response.json()
    assert (response.status_code, problem["code"]) == (422, "expires_at_out_of_range")
    assert problem["errors"][0]["field"] == "/expires_at"


@pytest.mark.parametrize(
    "value", ["tomorrow", "2026-11-21", "2026-11-21T09:30:00", 1_900_000_000, True, "", "9999-99-99T00:00:00Z", {}]
)
async def test_what_is_no_moment_is_refused(merchant, value):
    problem = (await pay(merchant, value)).json()
    assert (problem["status"], problem["code"], problem["errors"][0]["field"]) == (422, "value_invalid", "/expires_at")


async def test_one_moment_however_rfc_3339_writes_it_is_one_request(gateway, merchant):
    wanted = await time_of(gateway.dependencies.database.reads) + HOUR
    east = wanted.astimezone(timezone(2 * HOUR))
    first = await pay(merchant, wanted.isoformat(), key="one")
    for same in (east.isoformat(), f"{wanted:%Y-%m-%dt%H:%M:%S.%fz}"):
        again = await pay(merchant, same, key="one")
        assert again.json()["id"] == first.json()["id"]
        assert again.headers["Idempotent-Replayed"] == "true"


async def test_a_repeat_after_the_time_is_over_answers_with_the_payment(gateway, merchant, monkeypatch):
    wanted = (await time_of(gateway.dependencies.database.reads) + timedelta(minutes=2)).isoformat()
    first = await pay(merchant, wanted, key="one")
    later = await time_of(gateway.dependencies.database.reads) + HOUR
    monkeypatch.setattr(
        "gateway.accounts.configuration._CURRENT", f"SELECT '{later}'"
    )  # what is replayed asks for no time
    assert (await pay(merchant, wanted, key="one")).json()["id"] == first.json()["id"]


@pytest.mark.usefixtures("wrong_clock")
async def test_a_gateway_whose_clock_is_wrong_dates_payments_by_the_databases(gateway, merchant):
    now = await time_of(gateway.dependencies.database.reads)
    payment = (await merchant.pay()).json()
    refund = (await merchant.post(f"/v1/payments/{payment['id']}/refunds")).json()
    for shown in (payment["created_at"], refund["created_at"]):
        assert abs((datetime.fromisoformat(shown) - now).total_seconds()) < 60
    ends_in = datetime.fromisoformat(payment["expires_at"]) - now
    assert abs((ends_in - timedelta(minutes=15)).total_seconds()) < 60
    assert (await pay(merchant, (now + HOUR / 2).isoformat())).status_code == 202


@pytest.mark.usefixtures("wrong_clock")
async def test_a_key_expires_by_the_databases_clock(gateway, merchant):
    fresh = await gateway.key_of(merchant.id, expires_days=1)
    expired = await gateway.key_of(merchant.id, expires_days=0)
    assert (await fresh.get("/v1/payments")).status_code == 200
    assert (await expired.get("/v1/payments")).json()["code"] == "api_key_expired"


@pytest.mark.parametrize(
    ("ahead", "providers"), [(10, ("acme", "stripe")), (120, ("stripe",)), (None, ("acme", "stripe"))]
)
def test_a_payment_goes_only_to_providers_at_which_it_can_be_good_for_so_long(ahead, providers):
    now, stripe = clock.now(), PROVIDERS["stripe"]
    rules = next(one for one in stripe.methods if one.type == "card")
    short = replace(rules, life=timedelta(minutes=5), longest_life=timedelta(minutes=30))
    body = NewPayment(amount=1250, currency="USD", method={"type": "card", "token": "pm_card_visa"})
    body._fitting = [Candidate(replace(stripe, name="acme"), short), Candidate(stripe, rules)]
    wanted = body.model_copy(update={"expires_at": ahead and now + timedelta(minutes=ahead)})
    both = SimpleNamespace(read_at=now, has=lambda *_: True)
    fits = _fit(SimpleNamespace(owner=("mer_1", "test")), wanted, both)
    assert fits.providers == providers
    assert fits.payment.expires_at == (wanted.expires_at or now + timedelta(minutes=5))
    alone = SimpleNamespace(read_at=now, has=lambda name, _: name == "stripe")
    left = _fit(SimpleNamespace(owner=("mer_1", "test")), body, alone)
    assert (left.providers, left.payment.expires_at) == (("stripe",), now + rules.life)
