"""What the table of permissions says, and how it is printed; a real broker is asked in `test_secure_kafka.py`."""

from types import SimpleNamespace

import pytest

from malipo.contracts.permissions import OPERATOR, Operation, Pattern, Resource, rules
from malipo.contracts.topics import OUTCOMES, PAYMENT_EVENTS, PROVIDER_COMMANDS
from malipo.messaging.acls import AclSettings, commands
from malipo.messaging.authorizer import Entry, Power, apply
from malipo.platform import settings
from malipo.platform.settings import EXIT_BAD_CONFIGURATION

ALLOW = 3


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
    ("name", "value", "said"),
    [
        ("PRINCIPALS", '{"gateway": "CN=gateway"}', "'CN=gateway' has no type: write `User:CN=gateway`"),
        ("PRINCIPALS", '{"gatway": "User:CN=x"}', "no rule is about 'gatway'; known are gateway, "),
        ("PRINCIPALS", "gateway=User:x", "is no JSON: "),
        ("CONSUMERS", '{"reports": ["payments.events"]}', "no topic 'payments.events'"),
        ("CONSUMERS", '{"reports": "payments.events.v1"}', "at reports: should be a valid list"),
        ("CONSUMERS", '{"gateway": ["payments.events.v1"]}', "'gateway' is no consumer of your own"),
        ("CONSUMERS", '{"operator": ["payments.events.v1"]}', "'operator' is no consumer of your own"),
    ],
)
def test_who_and_what_is_unknown_is_refused_by_the_settings_name(monkeypatch, capsys, name, value, said):
    monkeypatch.setenv(f"KAFKA_{name}", value)
    with pytest.raises(SystemExit) as stopped:
        settings.load(AclSettings)
    assert stopped.value.code == EXIT_BAD_CONFIGURATION
    assert capsys.readouterr().err.startswith(f"setting KAFKA_{name}: {said}")


def test_principals_are_of_services_of_the_operator_and_of_consumers_of_ones_own():
    named = {who: f"User:CN={who}" for who in ("gateway", OPERATOR, "reports")}
    told = AclSettings(kafka_principals=named, kafka_consumers={"reports": [PAYMENT_EVENTS.name]})
    assert {told.principal(rule.who) for rule in told.rules()} >= set(named.values())


class Cluster:
    """A cluster with these ACLs and all that the rules say, as aiokafka's administrator shows it."""

    def __init__(self, *more: Entry) -> None:
        asked = [
            Entry(one.resource, one.name, one.pattern, f"User:{one.who}", "*", one.operation, ALLOW) for one in rules()
        ]
        self.entries = [*asked, *more]
        self._client = SimpleNamespace(cluster=SimpleNamespace(brokers=list))

    async def _send_request(self, _request: object, _broker: int | None) -> SimpleNamespace:
        found = [(kind, name, pattern, [acl]) for kind, name, pattern, *acl in self.entries]
        return SimpleNamespace(error_code=0, error_message=None, resources=found)


@pytest.mark.parametrize(
    "more",
    [
        Entry(Resource.GROUP, "orchestrator.commands", Pattern.LITERAL, "User:x", "*", Power.READ, ALLOW),
        Entry(Resource.TOPIC, "payments.events.v1", Pattern.LITERAL, "User:x", "*", Power.ALTER_CONFIGS, ALLOW),
        Entry(Resource.TOPIC, "payments.", Pattern.PREFIXED, "User:x", "*", Power.WRITE, ALLOW),
    ],
    ids=str,
)
async def test_what_takes_away_or_changes_what_is_ours_is_told(more):
    assert (await apply(Cluster(more), AclSettings(), remove=False)).beyond == [more]


@pytest.mark.parametrize(
    "more",
    [
        Entry(Resource.GROUP, "orchestrators", Pattern.LITERAL, "User:x", "*", Power.READ, ALLOW),
        Entry(Resource.TOPIC, "payments.events.v1.copy", Pattern.PREFIXED, "User:x", "*", Power.WRITE, ALLOW),
    ],
    ids=str,
)
async def test_what_is_of_others_is_not_told(more):
    assert (await apply(Cluster(more), AclSettings(), remove=False)).beyond == []
