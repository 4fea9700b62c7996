"""A provider from one command to money: begun in a copy of the repository, written, held to the laws, paid through.

What is written is in `written/`, as it would be in the repository. Each test goes on where the one before has ended.
"""

import asyncio
import json
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from e2e.collector import collecting
from scaffold.scratch_copy import PLACES, Copy, scratch_copy

from malipo.messaging.security import KafkaAccess
from malipo_local.waiting import until
from testkit.dumps import every_record, every_row

pytestmark = pytest.mark.timeout(600)

WRITTEN = Path(__file__).with_name("written")
NAMES = ("gateway", "orchestrator", "provider-acme", "acme-sim", "webhook-dispatcher")
PHONE = "0798 641 357"
FORMS = ("798641357", "798 641 357", "798-641-357")
MASK = "2547*****357"
SUITE = ("-m", "pytest", "-q", "-n", "0", "services/provider-acme")


@pytest.fixture(scope="module")
def begun() -> Iterator[Copy]:
    with scratch_copy() as copy:
        copy.run("make", "new-provider", "NAME=acme", "TITLE=Acme Pay")
        yield copy


@pytest.fixture(scope="module")
def written(begun: Copy) -> Copy:
    begun.lay_over(WRITTEN)
    begun.run("make", "docs")
    return begun


class Shop:
    """A merchant of the stack, and all that the stack keeps."""

    def __init__(self, copy: Copy, where: dict[str, Any], collector: Any) -> None:
        self.copy, self.where, self.collector = copy, where, collector
        merchant = self.operate("merchant", "create", "shop")
        key = self.operate("key", "create", merchant["id"], "--mode", "test")["key"]
        self.api = httpx.Client(base_url=where["urls"]["gateway"], headers={"X-API-Key": key}, timeout=30)
        put = self.api.put("/v1/provider-credentials/acme", json={"secret": "acme-secret-of-the-shop"})
        put.raise_for_status()

    def operate(self, *arguments: str) -> Any:
        command = [".venv/bin/python", "-m", "gateway", *arguments, "--json"]
        env = self.where["gateway"]
        done = subprocess.run(command, cwd=self.copy.folder, env=env, capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    def get(self, path: str) -> Any:
        return self.api.get(path).raise_for_status().json()

    def post(self, path: str, body: dict[str, Any]) -> Any:
        headers = {"Idempotency-Key": uuid.uuid4().hex}
        return self.api.post(path, json=body, headers=headers).raise_for_status().json()

    def pay(self, **fields: Any) -> Any:
        """A payment that has ended, and whose timeline is complete."""
        body = {"amount": 1250, "currency": "KES", "method": {"type": "acme", "phone": PHONE}, **fields}
        made = self.post("/v1/payments", body)
        assert until(lambda: self.get(f"/v1/payments/{made['id']}")["status"] == "completed", 60)
        assert until(lambda: self.get(f"/v1/payments/{made['id']}/timeline")["complete"], 30)
        return self.get(f"/v1/payments/{made['id']}")

    def book(self) -> Any:
        return httpx.get(self.where["urls"]["acme-sim"] + "/_sim/book").raise_for_status().json()["effects"]

    def rows(self) -> dict[str, str]:
        return {name: asyncio.run(every_row(url)) for name, url in self.where["databases"].items()}

    def everything(self) -> dict[str, str]:
        """Rows, records, logs and traces, as texts."""
        records = asyncio.run(every_record(KafkaAccess(self.where["kafka"])))
        logs = {path.name: path.read_text("utf-8", "replace") for path in Path(self.where["logs"]).iterdir()}
        return self.rows() | records | logs | {"traces": str(self.collector.spans)}


@pytest.fixture(scope="module")
def shop(written: Copy) -> Iterator[Shop]:
    with collecting() as collector, written.stack(*NAMES, collector=collector.url) as where:
        shop = Shop(written, where, collector)
        with closing(shop.api):
            yield shop


@pytest.fixture(scope="module")
def paid(shop: Shop) -> Any:
    return shop.pay(customer_ref="anna")


def test_the_suite_of_a_new_provider_is_red_and_lists_what_is_to_be_written(begun: Copy) -> None:
    shown = begun.python(*SUITE, check=False)
    assert "FAILED" in shown
    listed = shown.split("to be written:")[1].split("\n___")[0]
    assert [line.split(":")[0].strip() for line in listed.strip().splitlines()] == [
        "contracts/providers/acme.py",
        *(f"test_conformance.py, {name}" for name in ("credentials", "other_credentials", "content_type")),
        "test_conformance.py, rate_limit_is_unprocessed",
        *(f"test_conformance.py, {name}" for name in ("examples", "traceless", "unheard_of", "mismatched")),
        *(f"test_conformance.py, {name}" for name in ("amounts", "sign", "stories")),
        *(f"client.py, {name}" for name in ("identity", "headers", "verify")),
        *(f"mapping.py, {name}" for name in ("request", "inquiry", "outcome_of", "read_callback")),
    ]


def test_what_was_generated_passes_the_checks_of_what_is_written_by_hand(begun: Copy) -> None:
    places = [path for path in PLACES if path != PLACES[0]] + ["libs/common/src/malipo/contracts/providers"]
    begun.run(".venv/bin/ruff", "check", "--quiet", *places)
    begun.run(".venv/bin/ruff", "format", "--check", "--quiet", *places)
    begun.run(".venv/bin/typos", *places)
    begun.run(".venv/bin/basedpyright", "services/provider-acme/src", "libs/simulators/src/malipo_simulators/acme")


def test_a_provider_that_is_written_keeps_the_laws(written: Copy) -> None:
    assert "failed" not in written.python(*SUITE)


def test_no_file_beside_its_three_places_is_touched_by_hand(written: Copy, capsys: pytest.CaptureFixture[str]) -> None:
    """All that is changed there comes again, to the byte, from what was before and the three places."""
    changed = written.outside()
    assert {"pyproject.toml", "uv.lock", "docker-compose.yml", "docs/openapi.json"} <= changed.keys()
    for path in changed:
        written.take_back(path)
    assert written.outside() == {}
    written.run("make", "lock")
    written.run("make", "docs")
    again = written.outside()
    by_hand = sorted(path for path in changed.keys() | again.keys() if changed.get(path) != again.get(path))
    with capsys.disabled():
        print(f"\nfiles outside a provider's places: {len(changed)} derived, {len(by_hand)} touched by hand")  # noqa: T201
    assert by_hand == []


def test_a_payment_through_it_is_completed_and_the_books_agree(shop: Shop, paid: Any) -> None:
    assert (paid["status"], paid["provider"], paid["method"]) == ("completed", "acme", "acme")
    [effect] = shop.book()
    assert (effect["tag"], effect["amount"], effect["currency"]) == (f"{paid['id']}.1", 1250, "KES")
    assert effect["metadata"]["phone"] == "254798641357", "the provider needs it"


def test_a_phone_number_is_in_no_row_record_log_or_trace(shop: Shop, paid: Any) -> None:
    kept = shop.everything()
    assert {place for place, text in kept.items() if any(form in text for form in FORMS)} == set()
    for place in ("gateway", "orchestrator", "provider-acme", "payments.commands.v1", "personal.keys.v1", "traces"):
        assert paid["id"] in kept[place], place
    assert MASK in kept["payments.commands.v1"]
    assert paid["id"] in kept["provider-acme.log"]


@pytest.mark.parametrize("way", ["/v1/payments/{id}/erase", "/v1/customers/anna/erase"])
def test_an_erased_phone_number_can_not_be_opened_any_more_and_payment_and_books_stay(shop: Shop, way: str) -> None:
    paid = shop.pay(customer_ref="anna")
    path, book = f"/v1/payments/{paid['id']}", shop.book()
    timeline = shop.get(f"{path}/timeline")["entries"]
    keys = {asyncio.run(wrapped(shop, name, paid["id"])) for name in ("gateway", "provider-acme")}
    assert len(keys) == 1
    assert None not in keys
    shop.post(way.format(id=paid["id"]), {})
    held = lambda: [name for name, text in shop.rows().items() if any(key in text for key in keys)]  # noqa: E731
    assert until(lambda: not held(), 30), held()
    for name in ("gateway", "provider-acme"):
        assert asyncio.run(wrapped(shop, name, paid["id"])) is None
    assert shop.get(path) == paid
    assert MASK in shop.rows()["orchestrator"]
    assert (shop.get(f"{path}/timeline")["entries"], shop.book()) == (timeline, book)


async def wrapped(shop: Shop, service: str, payment_id: str) -> str | None:
    import asyncpg

    connection = await asyncpg.connect(shop.where["databases"][service])
    try:
        return await connection.fetchval("SELECT wrapped FROM personal_keys WHERE payment_id = $1", payment_id)
    finally:
        await connection.close()
