"""What the table of permissions says, and how it is printed; a real broker is asked in `test_secure_kafka.py`."""

import pytest

from malipo.contracts.permissions import OPERATOR, Operation, Pattern, rules
from malipo.contracts.topics import OUTCOMES, PAYMENT_EVENTS, PROVIDER_COMMANDS
from malipo.messaging.acls import AclSettings, commands


def test_the_commands_of_a_provider_are_its_own():
    for provider, topic in PROVIDER_COMMANDS.items():
        named = {rule.who for rule in rules() if rule.name in (topic.name, topic.dead_letter)} - {OPERATOR}
        assert named == {"orchestrator", f"provider-{provider}"}


def test_only_providers_and_an_operator_write_outcomes():
    writers = {rule.who for rule in rules() if (rule.name, rule.operation) == (OUTCOMES.name, Operation.WRITE)}
    assert writers == {f"provider-{provider}" for provider in PROVIDER_COMMANDS} | {OPERATOR}


def test_rules_are_printed_for_kafkas_own_tool_with_the_principals_of_the_cluster():
    printed = commands(
        AclSettings(kafka_principals={"gateway": "User:CN=gateway"}, kafka_consumers={"reports": [PAYMENT_EVENTS.name]})
    )
    lines = list(printed.values())
    assert any(
        "--allow-principal User:CN=gateway --operation Read --group gateway. --resource-pattern-type prefixed" in one
        for one in lines
    )
    assert any(f"--allow-principal User:reports --operation Read --topic {PAYMENT_EVENTS.name}" in one for one in lines)
    assert {rule.pattern for rule in printed} == set(Pattern)


@pytest.mark.parametrize(
    "given", [{"kafka_principals": {"gateway": "CN=gateway"}}, {"kafka_consumers": {"reports": ["payments.events"]}}]
)
def test_a_principal_without_a_type_and_a_topic_that_is_none_are_refused(given):
    with pytest.raises(ValueError, match=r"no type|no topic"):
        AclSettings(**given)
