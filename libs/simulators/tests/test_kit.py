"""The kit knows no provider: here a simulator is built upon it that has nothing of Stripe's.

The kiosk takes JSON, has no idempotency keys, sends no signature, and calls back to the URL that each request names.
"""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from enum import StrEnum

import httpx
import pytest
import pytest_asyncio

from malipo_simulators.kit.api.answers import Answer, Refusal, encode
from malipo_simulators.kit.api.bodies import read_body
from malipo_simulators.kit.api.dialect import Dialect, Operation
from malipo_simulators.kit.api.endpoint import add_operation
from malipo_simulators.kit.app import create_app
from malipo_simulators.kit.book import Book, BookFilter
from malipo_simulators.kit.cause import Cause
from malipo_simulators.kit.faults.scripted import FAULT_HEADER, Subject
from malipo_simulators.kit.ids import Ids
from malipo_simulators.kit.settings import SimulatorSettings
from malipo_simulators.kit.timeline import Page, Timeline, UnknownCursor
from malipo_simulators.kit.webhooks.courier import Courier
from malipo_simulators.kit.webhooks.posting import HttpxPoster
from malipo_simulators.kit.webhooks.sending import Message, Sending
from malipo_simulators.kit.world import World

pytestmark = pytest.mark.asyncio

SHORTCODE = "600123"
SETTINGS = SimulatorSettings(seed="kiosk", webhook_delay_seconds=0, webhook_retry_seconds=(0.01,) * 3)
PROMPT_SECONDS = 60


class KioskFault(StrEnum):
    CUSTOMER_HANGS_UP = "customer_hangs_up"


@dataclass
class Prompt:
    id: str
    created: int
    metadata: dict
    amount: int
    callback_url: str
    status: str = "prompted"


@dataclass(frozen=True)
class Paid:
    seq: int
    account: str
    payment_id: str
    amount: int

    def as_json(self) -> dict:
        return {"seq": self.seq, "paid": self.payment_id, "amount": self.amount}


@dataclass
class KioskRequest:
    cause: Cause
    given: dict = field(default_factory=dict)


class KioskWorld(World[SimulatorSettings]):
    def __init__(self, poster) -> None:
        super().__init__(SETTINGS, poster, KioskFault)

    def _start_empty(self) -> None:
        super()._start_empty()
        self.book = Book(lambda account, prompt: {"prompt": prompt.id, "account": account, "status": prompt.status})
        self.prompts: dict[str, Prompt] = {}
        self._couriers: dict[str, Courier] = {}

    def courier_to(self, url: str) -> Courier:
        unsigned = {"content-type": "application/json"}
        return self._couriers.setdefault(url, Courier(url, lambda *_: unsigned, self.poster, self.settings))

    def couriers(self) -> list[Courier]:
        return list(self._couriers.values())

    def counters(self) -> dict:
        return {"prompts": len(self.prompts)}

    def lapse(self) -> dict:
        late = [one for one in self.prompts.values() if one.created + PROMPT_SECONDS <= self.clock.now()]
        for prompt in late:
            prompt.status = "lapsed"
        return {"lapsed": len(late)}


class Kiosk(Dialect[KioskRequest]):
    def __init__(self, world: KioskWorld) -> None:
        self.world = world

    def new_request_id(self) -> str:
        return self.world.ids.draw("request", 6)

    async def read(self, incoming, cause):
        cause.account = SHORTCODE
        request = KioskRequest(cause, json.loads(await read_body(incoming, 1_000)))
        about = {"reference": request.given["reference"]}
        subject = Subject(cause.method, cause.path, SHORTCODE, about, request.given["amount"])
        cause.fault = self.world.faults.for_request(incoming.headers.get(FAULT_HEADER), lambda: subject)
        return request

    def server_error(self) -> Refusal:
        return Refusal(Answer(500, b'{"errorCode": "500.001"}'))

    def rate_limited(self, retry_after_seconds: int) -> Refusal:
        return Refusal(Answer(500, b'{"errorCode": "500.003"}'))

    def prompt(self, request: KioskRequest) -> Answer:
        """Prompt the customer, who pays at once, unless the fault has them hang up."""
        world, given = self.world, request.given
        about = {"reference": given["reference"]}
        prompt = Prompt(world.ids.draw("prompt", 10), world.clock.now(), about, given["amount"], given["callback_url"])
        world.prompts[prompt.id] = prompt
        world.book.open(SHORTCODE, prompt)
        if request.cause.fault is None or request.cause.fault.fault != KioskFault.CUSTOMER_HANGS_UP:
            self.pay(request.cause, prompt)
        return Answer(202, encode({"prompt": prompt.id}))

    def pay(self, cause: Cause, prompt: Prompt) -> None:
        world, prompt.status = self.world, "paid"
        world.book.record(Paid(world.book.next_seq, SHORTCODE, prompt.id, prompt.amount))
        subject = Subject(cause.method, cause.path, SHORTCODE, prompt.metadata, prompt.amount, "paid")
        fault = world.faults.for_webhook(cause.fault, lambda: subject)
        body = encode({"prompt": prompt.id, "result": 0})
        message = Message(prompt.id, body, prompt.id, lambda: world.ids.draw("prompt", 10))
        Sending(message, world.courier_to(prompt.callback_url), world.timers, cause).send(fault)


@dataclass
class Driver:
    http: httpx.AsyncClient
    world: KioskWorld
    came: list

    async def pay(self, **headers: str) -> httpx.Response:
        given = {"amount": 250, "reference": "order-7", "callback_url": "http://shop.test/callback"}
        return await self.http.post("/pay", json=given, headers=headers)

    def paid(self, **wanted) -> list:
        return list(self.world.book.effects(BookFilter(metadata=wanted)))


@pytest_asyncio.fixture
async def kiosk() -> AsyncIterator[Driver]:
    came = []

    def receive(request: httpx.Request) -> httpx.Response:
        came.append(request)
        return httpx.Response(200)

    world = KioskWorld(HttpxPoster(2, httpx.MockTransport(receive)))
    app, dialect = create_app("Kiosk", world, run_due=world.lapse), Kiosk(world)
    add_operation(app, world, dialect, Operation(("POST",), "/pay", dialect.prompt))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://kiosk.test") as http:
        yield Driver(http, world, came)
    await world.close()


async def test_a_provider_without_keys_and_signatures_is_answered_booked_and_called_back(kiosk, until):
    answer = await kiosk.pay()
    assert answer.status_code == 202
    assert kiosk.paid(reference="order-7") == [{"seq": 1, "paid": answer.json()["prompt"], "amount": 250}]
    assert kiosk.paid(reference="order-8") == []
    await until(lambda: kiosk.came, "the callback")
    assert (json.loads(kiosk.came[0].content)["result"], "signature" in str(kiosk.came[0].headers)) == (0, False)
    again = await kiosk.pay()
    assert again.json() != answer.json()


@pytest.mark.parametrize(
    ("fault", "status", "paid"),
    [("error_before_effect", 500, 0), ("error_after_effect", 500, 1), ("rate_limited", 500, 0), ("html_error", 502, 0)],
)
async def test_the_faults_of_every_simulator_strike_it_with_its_own_responses(kiosk, fault, status, paid):
    answer = await kiosk.pay(**{"x-sim-fault": fault})
    assert (answer.status_code, len(kiosk.paid())) == (status, paid)
    [logged] = (await kiosk.http.get("/_sim/requests")).json()
    assert (logged["status"], logged["fault"], logged["account"]) == (status, fault, SHORTCODE)


async def test_its_own_faults_can_be_named_by_a_rule_and_are_listed_with_the_others(kiosk):
    rule = {"fault": "customer_hangs_up", "match": {"metadata": {"reference": "order-7"}}, "times": 1}
    assert (await kiosk.http.post("/_sim/faults", json=rule)).status_code == 201
    assert (await kiosk.pay()).status_code == 202
    assert kiosk.paid() == []
    assert (await kiosk.http.post("/_sim/faults", json={"fault": "lock_timeout"})).status_code == 422
    names = (await kiosk.http.get("/openapi.json")).json()["components"]["schemas"]["Fault"]["enum"]
    assert {"customer_hangs_up", "answer_lost"} <= set(names)
    assert "lock_timeout" not in names


async def test_a_late_request_moves_money_each_time_as_it_has_no_key(kiosk, until):
    with pytest.raises(httpx.ReadError):
        await kiosk.pay(**{"x-sim-fault": "request_late:0.01"})
    await kiosk.pay()
    await until(lambda: len(kiosk.paid()) == 2, "the late request's effect")


async def test_callbacks_are_doubled_dropped_and_forged_as_those_of_any_other(kiosk, until):
    for fault, callbacks in (("webhook_drop", 0), ("webhook_duplicate", 2), ("webhook_forged", 4)):
        await kiosk.pay(**{"x-sim-fault": fault})
        await until(lambda wanted=callbacks: len(kiosk.came) == wanted, f"{callbacks} callbacks")
    ids = [json.loads(request.content)["prompt"] for request in kiosk.came]
    assert len(set(ids)) == 3


async def test_the_clock_ends_what_waits_and_a_reset_forgets_it(kiosk):
    await kiosk.pay(**{"x-sim-fault": "customer_hangs_up"})
    moved = await kiosk.http.post("/_sim/clock", json={"advance_seconds": PROMPT_SECONDS})
    assert moved.json()["lapsed"] == 1
    assert (await kiosk.http.get("/_sim/health")).json()["prompts"] == 1
    await kiosk.http.post("/_sim/reset")
    assert (await kiosk.http.get("/_sim/health")).json()["prompts"] == 0


async def test_ids_take_the_alphabet_of_their_provider():
    receipt = Ids("seed").draw("receipt", 10, "ABCDEFGH0123456789")
    assert len(receipt) == 10
    assert set(receipt) <= set("ABCDEFGH0123456789")


async def test_a_timeline_pages_and_names_the_cursor_that_it_does_not_know():
    timeline = Timeline[Prompt]()
    for number in range(5):
        timeline.append(Prompt(f"p{number}", number, {}, 1, ""))
    found, more = timeline.page(Page(limit=2, after="p3"))
    assert ([one.id for one in found], more) == (["p2", "p1"], True)
    with pytest.raises(UnknownCursor, match="p9"):
        timeline.page(Page(before="p9"))
