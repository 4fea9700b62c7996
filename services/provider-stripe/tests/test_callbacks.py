"""Stripe's webhooks: whose they are, and what they say."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import stripe_says as says
from structlog.testing import capture_logs

from malipo import clock
from malipo.contracts.outcomes import Authorized, Declined, Succeeded
from malipo.money import Money
from malipo.platform.client import http_client
from provider_kit.errors import BadSignature
from provider_kit.provider import Callback, ParsedCallback, Unmatched
from provider_stripe.client import StripeClient
from provider_stripe.events import EVENT_TYPES
from provider_stripe.provider import StripeProvider

BODY = json.dumps(says.event(says.intent())).encode()
TEN = Money(1000, "USD")
NEW, OLD = says.ACCOUNT["webhook_secrets"]


def read(header: str, body: bytes = BODY, credentials: dict = says.ACCOUNT):
    client = StripeClient(http_client(timeout_seconds=1), version="2026-10-28.endive", timeout_seconds=1)
    return StripeProvider(client, tolerance_seconds=300).parse_callback(
        Callback({"stripe-signature": header}, body), credentials
    )


def genuine(event: object) -> ParsedCallback:
    body = event if isinstance(event, bytes) else json.dumps(event).encode()
    return read(says.signature(body, now(), NEW), body)


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
    for credentials in ({"secret_key": "sk_test_1"}, {"secret_key": "sk_test_1", "webhook_secrets": [""]}, {}):
        for secret in ("", "None"):
            with pytest.raises(BadSignature):
                read(says.signature(BODY, now(), secret), credentials=credentials)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"id": "evt_1"}', b"\xff", b"[" * 3000, b"9" * 5000])
def test_what_stripe_has_signed_is_stripes_also_when_it_is_no_event(body):
    parsed = genuine(body)
    assert (parsed.outcomes, parsed.unmatched) == ((), ())
    assert parsed.callback_id == genuine(body).callback_id != genuine(body + b" ").callback_id


@pytest.mark.parametrize(
    "told",
    [
        says.thin("v2.core.event_destination.ping", related_object={"id": "ed_test_1", "type": "event_destination"}),
        says.thin("v2.core.event_destination.ping", data=None, context=None, reason=None),
        says.thin("v1.billing.meter.error_report_triggered", data={"developer_message_summary": "One error."}),
        says.thin("v1.payment_intent.succeeded", related_object={"id": "pi_1", "type": "payment_intent"}, data=[]),
    ],
)
def test_thin_events_and_pings_are_genuine_and_say_nothing_of_ours(event):
    assert genuine(event) == ParsedCallback(event["id"])


@pytest.mark.parametrize(
    "told",
    [
        says.event({"object": "payment_intent", "id": 7}, "payment_intent.succeeded"),
        says.event({"object": "refund", "id": "re_1\x00"}, "refund.created"),
        says.event({"object": "refund", "id": "r" * 256}, "refund.created"),
        {"id": "evt_1", "object": "event", "type": "refund.created"},
        {"id": "evt_1", "object": "event", "type": "refund.created", "data": {"object": None}},
    ],
)
def test_an_event_whose_object_cannot_be_read_is_never_lost_without_a_word(event):
    with capture_logs() as lines:
        assert genuine(event) == ParsedCallback("evt_1", unmatched=(Unmatched(event["type"], {}),))
    assert [(line["event"], line["log_level"], line["event_id"]) for line in lines] == [
        ("event not understood", "error", "evt_1")
    ]


@pytest.mark.parametrize(
    ("intent", "amount"),
    [
        ({name: value for name, value in says.intent().items() if name != "amount_received"}, TEN),
        (says.intent(currency="isk"), None),
        (says.intent(amount=10**30), None),
    ],
)
def test_an_event_of_ours_in_a_new_shape_is_kept_with_the_ids_to_find_its_payment_by(intent, amount):
    with capture_logs() as lines:
        parsed = genuine(says.event(intent, "payment_intent.succeeded"))
    assert parsed == ParsedCallback(
        "evt_1", unmatched=(Unmatched("payment_intent.succeeded", {"payment_intent": "pi_1"}, amount),)
    )
    assert lines[0]["reason"] == "another shape"


@pytest.mark.parametrize("event_id", ["evt\x00", "e" * 3000, ""])
def test_an_event_with_an_id_that_no_row_can_hold_is_told_all_the_same(event_id):
    parsed = genuine(says.event(says.refund(metadata={}), "refund.created") | {"id": event_id})
    assert [one.event_type for one in parsed.unmatched] == ["refund.created"]


def test_an_unheard_of_status_of_what_we_ordered_is_told_as_unmatched():
    with capture_logs() as lines:
        parsed = genuine(says.event(says.intent("under_divination"), "payment_intent.processing"))
    references = {"payment_intent": "pi_1"}
    assert parsed == ParsedCallback("evt_1", unmatched=(Unmatched("payment_intent.processing", references, TEN),))
    assert lines[0]["reason"] == "status under_divination"


ODD = {"malipo_payment_id": "pay_1", "malipo_operation_id": "ref\x00"}


@pytest.mark.parametrize(
    ("about", "event_type", "references", "amount"),
    [
        (says.refund(metadata={}, charge="ch_1"), "refund.created",
         {"refund": "re_1", "payment_intent": "pi_1", "charge": "ch_1"}, TEN),
        (says.refund(metadata=None, payment_intent=None), "refund.failed", {"refund": "re_1"}, TEN),
        (says.refund(metadata=ODD), "refund.created", {"refund": "re_1", "payment_intent": "pi_1"}, TEN),
        (says.dispute(), "charge.dispute.created",
         {"dispute": "du_1", "payment_intent": "pi_1", "charge": "ch_1"}, TEN),
        (says.dispute(metadata=says.TAGS, currency="isk"), "charge.dispute.closed",
         {"dispute": "du_1", "payment_intent": "pi_1", "charge": "ch_1"}, None),
        (says.dispute(amount=None), "charge.dispute.funds_withdrawn",
         {"dispute": "du_1", "payment_intent": "pi_1", "charge": "ch_1"}, None),
        (says.intent(metadata={"order": "77"}), "payment_intent.succeeded", {"payment_intent": "pi_1"}, TEN),
        (says.intent(metadata={"malipo_payment_id": "pay_1"}), "payment_intent.canceled", {"payment_intent": "pi_1"}, TEN),
    ],
)  # fmt: skip
def test_what_nobody_ordered_here_is_handed_on_with_the_ids_to_find_it_by(about, event_type, references, amount):
    parsed = genuine(says.event(about, event_type))
    assert parsed == ParsedCallback("evt_1", unmatched=(Unmatched(event_type, references, amount),))


def test_a_payment_intent_that_only_made_a_key_useless_is_nobodys_business():
    about = says.intent("canceled", metadata={"malipo_fence": "pay_1"})
    assert genuine(says.event(about)) == ParsedCallback("evt_1")


@pytest.mark.parametrize("event_type", ["refund.created", "refund.updated", "refund.failed"])
def test_every_event_about_a_refund_is_read(event_type):
    body = json.dumps(says.event(says.refund(), event_type)).encode()
    (word,) = read(says.signature(body, now(), NEW), body).outcomes
    assert (word.kind, word.operation_id) == ("refund", "ref_1")
    assert word.outcome == Succeeded(amount=Money(1000, "USD"), reference="re_1")


def test_a_failed_payment_is_a_decline_with_the_banks_reason():
    failure = {"code": "card_declined", "decline_code": "do_not_honor", "message": "No."}
    about = says.intent("requires_payment_method", last_payment_error=failure)
    body = json.dumps(says.event(about, "payment_intent.payment_failed")).encode()
    (word,) = read(says.signature(body, now(), NEW), body).outcomes
    assert word.outcome == Declined(code="do_not_honor", message="No.", reference="pi_1")


def test_the_first_event_of_every_payment_says_nothing():
    for status in ("requires_payment_method", "requires_confirmation"):
        body = json.dumps(says.event(says.intent(status), "payment_intent.created")).encode()
        assert read(says.signature(body, now(), NEW), body).outcomes == ()


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
DISPUTES = [event_type for event_type in EVENT_TYPES if event_type.startswith("charge.dispute.")]


@pytest.mark.parametrize("event_type", NEWS)
def test_every_event_that_merchants_are_asked_to_send_is_read(event_type):
    (word,) = genuine(says.event(NEWS[event_type], event_type)).outcomes
    assert (word.payment_id, word.outcome.reference) == ("pay_1", NEWS[event_type]["id"])
    assert {*NEWS, *DISPUTES} == set(EVENT_TYPES)


@pytest.mark.parametrize("event_type", ["charge.refund.updated", "refund.divined"])
def test_an_event_that_nobody_asked_for_has_no_words(event_type):
    body = json.dumps(says.event(says.refund(), event_type)).encode()
    assert read(says.signature(body, now(), NEW), body).outcomes == ()


STRIPES = ("`payment_intent.", "`refund.", "`charge.")


def test_the_command_line_and_the_readme_ask_for_the_events_that_are_read():
    command = [sys.executable, "-m", "provider_stripe", "events"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    readme = (Path(__file__).parents[3] / "README.md").read_text("utf-8")
    named = [word.strip("`,.") for word in readme.split() if word.startswith(STRIPES)]
    assert said == named == list(EVENT_TYPES)


def test_an_event_names_the_operation_by_our_own_tags():
    (event,) = genuine(says.event(says.intent("requires_capture"))).outcomes
    assert (event.payment_id, event.operation_id, event.kind) == ("pay_1", "pay_1", "charge")
    assert event.outcome == Authorized(amount=TEN, reference="pi_1")
    (event,) = genuine(says.event(says.refund("failed", failure_reason="declined"))).outcomes
    assert (event.operation_id, event.kind, event.outcome.code) == ("ref_1", "refund", "declined")


@pytest.mark.parametrize(
    ("about", "event_type"),
    [
        (says.intent("requires_confirmation"), "payment_intent.processing"),
        (says.intent("requires_payment_method"), "payment_intent.processing"),
        ({"object": "charge", "id": "ch_1", "status": "succeeded", "metadata": says.TAGS}, "charge.succeeded"),
        ({"object": "balance"}, "balance.available"),
    ],
)
def test_an_event_has_no_words_about_what_was_not_tried_or_was_not_asked_for(about, event_type):
    assert genuine(says.event(about, event_type)) == ParsedCallback("evt_1")
