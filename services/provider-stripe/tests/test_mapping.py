"""What each of Stripe's responses means, and how operations are written."""

import json
from functools import partial
from urllib.parse import parse_qsl

import httpx
import pytest
import stripe_samples as samples

from malipo.contracts.outcomes import (
    ActionRequired,
    Authorized,
    Canceled,
    Declined,
    OtherAction,
    Outcome,
    Pending,
    Redirect,
    Reversed,
    Succeeded,
    Unknown,
)
from malipo.contracts.providers.stripe import DESCRIPTOR
from malipo.money import EXPONENTS, Money
from provider_kit.errors import Misconfigured, NotSent
from provider_kit.integrity import checked
from provider_kit.provider import refusal
from provider_stripe.mapping import outcome_of_response
from provider_stripe.objects import StripeResponse
from provider_stripe.requests import request
from testkit import operations
from testkit.operations import charge, refund, setup

USD_10 = Money(1000, "USD")
cancel, capture = partial(operations.cancel, reference="pi_1"), partial(operations.capture, reference="pi_1")
CURRENCIES = DESCRIPTOR.methods[0].currencies
PI, RE = {"reference": "pi_1"}, {"reference": "re_1"}
DONE = Succeeded(amount=USD_10, **PI)
HELD = Authorized(amount=USD_10, **PI)
PAGE = ActionRequired(action=Redirect("https://hooks.stripe.com/3ds/1"), **PI)
FAILED_3DS = {"code": "payment_intent_authentication_failure", "message": "Not authenticated."}


def read(operation, body, status: int = 200) -> Outcome:
    return outcome_of_response(operation, StripeResponse(status, json.dumps(body).encode()))


@pytest.mark.parametrize(
    ("operation", "body", "outcome"),
    [
        (charge(), samples.intent("succeeded"), DONE),
        (charge(), samples.intent("requires_capture"), HELD),
        (charge(), samples.intent("processing"), Pending(**PI)),
        (charge(), samples.intent("canceled"), Canceled(**PI)),
        (charge(), samples.intent("requires_action", next_action=samples.redirect()), PAGE),
        (
            charge(),
            samples.intent("requires_payment_method", last_payment_error=FAILED_3DS),
            Declined(code="payment_intent_authentication_failure", message="Not authenticated.", **PI),
        ),
        (charge(), samples.intent("requires_payment_method"), Unknown(reason="no effect yet")),
        (charge(), samples.intent("requires_confirmation"), Unknown(reason="no effect yet")),
        (
            charge(),
            samples.intent("requires_action", next_action={"type": "use_stripe_sdk", "use_stripe_sdk": {}}),
            ActionRequired(action=OtherAction("use_stripe_sdk"), **PI),
        ),
        (charge(), samples.intent("requires_action"), ActionRequired(action=OtherAction("unknown"), **PI)),
        (charge(), samples.intent("requires_action", next_action={"type": "\u202e" * 9}),
         ActionRequired(action=OtherAction("unknown"), **PI)),
        (charge(), samples.intent("under_divination"), Unknown(reason="status under_divination", **PI)),
        (charge(), samples.intent(amount=1001), Unknown(reason="amount_mismatch", **PI)),
        (charge(), samples.intent(currency="eur"), Unknown(reason="amount_mismatch", **PI)),
        (charge(), samples.refund(), Unknown(reason="another kind of object")),
        (
            charge(capture="manual"),
            samples.intent(amount_received=600),
            Succeeded(amount=Money(600, "USD"), **PI),
        ),
        (
            capture(amount=Money(600, "USD")),
            samples.intent(amount_received=600),
            Succeeded(amount=Money(600, "USD"), **PI),
        ),
        (capture(), samples.intent("processing"), Pending(**PI)),
        (capture(), samples.intent("canceled"), Canceled(**PI)),
        (capture(), samples.intent("requires_capture"), Unknown(reason="no effect yet")),
        (capture(), samples.intent("under_divination"), Unknown(reason="status under_divination", **PI)),
        (cancel(), samples.intent("canceled"), Canceled(**PI)),
        (cancel(), samples.intent("succeeded"), DONE),
        (cancel(), samples.intent("requires_capture"), Unknown(reason="no effect yet")),
        (refund(), samples.refund("succeeded"), Succeeded(amount=USD_10, **RE)),
        (refund(), samples.refund("pending"), Pending(**RE)),
        (refund(), samples.refund("requires_action"), Pending(**RE, check_after=21_600)),
        (refund(), samples.refund("pending", pending_reason="insufficient_funds"), Pending(**RE, check_after=21_600)),
        (
            refund(),
            samples.refund("failed", failure_reason="expired_or_canceled_card", failure_balance_transaction="txn_1"),
            Reversed(**RE, code="expired_or_canceled_card", message="The refund came back to the balance at Stripe."),
        ),
        (refund(), samples.refund("failed", failure_reason="expired_or_canceled_card"),
         Declined(code="expired_or_canceled_card", message="The refund failed at Stripe: expired_or_canceled_card.", **RE)),
        (refund(), samples.refund("failed"),
         Declined(code="refund_failed", message="The refund failed at Stripe, which gave no reason.", **RE)),
        (refund(), samples.refund("canceled"),
         Declined(code="refund_canceled", message="The refund was canceled at Stripe, which gave no reason.", **RE)),
        (refund(), samples.refund(None), Unknown(reason="status None", **RE)),
        (refund(), samples.intent(), Unknown(reason="another kind of object")),
    ],
)  # fmt: skip
def test_an_object_means(operation, body, outcome):
    assert read(operation, body) == outcome


@pytest.mark.parametrize(
    ("operation", "status", "body", "outcome"),
    [
        (
            charge(), 402, samples.card_error("lost_card"),
            Declined(code="lost_card", message="Your card has insufficient funds.", retry=samples.LATER, **PI),
        ),
        (charge(), 402, samples.error("card_error", "expired_card"),
         Declined(code="expired_card", message="Stripe's own text.")),
        (charge(), 402, samples.error("card_error", "card_declined", payment_intent=samples.intent("requires_payment_method")),
         Declined(code="card_declined", message="Stripe's own text.", **PI)),
        (charge(), 402, samples.error("card_error", "x", payment_intent=samples.intent("succeeded")), DONE),
        (charge(), 400, samples.error("invalid_request_error", "amount_too_small"),
         Declined(code="amount_too_small", message="Stripe's own text.")),
        (charge(), 400, samples.error("invalid_request_error"),
         Declined(code="invalid_request", message="Stripe's own text.")),
        (charge(), 400, samples.error("idempotency_error"), Unknown(reason="the key was used for another request")),
        (charge(), 400, samples.error("api_error"), Unknown(reason="error api_error")),
        (charge(), 409, samples.error("invalid_request_error", "idempotency_key_in_use"), Unknown(reason="http 409")),
        (charge(), 424, samples.error("api_error"), Unknown(reason="http 424")),
        (charge(), 500, samples.intent("succeeded"), Unknown(reason="http 500", silent=True)),
        (charge(), 302, {}, Unknown(reason="http 302")),
        (refund(), 400, samples.error("invalid_request_error", "charge_already_refunded"),
         Declined(code="charge_already_refunded", message="Stripe's own text.")),
        (refund(), 404, samples.error("invalid_request_error", "resource_missing"),
         Declined(code="resource_missing", message="Stripe's own text.")),
        (capture(), 400, samples.error("invalid_request_error", "payment_intent_unexpected_state",
                                    payment_intent=samples.intent("succeeded")), DONE),
        (capture(), 400, samples.error("invalid_request_error", "payment_intent_unexpected_state",
                                    payment_intent=samples.intent("canceled")), Canceled(**PI)),
        (capture(), 400, samples.error("invalid_request_error", "payment_intent_unexpected_state",
                                    payment_intent=samples.intent(amount_received=600)),
         Declined(code="payment_intent_unexpected_state", message="Stripe's own text.", **PI)),
        (capture(), 400, samples.error("invalid_request_error", "payment_intent_unexpected_state",
                                    payment_intent=samples.intent("requires_action")),
         Declined(code="payment_intent_unexpected_state", message="Stripe's own text.", **PI)),
        (cancel(), 400, samples.error("invalid_request_error", "payment_intent_unexpected_state",
                                   payment_intent=samples.intent("canceled")), Canceled(**PI)),
        (cancel(), 400, samples.error("invalid_request_error", "payment_intent_unexpected_state",
                                   payment_intent=samples.intent("succeeded")), DONE),
        (cancel(), 400, samples.error("invalid_request_error", "payment_intent_unexpected_state",
                                   payment_intent=samples.intent("processing")),
         Declined(code="payment_intent_unexpected_state", message="Stripe's own text.", **PI)),
        (cancel(), 400, samples.error("invalid_request_error", "payment_intent_unexpected_state",
                                   payment_intent=samples.intent("under_divination")),
         Unknown(reason="status under_divination", **PI)),
    ],
)  # fmt: skip
def test_an_error_means(operation, status, body, outcome):
    assert read(operation, body, status) == outcome


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "intent://pay#Intent;end",
        "//hooks.stripe.com/3ds/1",
        "/3ds/1",
        "https:///3ds/1",
        "https://",
        "https:hooks.stripe.com",
        "https://hooks.stripe.com:port/3ds/1",
        "https://[hooks.stripe.com/3ds/1",
        "https://stripe.com@evil.example/3ds/1",
        "https://user:secret@hooks.stripe.com/3ds/1",
        "https://evil.example\\@hooks.stripe.com/3ds/1",
        "https://hooks.stripe.com/3ds/1\r\nSet-Cookie: a=b",
        "https://hooks.stripe.com/3ds 1",
        "https://hooks.stripe.com/3ds/1\x00",
        " https://hooks.stripe.com/3ds/1",
        "https://hooks.stripe.com/\u202e3ds",
        "",
    ],
)
def test_only_a_web_address_is_a_page_to_send_the_customer_to(url):
    outcome = checked(charge(), read(charge(), samples.intent("requires_action", next_action=samples.redirect(url))))
    assert outcome == ActionRequired(action=OtherAction("redirect_to_url"), reference="pi_1")


_OF_ANOTHER = {"malipo_payment_id": "pay_2", "malipo_operation_id": "pay_2.1"}


@pytest.mark.parametrize(
    ("operation", "status", "body"),
    [
        (charge(), 200, samples.intent(metadata=_OF_ANOTHER)),
        (charge(), 200, samples.intent(metadata=samples.TAGS | {"malipo_operation_id": "pay_1.2"})),
        (charge(), 402, samples.error("card_error", "x", payment_intent=samples.intent(metadata=_OF_ANOTHER))),
        (setup(), 200, samples.setup_intent("requires_action", metadata=_OF_ANOTHER)),
        (refund(), 200, samples.refund(metadata=_OF_ANOTHER)),
        (capture(), 200, samples.intent(id="pi_2")),
        (cancel(), 200, samples.intent("canceled", id="pi_2")),
        (cancel(of="setup"), 200, samples.setup_intent("canceled", id="seti_2")),
    ],
)
def test_of_the_object_of_another_operation_nothing_is_believed_and_not_its_id_either(operation, status, body):
    assert read(operation, body, status) == Unknown(reason="another operation's object")


@pytest.mark.parametrize("metadata", [None, {}, {"order": "of another system"}])
def test_an_object_without_our_tags_is_the_one_that_was_asked_for(metadata):
    assert read(charge(), samples.intent(metadata=metadata)) == DONE


@pytest.mark.parametrize("url", ["HTTPS://hooks.stripe.com/3ds/1?a=b%20c#d", "http://127.0.0.1:12111/_sim/3ds/pi_1"])
def test_a_web_address_stays_as_it_is(url):
    outcome = checked(charge(), read(charge(), samples.intent("requires_action", next_action=samples.redirect(url))))
    assert outcome == ActionRequired(action=Redirect(url), reference="pi_1")


LONG = "c" * 101


@pytest.mark.parametrize(
    ("operation", "status", "body", "code", "message"),
    [
        (charge(), 402, {"error": {"type": "card_error"}}, "declined", "The payment was declined, without a reason."),
        (charge(), 402, {"error": {"type": "card_error", "code": "", "decline_code": "", "message": " "}},
         "declined", "The payment was declined, without a reason."),
        (charge(), 402, {"error": {"type": "card_error", "decline_code": LONG, "code": "card_declined"}},
         "card_declined", "The payment was declined, without a reason."),
        (charge(), 402, {"error": {"type": "card_error", "code": "a code\n", "message": "No."}}, "declined", "No."),
        (charge(), 200, samples.intent("requires_payment_method", last_payment_error={}),
         "declined", "The payment was declined, without a reason."),
        (refund(), 400, {"error": {"type": "invalid_request_error"}},
         "invalid_request", "Stripe refused the request, without a reason."),
        (refund(), 200, samples.refund("failed", failure_reason=""),
         "refund_failed", "The refund failed at Stripe, which gave no reason."),
    ],
)  # fmt: skip
def test_a_failure_always_has_a_code_and_a_text(operation, status, body, code, message):
    outcome = read(operation, body, status)
    assert (type(outcome), outcome.code, outcome.message) == (Declined, code, message)


@pytest.mark.parametrize("status", [500, 503])
def test_an_error_of_stripes_that_is_its_stored_answer_is_a_doubt_of_its_own(status):
    stored = StripeResponse(status, b"", replayed=True)
    assert (
        outcome_of_response(charge(), stored)
        == outcome_of_response(charge(), stored, repeat=True)
        == Unknown(reason="error_stored")
    )


def test_401_and_403_are_for_a_person_to_mend():
    for status in (401, 403):
        with pytest.raises(Misconfigured):
            read(charge(), {}, status)


def test_429_has_had_no_effect_and_waits_a_second_unless_stripe_says_how_long():
    with pytest.raises(NotSent) as raised:
        outcome_of_response(charge(), StripeResponse(429, b""))
    assert raised.value.retry_after_seconds == 1
    with pytest.raises(NotSent) as raised:
        outcome_of_response(charge(), StripeResponse(429, b"", retry_after_seconds=30))
    assert raised.value.retry_after_seconds == 30


def form(operation) -> dict[str, str]:
    path, fields = request(samples.attempt(operation))
    wire = httpx.Request("POST", f"https://api.stripe.com{path}", data=fields).content.decode()
    return dict(parse_qsl(wire, keep_blank_values=True))


def test_a_charge_without_a_return_url_lets_stripe_decline_what_needs_the_customer():
    assert form(charge(description="Order 7, café")) == {
        "amount": "1000",
        "currency": "usd",
        "payment_method": "tok_1",
        "confirm": "true",
        "capture_method": "automatic",
        "automatic_payment_methods[enabled]": "true",
        "automatic_payment_methods[allow_redirects]": "never",
        "error_on_requires_action": "true",
        "description": "Order 7, café",
        "metadata[malipo_payment_id]": "pay_1",
        "metadata[malipo_operation_id]": "pay_1.1",
    }


def test_what_a_cards_statement_is_to_show_is_the_suffix_of_the_accounts_own_text():
    sent = form(charge(statement_descriptor="Shop 7, May"))
    assert sent.pop("statement_descriptor_suffix") == "Shop 7, May"
    assert sent == form(charge())
    assert form(capture(statement_descriptor="Shop 7, May")) == form(capture())  # the PaymentIntent has it


def test_a_charge_with_a_return_url_sends_it_and_lets_methods_redirect():
    sent = form(charge(return_url="https://shop.example/back?a=b&c=d", capture="manual"))
    assert sent["return_url"] == "https://shop.example/back?a=b&c=d"
    assert sent["capture_method"] == "manual"
    assert not {"automatic_payment_methods[allow_redirects]", "error_on_requires_action"} & sent.keys()


def test_no_operation_sends_payment_method_types():
    assert not any("payment_method_types" in key for operation in (charge(), refund()) for key in form(operation))


def test_captures_cancels_and_refunds_name_the_payment_intent_of_the_charge():
    assert request(samples.attempt(capture())) == (
        "/v1/payment_intents/pi_1/capture",
        {"amount_to_capture": "1000"},
    )
    assert request(samples.attempt(cancel())) == ("/v1/payment_intents/pi_1/cancel", {})
    assert form(refund(reason="duplicate")) == {
        "payment_intent": "ref_charge",
        "amount": "1000",
        "reason": "duplicate",
        "metadata[malipo_payment_id]": "pay_1",
        "metadata[malipo_operation_id]": "ref_1",
    }


def test_a_reason_that_is_none_of_stripes_is_not_sent():
    assert "reason" not in form(refund(reason="customer changed their mind"))


def test_a_reference_cannot_leave_its_place_in_the_address():
    path, _ = request(samples.attempt(cancel(reference="../refunds?x=/")))
    assert path == "/v1/payment_intents/..%2Frefunds%3Fx%3D%2F/cancel"


def test_three_decimal_currencies_are_charged_in_tens_and_others_to_the_unit():
    assert refusal(DESCRIPTOR, charge(amount=Money(5120, "KWD"))) is None
    assert refusal(DESCRIPTOR, charge(amount=Money(5125, "KWD"))) == Declined(
        code="amount_unsupported", message="Stripe cannot take 5125 (minor units of KWD)."
    )
    assert refusal(DESCRIPTOR, refund(amount=Money(5, "BHD"))) is not None
    assert refusal(DESCRIPTOR, charge(amount=Money(7, "JPY"))) is None
    assert refusal(DESCRIPTOR, cancel()) is None


def test_a_currency_that_is_not_on_the_list_is_refused():
    assert refusal(DESCRIPTOR, charge(amount=Money(1000, "GHS"))) is not None


def test_every_currency_of_malipo_is_charged_but_the_named_ones():
    assert EXPONENTS.keys() - CURRENCIES.keys() == {"GHS"}
    assert {currency for currency, rule in CURRENCIES.items() if rule.step == 10} == {"BHD", "JOD", "KWD", "OMR", "TND"}
    assert {rule.step for rule in CURRENCIES.values()} == {1, 10}


def test_every_listed_currency_has_the_same_minor_unit_here_as_at_stripe():
    zero = {"BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"}
    three = {"BHD", "JOD", "KWD", "OMR", "TND"}
    for currency in CURRENCIES:
        assert EXPONENTS[currency] == (0 if currency in zero else 3 if currency in three else 2), currency


def test_a_decline_for_want_of_authentication_tells_what_is_missing():
    failure = {"type": "card_error", "code": "authentication_required", "message": "It requires authentication."}
    hint = "It requires authentication. Without a return_url the customer cannot be asked."
    assert read(charge(), {"error": failure}, 402).message == hint
    with_page = charge(return_url="https://shop.example/back")
    assert read(with_page, {"error": failure}, 402).message == "It requires authentication."
