"""The calls about payments: order, find, list, cancel, ask back."""

import base64
import binascii
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice

from malipo_simulators.bank.errors import (
    account_forbidden,
    duplicate_end_to_end_id,
    invalid,
    not_cancelable,
    refused,
    return_request_impossible,
)
from malipo_simulators.bank.faults import BankFault
from malipo_simulators.bank.http.request import BankRequest, missing_payment, shown
from malipo_simulators.bank.objects.models import CANCELABLE, Payment, Status
from malipo_simulators.bank.objects.money import parse, written
from malipo_simulators.bank.objects.render import render
from malipo_simulators.bank.payments import lifecycle
from malipo_simulators.bank.payments.parameters import NewPayment
from malipo_simulators.bank.rails import RAILS, bank_date
from malipo_simulators.kit.api.answers import Answer
from malipo_simulators.kit.shapes import Json

PAYMENTS = "/v1/payments"
LATEST_EXECUTION_DAYS = 365


def create(request: BankRequest) -> Answer:
    asked: NewPayment = request.body
    account = request.world.account_of(request.customer, asked.debtor_account_id)
    if asked.end_to_end_id in account.payments:
        raise duplicate_end_to_end_id()
    payment = lifecycle.take(request.world, account, fitting(request, asked), request.cause)
    return request.made(202, render(payment), {"Location": f"{PAYMENTS}/{payment.id}"})


def fitting(request: BankRequest, asked: NewPayment) -> lifecycle.Order:
    """Raise 422 for what its rail does not take, or a day on which nothing can go."""
    rail, amount = RAILS[asked.rail_name], parse(asked.amount) or 0
    if getattr(asked.creditor, rail.reaches) is None:
        raise refused("rail_unfit", f"{asked.rail} reaches an {rail.reaches}", "/rail")
    if amount > rail.most:
        raise refused("rail_limit_exceeded", f"{asked.rail} takes at most {written(rail.most)}", "/amount")
    today = bank_date(request.world.clock.moment())
    if asked.on and not today <= asked.on <= today + timedelta(days=LATEST_EXECUTION_DAYS):
        raise refused("execution_date_invalid", "Today, or a day within a year", "/requested_execution_date")
    return lifecycle.Order(
        asked.end_to_end_id, asked.rail_name, amount, asked.creditor.read(), asked.remittance, asked.on
    )


def retrieve(request: BankRequest) -> Answer:
    view = seen(request, request.payment())
    if view is None:
        raise missing_payment()
    return shown(view)


def seen(request: BankRequest, payment: Payment) -> Json | None:
    """As it is, or with that fault, as it was before its last change; None if it was not there yet."""
    if not request.has_fault(BankFault.READ_LAG):
        return render(payment)
    return payment.history[-2] if len(payment.history) > 1 else None


def listing(request: BankRequest) -> Answer:
    """Of the query's account, else of all that are the customer's."""
    wanted = request.query
    foreign = wanted.debtor_account_id in request.world.accounts
    if foreign and wanted.debtor_account_id not in request.customer.accounts:
        raise account_forbidden(wanted.debtor_account_id)
    chosen = (one for one in asked_for(request) if wanted.debtor_account_id in (None, one.debtor_account_id))
    page = list(islice(chosen, int(wanted.limit) + 1))
    views = (seen(request, one) for one in page[: int(wanted.limit)])
    more = len(page) > int(wanted.limit)
    return shown({"data": list(filter(None, views)), "next_cursor": cursor_at(page[-2]) if more else None})


def asked_for(request: BankRequest) -> Iterator[Payment]:
    wanted = request.query
    if wanted.end_to_end_id is None:
        after = read_cursor(wanted.cursor) if wanted.cursor else wanted.after
        return request.customer.changed_after(after)
    found = (account.payments.get(wanted.end_to_end_id) for account in request.customer.accounts.values())
    return filter(None, found)


def cursor_at(payment: Payment) -> str:
    """The page after it goes on with what was changed later."""
    return base64.urlsafe_b64encode(payment.updated_at.isoformat().encode()).decode()


def read_cursor(cursor: str) -> datetime:
    try:
        moment = datetime.fromisoformat(base64.urlsafe_b64decode(cursor.encode()).decode())
    except (ValueError, binascii.Error) as error:
        raise invalid([{"field": "cursor", "code": "invalid"}]) from error
    if moment.tzinfo is None:
        raise invalid([{"field": "cursor", "code": "invalid"}])
    return moment


def cancel(request: BankRequest) -> Answer:
    payment = request.payment()
    if payment.status not in CANCELABLE:
        raise not_cancelable(payment.status)
    lifecycle.change(request.world, payment, Status.CANCELED, request.cause)
    return request.made(200, render(payment))


def ask_back(request: BankRequest) -> Answer:
    """Once: whoever asks again is shown the first request."""
    payment = request.payment()
    if payment.return_request is not None:
        return request.made(200, render(payment))
    if not payment.can_be_asked_back:
        raise return_request_impossible(f"{payment.rail_name}, {payment.status}: only RTP and ACH, once completed.")
    lifecycle.ask_back(request.world, payment, request.body.reason)
    return request.made(202, render(payment))
