"""Saving a method without a payment: accepted once, shown as the orchestrator tells, and charged once it is there."""

import pytest
from keeping import again, commands
from msgspec.structs import replace

from malipo import clock, ids
from malipo.contracts.commands import SaveMethod
from malipo.contracts.events import (
    NO_CURRENCY,
    CardView,
    Cause,
    Failure,
    OperationView,
    PaymentMethodView,
    PaymentTransitioned,
    PublicEvent,
)
from malipo.contracts.outcomes import Redirect
from malipo.contracts.retry import Retry

CARD = {"type": "card", "token": "pm_card_visa"}
NEW = {"customer_ref": "customer-7", "method": CARD, "return_url": "https://shop.example/cards", "client_ref": "card 7"}
VISA = CardView(brand="visa", last_four="4242", exp_month=8, exp_year=2099)
PAGE = Redirect("https://hooks.stripe.com/3ds")


@pytest.fixture
async def merchant(gateway):
    return await gateway.merchant()


async def save(merchant, key: str | None = None, **changes):
    return await merchant.post("/v1/payment-methods", NEW | changes, key=key)


async def asked(gateway) -> list[SaveMethod]:
    return [one for one in await gateway.sent() if isinstance(one, SaveMethod)]


async def tell(
    gateway, merchant, method: dict, status: str, event: str | None = None, step: int = 1, **changes
) -> None:
    """Have the orchestrator tell how it stands."""
    now = clock.now()
    view = PaymentMethodView(
        id=method["id"], type="card", status=status, customer_ref=method["customer_ref"], provider="stripe", account="default",
        created_at=now, updated_at=now, client_ref=method["client_ref"], **changes,
    )  # fmt: skip
    await gateway.receive(
        PaymentTransitioned(
            payment_id=view.id, merchant_id=merchant.id, mode="test", step=step, from_state="processing", to_state="completed",
            config_version=1, occurred_at=now, payment_method=view,
            cause=Cause(trigger="saved", source="attempt", message_id="msg_1"),
            public_event=PublicEvent(ids.new("evt"), event, step) if event else None,
        )
    )  # fmt: skip


async def kept(gateway, merchant, **changes) -> dict:
    method = (await save(merchant, **changes)).json()
    await tell(gateway, merchant, method, "active", "payment_method.saved", card=VISA)
    return (await merchant.get(f"/v1/payment-methods/{method['id']}")).json()


async def test_it_is_accepted_for_good_shown_as_pending_and_sent_to_the_orchestrator(gateway, merchant):
    accepted = await save(merchant, metadata={"a": "b"})
    assert (accepted.status_code, accepted.json()["status"]) == (202, "pending")
    shown = accepted.json()
    assert accepted.headers["location"] == f"/v1/payment-methods/{shown['id']}"
    assert (shown["id"][:3], shown["card"], shown["payment_id"], shown["client_ref"]) == ("pm_", None, None, "card 7")
    assert (shown["metadata"], shown["return_url"]) == ({"a": "b"}, NEW["return_url"])
    [command] = await asked(gateway)
    assert (command.payment_id, command.customer_ref, command.configured) == (shown["id"], "customer-7", ("stripe",))
    assert command.method.details == {"token": "pm_card_visa"}
    assert (await merchant.get(f"/v1/payment-methods/{shown['id']}")).json() == shown


async def test_a_request_that_comes_twice_has_one_effect_and_another_body_is_refused(gateway, merchant):
    first, again_ = await save(merchant, key="k"), await save(merchant, key="k")
    assert (again_.json()["id"], again_.headers["idempotent-replayed"]) == (first.json()["id"], "true")
    assert len(await asked(gateway)) == 1
    other = await save(merchant, key="k", customer_ref="customer-8")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


async def test_it_becomes_what_the_orchestrator_tells_and_its_events_have_no_payment(gateway, merchant):
    method = (await save(merchant)).json()
    await tell(gateway, merchant, method, "requires_action", "payment_method.requires_action", action=PAGE)
    waits = (await merchant.get(f"/v1/payment-methods/{method['id']}")).json()
    assert (waits["status"], waits["action"]["url"]) == ("requires_action", PAGE.url)
    await tell(gateway, merchant, method, "active", "payment_method.saved", step=2, card=VISA)
    await tell(gateway, merchant, method, "pending", step=1)
    saved = (await merchant.get(f"/v1/payment-methods/{method['id']}")).json()
    assert (saved["status"], saved["card"]["last_four"]) == ("active", "4242")
    events = (await merchant.get(f"/v1/events?payment_id={method['id']}")).json()["data"]
    assert [one["type"] for one in events] == ["payment_method.saved", "payment_method.requires_action"]
    assert set(events[0]["data"]) == {"id", "sequence", "mode", "payment_method"}


async def test_it_is_no_payment(gateway, merchant):
    method = await kept(gateway, merchant)
    assert (await merchant.get("/v1/payments")).json()["data"] == []
    assert (await merchant.get(f"/v1/payments/{method['id']}")).status_code == 404
    assert await gateway.count("payments") == 0
    assert (await merchant.post(f"/v1/payments/{method['id']}/cancel", {})).status_code == 404


async def test_it_is_charged_as_one_that_a_payment_has_saved_and_not_before_it_is_there(gateway, merchant):
    method = (await save(merchant)).json()
    early = await merchant.pay(again(method["id"]))
    assert (early.status_code, early.json()["code"]) == (409, "payment_method_not_active")
    assert "pending" in early.json()["detail"]
    await tell(gateway, merchant, method, "active", card=VISA)
    paid = await merchant.pay(again(method["id"]))
    assert paid.status_code == 202, paid.text
    [command] = await commands(gateway)
    assert (command.provider, command.customer_ref) == ("stripe", "customer-7")


@pytest.mark.parametrize("status", ["failed", "expired"])
async def test_one_that_was_never_kept_is_not_charged(gateway, merchant, status):
    method = (await save(merchant)).json()
    await tell(gateway, merchant, method, status, failure=Failure("card_declined", "No."))
    refused = await merchant.pay(again(method["id"]))
    assert (refused.status_code, refused.json()["code"]) == (409, "payment_method_not_active")
    detached = await merchant.post(f"/v1/payment-methods/{method['id']}/detach", {})
    assert (detached.status_code, detached.json()["code"]) == (409, "payment_method_not_active")


async def test_it_is_detached_under_its_own_id(gateway, merchant):
    method = await kept(gateway, merchant)
    detached = await merchant.post(f"/v1/payment-methods/{method['id']}/detach", {})
    assert (detached.status_code, detached.json()["status"]) == (202, "detaching"), detached.text
    [*_, command] = await gateway.sent()
    assert (type(command).__name__, command.payment_id) == ("DetachMethod", method["id"])


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"method": {"type": "mpesa", "phone": "0712345678"}}, "save_method_unsupported", "/method/type"),
        (
            {"method": {"type": "saved", "id": "pm_1", "initiator": "merchant"}},
            "save_method_unsupported",
            "/method/type",
        ),
        ({"method": {"type": "cash"}}, "method_unknown", "/method/type"),
        ({"provider": "paypal"}, "method_unsupported", "/provider"),
        ({"customer_ref": ""}, "text_empty", "/customer_ref"),
        ({"expires_at": "2099-01-01T00:00:00Z"}, "expires_at_out_of_range", "/expires_at"),
        ({"return_url": "shop"}, "url_invalid", "/return_url"),
        ({"amount": 1250}, "field_unknown", "/amount"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_what_cannot_be_done_is_refused_with_a_code_before_anything_is_written(
    gateway, merchant, changes, code, field
):
    refused = await save(merchant, **changes)
    assert (refused.status_code, refused.json()["code"]) == (422, code)
    assert refused.json()["errors"][0]["field"] == field
    assert await asked(gateway) == []
    assert await gateway.count("payment_methods") == 0


async def test_it_is_kept_for_somebody_and_by_an_account_that_is_there(gateway, merchant):
    nobody = await merchant.post("/v1/payment-methods", {"method": CARD})
    assert (nobody.status_code, nobody.json()["code"]) == (422, "field_missing")
    elsewhere = await save(merchant, account="second")
    assert (elsewhere.status_code, elsewhere.json()["code"]) == (422, "provider_not_configured")


async def test_what_another_has_saved_is_not_there(gateway, merchant):
    method = await kept(gateway, merchant)
    for stranger in (await gateway.merchant(), await gateway.key_of(merchant.id, mode="live")):
        for path in ("", "/timeline", "/explain"):
            read = await stranger.get(f"/v1/payment-methods/{method['id']}{path}")
            assert (read.status_code, read.json()["code"]) == (404, "payment_method_not_found")


async def test_it_is_listed_by_its_status(gateway, merchant):
    method = await kept(gateway, merchant)
    pending = (await save(merchant)).json()
    every = (await merchant.get("/v1/payment-methods")).json()["data"]
    assert [one["id"] for one in every] == [pending["id"], method["id"]]
    for status, found in (("active", method), ("pending", pending)):
        listed = (await merchant.get(f"/v1/payment-methods?status={status}")).json()["data"]
        assert [one["id"] for one in listed] == [found["id"]]


async def test_its_timeline_and_explanation_say_where_it_is(gateway, merchant):
    method = (await save(merchant)).json()
    explained = (await merchant.get(f"/v1/payment-methods/{method['id']}/explain")).json()
    assert (explained["state"], explained["reason"], explained["payment_method_id"]) == (
        "initiated",
        "accepted",
        method["id"],
    )
    await tell(gateway, merchant, method, "active", "payment_method.saved", card=VISA)
    timeline = (await merchant.get(f"/v1/payment-methods/{method['id']}/timeline")).json()
    assert [(one["kind"], one["about"]) for one in timeline["entries"]] == [("request", "setup"), ("step", "setup")]
    explained = (await merchant.get(f"/v1/payment-methods/{method['id']}/explain")).json()
    assert (explained["status"], [one["code"] for one in explained["you_may"]]) == ("active", ["charge_method"])


async def test_what_a_payment_has_saved_is_explained_by_that_payment(gateway, merchant):
    method = await kept(gateway, merchant)
    view = PaymentMethodView(
        id=ids.new("pm"), type="card", status="active", customer_ref="customer-7", payment_id=ids.new("pay"), provider="stripe",
        account="default", card=VISA, created_at=clock.now(), updated_at=clock.now(),
    )  # fmt: skip
    step = gateway.step(merchant, (await merchant.pay()).json())
    await gateway.receive(replace(step, payment_method=view))
    for path in ("timeline", "explain"):
        of_the_payment = await merchant.get(f"/v1/payment-methods/{view.id}/{path}")
        assert of_the_payment.status_code == 404
        assert f"/v1/payments/{view.payment_id}/" in of_the_payment.json()["detail"]
    assert (await merchant.get(f"/v1/payment-methods/{method['id']}/timeline")).status_code == 200


async def explain(merchant, method: dict) -> dict:
    return (await merchant.get(f"/v1/payment-methods/{method['id']}/explain")).json()


def advised(explained: dict) -> list[str]:
    return [one["code"] for one in explained["you_may"]]


async def test_one_that_is_detached_is_explained_as_that(gateway, merchant):
    method = await kept(gateway, merchant)
    await merchant.post(f"/v1/payment-methods/{method['id']}/detach", {})
    under_way = await explain(merchant, method)
    assert (under_way["status"], under_way["state"]) == ("detaching", "initiated")
    assert "charge_method" not in advised(under_way)
    await end_detach(gateway, merchant, method, "completed")
    over = await explain(merchant, method)
    assert (over["status"], over["state"], over["reason"]) == ("detached", "completed", "detached")
    assert advised(over) == ["save_anew"]


async def end_detach(gateway, merchant, method: dict, state: str) -> None:
    """Have the orchestrator tell that its detach has come to this end."""
    [*_, command] = await gateway.sent()
    now = clock.now()
    operation = OperationView(
        id=command.detach_id, payment_id=method["id"], kind="detach", status=state, amount=0, currency=NO_CURRENCY,
        created_at=now, updated_at=now,
    )  # fmt: skip
    view = PaymentMethodView(
        id=method["id"], type="card", status="detached", customer_ref=method["customer_ref"], provider="stripe", account="default",
        created_at=now, updated_at=now, card=VISA, detached_at=now,
    )  # fmt: skip
    await gateway.receive(
        PaymentTransitioned(
            payment_id=view.id, merchant_id=merchant.id, mode="test", step=2, from_state="processing", to_state=state,
            config_version=1, occurred_at=now, payment_method=view, operation=operation,
            cause=Cause(trigger="detached", source="attempt", message_id="msg_2"),
            public_event=PublicEvent(ids.new("evt"), "payment_method.detached", 2),
        )
    )  # fmt: skip


async def test_one_that_would_not_be_charged_is_not_said_to_be_chargeable(gateway, merchant):
    method = (await save(merchant)).json()
    await tell(gateway, merchant, method, "active", "payment_method.saved", card=replace(VISA, exp_year=2020))
    assert (await merchant.pay(again(method["id"]))).json()["code"] == "payment_method_expired"
    expired = await explain(merchant, method)
    assert (advised(expired), "last month" in expired["why"]) == (["save_anew"], True)
    declined = await kept(gateway, merchant)
    payment = (await merchant.pay(again(declined["id"]))).json()
    never = Failure("lost_card", "No.", Retry(advice="do_not_try_again"))
    await gateway.receive(gateway.step(merchant, payment, to="failed", failure=never))
    assert (await merchant.pay(again(declined["id"]))).json()["code"] == "payment_method_declined"
    forbidden = await explain(merchant, declined)
    assert (advised(forbidden), payment["id"] in forbidden["why"]) == (["save_anew"], True)
