"""GET /v1/statements: what was booked on one account on one day of the bank's, and what it held before and after."""

from datetime import date

from malipo_simulators.bank.errors import account_unclear, statement_not_ready
from malipo_simulators.bank.faults import BankFault
from malipo_simulators.bank.http.call import Fields
from malipo_simulators.bank.http.fields import AccountId, Day
from malipo_simulators.bank.http.request import BankRequest, shown
from malipo_simulators.bank.objects.money import CURRENCY, written
from malipo_simulators.bank.objects.times import written as time
from malipo_simulators.bank.rails import bank_date
from malipo_simulators.bank.state.account import Account
from malipo_simulators.bank.state.book import Entry
from malipo_simulators.kit.api.answers import Answer
from malipo_simulators.kit.shapes import Json


class WantedStatement(Fields):
    """Without an account it is the customer's only one."""

    date: Day
    debtor_account_id: AccountId | None = None


def retrieve(request: BankRequest) -> Answer:
    day, account = date.fromisoformat(request.query.date), account_in(request)
    if day >= bank_date(request.world.clock.moment()):
        raise statement_not_ready()
    opening, entries = account.balance_before(day), account.entries_of(day)
    if request.has_fault(BankFault.STATEMENT_ENTRY_MISSING):
        entries = entries[:-1]
    closing = opening + sum(entry.signed for entry in entries)
    if request.has_fault(BankFault.STATEMENT_UNBALANCED):
        closing += 1
    return shown(
        {
            "debtor_account_id": account.id,
            "date": day.isoformat(),
            "currency": CURRENCY,
            "opening_balance": written(opening),
            "closing_balance": written(closing),
            "entries": [render_entry(entry) for entry in entries],
        }
    )


def account_in(request: BankRequest) -> Account:
    """The one that is named, else the customer's only one."""
    if request.query.debtor_account_id is not None:
        return request.world.account_of(request.customer, request.query.debtor_account_id)
    accounts = list(request.customer.accounts.values())
    if len(accounts) != 1:
        raise account_unclear()
    return accounts[0]


def render_entry(entry: Entry) -> Json:
    return {
        "id": entry.id,
        "booked_at": time(entry.at),
        "direction": entry.direction,
        "amount": written(entry.amount),
        "currency": CURRENCY,
        "kind": entry.kind,
        "text": entry.text,
        "end_to_end_id": entry.payment.end_to_end_id if entry.payment else None,
        "payment_id": entry.payment.id if entry.payment else None,
    }
