"""Registration at Safaricom: each part once, what came of it in plain words, and told to the gateway."""

import base64
import json
from dataclasses import dataclass, field

import httpx
import mpesa_samples as samples
import msgspec
import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner

from malipo import ids
from malipo.contracts.accounts import AccountRegistered
from malipo.contracts.config import Credential, MerchantConfigured, secret_owner
from malipo.contracts.providers.mpesa import DESCRIPTOR
from malipo.contracts.topics import PROVIDER_ACCOUNTS
from malipo.messaging.database import Database
from malipo.messaging.subscription import Received
from malipo.platform.client import http_client
from malipo.platform.secrets import KeyRing
from provider_kit.credentials import CredentialStore
from provider_mpesa.__main__ import cli
from provider_mpesa.client import MpesaClient
from provider_mpesa.registrar import ELSEWHERE, LEFT, NO_ANSWER, NO_NUMBER, OTHERS, Registrar, Wish
from provider_mpesa.registrations import Registrations
from provider_mpesa.requests import C2B_REGISTER, PULL_REGISTER, TOKEN
from testkit.tokens import MemoryTokens

KEY_RING = KeyRing({"k1": b"k" * 32})
BASE = "https://pay.example"
PULLED = samples.CREDENTIALS | {"pull_number": "0722 000 000"}
TAKEN = {"OriginatorCoversationID": "7619-37765134-1", "ResponseCode": "0", "ResponseDescription": "Success"}
PULLS = {"ResponseRefID": "1", "ResponseStatus": "1000", "ResponseDescription": "Shortcode Registered Successfully"}
PULLED_BEFORE = PULLS | {"ResponseStatus": "1001", "ResponseDescription": "ShortCode already Registered"}
ALREADY = samples.failure("500.003.1001", "Urls are already registered.")
NO_PRODUCT = "Error Occurred - Invalid Access Token - Invalid API call as no apiproduct match found"
ALREADY_WITHOUT_A_CODE = {
    "ConversationID": "",
    "OriginatorCoversationID": "",
    "ResponseDescription": "Validation and Confirmation URLs are already registered",
}


@dataclass
class Daraja:
    """Answers by script: a body, or a status and a body, or an error to raise."""

    c2b: object = field(default_factory=lambda: TAKEN)
    pull: object = field(default_factory=lambda: PULLS)
    asked: list[tuple[str, dict]] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == TOKEN:
            return httpx.Response(200, json=samples.TOKEN)
        self.asked.append((request.url.path, json.loads(request.content)))
        answer = self.c2b if request.url.path == C2B_REGISTER else self.pull
        if isinstance(answer, Exception):
            raise answer
        status, body = answer if isinstance(answer, tuple) else (200, answer)
        return httpx.Response(status, json=body) if isinstance(body, dict) else httpx.Response(status, text=body)


@dataclass
class Operator:
    """Registers the account `cred_1`, as the command does."""

    database: Database
    client: MpesaClient
    key_ring: KeyRing = KEY_RING
    base: str = BASE
    version: int = 0

    @property
    def credentials(self) -> CredentialStore:
        """As a process has them that starts now."""
        return CredentialStore(DESCRIPTOR, self.database, self.key_ring, callback_base=self.base)

    @property
    def registrations(self) -> Registrations:
        return Registrations(self.database, self.credentials)

    async def configure(self, plain: dict) -> None:
        self.version += 1
        owner = secret_owner("mer_1", "live", "cred_1")
        sealed = self.key_ring.seal(msgspec.json.encode(plain), owner=owner)
        credential = Credential(id="cred_1", provider="mpesa", mode="live", ciphertext=sealed)
        message = MerchantConfigured(merchant_id="mer_1", version=self.version, credentials=(credential,))
        async with self.database.begin() as unit:
            await self.credentials.replicate(lambda: None, unit, [Received(message, ids.new("msg"), "topic", "mer_1")])

    async def turn_to(self, key_ring: KeyRing) -> None:
        """The ring is another one, and the credentials are sealed under it."""
        self.key_ring = key_ring
        await self.configure(PULLED)

    async def register(self, **wish: bool) -> dict[str, tuple[bool, str]]:
        registrar = Registrar(self.client, self.credentials, self.registrations)
        told = await registrar.register(await self.credentials.by_id("cred_1"), Wish(**wish))
        return {one.title: (one.done, one.text) for one in told}

    async def told(self) -> list[tuple[dict, list[str]]]:
        """What the gateway is told, and then no more of it."""
        rows = await self.database.reads.fetch(
            "WITH gone AS (DELETE FROM outbox RETURNING *) SELECT * FROM gone ORDER BY id"
        )
        messages = [PROVIDER_ACCOUNTS.decode(row["payload"]) for row in rows]
        assert all(isinstance(one, AccountRegistered) for one in messages)
        return [(one.about, [part.name for part in one.registrations]) for one in messages]


@pytest.fixture
def daraja() -> Daraja:
    return Daraja()


@pytest.fixture
async def operator(new_database, pool_of, daraja):
    database = Database()
    database.use(await pool_of(new_database("provider_mpesa")))
    async with http_client(timeout_seconds=5, transport=httpx.MockTransport(daraja)) as http:
        hosts = {"test": "http://test.test", "live": "http://live.test"}
        client = MpesaClient(http, MemoryTokens(), samples.NoPauses(), hosts=hosts, timeout_seconds=5)
        operator = Operator(database, client)
        await operator.configure(PULLED)
        yield operator


async def test_both_parts_are_registered_with_the_accounts_own_addresses(operator, daraja):
    assert await operator.register() == {
        "payments by hand": (True, "registered"),
        "Pull Transactions": (True, "registered"),
    }
    (c2b_path, c2b), (pull_path, pull) = daraja.asked
    account = f"{BASE}/callbacks/phone/{b'cred_1'.hex()}/"
    words = {name: c2b[name].removeprefix(account).partition("/")[2] for name in ("ConfirmationURL", "ValidationURL")}
    assert (c2b_path, words) == (C2B_REGISTER, {"ConfirmationURL": "confirmation", "ValidationURL": "validation"})
    assert (c2b["ShortCode"], c2b["ResponseType"]) == ("600111", "Completed")
    assert (pull_path, pull["NominatedNumber"], pull["RequestType"]) == (PULL_REGISTER, "0722000000", "Pull")
    assert pull["CallBackURL"].startswith(account)
    assert await operator.told() == [({"shortcode": "600111"}, ["c2b", "pull"])]


async def test_a_second_time_nothing_is_sent_and_the_gateway_is_told_again(operator, daraja):
    await operator.register()
    again = await operator.register()
    assert [(registered, text.startswith("registered since 20")) for registered, text in again.values()] == [
        (True, True)
    ] * 2
    assert len(daraja.asked) == 2
    assert await operator.told() == [({"shortcode": "600111"}, ["c2b", "pull"])] * 2


async def test_what_is_registered_can_be_sent_again(operator, daraja):
    await operator.register()
    daraja.c2b, daraja.pull = (500, ALREADY), PULLED_BEFORE
    assert set((await operator.register(again=True)).values()) == {(True, "registered before")}
    assert len(daraja.asked) == 4


async def test_pull_transactions_that_were_registered_by_others_are_registered(operator, daraja):
    daraja.pull = PULLED_BEFORE
    assert (await operator.register())["Pull Transactions"] == (True, "registered before")


async def test_the_sandbox_may_spell_its_fields_with_a_space(operator, daraja):
    daraja.pull = {"Response Ref ID": "1", "Response Status": "1000", "Response Description": "ok"}
    assert (await operator.register())["Pull Transactions"] == (True, "registered")


@pytest.mark.parametrize("answer", [(500, ALREADY), (200, ALREADY_WITHOUT_A_CODE)])
async def test_addresses_that_others_may_have_registered_are_not_taken_for_malipos(operator, daraja, answer):
    daraja.c2b = answer
    assert await operator.register() == {
        "payments by hand": (False, OTHERS),
        "Pull Transactions": (True, "registered"),
    }
    assert await operator.told() == [({"shortcode": "600111"}, ["pull"])]
    assert (await operator.register(ours=True))["payments by hand"] == (True, "registered before")
    assert await operator.told() == [({"shortcode": "600111"}, ["c2b", "pull"])]


async def test_addresses_on_another_platform_of_safaricoms_are_nobodys_here_even_if_they_are_said_to_be_ours(
    operator, daraja
):
    daraja.c2b = 500, samples.failure("500.003.1001", "Duplicate notification info, SP ID 107031")
    for ours in (False, True):
        assert (await operator.register(ours=ours))["payments by hand"] == (False, ELSEWHERE)


async def test_other_addresses_of_malipo_are_registered_anew(operator, daraja):
    await operator.register()
    operator.base = "https://moved.example"
    assert set((await operator.register()).values()) == {(True, "registered")}
    assert [body["ConfirmationURL"][:24] for path, body in daraja.asked if path == C2B_REGISTER] == [
        "https://pay.example/call",
        "https://moved.example/ca",
    ]


async def test_what_was_registered_under_a_key_is_registered_for_as_long_as_that_is_on_the_ring(operator, daraja):
    await operator.register()
    operator.key_ring = KeyRing({"k2": b"m" * 32, "k1": b"k" * 32})
    assert all(text.startswith("registered since 20") for _, text in (await operator.register()).values())
    await operator.registrations.review(operator.database)
    assert await operator.told() == [({"shortcode": "600111"}, ["c2b", "pull"])] * 2
    assert len(daraja.asked) == 2


async def test_an_address_whose_key_has_left_the_ring_has_to_be_registered_anew(operator, daraja):
    await operator.register()
    await operator.told()
    await operator.turn_to(KeyRing({"k2": b"m" * 32}))
    with capture_logs() as lines:
        for _ in range(2):
            await operator.registrations.review(operator.database)
    alerts = [one for one in lines if one["event"] == "registered address not answered"]
    assert {(one["credential_id"], one["registration"], one["log_level"]) for one in alerts} == {
        ("cred_1", "c2b", "error"),
        ("cred_1", "pull", "error"),
    }
    assert len(alerts) == 2
    assert await operator.told() == [({"shortcode": "600111"}, [])]
    daraja.c2b, daraja.pull = (500, ALREADY), PULLED_BEFORE
    assert await operator.register() == {
        "payments by hand": (False, LEFT),
        "Pull Transactions": (True, "registered before"),
    }
    daraja.c2b = TAKEN
    assert (await operator.register())["payments by hand"] == (True, "registered")
    assert (await operator.told())[-1] == ({"shortcode": "600111"}, ["c2b", "pull"])


async def test_a_key_that_comes_back_to_the_ring_has_its_addresses_registered_again(operator):
    await operator.register()
    for key_ring in (KeyRing({"k2": b"m" * 32}), KEY_RING):
        await operator.told()
        await operator.turn_to(key_ring)
        await operator.registrations.review(operator.database)
    assert await operator.told() == [({"shortcode": "600111"}, ["c2b", "pull"])]


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ((400, samples.failure("400.003.02", "Bad Request - Invalid ValidationURL")), "Invalid ValidationURL"),
        ((200, TAKEN | {"ResponseCode": "1", "ResponseDescription": "Rejected\u0007"}), "M-Pesa refuses: Rejected"),
        ((400, samples.failure("400.003.02", f"Invalid https://a.test/{'ab' * 32}")), "refuses: Invalid [redacted]"),
        ((200, "<html>Request Rejected</html>"), "cannot be read (http 200)"),
        ((500, samples.failure("500.003.1001", "Internal Server Error")), "Internal Server Error"),
        ((401, samples.failure("401.003.01", NO_PRODUCT)), "lacks a product"),
        (httpx.ReadTimeout("late"), NO_ANSWER),
        (httpx.ConnectError("refused"), "nothing was sent: no connection to M-Pesa"),
    ],
)
async def test_what_went_wrong_is_said_and_the_other_part_is_registered_all_the_same(operator, daraja, answer, text):
    daraja.c2b = answer
    told = await operator.register()
    registered, said = told["payments by hand"]
    assert not registered
    assert text in said
    assert said.isprintable()
    assert told["Pull Transactions"] == (True, "registered")
    daraja.c2b = TAKEN
    assert (await operator.register())["payments by hand"] == (True, "registered")


async def test_without_a_nominated_number_pull_transactions_are_left_out_and_that_is_said(operator, daraja):
    await operator.configure(samples.CREDENTIALS)
    assert await operator.register() == {
        "payments by hand": (True, "registered"),
        "Pull Transactions": (True, NO_NUMBER),
    }
    assert [path for path, _ in daraja.asked] == [C2B_REGISTER]


async def test_another_short_code_is_registered_by_itself(operator, daraja):
    await operator.register()
    await operator.configure(PULLED | {"shortcode": "600999"})
    daraja.pull = (400, samples.failure("400.001", "Invalid ShortCode"))
    assert (await operator.register())["Pull Transactions"] == (False, "M-Pesa refuses: Invalid ShortCode")
    assert (await operator.told())[1:] == [({"shortcode": "600999"}, ["c2b"])]


def test_the_command_says_what_it_lacks_and_fails(new_database, monkeypatch):
    values = {"DATABASE_URL": new_database("provider_mpesa"), "KAFKA_BOOTSTRAP": "127.0.0.1:1", "ENVIRONMENT": "test"}
    values |= {"KEY_RING": f"k1:{base64.b64encode(b'k' * 32).decode()}", "CALLBACK_BASE_URL": BASE}
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    result = CliRunner().invoke(cli, ["register", "--credential", "cred_9"])
    assert (result.exit_code, result.stdout) == (1, "")
    assert "no credentials cred_9" in result.stderr
