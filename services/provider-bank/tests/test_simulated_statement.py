"""The simulated bank's lists and statements, read as the service reads them: nothing that happened there stays unknown."""

from datetime import timedelta

import bank_samples as samples
import httpx
import pytest
from bank_samples import ACCOUNT, CREDENTIALS, PARTNERS
from prometheus_client import REGISTRY

from malipo import clock
from malipo.contracts.outcomes import Reversed, Succeeded
from malipo.contracts.providers.bank import own_reference
from malipo.money import Money
from malipo.platform.client import http_client
from malipo_simulators.bank.app import create_bank_app
from malipo_simulators.bank.settings import BankSettings
from provider_bank.client import BankClient
from provider_bank.connections import Connections
from provider_bank.statement import BankStatement
from provider_kit.attempt_rows import OriginalAttempt
from provider_kit.credentials import Account
from provider_kit.provider import Ages, ParsedCallback
from provider_kit.references import OWN
from provider_kit.statement import Stretch
from testkit.tokens import MemoryTokens

DAY = 86_400
SETTINGS = BankSettings(seed="tests", rtp_seconds=10, day_seconds=DAY)
CLOSED = {"name": "Jane Doe", "account": {"number": "000123450002", "routing": "021000021"}}
"""Whoever has this number gets no transfer: it comes back with R02."""
OWN_NAME = own_reference(samples.charge().operation_id)


class Bank:
    """The simulated bank, and one charge of ours there, which may not be known yet to have been paid."""

    def __init__(self, http: httpx.AsyncClient) -> None:  # noqa: TID251 - made by the fixture
        self.http = http
        self.known: list[OriginalAttempt] = []
        partners = {"default": at_simulator(PARTNERS["default"])}
        self.statement = BankStatement(BankClient(Connections(lambda *_: http), MemoryTokens()), partners, self._find)

    async def _find(self, _operations, references) -> dict:
        return {str(at): one for at, one in enumerate(self.known) if one.ids & set(references)}

    async def ordered(self, **changes) -> str:
        """The bank's id of a payment of 10 USD."""
        oauth = CREDENTIALS["oauth"]
        grant = {"grant_type": "client_credentials"}
        token = await self.http.post("/oauth2/token", data=grant, auth=(oauth["client_id"], oauth["client_secret"]))
        body = {"end_to_end_id": OWN_NAME, "rail": "BOOK", "amount": "10.00", "currency": "USD"}
        body |= {"debtor_account_id": ACCOUNT, "creditor": samples.RECIPIENT, **changes}
        headers = {"authorization": f"Bearer {token.json()['access_token']}", "idempotency-key": body["end_to_end_id"]}
        answer = await self.http.post("/v1/payments", json=body, headers=headers)
        assert answer.status_code == 202, answer.text
        return answer.json()["id"]

    def knows(self, payment_id: str, *, paid: bool) -> None:
        success = Succeeded(amount=samples.USD_10, reference=payment_id) if paid else None
        names = [(OWN, OWN_NAME), ("payment", payment_id)]
        attempt = OriginalAttempt(samples.charge(), {}, clock.now(), None, payment_id, None, Ages(), names, success=success)  # fmt: skip
        self.known = [attempt]

    async def control(self, path: str, data: dict | None = None) -> None:
        (await self.http.post(f"/_sim/{path}", json=data)).raise_for_status()

    async def read(self, since_days: float, until_days: float) -> list[ParsedCallback]:
        """What is read of that time, as an earlier one: days from now."""
        since, until = (clock.now() + timedelta(days=days) for days in (since_days, until_days))
        account = Account("cred_1", samples.charge().merchant_id, "test", "default", CREDENTIALS)
        return [one async for page in self.statement.pages(account, Stretch(since, until, until)) for one in page]


def at_simulator(partner):
    return partner.model_copy(update={"api_base": "http://bank.test", "timeout_seconds": 5})


@pytest.fixture
async def bank():
    app = create_bank_app(SETTINGS)
    async with http_client(timeout_seconds=5, base_url="http://bank.test", transport=httpx.ASGITransport(app)) as http:
        yield Bank(http)
    await app.state.world.close()


def unbalanced() -> float:
    return REGISTRY.get_sample_value("malipo_bank_statements_total", {"result": "unbalanced"}) or 0


async def test_a_completed_transfer_is_told_by_the_list_unless_it_is_known(bank):
    payment_id = await bank.ordered()
    bank.knows(payment_id, paid=False)
    (report,) = await bank.read(-0.1, 0.1)
    assert [one.outcome for one in report.outcomes] == [Succeeded(amount=samples.USD_10, reference=payment_id)]
    bank.knows(payment_id, paid=True)
    assert await bank.read(-0.1, 0.1) == []


async def test_a_return_days_after_completion_is_told_by_list_and_statement_alike_with_its_reason(bank):
    payment_id = await bank.ordered(rail="ACH", creditor=CLOSED)
    bank.knows(payment_id, paid=True)
    await bank.control("clock", {"advance_seconds": 8 * DAY})
    reports = await bank.read(-0.1, 8)
    told = {one.callback_id.split("/")[0]: one.outcomes[0].outcome for one in reports}
    assert {source: (type(outcome), outcome.code) for source, outcome in told.items()} == dict.fromkeys(
        ("payment", "entry"), (Reversed, "R02")
    )


async def test_what_another_system_of_the_account_did_goes_to_suspense_once_under_one_reference(bank):
    payment_id = await bank.ordered(end_to_end_id="elsewhere")
    await bank.control(f"accounts/{ACCOUNT}/entries", {"direction": "credit", "amount": 500})
    await bank.control(f"accounts/{ACCOUNT}/entries", {"direction": "debit", "amount": 25, "kind": "fee"})
    await bank.control("clock", {"advance_seconds": 3 * DAY})
    reports = await bank.read(-0.1, 3)
    money = [*(one for report in reports for one in report.received)]
    money += [one.otherwise for report in reports for one in report.outcomes]
    assert {(one.reference == payment_id, one.amount) for one in money} == {
        (True, samples.USD_10),
        (False, Money(500, "USD")),
    }


async def test_nothing_of_a_statement_is_believed_that_the_bank_got_wrong(bank):
    payment_id = await bank.ordered()
    bank.knows(payment_id, paid=False)
    await bank.control("clock", {"advance_seconds": 3 * DAY})
    await bank.control("faults", {"fault": "statement_unbalanced", "times": 10})
    before = unbalanced()
    assert [one.callback_id.split("/")[0] for one in await bank.read(-0.1, 2)] == ["payment"]
    assert unbalanced() > before
