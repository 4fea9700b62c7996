"""The operator's command line: what was published is resent when an operator wants it."""

import asyncio

import pytest
from typer.testing import CliRunner

from malipo.messaging.pool import connected
from orchestrator import decisions
from orchestrator.__main__ import cli


@pytest.fixture
def database_url(new_database, monkeypatch) -> str:
    url = new_database("orchestrator")
    for name, value in {
        "DATABASE_URL": url,
        "KAFKA_BOOTSTRAP": "127.0.0.1:1",
        "ENVIRONMENT": "test",
    }.items():
        monkeypatch.setenv(name, value)
    return url


def sql(url: str, statement: str):
    async def query():
        async with connected(url) as connection:
            return await connection.fetchval(statement)

    return asyncio.run(query())


def test_the_roll_call_is_repeated_for_all_since_a_time(database_url):
    assert CliRunner().invoke(cli, ("resend", "since", "2026-11-21T09:30:00")).exit_code == 1
    sql(database_url, "INSERT INTO roll_calls VALUES (60, now()), (3600, '2026-01-01')")
    done = CliRunner().invoke(cli, ("resend", "since", "2026-11-21T09:30:00"))
    assert done.exit_code == 0, done.output
    called_until = "SELECT array_agg(called_until ORDER BY delay_seconds DESC)::text FROM roll_calls"
    assert sql(database_url, called_until).count("2026-01-01") == 1
    assert "2026-11-21 09:30:00+00" in sql(database_url, called_until)


def test_a_payment_is_resent_step_by_step_under_the_ids_that_its_steps_had(database_url):
    sql(
        database_url,
        """WITH payment AS (
            INSERT INTO payments (id, merchant_id, mode, amount_minor, currency, method, capture, config_version, metadata,
                account, late_payments, created_at, state, captured_minor, had_money, step, event_sequence, attempt, confirms, confirming,
                queries, unanswered, asked_step, known_references, unclear, begun, save_method, subject, updated_at, expires_at)
            VALUES ('pay_1', 'mer_1', 'test', 1, 'USD', '{}', 'automatic', 1, '{}', 'default', 'keep', now(), 'completed', 1, true,
                2, 1, 1, 0, false, 0, false, 0, '{}', false, true, false, 'payment', now(), now()))
        INSERT INTO history (payment_id, step, from_state, to_state, trigger, source, cause_message_id, contradiction, occurred_at,
            message, message_id)
        SELECT 'pay_1', step, '', '', '', '', '', false, now(), 'x', 'msg_' || step FROM generate_series(1, 2) AS step""",
    )
    done = CliRunner().invoke(cli, ("resend", "payment", "pay_1"))
    assert done.exit_code == 0, done.output
    assert sql(database_url, "SELECT array_agg(message_id ORDER BY id)::text FROM outbox") == "{msg_1,msg_2}"


def test_a_payment_that_does_not_exist_is_not_reported_as_resent(database_url):
    done = CliRunner().invoke(cli, ("resend", "payment", "pay_none"))
    assert done.exit_code == 1
    assert "no payment pay_none" in done.output


def test_a_database_that_was_never_migrated_is_reported_in_plain_words(database_url, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", f"{database_url.rpartition('/')[0]}/postgres")
    done = CliRunner().invoke(cli, ("resend", "payment", "pay_1"))
    assert done.output.endswith("run `python -m orchestrator migrate` first\n")


def test_money_in_suspense_is_listed_page_by_page_with_the_payment_that_it_names(database_url, monkeypatch):
    monkeypatch.setattr(decisions, "PAGE", 2)
    sql(
        database_url,
        """INSERT INTO suspense (id, merchant_id, mode, provider, account, reference, amount_minor, currency, description,
            received_at, points_at)
        SELECT 'sus_' || n, 'mer_1', 'test', 'stripe', 'till', 'QK' || n, 1000, 'USD', 'by hand', now(), 'pay_' || n
        FROM generate_series(1, 3) AS n""",
    )
    first = CliRunner().invoke(cli, ("suspense", "list"))
    assert [line.split()[0] for line in first.stdout.splitlines()] == ["sus_1", "sus_2"]
    assert "pay_1" in first.stdout
    assert "--after sus_2" in first.stderr
    second = CliRunner().invoke(cli, ("suspense", "list", "--after", "sus_2"))
    assert [line.split()[0] for line in second.stdout.splitlines()] == ["sus_3"]
    assert second.stderr == ""


def test_money_is_settled_by_a_person_with_a_reason(database_url):
    sql(
        database_url,
        """INSERT INTO suspense (id, merchant_id, mode, provider, account, reference, amount_minor, currency, description, received_at)
        VALUES ('sus_1', 'mer_1', 'test', 'stripe', 'till', 'QK1', 1000, 'USD', 'by hand', now())""",
    )
    assert CliRunner().invoke(cli, ("suspense", "settle", "sus_1", "--by", "Jo")).exit_code == 2
    done = CliRunner().invoke(cli, ("suspense", "settle", "sus_1", "--because", "Given back.", "--by", "Jo"))
    assert done.output == "sus_1 is settled\n"
    assert sql(database_url, "SELECT settled_by || ': ' || because FROM suspense") == "Jo: Given back."
    again = CliRunner().invoke(cli, ("suspense", "settle", "sus_1", "--because", "Given back.", "--by", "Jo"))
    assert (again.exit_code, "there is no sus_1 in suspense" in again.output) == (1, True)
