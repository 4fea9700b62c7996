"""What a row of PayPal's statement says: of operations of ours what is new, and of other shops' nothing."""

import json
from datetime import UTC, datetime, timedelta

import httpx
import paypal_samples as samples
import pytest
from paypal_samples import CAPTURE, CHARGE, ORDER, REFUND, USD_10

from malipo.contracts.outcomes import Declined, Outcome, Pending, Succeeded
from malipo.contracts.providers.paypal import own_reference
from malipo.money import Money
from provider_kit.attempt_rows import OriginalAttempt
from provider_kit.credentials import Account
from provider_kit.errors import Misconfigured, NotSent
from provider_kit.provider import Ages, NamedOperation, ParsedCallback, Unmatched
from provider_paypal.objects import PaypalResponse, StatementRow
from provider_paypal.statement_rows import (
    RefundElsewhere,
    TooMany,
    by_names,
    judged,
    names_in,
    query,
    read_page,
    row_name,
)

ACCOUNT = Account("cred_1", "mer_1", "test", "default", samples.CREDENTIALS, "there")
OTHER = Account("cred_2", "mer_1", "test", "second shop", samples.CREDENTIALS, "elsewhere")
AUTHORIZATION = samples.AUTHORIZATION


def row(code: str = "T0006", status: str = "S", minor: str = "10.00", **changes) -> StatementRow:
    return samples.statement_row(code, status, minor, **changes)


def attempt(
    operation=None,
    *,
    success: Outcome | None = None,
    names: tuple[tuple[str, str], ...] = (("order", ORDER),),
    **changes,
) -> OriginalAttempt:
    operation = operation or samples.charge()
    own = ("own", own_reference(operation.operation_id))
    given = {"account_fingerprint": "there", "reference": None, "outcome": None, "first_sent_at": None}
    return OriginalAttempt(
        operation=operation, headers={}, ages=Ages(), references=[own, *names], success=success, **given | changes
    )


def said(one: StatementRow, *attempts: OriginalAttempt, account: Account = ACCOUNT):
    return judged(one, by_names(attempts), account)


def asked(operation: NamedOperation) -> ParsedCallback:
    return ParsedCallback(f"{CAPTURE}/T0006/S", ask=(operation,))


PAID = Succeeded(amount=USD_10, reference=ORDER)
WITH_CAPTURE = (("order", ORDER), ("capture", CAPTURE))
ABOUT_CHARGE = NamedOperation(kind="charge", operation_id=CHARGE)


@pytest.mark.parametrize("status", ["S", "P", "V"])
def test_a_payment_that_is_known_says_nothing(status):
    assert said(row(status=status), attempt(success=PAID, names=WITH_CAPTURE)) == "known"


def test_a_payment_that_is_known_by_its_confirm_says_nothing():
    charge, confirm = attempt(), attempt(samples.confirm(), success=PAID, names=WITH_CAPTURE)
    assert said(row(), charge, confirm) == "known"


@pytest.mark.parametrize("status", ["S", "P", "D", "V", ""])
@pytest.mark.parametrize("outcome", [None, Pending(), Declined(code="expired")])
def test_a_payment_that_is_not_known_is_asked_about(status, outcome):
    expected = ParsedCallback(f"{CAPTURE}/T0006/{status}", ask=(ABOUT_CHARGE,))
    assert said(row(status=status), attempt(outcome=outcome)) == expected


@pytest.mark.parametrize("status", ["D", "V"])
def test_a_payment_or_refund_that_is_known_to_have_failed_says_so_no_second_time(status):
    declined = attempt(ended=True, names=WITH_CAPTURE)
    assert said(row(status=status), declined) == "known"
    assert said(row(status="S"), declined) == asked(ABOUT_CHARGE)
    refund = attempt(samples.refund(), ended=True, names=(("refund", REFUND),))
    assert said(refund_row(status), refund) == "known"
    assert isinstance(said(refund_row("S"), refund), ParsedCallback)


def test_a_second_payment_of_a_charge_is_asked_about():
    known = (("order", ORDER), ("capture", "7AA11111AA111111A"))
    assert said(row(), attempt(success=PAID, names=known)) == asked(ABOUT_CHARGE)


def test_a_capture_of_an_authorization_is_known_by_its_invoice():
    charge = attempt(samples.charge(capture="manual"), names=(("order", ORDER), ("authorization", AUTHORIZATION)))
    capture = attempt(samples.capture(operation_id="cap_1"), names=(("authorization", AUTHORIZATION),))
    one = row(invoice_id=own_reference("cap_1"), paypal_reference_id=AUTHORIZATION)
    assert said(one, charge, capture) == asked(NamedOperation(kind="capture", operation_id="cap_1"))
    done = attempt(samples.capture(operation_id="cap_1"), success=PAID, names=(("capture", CAPTURE),))
    assert said(one, charge, done) == "known"


def test_a_payment_without_its_custom_field_is_known_by_its_invoice():
    assert said(row(custom_field=None), attempt()) == asked(ABOUT_CHARGE)


def test_a_payment_with_our_name_and_no_operation_is_told_to_a_person():
    assert said(row()) == asked(ABOUT_CHARGE)


@pytest.mark.parametrize("custom_field", [None, "", "order-17", "pay_1", "ref_1.1", "pay_1.1\n", "PAY_1.1"])
@pytest.mark.parametrize("code", ["T0000", "T0006", "T0007", "T1107", "T1106", "T1110", "T1201", "T0400", "T0106", ""])
def test_what_is_of_another_shop_says_nothing(code, custom_field):
    one = row(code, custom_field=custom_field, invoice_id="INV-17", paypal_reference_id="9XX11111XX111111X")
    assert said(one) == "others"


@pytest.mark.parametrize("code", ["T0006", "T1107", "T1106"])
def test_what_is_of_another_account_of_ours_is_left_to_its_own_statement(code):
    elsewhere = samples.charge(account="second shop")
    one = attempt(elsewhere, account_fingerprint="elsewhere", names=WITH_CAPTURE)
    assert said(row(code, paypal_reference_id=CAPTURE), one) == "others"
    assert said(row(code, paypal_reference_id=CAPTURE), one, account=OTHER) != "others"


def refund_row(status: str = "S", **changes) -> StatementRow:
    given = {"transaction_id": REFUND, "paypal_reference_id": CAPTURE, "custom_field": None, "invoice_id": None}
    return row("T1107", status, "-10.00", **given | changes)


def test_a_refund_of_ours_is_asked_about_unless_it_is_known():
    refund = samples.refund(operation_id="ref_1")
    expected = ParsedCallback(f"{REFUND}/T1107/S", ask=(NamedOperation(kind="refund", operation_id="ref_1"),))
    charge = attempt(success=PAID, names=WITH_CAPTURE)
    one = refund_row(custom_field="ref_1")
    assert said(one, charge, attempt(refund, names=(("capture", CAPTURE),))) == expected
    known = attempt(refund, success=Succeeded(amount=USD_10, reference=REFUND), names=(("refund", REFUND),))
    assert said(one, charge, known) == "known"


def test_a_refund_that_was_made_at_paypal_is_looked_up_there():
    assert said(refund_row(), attempt(success=PAID, names=WITH_CAPTURE)) == RefundElsewhere()


def test_a_refund_with_the_charges_custom_field_was_made_at_paypal():
    one = refund_row(custom_field=CHARGE)
    assert said(one, attempt(success=PAID, names=WITH_CAPTURE)) == RefundElsewhere()


@pytest.mark.parametrize("code", ["T1106", "T1110", "T1111", "T1201", "T1202", "T1500", "T2101"])
def test_what_paypal_takes_or_holds_of_a_payment_of_ours_is_told(code):
    one = row(
        code, minor="-4.00", transaction_id="8RV11111RV111111R", paypal_reference_id=CAPTURE, custom_field=None,
        invoice_id=None,
    )  # fmt: skip
    about = {"transaction": "8RV11111RV111111R", "capture": CAPTURE}
    refund = attempt(samples.refund(), names=(("capture", CAPTURE), ("refund", REFUND)))
    assert said(one, attempt(success=PAID, names=WITH_CAPTURE), refund) == ParsedCallback(
        f"8RV11111RV111111R/{code}/S", unmatched=(Unmatched(f"statement.{code}", about, Money(400, "USD")),)
    )


@pytest.mark.parametrize("code", ["T1108", "T1109", "T0106", "T0200", "T0400", "T1300"])
def test_fees_conversions_and_withdrawals_are_nobodys_business(code):
    one = row(code, transaction_id="8RV11111RV111111R", paypal_reference_id=CAPTURE)
    assert said(one, attempt(success=PAID, names=WITH_CAPTURE)) == "others"


def test_what_befalls_a_refund_of_ours_is_asked_of_the_refund():
    refund = attempt(samples.refund(), success=PAID, names=(("refund", REFUND),))
    one = row("T1100", transaction_id="8RV11111RV111111R", paypal_reference_id=REFUND)
    found = said(one, refund)
    assert isinstance(found, ParsedCallback)
    assert found.ask == (NamedOperation(kind="refund", references={"refund": REFUND}),)
    ended = attempt(samples.refund(), success=PAID, ended=True, names=(("refund", REFUND),))
    assert said(one, ended) == "known"


def test_an_amount_that_cannot_be_is_left_out_of_what_is_told():
    one = row("T1106", minor="ten", paypal_reference_id=CAPTURE)
    found = said(one, attempt(names=WITH_CAPTURE))
    assert isinstance(found, ParsedCallback)
    assert found.unmatched[0].amount is None


def test_rows_of_one_id_are_told_apart():
    rows = [row(status="P"), row(status="S"), row("T1503", "S")]
    assert len({row_name(one) for one in rows}) == 3


def test_attempts_are_looked_for_by_all_that_a_row_names():
    rows = [row(paypal_reference_id=AUTHORIZATION), refund_row(custom_field="ref_1"), row(custom_field="order-17")]
    operations, references = names_in(rows)
    assert operations == {CHARGE, "ref_1"}
    assert references >= {CAPTURE, AUTHORIZATION, REFUND, own_reference(CHARGE)}


def answer(body: object, status: int = 200, **more) -> PaypalResponse:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return PaypalResponse(status, content, **more)


def test_a_page_is_read_with_what_it_says_of_itself():
    page = read_page(answer(samples.statement_page([samples.statement_json()], total_pages=3)))
    assert ([one.transaction_id for one in page.rows], page.pages) == ([CAPTURE], 3)
    assert page.known_until == datetime(2026, 11, 27, 22, tzinfo=UTC)


@pytest.mark.parametrize("body", [{"transaction_details": [], "total_items": 0}, {"total_items": 0, "total_pages": 0}])
def test_a_time_without_transactions_is_a_page_without_rows(body):
    assert read_page(answer(body)).rows == []


@pytest.mark.parametrize(
    "entry", [{}, {"transaction_info": {}}, {"transaction_info": {"transaction_id": "a b"}}, 7, None]
)
def test_a_row_that_cannot_be_read_keeps_no_other_from_being_read_and_is_told(entry):
    page = read_page(answer(samples.statement_page([entry, samples.statement_json()])))
    assert [one.transaction_id for one in page.rows] == [CAPTURE]
    assert [one.unmatched for one in page.unreadable] == [(Unmatched("statement.unreadable", {}),)]


@pytest.mark.parametrize(
    "response",
    [
        answer({}),
        answer({"transaction_details": [], "total_items": 5}),
        answer({"transaction_details": [samples.statement_json()]}),
        answer([]),
        answer(b"<html>"),
        answer(b""),
        answer({"name": "INVALID_REQUEST", "details": [{"issue": "INVALID_PARAMETER_VALUE"}]}, 400),
        answer(b"<html>", 403),
        answer(b"", 404),
        answer(b"", 500),
        answer(b"", 302),
    ],
    ids=lambda one: f"{one.status} {one.body[:20]}",
)
def test_what_is_no_page_is_read_again_later(response):
    with pytest.raises(NotSent):
        read_page(response)


def test_a_rate_limit_says_when_to_come_again():
    with pytest.raises(NotSent) as limited:
        read_page(answer({"name": "RATE_LIMIT_REACHED"}, 429, retry_after_seconds=70))
    assert limited.value.retry_after_seconds == 70


def test_an_app_without_the_permission_is_told_which_it_lacks():
    with pytest.raises(Misconfigured, match="Transaction search"):
        read_page(answer({"name": "NOT_AUTHORIZED", "details": []}, 403))


@pytest.mark.parametrize(
    "body",
    [{"name": "RESULTSET_TOO_LARGE"}, {"name": "INVALID_REQUEST", "details": [{"issue": "RESULTSET_TOO_LARGE"}]}],
)
def test_more_than_paypal_shows_is_known_as_such(body):
    with pytest.raises(TooMany):
        read_page(answer(body, 400))


def test_a_query_asks_for_no_payers():
    at = datetime(2026, 11, 27, 12, 0, 0, 900, tzinfo=UTC)
    asked_for = httpx.QueryParams(query(at, at + timedelta(hours=1), 2))
    assert dict(asked_for) == {
        "start_date": "2026-11-27T12:00:00Z",
        "end_date": "2026-11-27T13:00:00Z",
        "fields": "transaction_info",
        "balance_affecting_records_only": "N",
        "page_size": "500",
        "page": "2",
    }
