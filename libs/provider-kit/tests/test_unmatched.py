"""Genuine callbacks that match no operation, or that cannot be stored as they are: kept, counted, alerted, never a 500."""

import json
from datetime import timedelta

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client import REGISTRY
from starlette.applications import Starlette
from structlog.testing import capture_logs
from typer import Typer
from typer.testing import CliRunner

from malipo import clock
from malipo.contracts.outcomes import Declined, Pending, Succeeded, Unknown
from malipo.money import Money
from malipo.platform.client import http_client
from malipo.platform.settings import ServiceSettings
from provider_kit import console
from provider_kit.errors import BadSignature
from provider_kit.looking import LookingAgain
from provider_kit.opened import OpenedOperations
from provider_kit.provider import CallbackOutcome, ParsedCallback, ReceivedMoney, Unmatched
from testkit.in_production import VARIABLES

USD_10 = Money(1000, "USD")
DONE = Succeeded(amount=USD_10, reference="obj_1")
ADDRESS = "/callbacks/fake/cred_1"
DISPUTE = Unmatched("charge.dispute.created", {"dispute": "dp_1", "charge": "obj_1"}, USD_10)
STRANGE = [
    "\0",
    "evt_\0",
    "e" * 3000,
    "\ud800",
    "".join(map(chr, range(32))),
    "🂡" * 300,
    "",
]


@pytest.fixture
async def post(kit, make):
    """A charge has made `obj_1`, which waits; posts a callback that parses as `parsed`."""
    kit.provider.script = [Pending(reference="obj_1")]
    await kit.handle(make.charge())
    await kit.run()
    await kit.reports()
    app = Starlette(routes=[kit.callbacks.route()])
    transport = httpx.ASGITransport(app)
    async with http_client(timeout_seconds=5, base_url="http://service.test", transport=transport) as http:

        async def send(parsed: ParsedCallback | Exception, address: str = ADDRESS):
            kit.provider.parsed = parsed
            response = await http.post(address, content=b"{}")
            return response.status_code, response.json()["result"] if response.is_success else None

        yield send


async def kept(kit) -> list[dict]:
    rows = await kit.database.reads.fetch("SELECT * FROM unmatched ORDER BY credential_id, callback_id, number")
    return [dict(row) for row in rows]


def counted(concerns: str) -> float:
    return REGISTRY.get_sample_value("malipo_provider_unmatched_total", {"provider": "fake", "concerns": concerns}) or 0


async def test_a_dispute_about_a_payment_of_ours_is_kept_once_counted_and_alerted(kit, post):
    before = counted("ours")
    with capture_logs() as lines:
        assert await post(ParsedCallback("evt_1", unmatched=[DISPUTE])) == (200, "not_ours")
        assert await post(ParsedCallback("evt_1", unmatched=[DISPUTE])) == (200, "duplicate")
    (row,) = await kept(kit)
    assert (row["credential_id"], row["callback_id"], row["merchant_id"]) == ("cred_1", "evt_1", "mer_1")
    assert (row["event_type"], row["reference_ids"]) == ("charge.dispute.created", dict(DISPUTE.references))
    assert (row["amount_minor"], row["currency"], row["concerns"]) == (1000, "USD", "ours")
    (line,) = [line for line in lines if line["event"] == "unmatched callback"]
    assert (line["log_level"], line["concerns"]) == ("error", "ours")
    assert counted("ours") == before + 1
    assert await kit.reports() == []


async def test_what_another_system_of_the_account_did_is_kept_and_not_alerted(kit, post):
    other = Unmatched("payment_intent.succeeded", {"payment_intent": "pi_theirs"}, USD_10)
    with capture_logs() as lines:
        await post(ParsedCallback("evt_1", unmatched=[other]))
    assert [row["concerns"] for row in await kept(kit)] == ["others"]
    assert {line["log_level"] for line in lines} == {"info"}


@pytest.mark.parametrize(
    ("reference", "concerns", "level"), [("SKL9", "unclear", "error"), ("obj_1", "others", "info")]
)
async def test_money_that_no_operation_of_ours_explains_is_told_to_a_person(kit, post, reference, concerns, level):
    money = Unmatched("payment_by_hand", {"receipt": reference}, USD_10, unless_ours=True)
    with capture_logs() as lines:
        await post(ParsedCallback("evt_1", unmatched=[money]))
    assert [row["concerns"] for row in await kept(kit)] == [concerns]
    assert [line["log_level"] for line in lines if line["event"] == "unmatched callback"] == [level]


async def looked(kit) -> None:
    await kit.sql("UPDATE unmatched SET look_at = now() WHERE look_at IS NOT NULL")
    await LookingAgain(OpenedOperations("fake"), lambda: None).look(kit.database)


async def test_money_that_a_statement_may_yet_show_is_told_to_a_person_only_if_it_does_not(kit, post):
    money = Unmatched("payment_by_hand", {"receipt": "SKL9"}, USD_10, unless_ours=True, waits=timedelta(hours=2))
    with capture_logs() as lines:
        await post(ParsedCallback("evt_1", unmatched=[money]))
    (waiting,) = await kept(kit)
    assert (waiting["concerns"], lines) == ("others", [])
    assert waiting["look_at"] > waiting["received_at"] + timedelta(hours=1)
    with capture_logs() as lines:
        await looked(kit)
    (told,) = await kept(kit)
    assert (told["concerns"], told["look_at"], [line["event"] for line in lines]) == (
        "unclear",
        None,
        ["unmatched callback"],
    )


async def test_money_that_a_statement_has_shown_meanwhile_is_kept_no_more(kit, post):
    money = Unmatched("payment_by_hand", {"receipt": "SKL9"}, USD_10, unless_ours=True, waits=timedelta(hours=2))
    await post(ParsedCallback("evt_1", unmatched=[money]))
    await kit.money_came(
        ReceivedMoney(reference="SKL9", amount=USD_10, method="phone", received_at=clock.now()), "evt_2"
    )
    with capture_logs() as lines:
        await looked(kit)
    assert (await kept(kit), lines) == ([], [])


async def test_an_object_that_another_merchant_made_is_none_of_this_ones(kit, make, post):
    await kit.configure(make.configured(merchant_id="mer_2", id="cred_2"))
    await post(ParsedCallback("evt_1", unmatched=[DISPUTE]), address="/callbacks/fake/cred_2")
    assert [row["concerns"] for row in await kept(kit)] == ["others"]


async def test_a_report_that_cannot_be_looked_up_is_alerted(kit, post):
    await post(ParsedCallback("evt_1", unmatched=[Unmatched("refund.created", {})]))
    assert [row["concerns"] for row in await kept(kit)] == ["unclear"]


@pytest.mark.parametrize(
    "reported",
    [
        CallbackOutcome(operation_id="pay_unknown", kind="charge", outcome=DONE),
        CallbackOutcome(operation_id="pay_1.1", kind="refund", outcome=DONE),
        CallbackOutcome(operation_id="pay_1.1", kind="charge", outcome=Declined(code="no", reference="obj_2")),
    ],
)
async def test_an_outcome_that_names_an_operation_as_ours_do_and_is_about_none_is_alerted(kit, post, reported):
    with capture_logs() as lines:
        assert await post(ParsedCallback("evt_1", [reported])) == (200, "not_ours")
    (row,) = await kept(kit)
    assert row["reference_ids"]["operation"] == reported.operation_id
    assert row["concerns"] in ("claimed", "ours")
    assert "error" in {line["log_level"] for line in lines}
    assert await kit.reports() == []


async def test_an_outcome_about_no_operation_is_kept_with_all_the_ids_that_it_gives(kit, post):
    ids_of_it = {"capture": "cap_1", "invoice": "inv_1"}
    reported = CallbackOutcome(kind="capture", references=ids_of_it, outcome=Succeeded(amount=USD_10, reference="or_1"))
    await post(ParsedCallback("evt_1", [reported]))
    (row,) = await kept(kit)
    assert row["reference_ids"] == ids_of_it | {"main": "or_1"}


async def test_what_is_believed_is_not_unmatched_and_the_rest_of_the_callback_is(kit, post):
    reported = CallbackOutcome(operation_id="pay_1.1", kind="charge", outcome=DONE)
    assert await post(ParsedCallback("evt_1", [reported], [DISPUTE])) == (200, "stored")
    assert len(await kit.reports()) == len(await kept(kit)) == 1


@pytest.mark.parametrize("strange", STRANGE)
async def test_ids_that_nothing_can_hold_are_kept_as_what_tells_them_apart(kit, post, strange):
    reported = CallbackOutcome(operation_id=strange, kind="charge", outcome=Succeeded(amount=USD_10, reference=strange))
    other = Unmatched(strange, {strange: strange}, USD_10)
    assert await post(ParsedCallback(strange, [reported], [other])) == (200, "not_ours")
    assert await post(ParsedCallback(strange, [reported], [other])) == (200, "duplicate")
    assert len(await kept(kit)) == 2
    assert await kit.reports() == []


async def test_an_outcome_with_half_a_character_in_it_is_a_doubt(kit, post, make):
    kit.provider.script = [Unknown(reason="timeout")]
    await kit.handle(make.charge(2))
    await kit.run()
    await kit.reports()
    reported = CallbackOutcome(
        operation_id="pay_2.1", kind="charge", outcome=Declined(code="no", message="\ud800", reference="obj_2")
    )
    assert await post(ParsedCallback("evt_1", [reported])) == (200, "stored")
    assert await kit.outcomes() == [Unknown(reason="answer_no_text")]


@pytest.mark.parametrize("part", ["cred%00_1", "c" * 3000, "%ff%fe", "cred_1%2F..", "%F0%9F%82%A1", "cred_1'--"])
async def test_an_address_that_can_be_nobodys_is_404_without_the_database(kit, post, part):
    kit.database.use(None)
    assert await post(BadSignature("unread"), f"/callbacks/fake/{part}") == (404, None)


@pytest.mark.parametrize(
    "bug", [RecursionError(), UnicodeDecodeError("utf-8", b"s3cret", 0, 1, "?"), KeyError("s3cret")]
)
async def test_a_parser_that_fails_is_answered_without_a_traceback(kit, post, bug):
    with capture_logs() as lines:
        assert await post(bug) == (400, None)
    assert "s3cret" not in repr(lines)
    assert {line["log_level"] for line in lines} == {"error"}


ANY_TEXT = st.text(st.characters(codec=None), max_size=400) | st.sampled_from(STRANGE)
OUTCOMES = st.builds(
    CallbackOutcome,
    operation_id=ANY_TEXT | st.just("pay_1.1") | st.none(),
    references=st.dictionaries(ANY_TEXT, ANY_TEXT | st.just("obj_1"), max_size=3),
    kind=st.sampled_from(["charge", "refund", "capture", "cancel"]),
    outcome=st.builds(Declined, code=ANY_TEXT, message=ANY_TEXT, reference=ANY_TEXT | st.none() | st.just("obj_1")),
)
UNMATCHED = st.builds(
    Unmatched, ANY_TEXT, st.dictionaries(ANY_TEXT, ANY_TEXT, max_size=30), st.none() | st.just(USD_10)
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.builds(ParsedCallback, ANY_TEXT, st.lists(OUTCOMES, max_size=3), st.lists(UNMATCHED, max_size=3)))
async def test_whatever_a_genuine_callback_contains_it_is_accepted(post, parsed):
    status, _ = await post(parsed)
    assert status == 200


async def test_an_operator_lists_what_needs_a_person_and_on_request_the_rest(kit, post):
    other = Unmatched("payment_intent.succeeded", {"payment_intent": "pi_theirs"}, USD_10)
    await post(ParsedCallback("evt_1", unmatched=[DISPUTE, other]))
    rows = await console.listed(kit.database.reads, everything=False, limit=10)
    assert [row["event_type"] for row in rows] == ["charge.dispute.created"]
    assert json.loads(json.dumps(dict(rows[0]), default=str))["reference_ids"] == dict(DISPUTE.references)
    assert len(await console.listed(kit.database.reads, everything=True, limit=10)) == 2


def test_without_the_database_the_operator_gets_one_line(monkeypatch):
    monkeypatch.setattr("malipo.messaging.operator_command.CONNECT_SECONDS", 0.2)
    for name, value in (VARIABLES | {"DATABASE_URL": "postgresql://m@127.0.0.1:1/none?sslmode=require"}).items():
        monkeypatch.setenv(name, value)
    done = CliRunner().invoke(commands(), ["unmatched"])
    assert done.exit_code == 1
    assert done.stderr == "the database does not answer: check DATABASE_URL\n"


def test_the_list_is_a_command_of_every_provider_service():
    assert "matches no operation" in CliRunner().invoke(commands(), ["unmatched", "--help"]).output


def commands() -> Typer:
    cli = Typer()
    cli.command("serve")(lambda: None)
    console.add_commands(cli, ServiceSettings)
    return cli
