"""Saved methods: kept with a payment, shown to their merchant alone, and checked before one is paid with again."""

import msgspec
import pytest
from keeping import SAVING, again, commands, keep
from msgspec.structs import replace

from malipo.contracts.events import PaymentMethodView


@pytest.fixture
async def merchant(gateway):
    return await gateway.merchant()


async def test_that_a_method_is_to_be_kept_goes_with_the_command(gateway, merchant):
    assert (await merchant.pay(SAVING)).status_code == 202
    [command] = await commands(gateway)
    assert (command.save_method, command.customer_ref) == (True, "customer-7")


async def test_it_is_kept_for_somebody(merchant):
    refused = await merchant.pay({name: value for name, value in SAVING.items() if name != "customer_ref"})
    assert (refused.status_code, refused.json()["code"]) == (422, "field_missing")
    assert refused.json()["errors"][0]["field"] == "/customer_ref"


async def test_what_cannot_be_kept_is_refused_with_a_code_of_its_own(merchant):
    phone = {"type": "mpesa", "phone": "0712345678"}
    refused = await merchant.pay(SAVING | {"currency": "KES", "amount": 100_00, "method": phone})
    assert (refused.status_code, refused.json()["code"]) == (422, "save_method_unsupported")
    assert (await merchant.pay(SAVING | {"save_method": False})).status_code == 202


async def test_it_is_read_and_listed_by_customer_newest_first(gateway, merchant):
    first, second = await keep(gateway, merchant), await keep(gateway, merchant)
    other = await keep(gateway, merchant, customer_ref="customer-8")
    listed = (await merchant.get("/v1/payment-methods?customer_ref=customer-7")).json()["data"]
    assert [one["id"] for one in listed] == [second["id"], first["id"]]
    page = (await merchant.get("/v1/payment-methods?limit=2")).json()
    assert [one["id"] for one in page["data"]] == [other["id"], second["id"]]
    rest = (await merchant.get(f"/v1/payment-methods?limit=2&cursor={page['next_cursor']}")).json()
    assert ([one["id"] for one in rest["data"]], rest["has_more"]) == ([first["id"]], False)
    assert first["card"] == {
        "brand": "visa", "last_four": "4242", "exp_month": 8, "exp_year": 2099, "fingerprint": "f1", "expired": False,
    }  # fmt: skip


async def test_an_older_step_changes_nothing_and_the_event_shows_it(gateway, merchant):
    kept = await keep(gateway, merchant)
    events = (await merchant.get("/v1/events?type=payment_method.saved")).json()["data"]
    assert [one["data"]["payment_method"]["id"] for one in events] == [kept["id"]]
    stale = replace(
        gateway.step(merchant, SAVING | {"id": kept["payment_id"], "capture": "automatic", "client_ref": None}),
        step=0,
        payment_method=msgspec.convert(kept | {"customer_ref": "changed"}, PaymentMethodView),
    )
    await gateway.receive(stale)
    assert (await merchant.get(f"/v1/payment-methods/{kept['id']}")).json() == kept


async def test_what_is_of_another_merchant_or_mode_is_not_there(gateway, merchant):
    kept, other = await keep(gateway, merchant), await gateway.merchant()
    live = await gateway.key_of(merchant.id, mode="live")
    for stranger in (other, live):
        read = await stranger.get(f"/v1/payment-methods/{kept['id']}")
        assert (read.status_code, read.json()["code"]) == (404, "payment_method_not_found")
        assert (await stranger.get("/v1/payment-methods")).json()["data"] == []
    paid = await other.pay(again(kept["id"]))
    assert (paid.status_code, paid.json()["code"]) == (404, "payment_method_not_found")
    assert (await merchant.get("/v1/payment-methods/nothing")).status_code == 404


async def test_a_payment_with_it_goes_to_its_provider_and_account_for_its_customer(gateway, merchant):
    kept = await keep(gateway, merchant)
    accepted = await merchant.pay(again(kept["id"]))
    assert accepted.status_code == 202, accepted.text
    shown = accepted.json()
    assert (shown["payment_method"], shown["customer_ref"], shown["method"]) == (kept["id"], "customer-7", "saved")
    [_, command] = await commands(gateway)
    assert (command.provider, command.account, command.customer_ref) == ("stripe", "default", "customer-7")
    assert command.method.details == {"id": kept["id"], "initiator": "merchant"}
    same = await merchant.pay(again(kept["id"], customer_ref="customer-7", provider="stripe", account="default"))
    assert same.status_code == 202


@pytest.mark.parametrize("wrong", [{"customer_ref": "customer-8"}, {"account": "second"}], ids=["customer", "account"])
async def test_what_is_not_the_methods_is_refused(gateway, merchant, wrong):
    kept = await keep(gateway, merchant)
    refused = await merchant.pay(again(kept["id"], **wrong))
    assert (refused.status_code, refused.json()["code"]) == (422, "payment_method_mismatch")
    assert refused.json()["errors"][0]["field"] == f"/{next(iter(wrong))}"


async def test_an_expired_card_is_told_before_anything_is_charged(gateway, merchant):
    kept = await keep(gateway, merchant, exp_year=2020)
    refused = await merchant.pay(again(kept["id"]))
    assert (refused.status_code, refused.json()["code"]) == (409, "payment_method_expired")
    assert refused.json()["errors"][0]["field"] == "/method/id"
    assert refused.json()["retry"]["same_key"] is True, "nothing was written"
    assert len(await commands(gateway)) == 1


async def test_who_begins_it_is_to_be_said(gateway, merchant):
    kept = await keep(gateway, merchant)
    for method in ({"type": "saved", "id": kept["id"]}, {"type": "saved", "id": kept["id"], "initiator": "robot"}):
        refused = await merchant.pay(again(kept["id"]) | {"method": method})
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "/method/initiator")


async def test_a_repeat_is_the_same_payment_whatever_became_of_the_method(gateway, merchant):
    kept = await keep(gateway, merchant)
    first = (await merchant.pay(again(kept["id"]), key="k")).json()
    await gateway.pool.execute("DELETE FROM payment_methods")
    assert (await merchant.pay(again(kept["id"]), key="k")).json()["id"] == first["id"]
