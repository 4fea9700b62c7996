"""The /v1/reporting operations: transactions in pages, and balances."""

from urllib.parse import urlencode

from malipo_simulators.kit.api.answers import Answer, encode
from malipo_simulators.kit.shapes import Json
from malipo_simulators.paypal.errors import PaypalError
from malipo_simulators.paypal.http.request import PaypalRequest
from malipo_simulators.paypal.objects.links import link
from malipo_simulators.paypal.objects.money import Money
from malipo_simulators.paypal.objects.times import written
from malipo_simulators.paypal.reporting.asked import BAD_REQUEST, Asked, read_asked, read_date, refreshed
from malipo_simulators.paypal.reporting.render import render_row
from malipo_simulators.paypal.reporting.rows import Row, rows_of
from malipo_simulators.paypal.state.account import Account
from malipo_simulators.paypal.state.book import EffectKind

TRANSACTIONS = "/v1/reporting/transactions"
FORBIDDEN = 403
# An app whose client id contains this has no permission for it, as it has to be asked for at PayPal.
NO_REPORTS = "noreports"
TOO_LARGE = (
    "RESULTSET_TOO_LARGE",
    "Result set size is greater than the maximum limit. Change the filter criteria and try again.",
)


def search(request: PaypalRequest) -> Answer:
    """GET /v1/reporting/transactions: the oldest first. What is younger than the lag is not among them yet."""
    check_permission(request)
    asked, known = read_asked(request), refreshed(request)
    found = [row for row in rows_of(request.account) if is_in(row, asked, known)]
    if len(found) > request.settings.max_report_rows:
        raise PaypalError(BAD_REQUEST, envelope=TOO_LARGE)
    begin = (asked.page - 1) * asked.page_size
    shown, pages = found[begin : begin + asked.page_size], -(-len(found) // asked.page_size)
    body: Json = {
        "transaction_details": [render_row(row, asked.parts) for row in shown],
        "account_number": request.account.id,
        "start_date": written(int(asked.begins)),
        "end_date": written(int(min(asked.ends, known))),
        "last_refreshed_datetime": written(known),
        "page": asked.page,
        "total_items": len(found),
        "total_pages": pages,
        "links": page_links(request, asked.page, pages),
    }
    return Answer(200, encode(body))


def check_permission(request: PaypalRequest) -> None:
    if NO_REPORTS in request.account.client_id:
        raise PaypalError(FORBIDDEN)


def is_in(row: Row, asked: Asked, known: int) -> bool:
    return asked.begins <= row.initiated <= asked.ends and row.reported <= known and asked.wanted(row)


def page_links(request: PaypalRequest, page: int, pages: int) -> list[Json]:
    others = {"first": 1, "prev": page - 1, "self": page, "next": page + 1, "last": pages}
    return [
        link(f"{request.api_base}{TRANSACTIONS}?{urlencode(request.query | {'page': str(number)})}", rel)
        for rel, number in others.items()
        if rel == "self" or (number != page and 1 <= number <= pages)
    ]


def balances(request: PaypalRequest) -> Answer:
    """GET /v1/reporting/balances: of each currency that the account has had, as of a time if one is given."""
    check_permission(request)
    known = refreshed(request)
    at = min(known, int(read_date(request, "as_of_time"))) if "as_of_time" in request.query else known
    wanted = request.query.get("currency_code")
    currencies = dict.fromkeys(one.amount.currency for one in request.account.ledger if one.at <= at)
    body: Json = {
        "balances": [balance(request.account, one, at) for one in currencies if wanted in (None, one, "ALL")],
        "account_id": request.account.id,
        "as_of_time": written(at),
        "last_refresh_time": written(known),
    }
    return Answer(200, encode(body))


def balance(account: Account, currency: str, at: int) -> Json:
    """What is held for disputes is a part of the total."""
    moved = [one for one in account.ledger if one.amount.currency == currency and one.at <= at]
    available = sum(one.net for one in moved) - account.withdrawn.get(currency, 0)
    held = -sum(one.net for one in moved if one.kind in (EffectKind.HOLD, EffectKind.HOLD_ENDED))
    return {
        "currency": currency,
        "primary": currency == "USD",
        "total_balance": Money(available + held, currency).as_json(),
        "available_balance": Money(available, currency).as_json(),
        "withheld_balance": Money(held, currency).as_json(),
    }
