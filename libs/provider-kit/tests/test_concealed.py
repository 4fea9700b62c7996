"""What is personal of a payment's method is shown nowhere, in whichever way a provider writes it."""

from dataclasses import replace
from functools import partial
from typing import Annotated, Literal

import msgspec
import pytest
from structlog.testing import capture_logs

from malipo import ids
from malipo.contracts.commands import PaymentMethod
from malipo.contracts.descriptor import AmountRule, Method, MethodRules, Personal
from malipo.contracts.outcomes import (
    ActionRequired,
    Declined,
    OtherAction,
    Pending,
    PhonePrompt,
    Reversed,
    Succeeded,
    Unknown,
)
from malipo.contracts.personal import PersonalKeyIssued
from malipo.messaging.subscription import Received
from malipo.money import Money
from malipo.platform.client import http_client
from malipo.platform.personal_data import seal_texts
from malipo.platform.secrets import KeyRing
from provider_kit.concealed import Concealed
from provider_kit.errors import NotSent
from provider_kit.exchanges import Recording
from provider_kit.provider import CallbackOutcome, ParsedCallback
from testkit.transports import Reply, answer

RING = KeyRing({"k1": b"k" * 32})
ALIAS, PHONE = "jane.doe@example.com", "254722000111"
HIDDEN = "[redacted]"
PAID = Succeeded(amount=Money(1000, "USD"), reference="obj_1")


class Alias(Method):
    type: Literal["alias"]
    alias: Annotated[str, Personal(lambda alias: f"{alias[:1]}...")]
    phone: Annotated[str, Personal(lambda number: f"...{number[-3:]}")]


@pytest.mark.parametrize(
    "text",
    [
        f"/v1/aliases/{ALIAS}",
        f"/v1/aliases/{ALIAS.upper()}",
        "/v1/aliases/jane.doe%40example.com",
        f"/v1/phones/{PHONE}",
        "/v1/phones/0722000111",
        "call +254 722 000-111 now",
        "call (0722) 000 111 now",
    ],
)
def test_a_personal_text_is_found_however_it_is_written(text):
    shown = Concealed([ALIAS, PHONE]).without(text)
    assert HIDDEN in shown
    assert not {"jane", "722", "111"} & set(shown.lower().replace("/", " ").replace("%", " ").split())
    assert "000" not in shown


def test_what_is_not_personal_is_left_as_it_is():
    concealed = Concealed([ALIAS, PHONE, "Li", " "])
    for text in ("/v1/clients/li_1", "order 722000", "john.doe@example.com", "2547*****11"):
        assert concealed.without(text) == text
    assert concealed.without("paid by Li") == f"paid by {HIDDEN}"


@pytest.mark.parametrize(
    "outcome",
    [
        Declined(code="no_such_alias", message=f"{ALIAS} is unknown"),
        Declined(code=ALIAS),
        Reversed(code="returned", message=f"by {ALIAS}"),
        Unknown(reason=f"http 400: {ALIAS}"),
        ActionRequired(action=PhonePrompt(PHONE)),
        ActionRequired(action=OtherAction(f"ask {ALIAS}")),
    ],
)
def test_no_text_of_an_outcome_holds_a_personal_one(outcome):
    shown = msgspec.json.encode(Concealed([ALIAS, PHONE]).of(outcome)).decode()
    assert HIDDEN in shown
    assert ALIAS not in shown
    assert PHONE not in shown


def told_of_in_paths(provider) -> None:
    """Have the provider put the alias into its paths, whatever it returns."""

    async def tell(_attempt):
        around = partial(Recording, request_id_header=None)
        async with http_client(
            timeout_seconds=1, base_url="https://provider.test", transport=answer(Reply({})), around=around
        ) as http:
            await http.get(f"/v1/aliases/{ALIAS}")
        return provider._next()

    provider.execute = provider.query = tell


@pytest.fixture
async def telling(bare_kit, make):
    """A charge of an alias, whose key is here, at a provider that tells."""
    rules = MethodRules(model=Alias, currencies={"USD": AmountRule()})
    bare_kit.provider.descriptor = replace(bare_kit.provider.descriptor, methods=(rules,))
    told_of_in_paths(bare_kit.provider)
    bare_kit.__post_init__()
    await bare_kit.configure(make.configured())
    ciphertext, wrapped = seal_texts({"/alias": ALIAS, "/phone": PHONE}, "pay_1", RING)
    issued = PersonalKeyIssued(payment_id="pay_1", wrapped=wrapped, providers=("fake",))
    async with bare_kit.database.begin() as unit:
        await bare_kit.keys.replicate(lambda: None, unit, [Received(issued, ids.new("msg"), "topic", "pay_1")])
    method = PaymentMethod(type="alias", details={"alias": "j...", "phone": "...111"}, personal=ciphertext)
    await bare_kit.handle(make.charge(method=method))
    return bare_kit


async def told(kit) -> str:
    """All that is published, and all that rests here."""
    rows = await kit.database.reads.fetch("SELECT outcome::text, problem FROM attempts")
    return f"{await kit.reports()} {[dict(row) for row in rows]}"


async def require_concealed(kit) -> None:
    everything = await told(kit)
    assert f"/v1/aliases/{HIDDEN}" in everything
    assert ALIAS not in everything


async def test_no_path_and_no_text_of_a_charge_shows_what_is_personal(telling):
    telling.provider.script = [Declined(code="no_such_alias", message=f"{ALIAS} is unknown")]
    await telling.run()
    await require_concealed(telling)


async def test_no_obstacle_of_a_charge_shows_what_is_personal(telling):
    telling.provider.script = [NotSent(f"{ALIAS} is locked", retry_after_seconds=1)] * 2
    await telling.run()
    await require_concealed(telling)
    await telling.grow_old(minutes=2)
    await telling.make_due()
    await telling.run()
    await require_concealed(telling)


@pytest.mark.parametrize("only_read", [True, False])
async def test_no_query_of_a_charge_shows_what_is_personal(telling, make, only_read):
    telling.provider.script = [Unknown(reason=f"{ALIAS} is busy")] * 2
    await telling.run()
    await telling.reports()
    await telling.handle(make.query(only_read=only_read))
    await telling.run()
    await require_concealed(telling)


async def test_no_try_of_a_charge_that_has_expired_meanwhile_shows_what_is_personal(telling):
    await telling.die_after_sending()
    await telling.sql("UPDATE attempts SET expires_at = now()")
    telling.provider.script = [Unknown(reason=f"{ALIAS} is busy")] * 2
    await telling.run()
    await require_concealed(telling)


async def test_a_bug_of_a_provider_logs_where_it_is_and_not_what_it_quotes(telling, capsys):
    telling.provider.script = [KeyError(ALIAS)]
    with capture_logs() as logged:
        await telling.run()
    [bug] = [one for one in logged if one["event"] == "provider raised"]
    assert (bug["error"], " in tell" in bug["where"]) == ("KeyError", True)
    assert ALIAS not in f"{logged} {capsys.readouterr()}"


async def test_no_text_of_a_callback_shows_what_is_personal(telling):
    telling.provider.script = [Unknown(reason="silence")]
    await telling.run()
    await telling.reports()
    refused = CallbackOutcome(
        operation_id="pay_1.1", kind="charge", outcome=Declined(code="refused", message=f"{ALIAS} has refused")
    )
    account = await telling.credentials.by_id("cred_1")
    assert await telling.door.take(account, ParsedCallback("evt_1", [refused])) == "stored"
    everything = await told(telling)
    assert f"{HIDDEN} has refused" in everything
    assert ALIAS not in everything


async def test_a_success_is_told_without_a_look_at_what_is_personal(telling, monkeypatch):
    def opened(*_):
        raise AssertionError

    telling.provider.script = [Pending(reference="obj_1")]
    await telling.run()
    await telling.reports()
    monkeypatch.setattr(telling.keys, "_open_if_there", opened)
    paid = CallbackOutcome(operation_id="pay_1.1", kind="charge", outcome=PAID)
    account = await telling.credentials.by_id("cred_1")
    assert await telling.door.take(account, ParsedCallback("evt_1", [paid])) == "stored"
    assert [one.outcome for one in await telling.reports()] == [PAID]
