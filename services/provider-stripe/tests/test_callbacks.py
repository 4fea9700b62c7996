"""Stripe's webhooks: whose they are, and what they say."""

import json
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
import stripe_says as says

from malipo import clock
from malipo.contracts.outcomes import Declined, Succeeded
from malipo.money import Money
from malipo.platform.client import http_client
from malipo.providers.errors import BadSignature
from malipo.providers.provider import Callback
from provider_stripe.client import StripeClient
from provider_stripe.mapping import EVENT_TYPES, spoken
from provider_stripe.provider import StripeProvider

BODY = json.dumps(says.event(says.intent())).encode()
NEW, OLD = says.ACCOUNT["webhook_secrets"]


def read(header: str, body: bytes = BODY, account: dict = says.ACCOUNT):
    client = StripeClient(http_client(timeout_seconds=1), version="2026-10-28.endive", timeout_seconds=1)
    return StripeProvider(client, tolerance_seconds=300).read_callback(
        Callback({"stripe-signature": header}, body), account
    )


def now() -> int:
    return clock.unix_seconds()


def test_a_signature_of_any_secret_is_taken_while_a_secret_is_rotated():
    for secrets in ((NEW,), (OLD,), ("whsec_gone", OLD), (NEW, OLD)):
        assert read(says.signature(BODY, now(), *secrets)).callback_id == "evt_1"


def test_other_schemes_are_ignored_and_alone_are_not_enough():
    good = says.signature(BODY, now(), NEW)
    assert read(f"{good},v0=abc,v2=def").callback_id == "evt_1"
    with pytest.raises(BadSignature):
        read(good.replace("v1=", "v0="))


@pytest.mark.parametrize("offset", [-299, 299])
def test_a_clock_that_differs_a_little_is_no_matter(offset):
    assert read(says.signature(BODY, now() + offset, NEW)).callback_id == "evt_1"


@pytest.mark.parametrize("offset", [-302, 302])
def test_a_time_too_far_away_is_refused_either_way(offset):
    with pytest.raises(BadSignature, match="too long ago, or in the future"):
        read(says.signature(BODY, now() + offset, NEW))


@pytest.mark.parametrize(
    "header",
    ["", "t=", "v1=abc", "t=abc,v1=abc", "t=-5,v1=a", "t=99999999999999999999,v1=a", "t=١٢٣,v1=a", "=,=,=", "é=ü", ","],
)
def test_a_header_of_another_form_is_refused(header):
    with pytest.raises(BadSignature):
        read(header)


def test_a_signature_that_is_no_ascii_is_refused():
    with pytest.raises(BadSignature):
        read(f"t={now()},v1=é")


def test_an_account_without_webhook_secrets_believes_nobody():
    for account in ({"secret_key": "sk_test_1"}, {"secret_key": "sk_test_1", "webhook_secrets": [""]}, {}):
        for secret in ("", "None"):
            with pytest.raises(BadSignature):
                read(says.signature(BODY, now(), secret), account=account)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"id": "evt_1"}', b"\xff"])
def test_a_signed_body_that_is_no_event_is_refused(body):
    with pytest.raises(BadSignature):
        read(says.signature(body, now(), NEW), body)


def test_an_event_about_an_object_of_unknown_shape_is_genuine_and_has_no_words():
    body = json.dumps(says.event({"object": "payment_intent", "id": 7})).encode()
    assert read(says.signature(body, now(), NEW), body).words == ()


def test_an_event_with_an_unheard_of_status_has_no_words():
    body = json.dumps(says.event(says.intent("under_divination"), "payment_intent.processing")).encode()
    assert read(says.signature(body, now(), NEW), body).words == ()


@pytest.mark.parametrize("event_type", ["refund.created", "refund.updated", "refund.failed"])
def test_every_event_about_a_refund_is_read(event_type):
    body = json.dumps(says.event(says.refund(), event_type)).encode()
    (word,) = read(says.signature(body, now(), NEW), body).words
    assert (word.kind, word.operation_id) == ("refund", "ref_1")
    assert word.outcome == Succeeded(amount=Money(1000, "USD"), reference="re_1")


def test_a_failed_payment_is_a_decline_with_the_banks_reason():
    failure = {"code": "card_declined", "decline_code": "do_not_honor", "message": "No."}
    about = says.intent("requires_payment_method", last_payment_error=failure)
    body = json.dumps(says.event(about, "payment_intent.payment_failed")).encode()
    (word,) = read(says.signature(body, now(), NEW), body).words
    assert word.outcome == Declined(code="do_not_honor", message="No.", reference="pi_1")


def test_the_first_event_of_every_payment_says_nothing():
    for status in ("requires_payment_method", "requires_confirmation"):
        body = json.dumps(says.event(says.intent(status), "payment_intent.created")).encode()
        assert read(says.signature(body, now(), NEW), body).words == ()


FAILURE = {"code": "card_declined", "message": "No."}
NEWS = {
    "payment_intent.succeeded": says.intent(),
    "payment_intent.payment_failed": says.intent("requires_payment_method", last_payment_error=FAILURE),
    "payment_intent.canceled": says.intent("canceled"),
    "payment_intent.processing": says.intent("processing"),
    "payment_intent.requires_action": says.intent("requires_action", next_action=says.redirect()),
    "payment_intent.amount_capturable_updated": says.intent("requires_capture"),
    "refund.created": says.refund("pending"),
    "refund.updated": says.refund(),
    "refund.failed": says.refund("failed"),
}


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_every_event_that_merchants_are_asked_to_send_is_read(event_type):
    body = json.dumps(says.event(NEWS[event_type], event_type)).encode()
    assert read(says.signature(body, now(), NEW), body).words == (spoken(msgspec.Raw(json.dumps(NEWS[event_type]))),)


@pytest.mark.parametrize("event_type", ["charge.refund.updated", "refund.divined"])
def test_an_event_that_nobody_asked_for_has_no_words(event_type):
    body = json.dumps(says.event(says.refund(), event_type)).encode()
    assert read(says.signature(body, now(), NEW), body).words == ()


def test_the_command_line_and_the_readme_ask_for_the_events_that_are_read():
    command = [sys.executable, "-m", "provider_stripe", "events"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    readme = (Path(__file__).parents[3] / "README.md").read_text("utf-8")
    named = [word.strip("`,.") for word in readme.split() if word.startswith(("`payment_intent.", "`refund."))]
    assert said == named == list(EVENT_TYPES)
