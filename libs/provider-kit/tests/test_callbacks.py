"""The callback route: verified, stored once, believed only about what was attempted for that account."""

import asyncio

import httpx
import pytest
from starlette.applications import Starlette
from structlog.contextvars import clear_contextvars, merge_contextvars
from structlog.testing import capture_logs

from malipo.contracts.outcomes import Declined, Pending, Succeeded, Unknown
from malipo.money import Money
from malipo.platform.client import http_client
from provider_kit import callbacks
from provider_kit.callbacks import MAX_BODY_BYTES
from provider_kit.credentials import Account
from provider_kit.door import _Report
from provider_kit.errors import BadSignature
from provider_kit.provider import CallbackOutcome, ParsedCallback
from provider_kit.reports import Origin

DONE = Succeeded(amount=Money(1000, "USD"), reference="obj_1")
ADDRESS = "/callbacks/fake/cred_1"
TRACE_ID = "1" * 32
TRACEPARENT = f"00-{TRACE_ID}-{'2' * 16}-00"


def reported(
    operation_id: str | None = "pay_1.1", kind: str = "charge", outcome=DONE, **references: str
) -> CallbackOutcome:
    return CallbackOutcome(operation_id=operation_id, kind=kind, outcome=outcome, references=references)


@pytest.fixture
async def post(kit, make):
    """A charge has made `obj_1`, which waits; posts a callback that reports these outcomes."""
    kit.provider.script = [Pending(reference="obj_1")]
    await kit.handle(make.charge(), headers={"traceparent": TRACEPARENT})
    await kit.run()
    await kit.reports()
    app = Starlette(routes=[kit.callbacks.route()])
    async with http_client(
        timeout_seconds=5, base_url="http://service.test", transport=httpx.ASGITransport(app)
    ) as http:

        async def send(
            *outcomes: CallbackOutcome, address: str = ADDRESS, callback_id: str = "evt_1", body: bytes = b"{}"
        ):
            if outcomes:
                kit.provider.parsed = ParsedCallback(callback_id, outcomes)
            response = await http.post(address, content=body)
            return response.status_code, response.json()["result"]

        yield send


async def test_a_callback_is_stored_and_joins_the_trace_of_its_payment(kit, post):
    assert await post(reported()) == (200, "stored")
    (row,) = await kit.database.reads.fetch("SELECT key, headers FROM outbox")
    assert (row["key"], row["headers"]["traceparent"]) == ("pay_1", TRACEPARENT)
    (report,) = await kit.reports()
    assert (report.source, report.kind, report.provider, report.outcome) == ("callback", "charge", "fake", DONE)


async def test_a_repeat_is_answered_and_stored_no_second_time(kit, post):
    assert [await post(reported()), await post(reported())] == [(200, "stored"), (200, "duplicate")]
    assert await post(reported(), callback_id="evt_2") == (200, "stored")
    assert len(await kit.reports()) == 2


async def test_what_is_not_genuine_is_refused(kit, post):
    kit.provider.parsed = BadSignature("forged")
    assert await post() == (401, "bad_signature")
    assert await kit.reports() == []


async def test_an_unknown_address_is_404(post):
    assert await post(reported(), address="/callbacks/fake/cred_9") == (404, "unknown_address")


async def test_what_comes_to_an_address_that_can_be_nobodys_is_not_read(post):
    too_large = b"x" * (MAX_BODY_BYTES + 1)
    assert await post(address="/callbacks/fake/cred-9", body=too_large) == (404, "unknown_address")


async def test_a_body_beyond_the_limit_is_refused_unread(post):
    assert await post(reported(), body=b"x" * (MAX_BODY_BYTES + 1)) == (413, "too_large")


async def hang_on(kit, receive) -> int:
    """The status of the response to a body that comes from `receive`."""
    scope = {"type": "http", "method": "POST", "path": ADDRESS, "headers": [], "query_string": b""}
    sent = []

    async def send(message) -> None:
        sent.append(message)

    await Starlette(routes=[kit.callbacks.route()])(scope, receive, send)
    return sent[0]["status"]


async def test_a_body_that_is_cut_short_or_never_ends_is_refused(kit, monkeypatch):
    async def leave():
        return {"type": "http.disconnect"}

    async def stall():
        await asyncio.Event().wait()

    monkeypatch.setattr(callbacks, "_READ_SECONDS", 0.05)
    assert await hang_on(kit, leave) == 400
    assert await hang_on(kit, stall) == 408


async def test_a_callback_about_no_operation_of_ours_is_accepted_and_not_published(kit, post):
    assert await post(reported("pay_unknown")) == (200, "not_ours")
    assert await post(reported("pay_unknown")) == (200, "duplicate")
    assert await kit.reports() == []


async def test_a_callback_that_reports_nothing_is_answered_without_the_database(kit, post):
    kit.provider.parsed = ParsedCallback("evt_1", ())
    assert await post() == (200, "not_ours")
    kit.database.use(None)
    assert await post() == (200, "not_ours")


def report_of(account: Account, parsed: ParsedCallback) -> _Report:
    """As it is, be it unfit to be stored."""
    return _Report(Origin("fake", account, parsed.callback_id, "callback"), parsed, believed=True, about=None)


@pytest.fixture
def together(kit):
    """Stores callbacks, each a credential's id, its own id and outcomes, in one batch; returns the result of each."""

    async def store(*received):
        accounts = [await kit.credentials.by_id(credential_id) for credential_id, *_ in received]
        # These tasks run before the one that the first of them starts, which writes what all of them have brought.
        stored = [
            kit.door._keep(report_of(account, ParsedCallback(callback_id, outcomes)))
            for account, (_, callback_id, *outcomes) in zip(accounts, received, strict=True)
        ]
        return await asyncio.gather(*stored, return_exceptions=True)

    return store


async def test_callbacks_that_come_together_are_each_answered_rightly_and_stored_once(kit, post, make, together):
    await kit.configure(make.configured(merchant_id="mer_2", id="cred_2"))
    await post(reported(), callback_id="evt_before")
    await kit.reports()
    assert await together(
        ("cred_1", "evt_1", reported()),
        ("cred_1", "evt_before", reported()),
        ("cred_1", "evt_1", reported()),
        ("cred_2", "evt_1", reported()),
        ("cred_1", "evt_2", reported("pay_unknown")),
        ("cred_1", "evt_3", reported(), reported("pay_unknown")),
    ) == ["stored", "duplicate", "duplicate", "not_ours", "not_ours", "stored"]
    assert [report.callback_id for report in await kit.reports()] == ["evt_1", "evt_3"]


async def test_a_callback_that_cannot_be_stored_affects_none_that_comes_with_it(kit, post, together):
    good, bad, repeat = await together(
        ("cred_1", "evt_1", reported()), ("cred_1", "evt_\0", reported()), ("cred_1", "evt_1", reported())
    )
    assert (good, repeat) == ("stored", "duplicate")
    assert isinstance(bad, Exception)
    assert [report.callback_id for report in await kit.reports()] == ["evt_1"]


async def test_log_lines_of_callbacks_that_come_together_are_each_about_its_own_payment(kit, post, make, together):
    await kit.handle(make.charge(2, client_ref=None), headers={})
    await kit.run()
    await kit.reports()
    other_amount = Succeeded(amount=Money(1001, "USD"), reference="obj_1")
    clear_contextvars()  # nothing is left of what this task has run before
    with capture_logs(processors=[merge_contextvars]) as lines:
        await together(
            ("cred_1", "evt_1", reported(outcome=other_amount)),
            ("cred_1", "evt_2", reported("pay_2.1", outcome=other_amount)),
        )
    logged = [
        (line["payment_id"], line.get("trace_id")) for line in lines if line["event"].startswith("provider speaks")
    ]
    assert logged == [("pay_1", TRACE_ID), ("pay_2", None)]


async def test_another_merchants_account_cannot_report_about_this_ones_payment(kit, post, make):
    await kit.configure(make.configured(merchant_id="mer_2", id="cred_2"))
    assert await post(reported(), address="/callbacks/fake/cred_2") == (200, "not_ours")
    assert await kit.reports() == []


async def test_a_callback_is_of_its_accounts_mode(kit, post, make, monkeypatch):
    both = (make.credential(), make.credential(id="cred_live", mode="live"))
    await kit.configure(type(make.configured())(merchant_id="mer_1", version=2, credentials=both))
    modes: list[str] = []

    async def hear(callback, credentials) -> ParsedCallback:
        modes.append(callback.mode)
        return ParsedCallback("evt_1")

    monkeypatch.setattr(kit.provider, "parse_callback", hear)
    for credential_id in ("cred_1", "cred_live"):
        await post(address=f"/callbacks/fake/{credential_id}")
    assert modes == ["test", "live"]


async def test_the_test_mode_account_cannot_report_about_a_live_payment(kit, post, make):
    both = (make.credential(), make.credential(id="cred_live", mode="live"))
    await kit.configure(type(make.configured())(merchant_id="mer_1", version=2, credentials=both))
    await kit.handle(make.charge(2, mode="live"))
    await kit.run()
    await kit.reports()
    assert await post(reported("pay_2.1")) == (200, "not_ours")
    assert await post(reported("pay_2.1"), address="/callbacks/fake/cred_live") == (200, "stored")


async def test_a_callback_about_another_object_or_another_kind_of_operation_is_not_believed(kit, post):
    other = Succeeded(amount=Money(1000, "USD"), reference="obj_2")
    assert await post(reported(outcome=other)) == (200, "not_ours")
    assert await post(reported(kind="refund"), callback_id="evt_2") == (200, "not_ours")
    assert await kit.reports() == []


async def test_a_callback_may_name_an_object_whose_id_was_lost_with_the_answer(kit, post, make):
    kit.provider.script = [Unknown(reason="timeout")]
    await kit.handle(make.charge(2))
    await kit.run()
    await kit.reports()
    assert await post(reported("pay_2.1", outcome=Declined(code="no", reference="obj_2"))) == (200, "stored")


async def test_a_callback_about_another_amount_is_a_doubt(kit, post):
    assert await post(reported(outcome=Succeeded(amount=Money(1001, "USD"), reference="obj_1"))) == (200, "stored")
    assert [report.outcome for report in await kit.reports()] == [Unknown(reason="amount_mismatch", reference="obj_1")]


async def test_an_operation_can_be_named_like_a_query_without_harm(kit, post, make):
    await kit.handle(make.query())
    query_id = await kit.database.reads.fetchval("SELECT id FROM attempts WHERE kind = 'query'")
    assert await post(reported(query_id)) == (200, "not_ours")


async def test_while_the_database_is_away_the_provider_is_asked_to_send_again(kit, post):
    pool, kit.database._pool = kit.database._pool, None
    assert await post(reported()) == (503, "unavailable")
    kit.database.use(pool)
    assert await post(reported()) == (200, "stored")


async def test_while_a_credential_cannot_be_decrypted_the_provider_is_asked_to_send_again(kit, post):
    await kit.sql("UPDATE credentials SET ciphertext = 'v1.k9.a.b'")
    kit.credentials._forget()  # what the charge has read just now
    assert await post(reported()) == (503, "unavailable")
