"""Webhooks: who wants what, repeats, events that were sent, and sending them anew."""

import asyncio

import pytest
from receiving import EVENTS, HOOK, WEBHOOKS, chain_is_good, is_signed, listen

pytestmark = pytest.mark.asyncio


async def test_a_notification_is_signed_by_a_certificate_that_leads_to_the_root(paypal):
    webhook = await listen(paypal, "PAYMENT.CAPTURE.COMPLETED")
    capture = await paypal.captured()
    [request] = await paypal.inbox.until(1)
    assert request.headers["paypal-auth-algo"] == "SHA256withRSA"
    assert await chain_is_good(paypal, request)
    assert await is_signed(paypal, request, webhook)
    assert not await is_signed(paypal, request, "ANOTHERWEBHOOK")
    [event] = paypal.inbox.events
    assert (event["resource"]["id"], event["resource_type"]) == (capture["id"], "capture")
    assert event["resource"]["supplementary_data"] == capture["supplementary_data"]
    assert event["summary"] == "Payment completed for $ 10.0 USD"


async def test_every_change_of_a_payment_has_its_notification(paypal):
    await listen(paypal)
    capture = await paypal.captured()
    await paypal.refund(capture["id"], {"amount": {"currency_code": "USD", "value": "1.00"}})
    await paypal.refund(
        capture["id"], {"amount": {"currency_code": "USD", "value": "1.00"}}, fault="refund_pending:600"
    )
    await paypal.control(f"captures/{capture['id']}/reverse")
    held = await paypal.authorized()
    await paypal.post(f"/v2/payments/authorizations/{held['id']}/void")
    for funding in ("echeck", "bouncing_echeck", "failing_card"):
        await paypal.captured(funding=funding)
    await paypal.approved()
    await paypal.later(10_000)
    await paypal.later(10_000)
    expected = {
        "CHECKOUT.ORDER.APPROVED",
        "CHECKOUT.ORDER.COMPLETED",
        "CHECKOUT.PAYMENT-APPROVAL.REVERSED",
        "PAYMENT.AUTHORIZATION.CREATED",
        "PAYMENT.AUTHORIZATION.VOIDED",
        "PAYMENT.CAPTURE.COMPLETED",
        "PAYMENT.CAPTURE.DECLINED",
        "PAYMENT.CAPTURE.DENIED",
        "PAYMENT.CAPTURE.PENDING",
        "PAYMENT.CAPTURE.REFUNDED",
        "PAYMENT.CAPTURE.REVERSED",
        "PAYMENT.REFUND.PENDING",
    }
    assert expected <= set(paypal.types)
    await paypal.inbox.until(len(paypal.types))
    assert sorted(paypal.inbox.types) == sorted(paypal.types)


async def test_what_paypal_takes_back_is_told_as_a_refund_of_the_capture(paypal):
    await listen(paypal, "PAYMENT.CAPTURE.REVERSED")
    capture = await paypal.captured()
    await paypal.control(f"captures/{capture['id']}/reverse")
    await paypal.inbox.until(1)
    [event] = paypal.inbox.events
    assert (event["resource_type"], event["resource"]["note_to_payer"]) == ("refund", "Payment reversed")
    assert any(one["rel"] == "up" and one["href"].endswith(capture["id"]) for one in event["resource"]["links"])
    assert (await paypal.get(f"/v2/payments/refunds/{event['resource']['id']}"))["status"] == "COMPLETED"


async def test_an_approval_that_was_reversed_is_told_by_the_orders_id(paypal):
    await listen(paypal, "CHECKOUT.PAYMENT-APPROVAL.REVERSED")
    order = await paypal.approved()
    await paypal.later(10_900)
    await paypal.inbox.until(1)
    [event] = paypal.inbox.events
    assert event["resource"]["order_id"] == order


async def test_a_dispute_is_told_from_its_beginning_to_its_end(paypal):
    await listen(paypal, "CUSTOMER.DISPUTE.CREATED", "CUSTOMER.DISPUTE.UPDATED", "CUSTOMER.DISPUTE.RESOLVED")
    capture = await paypal.captured()
    dispute = (await paypal.control(f"captures/{capture['id']}/disputes", {"amount": 400}))["dispute_id"]
    for step in ("review", "won"):
        await paypal.control(f"disputes/{dispute}/{step}")
    await paypal.inbox.until(3)
    told = {event["event_type"]: event["resource"] for event in paypal.inbox.events}
    created, resolved = told["CUSTOMER.DISPUTE.CREATED"], told["CUSTOMER.DISPUTE.RESOLVED"]
    assert created["disputed_transactions"][0]["seller_transaction_id"] == capture["id"]
    assert created["dispute_amount"] == {"currency_code": "USD", "value": "4.00"}
    assert resolved["dispute_outcome"] == {"outcome_code": "RESOLVED_SELLER_FAVOUR"}
    assert await paypal.effects() == [("capture", 1000), ("hold", 400), ("hold_ended", 400)]


async def test_a_dispute_that_is_lost_takes_the_money_back(paypal):
    capture = await paypal.captured()
    dispute = (await paypal.control(f"captures/{capture['id']}/disputes", {}))["dispute_id"]
    await paypal.control(f"disputes/{dispute}/lost")
    assert await paypal.effects() == [("capture", 1000), ("hold", 1000), ("hold_ended", 1000), ("reversal", 1000)]
    answer = await paypal.http.post(f"/_sim/disputes/{dispute}/won")
    assert answer.status_code == 409


async def test_a_webhook_gets_only_its_types_and_all_of_them_when_it_is_changed(paypal):
    webhook = await listen(paypal, "PAYMENT.CAPTURE.COMPLETED")
    await paypal.captured()
    await paypal.inbox.until(1)
    patches = [
        {"op": "replace", "path": "/event_types", "value": [{"name": "CHECKOUT.ORDER.APPROVED"}]},
        {"op": "replace", "path": "/url", "value": "http://shop.test/elsewhere"},
    ]
    changed = await paypal.send("PATCH", f"{WEBHOOKS}/{webhook}", patches)
    assert (changed.status_code, changed.json()["url"]) == (200, "http://shop.test/elsewhere")
    await paypal.captured()
    await paypal.inbox.until(2)
    assert paypal.inbox.types == ["PAYMENT.CAPTURE.COMPLETED", "CHECKOUT.ORDER.APPROVED"]
    assert paypal.inbox.requests[1].url == "http://shop.test/elsewhere"
    subscribed = await paypal.get(f"{WEBHOOKS}/{webhook}/event-types")
    assert [one["name"] for one in subscribed["event_types"]] == ["CHECKOUT.ORDER.APPROVED"]


async def test_a_path_may_end_with_a_slash_as_in_the_sdk_for_webhooks(paypal):
    webhook = await listen(paypal)
    assert [one["id"] for one in (await paypal.get(f"{WEBHOOKS}/"))["webhooks"]] == [webhook]


async def test_a_deleted_webhook_gets_nothing_more(paypal):
    gone, kept = await listen(paypal), await listen(paypal, url="http://shop.test/kept")
    assert (await paypal.send("DELETE", f"{WEBHOOKS}/{gone}")).status_code == 204
    await paypal.approved()
    await paypal.inbox.until(1)
    assert paypal.inbox.requests[0].url == "http://shop.test/kept"
    assert [one["id"] for one in (await paypal.get(WEBHOOKS))["webhooks"]] == [kept]
    assert (await paypal.send("GET", f"{WEBHOOKS}/{gone}")).status_code == 404


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"url": "ftp://shop.test"}, "VALIDATION_ERROR"),
        ({"url": HOOK}, "WEBHOOK_URL_ALREADY_EXISTS"),
        ({"event_types": [{"name": "PAYMENT.CAPTURE.IMAGINED"}]}, "VALIDATION_ERROR"),
        ({"event_types": []}, "VALIDATION_ERROR"),
        ({"url": None}, "INVALID_REQUEST"),
    ],
)
async def test_a_webhook_that_cannot_be_is_refused(paypal, changed, name):
    await listen(paypal)
    wanted = {"url": "http://shop.test/other", "event_types": [{"name": "*"}]} | changed
    answer = await paypal.post(WEBHOOKS, wanted)
    assert (answer.status_code, answer.json()["name"]) == (400, name)


async def test_an_app_has_at_most_ten_webhooks(paypal):
    for number in range(10):
        await listen(paypal, url=f"http://shop.test/{number}")
    answer = await paypal.post(WEBHOOKS, {"url": HOOK, "event_types": [{"name": "*"}]})
    assert answer.json()["name"] == "WEBHOOK_NUMBER_LIMIT_EXCEEDED"


async def test_a_webhook_can_be_made_with_an_id_known_beforehand(paypal):
    new = {"client_id": "client", "client_secret": "secret", "url": HOOK, "id": "1JE4291016473214C"}
    made = await paypal.control("webhooks", new | {"api_base": "http://paypal-sim.test:12114"})
    await paypal.approved()
    [request] = await paypal.inbox.until(1)
    assert made["id"] == "1JE4291016473214C"
    assert request.headers["paypal-cert-url"].startswith("http://paypal-sim.test:12114/v1/notifications/certs/CERT-")
    assert (await paypal.http.post("/_sim/webhooks", json=new | {"event_types": ["NONE"]})).status_code == 400


async def test_receivers_that_reach_paypal_under_another_name_are_told_that_name(paypal_with):
    async with paypal_with(receivers_url="http://paypal-sim.test:12114") as paypal:
        await listen(paypal, "CHECKOUT.ORDER.APPROVED")
        await paypal.control("webhooks", {"client_id": "client", "client_secret": "secret", "url": f"{HOOK}/other"})
        await paypal.approved()
        requests = await paypal.inbox.until(2)
    addresses = {request.headers["paypal-cert-url"].partition("/v1/")[0] for request in requests}
    assert addresses == {"http://paypal-sim.test:12114"}


async def test_a_refused_notification_comes_again_as_the_same_transmission(paypal):
    paypal.inbox.statuses = [500, 302, 404]
    webhook = await listen(paypal, "CHECKOUT.ORDER.APPROVED")
    await paypal.approved()
    requests = await paypal.inbox.until(4)
    same = {(one.headers["paypal-transmission-id"], one.headers["paypal-transmission-time"]) for one in requests}
    assert len(same) == 1
    assert len({event["id"] for event in paypal.inbox.events}) == 1
    assert await is_signed(paypal, requests[3], webhook)
    shown = await paypal.get(f"{EVENTS}/{paypal.inbox.events[0]['id']}")
    assert (shown["status"], len(shown["transmissions"])) == ("SUCCESS", 1)


async def test_a_notification_is_repeated_25_times_and_then_given_up_until_it_is_sent_anew(paypal):
    paypal.inbox.statuses = [503] * 26
    await listen(paypal, "CHECKOUT.ORDER.APPROVED")
    await paypal.approved()
    await paypal.inbox.until(26)
    event = paypal.inbox.events[0]["id"]
    assert (await paypal.get(f"{EVENTS}/{event}"))["status"] == "FAILURE"
    answer = await paypal.post(f"{EVENTS}/{event}/resend", {})
    assert answer.status_code == 202
    requests = await paypal.inbox.until(27)
    assert requests[26].content == requests[0].content
    assert requests[26].headers["paypal-transmission-id"] != requests[0].headers["paypal-transmission-id"]


async def refused(paypal, count: int) -> None:
    """Wait until so many attempts were refused, so that the next one is due some time."""
    for _ in range(1_000):
        [webhook] = (await paypal.http.get("/_sim/webhooks")).json()
        if webhook["failed_attempts"] == count:
            return
        await asyncio.sleep(0.01)
    pytest.fail(f"{count} attempts were not refused")


async def test_three_days_of_repeats_pass_with_the_clock(paypal_with):
    async with paypal_with(webhook_retry_seconds=(10_000.0,) * 25) as paypal:
        paypal.inbox.statuses = [503] * 25
        await listen(paypal, "CHECKOUT.ORDER.APPROVED")
        await paypal.approved()
        for count in range(1, 26):
            await refused(paypal, count)
            await paypal.later(12_001)
        requests = await paypal.inbox.until(26)
        paypal.token = None
        assert len({one.headers["paypal-transmission-id"] for one in requests}) == 1
        event = paypal.inbox.events[0]["id"]
        assert (await paypal.get(f"{EVENTS}/{event}"))["status"] == "SUCCESS"


async def test_what_is_still_on_its_way_is_not_sent_anew(paypal_with):
    async with paypal_with(webhook_retry_seconds=(600.0,)) as paypal:
        paypal.inbox.statuses = [503]
        webhook = await listen(paypal, "CHECKOUT.ORDER.APPROVED")
        await paypal.approved()
        await paypal.inbox.until(1)
        event = paypal.inbox.events[0]["id"]
        await paypal.post(f"{EVENTS}/{event}/resend", {"webhook_ids": [webhook]})
        assert len((await paypal.get(f"{EVENTS}/{event}"))["transmissions"]) == 1


async def test_events_are_listed_newest_first_in_pages_and_by_what_they_are_about(paypal):
    await listen(paypal)
    captures = [(await paypal.captured())["id"] for _ in range(2)]
    page, seen = f"{EVENTS}?page_size=4", []
    while page:
        shown = await paypal.get(page)
        seen += [event["id"] for event in shown["events"]]
        page = next((one["href"] for one in shown["links"] if one["rel"] == "next"), None)
    assert len(seen) == len(set(seen)) == 6
    found = await paypal.get(f"{EVENTS}?transaction_id={captures[0]}&event_type=PAYMENT.CAPTURE.COMPLETED")
    assert [event["resource"]["id"] for event in found["events"]] == [captures[0]]
    assert (await paypal.get(f"{EVENTS}?end_time=2020-01-01T00:00:00Z"))["count"] == 0
    assert (await paypal.send("GET", f"{EVENTS}?start_time=yesterday")).status_code == 400


async def test_a_dropped_notification_is_still_in_the_list_and_can_be_sent_anew(paypal):
    await listen(paypal, "PAYMENT.CAPTURE.COMPLETED")
    order = await paypal.approved()
    await paypal.pay(order, fault="webhook_drop")
    [event] = (await paypal.get(EVENTS))["events"]
    assert paypal.inbox.requests == []
    await paypal.post(f"{EVENTS}/{event['id']}/resend", {})
    await paypal.inbox.until(1)
    assert paypal.inbox.events[0]["id"] == event["id"]


async def test_another_apps_webhook_gets_nothing_of_mine(paypal):
    await paypal.control("webhooks", {"client_id": "other", "client_secret": "secret", "url": HOOK})
    await paypal.captured()
    assert paypal.inbox.requests == []
    assert (await paypal.get(WEBHOOKS))["webhooks"] == []
