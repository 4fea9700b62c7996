"""Stripe's webhooks: which are genuine, and what they report."""

import asyncio
import json
from pathlib import Path

import pytest
import stripe_samples as samples
from stripe_customers import MemoryCustomers
from structlog.testing import capture_logs

from malipo import clock
from malipo.contracts.commands import Mode
from malipo.contracts.outcomes import Authorized, Declined, Disputed, Succeeded
from malipo.contracts.providers.stripe import EVENT_TYPES
from malipo.money import Money
from malipo.platform.client import http_client
from provider_kit.errors import BadSignature
from provider_kit.provider import Callback, ParsedCallback, Unmatched
from provider_stripe.client import StripeClient
from provider_stripe.customers import Customers
from provider_stripe.provider import StripeProvider

BODY = json.dumps(samples.event(samples.intent())).encode()
TEN = Money(1000, "USD")
NEW, OLD = samples.CREDENTIALS["webhook_secrets"]


def read(header: str, body: bytes = BODY, credentials: dict = samples.CREDENTIALS, mode: Mode = "test"):
    client = StripeClient(http_client(timeout_seconds=1), version="2026-10-28.endive", timeout_seconds=1)
    provider = StripeProvider(client, Customers(client, MemoryCustomers()), tolerance_seconds=300)
    return asyncio.run(provider.parse_callback(Callback({"stripe-signature": header}, body, mode=mode), credentials))


def genuine(event: object) -> ParsedCallback:
    body = event if isinstance(event, bytes) else json.dumps(event).encode()
    return read(samples.signature(body, now(), NEW), body)


def now() -> int:
    return clock.unix_seconds()


def test_a_signature_of_any_secret_is_accepted_while_a_secret_is_rotated():
    for secrets in ((NEW,), (OLD,), ("whsec_gone", OLD), (NEW, OLD)):
        assert read(samples.signature(BODY, now(), *secrets)).callback_id == "evt_1"


def test_other_schemes_are_ignored_and_alone_are_not_enough():
    good = samples.signature(BODY, now(), NEW)
    assert read(f"{good},v0=abc,v2=def").callback_id == "evt_1"
    with pytest.raises(BadSignature):
        read(good.replace("v1=", "v0="))


@pytest.mark.parametrize("offset", [-299, 299])
def test_a_clock_that_differs_a_little_is_no_matter(offset):
    assert read(samples.signature(BODY, now() + offset, NEW)).callback_id == "evt_1"


@pytest.mark.parametrize("offset", [-302, 302])
def test_a_time_too_far_away_is_refused_either_way(offset):
    with pytest.raises(BadSignature, match="too long ago, or in the future"):
        read(samples.signature(BODY, now() + offset, NEW))


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


def test_credentials_without_webhook_secrets_verify_no_signature():
    for credentials in ({"secret_key": "sk_test_1"}, {"secret_key": "sk_test_1", "webhook_secrets": [""]}, {}):
        for secret in ("", "None"):
            with pytest.raises(BadSignature):
                read(samples.signature(BODY, now(), secret), credentials=credentials)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"id": "evt_1"}', b"\xff", b"[" * 3000, b"9" * 5000])
def test_what_stripe_has_signed_is_genuine_also_when_it_is_no_event(body):
    parsed = genuine(body)
    assert (parsed.outcomes, parsed.unmatched) == ((), ())
    assert parsed.callback_id == genuine(body).callback_id != genuine(body + b" ").callback_id


@pytest.mark.parametrize(
    "event",
    [
        samples.thin("v2.core.event_destination.ping", related_object={"id": "ed_test_1", "type": "event_destination"}),
        samples.thin("v2.core.event_destination.ping", data=None, context=None, reason=None),
        samples.thin("v1.billing.meter.error_report_triggered", data={"developer_message_summary": "One error."}),
        samples.thin("v1.payment_intent.succeeded", related_object={"id": "pi_1", "type": "payment_intent"}, data=[]),
    ],
)
def test_thin_events_and_pings_are_genuine_and_report_nothing_of_ours(event):
    assert genuine(event) == ParsedCallback(event["id"])


@pytest.mark.parametrize(
    "event",
    [
        samples.event({"object": "payment_intent", "id": 7}, "payment_intent.succeeded"),
        samples.event({"object": "refund", "id": "re_1\x00"}, "refund.created"),
        samples.event({"object": "refund", "id": "r" * 256}, "refund.created"),
        {"id": "evt_1", "object": "event", "type": "refund.created"},
        {"id": "evt_1", "object": "event", "type": "refund.created", "data": {"object": None}},
    ],
)
def test_an_event_whose_object_cannot_be_read_is_logged_and_unmatched(event):
    with capture_logs() as lines:
        assert genuine(event) == ParsedCallback("evt_1", unmatched=(Unmatched(event["type"], {}),))
    assert [(line["event"], line["log_level"], line["event_id"]) for line in lines] == [
        ("event not understood", "error", "evt_1")
    ]


@pytest.mark.parametrize(
    ("intent", "amount"),
    [
        ({name: value for name, value in samples.intent().items() if name != "amount_received"}, TEN),
        (samples.intent(currency="isk"), None),
        (samples.intent(amount=10**30), None),
    ],
)
def test_an_event_of_ours_in_a_new_shape_is_kept_with_the_ids_to_find_its_payment_by(intent, amount):
    with capture_logs() as lines:
        parsed = genuine(samples.event(intent, "payment_intent.succeeded"))
    assert parsed == ParsedCallback(
        "evt_1", unmatched=(Unmatched("payment_intent.succeeded", {"payment_intent": "pi_1"}, amount),)
    )
    assert lines[0]["reason"] == "another shape"


@pytest.mark.parametrize("event_id", ["evt\x00", "e" * 3000, ""])
def test_an_event_with_an_id_that_no_row_can_hold_is_read_all_the_same(event_id):
    parsed = genuine(samples.event(samples.refund(metadata={}), "refund.created") | {"id": event_id})
    assert [one.event_type for one in parsed.unmatched] == ["refund.created"]


def test_an_unheard_of_status_of_an_operation_of_ours_is_unmatched():
    with capture_logs() as lines:
        parsed = genuine(samples.event(samples.intent("under_divination"), "payment_intent.processing"))
    references = {"payment_intent": "pi_1"}
    assert parsed == ParsedCallback("evt_1", unmatched=(Unmatched("payment_intent.processing", references, TEN),))
    assert lines[0]["reason"] == "status under_divination"


ODD = {"malipo_payment_id": "pay_1", "malipo_operation_id": "ref\x00"}


@pytest.mark.parametrize(
    ("about", "event_type", "references", "amount"),
    [
        (samples.refund(metadata={}, charge="ch_1"), "refund.created",
         {"refund": "re_1", "payment_intent": "pi_1", "charge": "ch_1"}, TEN),
        (samples.refund(metadata=None, payment_intent=None), "refund.failed", {"refund": "re_1"}, TEN),
        (samples.refund(metadata=ODD), "refund.created", {"refund": "re_1", "payment_intent": "pi_1"}, TEN),
        (samples.dispute(metadata=samples.TAGS, currency="isk"), "charge.dispute.closed",
         {"dispute": "du_1", "payment_intent": "pi_1", "charge": "ch_1"}, None),
        (samples.dispute(amount=None), "charge.dispute.funds_withdrawn",
         {"dispute": "du_1", "payment_intent": "pi_1", "charge": "ch_1"}, None),
        (samples.dispute(charge=None, payment_intent=None), "charge.dispute.created", {"dispute": "du_1"}, TEN),
        (samples.dispute("mulled_over"), "charge.dispute.updated",
         {"dispute": "du_1", "payment_intent": "pi_1", "charge": "ch_1"}, TEN),
        (samples.intent(metadata={"order": "77"}), "payment_intent.succeeded", {"payment_intent": "pi_1"}, TEN),
        (samples.intent(metadata={"malipo_payment_id": "pay_1"}), "payment_intent.canceled", {"payment_intent": "pi_1"}, TEN),
    ],
)  # fmt: skip
def test_what_matches_no_operation_is_reported_with_the_ids_to_find_it_by(about, event_type, references, amount):
    parsed = genuine(samples.event(about, event_type))
    assert parsed == ParsedCallback("evt_1", unmatched=(Unmatched(event_type, references, amount),))


def test_an_event_about_a_fence_is_empty():
    about = samples.intent("canceled", metadata={"malipo_fence": "pay_1"})
    assert genuine(samples.event(about)) == ParsedCallback("evt_1")


@pytest.mark.parametrize("event_type", ["refund.created", "refund.updated", "refund.failed"])
def test_every_event_about_a_refund_is_read(event_type):
    body = json.dumps(samples.event(samples.refund(), event_type)).encode()
    (reported,) = read(samples.signature(body, now(), NEW), body).outcomes
    assert (reported.kind, reported.operation_id) == ("refund", "ref_1")
    assert reported.outcome == Succeeded(amount=Money(1000, "USD"), reference="re_1")


@pytest.mark.parametrize("event_type", [one for one in EVENT_TYPES if one.startswith("charge.dispute.")])
@pytest.mark.parametrize("metadata", [{}, samples.TAGS])
def test_every_event_about_a_dispute_opens_it_as_it_stands_whatever_its_tags_say(event_type, metadata):
    event = samples.event(samples.dispute("under_review", metadata=metadata), event_type)
    (opened,) = genuine(event).opened
    assert (opened.kind, opened.reference, opened.amount) == ("dispute", "du_1", TEN)
    assert (opened.event_type, opened.opened_at) == (event_type, clock.from_unix(1795772400))
    assert opened.about == {"payment_intent": "pi_1", "charge": "ch_1"}
    assert opened.outcome == Disputed(
        reference="du_1", amount=TEN, status="under_review", reason="fraudulent", withdrawn=True,
        respond_by=clock.from_unix(1796377199),
    )  # fmt: skip


@pytest.mark.parametrize("about", [samples.dispute(), samples.refund(metadata={}, charge="ch_1", created=1795772400)])
def test_what_an_event_shows_whole_is_what_it_is_called(about):
    charge = {"object": "charge", "id": "ch_1", "payment_intent": "pi_1", "refunds": {"data": []}}
    shown = about | {"charge": charge, "payment_intent": samples.intent()}
    kind = "charge.dispute.created" if about["object"] == "dispute" else "refund.created"
    assert genuine(samples.event(shown, kind)) == genuine(samples.event(about, kind))
    nothing = shown | {"amount": 0}
    assert genuine(samples.event(nothing, kind)).unmatched[0].references == {
        about["object"]: about["id"], "payment_intent": "pi_1", "charge": "ch_1",
    }  # fmt: skip


def test_a_card_is_its_customers_also_where_all_of_him_is_shown():
    card = samples.method(customer="cus_1") | {"customer": {"object": "customer", "id": "cus_1", "email": None}}
    kept = samples.intent(payment_method=card, setup_future_usage="off_session")
    thin = samples.intent(payment_method="ref_method", setup_future_usage="off_session")
    assert genuine(samples.event(kept)) == genuine(samples.event(thin))


def test_a_warning_of_fraud_is_told_of_the_payment_with_its_kind():
    warning = {
        "object": "radar.early_fraud_warning", "id": "issfr_1", "charge": "ch_1", "payment_intent": "pi_1",
        "created": 1795772400, "fraud_type": "unauthorized_use_of_card", "actionable": True,
    }  # fmt: skip
    event = samples.event(warning, "radar.early_fraud_warning.created")
    (opened,) = genuine(event).opened
    assert (opened.kind, opened.reference, opened.reason) == ("fraud_warning", "issfr_1", "unauthorized_use_of_card")
    assert (opened.amount, opened.outcome, opened.opened_at) == (None, None, clock.from_unix(1795772400))
    assert opened.about == {"payment_intent": "pi_1", "charge": "ch_1"}
    nameless = samples.event(warning | {"charge": None, "payment_intent": None}, "radar.early_fraud_warning.created")
    assert genuine(nameless).unmatched == (
        Unmatched("radar.early_fraud_warning.created", {"radar.early_fraud_warning": "issfr_1"}),
    )


def test_a_failed_payment_is_a_decline_with_the_banks_reason():
    failure = {"code": "card_declined", "decline_code": "do_not_honor", "message": "No."}
    about = samples.intent("requires_payment_method", last_payment_error=failure)
    body = json.dumps(samples.event(about, "payment_intent.payment_failed")).encode()
    (reported,) = read(samples.signature(body, now(), NEW), body).outcomes
    assert reported.outcome == Declined(code="do_not_honor", message="No.", reference="pi_1")


def test_the_first_event_of_every_payment_has_no_outcome():
    for status in ("requires_payment_method", "requires_confirmation"):
        body = json.dumps(samples.event(samples.intent(status), "payment_intent.created")).encode()
        assert read(samples.signature(body, now(), NEW), body).outcomes == ()


FAILURE = {"code": "card_declined", "message": "No."}
OBJECTS = {
    "payment_intent.succeeded": samples.intent(),
    "payment_intent.payment_failed": samples.intent("requires_payment_method", last_payment_error=FAILURE),
    "payment_intent.canceled": samples.intent("canceled"),
    "payment_intent.processing": samples.intent("processing"),
    "payment_intent.requires_action": samples.intent("requires_action", next_action=samples.redirect()),
    "payment_intent.amount_capturable_updated": samples.intent("requires_capture"),
    "setup_intent.setup_failed": samples.setup_intent("requires_payment_method", last_setup_error=FAILURE),
    "setup_intent.canceled": samples.setup_intent("canceled"),
    "setup_intent.requires_action": samples.setup_intent("requires_action", next_action=samples.redirect()),
    "refund.created": samples.refund("pending"),
    "refund.updated": samples.refund(),
    "refund.failed": samples.refund("failed"),
}
KEPT = "setup_intent.succeeded"
OF_METHODS = [event_type for event_type in EVENT_TYPES if event_type.startswith("payment_method.")]
WARNED = "radar.early_fraud_warning.created"
DISPUTES = [event_type for event_type in EVENT_TYPES if event_type.startswith("charge.dispute.")]


@pytest.mark.parametrize("event_type", OBJECTS)
def test_every_event_that_merchants_are_asked_to_send_is_read(event_type):
    (reported,) = genuine(samples.event(OBJECTS[event_type], event_type)).outcomes
    assert reported.outcome.reference == OBJECTS[event_type]["id"]
    assert {*OBJECTS, *DISPUTES, KEPT, WARNED, *OF_METHODS} == set(EVENT_TYPES)


def test_an_event_of_a_card_that_is_kept_without_a_payment_has_it_read_for_it_has_the_cards_id_alone():
    parsed = genuine(samples.event(samples.setup_intent(payment_method="pm_there"), KEPT))
    (asked,) = parsed.ask
    assert (asked.kind, asked.operation_id, parsed.outcomes) == ("setup", "pm_1.1", ())


@pytest.mark.parametrize("event_type", ["charge.refund.updated", "refund.divined"])
def test_an_event_of_another_type_has_no_outcome(event_type):
    body = json.dumps(samples.event(samples.refund(), event_type)).encode()
    assert read(samples.signature(body, now(), NEW), body).outcomes == ()


STRIPES = ("`payment_intent.", "`setup_intent.", "`refund.", "`charge.", "`radar.", "`payment_method.")


def test_the_readme_and_the_description_of_the_api_list_the_events_that_are_read():
    root = Path(__file__).parents[3]
    named = [word.strip("`,.") for word in (root / "README.md").read_text("utf-8").split() if word.startswith(STRIPES)]
    assert named == list(EVENT_TYPES)
    described = (root / "docs/openapi.json").read_text("utf-8")
    assert [name for name in EVENT_TYPES if f"`{name}`" in described] == list(EVENT_TYPES)


def test_an_event_names_the_operation_by_our_own_tags():
    (reported,) = genuine(samples.event(samples.intent("requires_capture"))).outcomes
    assert (reported.operation_id, reported.kind) == ("pay_1.1", "charge")
    assert reported.outcome == Authorized(amount=TEN, reference="pi_1")
    (reported,) = genuine(samples.event(samples.refund("failed", failure_reason="declined"))).outcomes
    assert (reported.operation_id, reported.kind, reported.outcome.code) == ("ref_1", "refund", "declined")


@pytest.mark.parametrize(
    ("about", "event_type"),
    [
        (samples.intent("requires_confirmation"), "payment_intent.processing"),
        (samples.intent("requires_payment_method"), "payment_intent.processing"),
        ({"object": "charge", "id": "ch_1", "status": "succeeded", "metadata": samples.TAGS}, "charge.succeeded"),
        ({"object": "balance"}, "balance.available"),
    ],
)
def test_an_event_about_what_was_not_tried_or_of_another_type_is_empty(about, event_type):
    assert genuine(samples.event(about, event_type)) == ParsedCallback("evt_1")


@pytest.mark.parametrize(
    "of_another", [{"account": "acct_connected"}, {"account": {"id": "acct_connected"}}, {"livemode": True}]
)
@pytest.mark.parametrize(
    ("about", "named"),
    [
        (samples.intent(), ("pay_1.1", "charge")),
        (samples.refund(), ("ref_1", "refund")),
        (samples.setup_intent("canceled"), ("pm_1.1", "setup")),
    ],
)
def test_an_event_of_another_account_or_mode_has_us_ask_for_whoever_made_it_may_have_tagged_it_as_ours(
    about, named, of_another
):
    """As an endpoint for connected accounts brings them, or a secret of the other mode's endpoint lets them in."""
    parsed = genuine(samples.event(about) | of_another)
    assert (list(parsed.outcomes), [(one.operation_id, one.kind) for one in parsed.ask]) == ([], [named])


def test_an_event_of_the_accounts_own_mode_is_believed():
    own = json.dumps(samples.event(samples.intent()) | {"livemode": True, "account": None}).encode()
    assert len(read(samples.signature(own, now(), NEW), own, mode="live").outcomes) == 1
