"""Webhooks: signed, retried until accepted, and spoilt on request."""

import time

import pytest

pytestmark = pytest.mark.asyncio


async def test_an_event_is_signed_and_carries_the_object_and_its_request(stripe, is_signed_by, signed_at):
    endpoint = await stripe.listen("payment_intent.succeeded")
    intent = await stripe.paid(idempotency_key="k")
    await stripe.inbox.until("payment_intent.succeeded")
    [request], [event] = stripe.inbox.requests, stripe.inbox.events
    assert is_signed_by(request, endpoint["secret"])
    assert abs(signed_at(request) - time.time()) < 5
    assert event["data"]["object"]["id"] == intent["id"]
    assert event["request"]["idempotency_key"] == "k"
    assert (event["object"], event["livemode"], event["pending_webhooks"]) == ("event", False, 1)


async def test_the_secret_is_shown_once(stripe):
    made = await stripe.listen()
    shown = (await stripe.get(f"/v1/webhook_endpoints/{made['id']}")).json()
    assert made["secret"].startswith("whsec_")
    assert "secret" not in shown


async def test_every_change_of_a_payment_has_its_events(stripe):
    await stripe.listen()
    held = await stripe.paid(extra={"capture_method": "manual"})
    await stripe.post(f"/v1/payment_intents/{held['id']}/capture")
    await stripe.post("/v1/refunds", {"payment_intent": held["id"]})
    await stripe.pay("pm_card_chargeDeclined")
    await stripe.paid("pm_card_threeDSecure2Required", {"return_url": "https://shop.example"})
    other = await stripe.paid(extra={"capture_method": "manual"})
    await stripe.post(f"/v1/payment_intents/{other['id']}/cancel")
    await stripe.inbox.until(
        "payment_intent.created",
        "payment_intent.amount_capturable_updated",
        "payment_intent.succeeded",
        "payment_intent.payment_failed",
        "payment_intent.requires_action",
        "payment_intent.canceled",
        "charge.succeeded",
        "charge.captured",
        "charge.failed",
        "charge.refunded",
        "refund.created",
    )


async def test_an_endpoint_gets_only_its_event_types(stripe):
    await stripe.listen("charge.succeeded")
    await stripe.paid()
    await stripe.inbox.until("charge.succeeded")
    assert stripe.inbox.types == ["charge.succeeded"]


async def test_a_refused_event_comes_again_under_the_same_id(stripe, until):
    stripe.inbox.statuses = [500, 302, 404]
    await stripe.listen("payment_intent.succeeded")
    await stripe.paid()
    await until(lambda: len(stripe.inbox.requests) == 4, "the fourth attempt")
    assert len({event["id"] for event in stripe.inbox.events}) == 1
    [endpoint] = (await stripe.http.get("/_sim/webhook_endpoints")).json()
    assert (endpoint["delivered"], endpoint["failed_attempts"], endpoint["pending"]) == (1, 3, 0)
    assert endpoint["last_failure"] == "HTTP 404"


async def test_during_rotation_both_secrets_sign(stripe, is_signed_by):
    endpoint = await stripe.listen("payment_intent.succeeded")
    path = f"/_sim/webhook_endpoints/{endpoint['id']}/rotate"
    fresh = (await stripe.http.post(path, json={})).json()["secret"]
    await stripe.paid()
    await stripe.inbox.until("payment_intent.succeeded")
    assert is_signed_by(stripe.inbox.requests[0], endpoint["secret"])
    assert is_signed_by(stripe.inbox.requests[0], fresh)


async def test_after_rotation_the_old_secret_signs_no_more(stripe, is_signed_by):
    endpoint = await stripe.listen("payment_intent.succeeded")
    path = f"/_sim/webhook_endpoints/{endpoint['id']}/rotate"
    await stripe.http.post(path, json={"secret": "whsec_chosen", "keep_old": False})
    await stripe.paid()
    await stripe.inbox.until("payment_intent.succeeded")
    assert is_signed_by(stripe.inbox.requests[0], "whsec_chosen")
    assert not is_signed_by(stripe.inbox.requests[0], endpoint["secret"])


async def test_an_endpoint_can_be_made_with_a_secret_known_beforehand(stripe, is_signed_by):
    body = {"api_key": "sk_test_merchantOne", "url": "http://receiver.test", "secret": "whsec_known"}
    assert (await stripe.http.post("/_sim/webhook_endpoints", json=body)).status_code == 201
    await stripe.paid()
    await stripe.inbox.until("payment_intent.succeeded")
    assert is_signed_by(stripe.inbox.requests[0], "whsec_known")


@pytest.mark.parametrize("url", ["nowhere", "ftp://receiver.test", "http://", "http://["])
async def test_an_endpoint_needs_a_url_that_can_be_posted_to(stripe, url):
    response = await stripe.post("/v1/webhook_endpoints", {"url": url, "enabled_events[]": "*"})
    assert (response.status_code, response.json()["error"]["code"]) == (400, "url_invalid")


async def test_a_deleted_endpoint_gets_nothing_more(stripe):
    gone, kept = await stripe.listen("payment_intent.created"), await stripe.listen("payment_intent.succeeded")
    headers = {"authorization": "Bearer sk_test_merchantOne"}
    deleted = await stripe.http.delete(f"/v1/webhook_endpoints/{gone['id']}", headers=headers)
    assert deleted.json()["deleted"] is True
    await stripe.paid()
    await stripe.inbox.until("payment_intent.succeeded")
    assert stripe.inbox.types == ["payment_intent.succeeded"]
    listed = (await stripe.get("/v1/webhook_endpoints")).json()["data"]
    assert [one["id"] for one in listed] == [kept["id"]]


async def test_a_duplicate_has_the_same_id(stripe, until):
    await stripe.listen("payment_intent.succeeded")
    await stripe.fault("webhook_duplicate", match={"event_type": "payment_intent.*"})
    await stripe.paid()
    await until(lambda: len(stripe.inbox.requests) == 2, "the duplicate")
    assert len({event["id"] for event in stripe.inbox.events}) == 1


async def test_a_reordered_event_arrives_after_the_next_of_its_payment(stripe, until):
    await stripe.listen("payment_intent.created", "payment_intent.succeeded")
    await stripe.fault("webhook_reorder", match={"event_type": "payment_intent.created"}, delay_seconds=60)
    await stripe.paid()
    await until(lambda: len(stripe.inbox.requests) == 2, "both events")
    assert stripe.inbox.types == ["payment_intent.succeeded", "payment_intent.created"]


async def test_a_reordered_event_with_nothing_behind_it_is_only_late(stripe):
    await stripe.listen("payment_intent.succeeded")
    await stripe.fault("webhook_reorder", delay_seconds=0.05)
    await stripe.paid()
    await stripe.inbox.until("payment_intent.succeeded")


async def test_a_late_event_waits(stripe):
    await stripe.listen("payment_intent.created", "payment_intent.succeeded")
    await stripe.fault("webhook_late", match={"event_type": "payment_intent.created"}, delay_seconds=0.2)
    await stripe.paid()
    await stripe.inbox.until("payment_intent.succeeded")
    assert stripe.inbox.types == ["payment_intent.succeeded"]
    await stripe.inbox.until("payment_intent.created")


async def test_a_forged_event_comes_beside_the_genuine_one(stripe, until, is_signed_by):
    endpoint = await stripe.listen("payment_intent.succeeded")
    await stripe.fault("webhook_forged")
    await stripe.paid()
    await until(lambda: len(stripe.inbox.requests) == 2, "both events")
    genuine = [is_signed_by(request, endpoint["secret"]) for request in stripe.inbox.requests]
    assert sorted(genuine) == [False, True]
    assert len({event["id"] for event in stripe.inbox.events}) == 2


async def test_a_stale_event_is_rightly_signed_for_a_time_long_past_and_then_comes_fresh(stripe, until, signed_at):
    stripe.inbox.statuses = [400]
    await stripe.listen("payment_intent.succeeded")
    await stripe.fault("webhook_stale")
    await stripe.paid()
    await until(lambda: len(stripe.inbox.requests) == 2, "the retry")
    stale, fresh = stripe.inbox.requests
    assert signed_at(fresh) - signed_at(stale) >= 3_600


async def test_a_webhook_can_arrive_before_the_answer(stripe):
    await stripe.listen("payment_intent.succeeded")
    await stripe.paid(x_sim_fault="webhook_before_answer")
    assert stripe.inbox.types == ["payment_intent.succeeded"]
