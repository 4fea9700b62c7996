"""A saved method whose decline said never to charge it again: refused, unless its merchant insists, until it has paid."""

import pytest
from keeping import again, keep

from malipo.contracts.events import Failure
from malipo.contracts.retry import Retry

INSIST = {"despite_decline": True}


@pytest.fixture
async def card(gateway, merchant) -> str:
    return (await keep(gateway, merchant))["id"]


@pytest.fixture
def ends(gateway, merchant, card):
    """A charge of the card that ends so."""

    async def ended(to: str = "failed", advice: str | None = None, how: dict | None = None) -> str:
        accepted = await merchant.pay(again(card, how=how))
        assert accepted.status_code == 202, accepted.text
        payment = accepted.json()
        failure = Failure("card_declined", "No.", Retry(advice=advice) if advice else None)
        view = {"failure": failure, "payment_method": card} if to == "failed" else {"payment_method": card}
        await gateway.receive(gateway.step(merchant, payment, to, **view))
        return payment["id"]

    return ended


@pytest.mark.parametrize("initiator", ["merchant", "customer"])
async def test_it_is_refused_before_anything_is_written_with_the_payment_that_was_declined(
    gateway, merchant, card, ends, initiator
):
    declined = await ends(advice="do_not_try_again")
    answer = await merchant.pay(again(card, initiator), key="k")
    assert (answer.status_code, answer.json()["code"]) == (409, "payment_method_declined")
    assert declined in answer.json()["detail"]
    assert answer.json()["retry"]["safe"] is False
    assert await gateway.count("payments") == 2
    assert (await merchant.get(f"/v1/payment-methods/{card}")).json()["declined_by"] == declined
    assert (await merchant.pay(again(card, initiator, how=INSIST), key="k")).status_code == 202, "its key is free"


@pytest.mark.parametrize("advice", [None, "try_again_later", "check_details", "ask_customer"])
async def test_any_other_decline_forbids_nothing(merchant, card, ends, advice):
    await ends(advice=advice)
    assert (await merchant.pay(again(card))).status_code == 202


async def test_it_stands_until_a_charge_that_was_insisted_upon_has_succeeded(merchant, card, ends):
    await ends(advice="do_not_try_again")
    await ends(advice="try_again_later", how=INSIST)
    assert (await merchant.pay(again(card))).json()["code"] == "payment_method_declined"
    await ends("completed", how=INSIST)
    assert "declined_by" not in (await merchant.get(f"/v1/payment-methods/{card}")).json()
    assert (await merchant.pay(again(card))).status_code == 202


async def test_another_card_of_the_same_customer_is_charged(gateway, merchant, ends):
    await ends(advice="do_not_try_again")
    other = await keep(gateway, merchant)
    assert (await merchant.pay(again(other["id"]))).status_code == 202


async def test_a_charge_that_was_accepted_before_is_replayed_as_it_is(merchant, card, ends):
    first = await merchant.pay(again(card), key="k")
    await ends(advice="do_not_try_again")
    assert (await merchant.pay(again(card), key="k")).json()["id"] == first.json()["id"]


async def test_to_insist_where_nothing_forbids_changes_nothing(merchant, card):
    assert (await merchant.pay(again(card, how=INSIST))).status_code == 202
