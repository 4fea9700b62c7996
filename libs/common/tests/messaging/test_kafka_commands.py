"""What an operator reads who runs a command that works at Kafka."""

import os
import subprocess
import sys
from collections.abc import Mapping

import pytest
from secure_kafka import SecureKafka

from malipo.contracts.topics import PAYMENT_COMMANDS
from malipo.platform.kafka_settings import KafkaSettings
from malipo.platform.settings import EXIT_BAD_CONFIGURATION
from malipo_local import kafka_security
from testkit.in_production import VARIABLES

COPIES = {"KAFKA_REPLICATION": "1"}


def run(command: str, *arguments: str, told: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("KAFKA_", "ENVIRONMENT"))}
    module = f"malipo.messaging.{command}"
    return subprocess.run(
        [sys.executable, "-m", module, *arguments], env=kept | (told or {}), text=True, capture_output=True, check=False
    )


def variables(kafka: KafkaSettings) -> dict[str, str]:
    """What says the same to a process of its own."""
    password = {"KAFKA_PASSWORD": kafka.kafka_password.get_secret_value()} if kafka.kafka_password else {}
    given = kafka.model_dump(exclude_none=True, exclude={"kafka_password", "allow_plaintext"})
    return {name.upper(): str(value) for name, value in given.items()} | password


@pytest.mark.parametrize("command", ["provision", "redrive", "acls", "step_over", "rewind"])
def test_a_command_says_what_it_is_for_to_whoever_has_no_settings_yet(command):
    helped = run(command, "--help")
    assert helped.returncode == 0
    assert helped.stdout.startswith(f"Usage: python -m malipo.messaging.{command}")


@pytest.mark.parametrize(
    ("command", "arguments", "said"),
    [
        ("provision", ["--remove-acl"], "No such option: --remove-acl"),
        ("redrive", [], "Missing argument 'topic'"),
        ("redrive", ["payments.commands"], "no topic 'payments.commands'; choose from: payments.commands.v1, "),
        ("step_over", ["orchestrator.payments", "payments.commands.v1", "0", "-1"], "No such option: -1"),
        ("rewind", ["orchestrator.payments", "payments.commands.v1"], "Missing option '--to'"),
        ("rewind", ["gateway.payments", "payments.events.v1", "--to", "noon"], "Invalid value for '--to'"),
        ("acls", ["gateway"], "Got unexpected extra argument(s) (gateway)"),
    ],
)
def test_an_argument_that_is_wrong_is_told_before_a_setting_that_is(command, arguments, said):
    refused = run(command, *arguments)
    assert refused.returncode != 0
    assert said in refused.stderr


def test_to_take_acls_away_without_having_any_made_is_refused():
    refused = run("provision", "--remove-acls", told=VARIABLES | COPIES)
    assert (refused.returncode, refused.stderr) == (1, "--remove-acls takes nothing away without KAFKA_ACLS=true\n")


def test_how_many_copies_topics_have_is_said_by_a_person():
    refused = run("provision", told=VARIABLES)
    assert (refused.returncode, refused.stderr) == (EXIT_BAD_CONFIGURATION, "setting KAFKA_REPLICATION: is required\n")


def test_a_topic_that_has_fewer_copies_than_asked_for_is_told_and_kept(secure: SecureKafka):
    told = run("provision", told=variables(secure.settings(kafka_security.ADMIN, "PLAIN")) | {"KAFKA_REPLICATION": "3"})
    assert told.returncode == 0
    assert f"topic {PAYMENT_COMMANDS.name} has 1 copy, not 3: kafka-reassign-partitions.sh makes more" in told.stdout
    same = run("provision", told=variables(secure.settings(kafka_security.ADMIN, "PLAIN")) | COPIES)
    assert same.stdout.count("\n") == 1


@pytest.mark.parametrize(
    ("command", "arguments", "undone"),
    [
        ("provision", [], "not provisioned"),
        ("redrive", [PAYMENT_COMMANDS.name], "not redriven"),
        ("rewind", ["gateway.payments", PAYMENT_COMMANDS.name, "--to", "2026-11-29T09:50:00Z"], "not rewound"),
    ],
)
def test_a_command_that_is_not_let_in_ends_at_once_with_the_reason_alone(
    secure: SecureKafka, command, arguments, undone
):
    wrong = secure.settings("gateway", kafka_password="not-the-password")
    refused = run(command, *arguments, told=variables(wrong) | COPIES)
    reason = f"{undone}: {secure.stack.kafka} refuses our credentials: "
    assert refused.returncode == 1
    assert refused.stderr.startswith(reason)
    assert refused.stderr.count("\n") == 1
    assert "not-the-password" not in refused.stderr


TO_PROVISION = "create topics, and describe and alter their settings: it takes the credentials of an administrator"
TO_REDRIVE = (
    f"read {PAYMENT_COMMANDS.dead_letter}, be in group redrive and write {PAYMENT_COMMANDS.name}: it takes the credentials of "
    "the operator"
)


@pytest.mark.parametrize(
    ("command", "arguments", "undone"),
    [
        ("provision", [], f"not provisioned: gateway (KAFKA_USERNAME) may not {TO_PROVISION}"),
        ("redrive", [PAYMENT_COMMANDS.name], f"not redriven: gateway (KAFKA_USERNAME) may not {TO_REDRIVE}"),
    ],
)
def test_a_command_without_a_right_names_it_whose_it_is_and_who_lacks_it(
    secure: SecureKafka, command, arguments, undone
):
    refused = run(command, *arguments, told=variables(secure.settings("gateway")) | COPIES)
    assert (refused.returncode, refused.stderr) == (1, f"{undone} (docs/operations/kafka.md)\n")


def test_rules_are_printed_without_any_setting_of_where_kafka_is():
    printed = run("acls")
    assert printed.returncode == 0
    assert all(line.startswith("kafka-acls.sh ") for line in printed.stdout.splitlines())
