"""The operator's command line, as an operator runs it."""

import base64
import json
import os
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from gateway.__main__ import cli
from malipo.contracts.config import MerchantConfigured, secret_owner
from malipo.platform.cli import MAKE_TARGET
from malipo.platform.secrets import KeyRing
from testkit.service import KEY_RING


@pytest.fixture
def run(database_url, monkeypatch):
    settings = {
        "DATABASE_URL": database_url,
        "KAFKA_BOOTSTRAP": "127.0.0.1:1",
        "ENVIRONMENT": "test",
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "KEY_RING": KEY_RING,
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)

    def invoke(*arguments: str):
        return CliRunner().invoke(cli, arguments)

    return invoke


def answer(result) -> dict:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_a_merchant_gets_keys_that_can_be_listed_and_revoked(run):
    merchant = answer(run("merchant", "create", "Shop", "--json"))
    assert [one["name"] for one in answer(run("merchant", "list", "--json"))] == ["Shop"]
    made = answer(run("key", "create", merchant["id"], "--json"))
    assert made["key"].startswith("mk_test_")
    assert "payments:write" in made["scopes"]
    narrow = answer(
        run(
            "key", "create", merchant["id"], "--mode", "live", "--scope", "events:read", "--expires-days", "2", "--json"
        )
    )
    assert narrow["key"].startswith("mk_live_")
    assert answer(run("key", "revoke", made["id"], "--json")) == {"id": made["id"], "revoked": True}
    listed = run("key", "list", merchant["id"], "--json")
    assert [(one["id"], one["revoked_at"] is None) for one in answer(listed)] == [
        (made["id"], False),
        (narrow["id"], True),
    ]
    assert made["key"] not in listed.output


def test_a_merchant_can_be_made_with_its_first_key(run):
    made = answer(run("merchant", "create", "Shop", "--test-key", "--json"))
    [listed] = answer(run("key", "list", made["id"], "--json"))
    assert made["key"].startswith("mk_test_")
    assert (listed["mode"], "payments:write" in listed["scopes"]) == ("test", True)


def test_a_list_of_nothing_says_so(run):
    assert run("merchant", "list").stderr == "there is no merchant yet\n"
    merchant = answer(run("merchant", "create", "Shop", "--json"))
    assert run("key", "list", merchant["id"]).stderr == f"{merchant['id']} has no key yet\n"


def test_a_merchant_of_a_name_that_exists_is_made_with_a_note(run):
    first = run("merchant", "create", "Shop", "--json")
    second = run("merchant", "create", "Shop", "--json")
    assert first.stderr == ""
    assert answer(first)["id"] in second.stderr
    assert answer(second)["id"] != answer(first)["id"]


@pytest.mark.parametrize("group", ["merchant", "key", "config"])
def test_the_help_of_each_command_is_shown_whole(run, group):
    commands = run(group, "--help").output.partition("Commands:")[2]
    assert commands
    assert "..." not in commands


def test_people_get_lines_to_read(run):
    merchant = answer(run("merchant", "create", "Shop", "--json"))
    shown = run("key", "create", merchant["id"]).stdout
    assert "mk_test_" in shown
    assert "payments:read, payments:write" in shown


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("merchant", "create", ""), "give the merchant a name"),
        (("merchant", "create", "  "), "give the merchant a name"),
        (("key", "create", "mer_none"), "no merchant mer_none"),
        (("key", "list", "corner-shop"), "no merchant corner-shop"),
        (("key", "revoke", "key_none"), "no key key_none"),
        (("key", "create", "mer_none", "--scope", "everything"), "unknown scope everything"),
        (("key", "create", "mer_none", "--mode", "prod"), "there is no mode prod: give test or live"),
    ],
)
def test_a_mistake_says_what_is_wrong(run, arguments, reason):
    result = run(*arguments)
    assert result.exit_code != 0
    assert reason in result.output


def test_from_make_there_are_only_an_operators_commands():
    typed = {**os.environ, MAKE_TARGET: "operator"}
    shown = subprocess.run(
        [sys.executable, "-m", "gateway", "--help"], env=typed, capture_output=True, text=True, check=True
    )
    assert shown.stdout.startswith("Usage: make operator ARGS=... [OPTIONS] COMMAND")
    assert [name for name in ("merchant", "key", "config") if name not in shown.stdout] == []
    assert [name for name in ("serve", "migrate", "settings", "completion") if name in shown.stdout] == []


def test_without_the_database_a_command_fails_with_the_reason(run, monkeypatch):
    monkeypatch.setattr("malipo.messaging.operator_command.CONNECT_SECONDS", 0.2)
    monkeypatch.setenv("DATABASE_URL", "postgresql://malipo@127.0.0.1:1/none")
    result = run("merchant", "list")
    assert result.exit_code == 1
    assert "DATABASE_URL" in result.output


def test_keys_that_cannot_be_recalled_are_so_because_of_kafka_in_the_words_of_every_command(run):
    result = run("recall", "--since", "2026-11-29T09:50:00Z")
    assert result.exit_code == 1
    assert result.output.endswith("not recalled: no broker answers at 127.0.0.1:1\n")


def test_a_database_that_was_never_migrated_is_reported_with_what_to_run(run, database_url, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", f"{database_url.rpartition('/')[0]}/postgres")
    assert run("merchant", "list").output.endswith("run `python -m gateway migrate` first\n")


async def test_configuration_is_sent_again_as_it_is(gateway, merchant, database_url, run):
    import asyncio

    before = await gateway.sent()
    assert answer(await asyncio.to_thread(run, "config", "republish", "--json")) == {"merchants": 1}
    after = await gateway.sent()
    assert isinstance(after[-1], MerchantConfigured)
    assert after == [*before, before[0]]


async def test_after_a_restore_every_configuration_is_newer_than_any_that_was_forgotten(gateway, merchant, run):
    import asyncio

    before = [one for one in await gateway.sent() if isinstance(one, MerchantConfigured)][-1]
    assert answer(await asyncio.to_thread(run, "config", "overtake", "--json")) == {"merchants": 1}
    after = [one for one in await gateway.sent() if isinstance(one, MerchantConfigured)][-1]
    assert after.version == before.version + 1000
    assert (after.credentials, after.endpoints) == (before.credentials, before.endpoints)


async def test_secrets_are_sealed_under_the_first_key_and_published_so_that_the_older_key_may_go(
    gateway, merchant, run, monkeypatch
):
    import asyncio

    made = (await merchant.post("/v1/webhook-endpoints", {"url": "http://shop.example/a"})).json()
    added = f"k2:{base64.b64encode(os.urandom(32)).decode()}"
    monkeypatch.setenv("KEY_RING", f"{added},{KEY_RING}")
    before = [one for one in await gateway.sent() if isinstance(one, MerchantConfigured)]
    assert answer(await asyncio.to_thread(run, "config", "reseal", "--json")) == {"resealed": 2}
    published = [one for one in await gateway.sent() if isinstance(one, MerchantConfigured)][-1]
    assert published.version == before[-1].version + 1
    owner = secret_owner(merchant.id, "test", made["id"])
    assert KeyRing.parse(added).open(published.endpoints[0].secret_ciphertext, owner=owner).decode() == made["secret"]
    assert answer(await asyncio.to_thread(run, "config", "reseal", "--json")) == {"resealed": 0}
    monkeypatch.setenv("KEY_RING", f"k3:{base64.b64encode(os.urandom(32)).decode()}")
    refused = await asyncio.to_thread(run, "config", "reseal")
    assert (refused.exit_code, "a key that KEY_RING does not have" in refused.output) == (1, True)
