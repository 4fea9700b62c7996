"""The benchmark of callbacks: what it sends is genuine, what is refused is sent again, and its figures add up."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from bench import goals
from bench.callbacks import report
from bench.callbacks.campaign import Campaign, Sent
from bench.callbacks.heavy import completed
from bench.callbacks.reception import Reception, with_window
from bench.callbacks.senders import SENDERS, event_id, payment_id
from bench.callbacks.service import Receiver
from bench.callbacks.trial import Trial
from bench.load import working
from malipo import clock
from malipo.contracts.events import PaymentTransitioned
from malipo.contracts.identity import charge_id
from malipo.contracts.outcomes import Succeeded
from malipo.contracts.provider_commands import Charge
from malipo.contracts.providers import PROVIDERS
from malipo.contracts.providers.bank import own_reference
from malipo.contracts.topics import PAYMENT_EVENTS
from malipo.messaging.database import Database
from malipo.messaging.unit_of_work import Reads
from malipo.platform.secrets import KeyRing
from provider_bank.partners import Partner
from provider_bank.provider import BankProvider
from provider_kit.knowledge import originals
from provider_kit.personal import PersonalKeys
from provider_kit.provider import Callback
from provider_stripe.client import verify
from provider_stripe.events import parse_event
from testkit.serving import serving

ALONE = Reception(name="alone", rate=500, seconds=60, callbacks=30_000, answered=(5.0, 20.0))
TRIAL = Trial(
    provider="bank",
    alone=ALONE,
    beside=replace(ALONE, name="beside", answered=(6.0, 25.0)),
    killed=ALONE,
    documents=7,
    described={},
)


def test_a_callback_of_stripes_is_one_that_its_service_believes():
    sender, now = SENDERS["stripe"], clock.unix_seconds()
    sent = sender.sign(7, now)
    verify(sender.credentials, sent.headers["stripe-signature"], sent.body, tolerance_seconds=300)
    parsed = parse_event(sent.body)
    [told] = parsed.outcomes
    assert parsed.callback_id == event_id(7)
    assert told.operation_id == charge_id(payment_id(7), 1)
    assert isinstance(told.outcome, Succeeded)


async def test_a_callback_of_the_banks_is_one_that_its_service_believes():
    sender, now = SENDERS["bank"], clock.unix_seconds()
    sent = sender.sign(7, now)
    partners = {"default": Partner(mode="test", authentication="oauth2", api_base="http://127.0.0.1:1")}
    provider = BankProvider(cast("Any", None), partners)
    parsed = await provider.parse_callback(Callback(sent.headers, sent.body), sender.credentials)
    [told] = parsed.outcomes
    assert parsed.callback_id == event_id(7)
    assert told.own == own_reference(charge_id(payment_id(7), 1))
    assert isinstance(told.outcome, Succeeded)


class OneDatabase:
    """What a `Receiver` asks of its stack, but for processes."""

    def __init__(self, database_url: str) -> None:
        self._database_url = database_url

    def url(self, _service: str) -> str:
        return "http://127.0.0.1:1"

    def database_url(self, _service: str) -> str:
        return self._database_url


@pytest.mark.parametrize("provider", SENDERS)
async def test_the_charges_that_callbacks_are_about_are_some_that_the_service_finds(
    provider: str, new_database: Callable[[str], str], pool_of: Any
):
    url = new_database(f"provider_{provider}")
    ring = KeyRing({"k1": b"k" * 32})
    await Receiver(cast("Any", OneDatabase(url)), SENDERS[provider]).add(3, ring)
    pool = await pool_of(url)
    found = await originals(Reads(pool), [charge_id(payment_id(number), 1) for number in range(3)])
    assert [one.operation.merchant_id for one in found.values()] == ["mer_receiver"] * 3
    keys = PersonalKeys(PROVIDERS[provider], a_database(pool), ring)
    [opened] = [
        await keys.open(one.operation.payment_id, cast("Charge", one.operation).method)
        for one in list(found.values())[:1]
    ]
    assert opened == PROVIDERS[provider].read_method(SENDERS[provider].method)


def a_database(pool: Any) -> Database:
    database = Database()
    database.use(pool)
    return database


def test_an_event_that_is_fed_to_heavy_work_can_be_read():
    step = PAYMENT_EVENTS.decode(completed(7))
    assert isinstance(step, PaymentTransitioned)
    assert (step.payment_id, step.mode) == (payment_id(7), "live")


async def test_a_callback_that_is_refused_is_sent_again_until_it_is_taken():
    seen: list[bytes] = []

    async def take(request: Request) -> JSONResponse:
        body = await request.body()
        seen.append(body)
        if seen.count(body) == 1:
            return JSONResponse({"result": "unavailable"}, 503)
        return JSONResponse({"result": "stored" if seen.count(body) == 2 else "duplicate"})

    app = Starlette(routes=[Route("/callbacks", take, methods=["POST"])])
    async with serving(uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))) as url:
        campaign = Campaign(
            provider="stripe", url=f"{url}/callbacks", first=100, rate=20, seconds=1, again_seconds=0.05
        )
        sent = await asyncio.to_thread(sent_by, campaign)
    assert len(sent) > 5
    assert sorted(one.number for one in sent) == list(range(100, 100 + len(sent)))
    assert all(one.taken is not None and one.taken > one.answered for one in sent)
    assert [one.refused for one in sent] == [(503,)] * len(sent)


async def test_a_callback_whose_connection_breaks_is_sent_again_on_another():
    connections = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.readuntil(b"\r\n\r\n")
        if connections % 2 == 0:  # of the others it is not known whether they took it
            writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        campaign = Campaign(
            provider="bank", url=f"http://127.0.0.1:{port}/x", first=0, rate=20, seconds=0.5, again_seconds=0.05
        )
        sent = await asyncio.to_thread(sent_by, campaign)
    assert sent
    assert all(one.taken is not None for one in sent)
    assert {status for one in sent for status in one.refused} == {0}


def sent_by(campaign: Campaign) -> list[Sent]:
    with working("bench.callbacks.generator", campaign) as generator:
        return generator.result(list[Sent])


def test_what_is_measured_of_callbacks_is_when_they_were_answered_first_and_when_they_were_taken():
    window = [Sent(n, 0.0, 0.0, 0.010, 0.010, (), repeated=False) for n in range(98)]
    window += [
        Sent(98, 0.0, 0.001, 0.5, 2.5, (503,), repeated=True),
        Sent(99, 0.0, 0.0, 10.0, None, (0,), repeated=False),
    ]
    found = with_window(ALONE, window)
    assert found.answered == pytest.approx((10.0, 500.0))
    assert (found.longest_seconds, found.sent_again, found.repeated) == (2.5, 2, 1)
    assert found.refusals == "1 x 503, 1 x no answer"


def test_a_callback_that_is_lost_or_not_told_is_what_went_wrong_in_the_run():
    assert TRIAL.wrong == []
    assert replace(TRIAL, killed=replace(ALONE, lost=1, untold=2)).wrong == [
        "alone: 1 callbacks lost",
        "alone: 2 callbacks not told",
    ]


def test_the_price_of_heavy_work_is_the_receivers_p99_beside_it_times_that_alone():
    assert TRIAL.ratio == pytest.approx(1.25)
    assert json.loads(report.line(TRIAL, seconds=1))["ratio"] == 1.25
    assert [goal.reached for goal in goals.of_callbacks(TRIAL)] == [True, True, True]
    assert [table.row_count for table in report.tables(TRIAL)] == [3, 0, 2]
