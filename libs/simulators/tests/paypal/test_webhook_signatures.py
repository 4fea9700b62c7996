"""Signatures of notifications: verified by posting back, and everything that can be wrong with them."""

import json
from datetime import UTC, datetime

import pytest
from receiving import EVENTS, HOOK, certificates, chain_is_good, is_signed, listen, posted_back

from malipo_simulators.paypal.webhooks.certificates import ROOT, Authority

pytestmark = pytest.mark.asyncio


async def test_what_paypal_sent_is_verified_by_posting_it_back_as_it_came(paypal):
    webhook = await listen(paypal, "CHECKOUT.ORDER.APPROVED")
    await paypal.approved(unit={"description": 'Tea, "green" é 2 €'})
    [request] = await paypal.inbox.until(1)
    assert await posted_back(paypal, request, webhook) == "SUCCESS"
    rewritten = json.dumps(json.loads(request.content)).encode()
    assert await posted_back(paypal, request, webhook, event=rewritten) == "FAILURE"
    assert await posted_back(paypal, request, "ANOTHERWEBHOOK") == "FAILURE"


@pytest.mark.parametrize(
    "asked",
    [
        {"event_type": "CHECKOUT.ORDER.APPROVED"},
        {"event_type": "*", "url": HOOK},
        {"event_type": "PAYMENT.CAPTURE.IMAGINED", "url": HOOK},
        {"event_type": "CHECKOUT.ORDER.APPROVED", "url": "nowhere"},
        {"event_type": "CHECKOUT.ORDER.APPROVED", "webhook_id": "NOBODYS"},
    ],
)
async def test_a_mock_event_that_cannot_be_is_refused(paypal, asked):
    answer = await paypal.post("/v1/notifications/simulate-event", asked)
    assert answer.status_code in (400, 404), answer.text


async def test_a_mock_event_is_signed_for_no_webhook_and_can_never_be_verified_by_posting_back(paypal):
    webhook = await listen(paypal)
    for event_type in [
        one["name"] for one in (await paypal.get("/v1/notifications/webhooks-event-types"))["event_types"]
    ]:
        asked = {"webhook_id": webhook, "event_type": event_type}
        answer = await paypal.post("/v1/notifications/simulate-event", asked)
        assert answer.status_code == 202, answer.text
    requests = await paypal.inbox.until(16)
    assert await is_signed(paypal, requests[0], "WEBHOOK_ID")
    assert await posted_back(paypal, requests[0], webhook) == "FAILURE"
    assert (await paypal.get(EVENTS))["count"] == 0
    assert (await paypal.send("GET", f"{EVENTS}/{paypal.inbox.events[0]['id']}")).status_code == 404
    assert (await paypal.book())["effects"] == []


async def test_a_duplicate_is_the_same_transmission(paypal):
    await listen(paypal, "CHECKOUT.ORDER.APPROVED")
    await paypal.http.post("/_sim/faults", json={"fault": "webhook_duplicate"})
    await paypal.approved()
    one, other = await paypal.inbox.until(2)
    assert one.content == other.content
    assert one.headers["paypal-transmission-id"] == other.headers["paypal-transmission-id"]


@pytest.mark.parametrize(
    "fault", ["webhook_stale", "webhook_wrong_id", "webhook_cert_untrusted", "webhook_cert_expired"]
)
async def test_a_flaw_is_of_the_first_attempt_and_what_is_refused_comes_again_rightly(paypal, fault):
    paypal.inbox.statuses = [401]
    webhook = await listen(paypal, "PAYMENT.CAPTURE.COMPLETED")
    order = await paypal.approved()
    await paypal.pay(order, fault=fault)
    wrong, right = await paypal.inbox.until(2)
    assert await chain_is_good(paypal, right)
    assert await is_signed(paypal, right, webhook)
    age = datetime.now(UTC) - datetime.fromisoformat(wrong.headers["paypal-transmission-time"])
    assert await chain_is_good(paypal, wrong) is ("cert" not in fault)
    assert await is_signed(paypal, wrong, webhook) is (fault != "webhook_wrong_id")
    assert (age.days >= 3) is (fault == "webhook_stale")


async def test_a_certificate_of_another_name_leads_to_the_root_all_the_same(paypal):
    await listen(paypal, "PAYMENT.CAPTURE.COMPLETED")
    await paypal.pay(await paypal.approved(), fault="webhook_cert_other_name")
    [request] = await paypal.inbox.until(1)
    assert not await chain_is_good(paypal, request)
    leaf, *_ = await certificates(paypal, request)
    assert leaf.subject.rfc4514_string().startswith("CN=messageverificationcerts.paypal.com.example.com")


async def test_a_certificate_elsewhere_is_a_strangers(paypal):
    webhook = await listen(paypal, "PAYMENT.CAPTURE.COMPLETED")
    await paypal.pay(await paypal.approved(), fault="webhook_cert_elsewhere")
    [request] = await paypal.inbox.until(1)
    assert request.headers["paypal-cert-url"].startswith("http://localhost/v1/notifications/certs/")
    assert await is_signed(paypal, request, webhook)
    assert await posted_back(paypal, request, webhook) == "FAILURE"


async def test_a_forged_notification_names_the_genuine_certificate_and_is_not_signed_by_it(paypal):
    webhook = await listen(paypal, "PAYMENT.CAPTURE.COMPLETED")
    await paypal.pay(await paypal.approved(), fault="webhook_forged")
    requests = await paypal.inbox.until(2)
    assert sorted([await is_signed(paypal, one, webhook) for one in requests]) == [False, True]
    assert len({event["id"] for event in paypal.inbox.events}) == 2
    assert all([await chain_is_good(paypal, one) for one in requests])


async def test_after_rotation_another_certificate_signs_and_the_old_one_may_be_withdrawn(paypal):
    webhook = await listen(paypal, "CHECKOUT.ORDER.APPROVED")
    await paypal.approved()
    await paypal.inbox.until(1)
    await paypal.control("certificates/rotate", {"keep_old": False})
    await paypal.approved()
    old, new = await paypal.inbox.until(2)
    assert old.headers["paypal-cert-url"] != new.headers["paypal-cert-url"]
    assert await is_signed(paypal, new, webhook)
    assert (await paypal.http.get(old.headers["paypal-cert-url"])).status_code == 404


async def test_the_root_is_the_file_of_the_package_whatever_the_seed(paypal_with):
    assert Authority().root_pem == ROOT
    async with paypal_with(seed="another") as paypal:
        assert (await paypal.http.get("/_sim/certificates/root.pem")).content == ROOT
