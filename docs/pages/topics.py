"""docs/topics.md: what goes over Kafka."""

from datetime import timedelta

from malipo.contracts.permissions import OPERATOR, Operation, Pattern, Resource, Rule, rules, services
from malipo.contracts.topics import DEAD_LETTER_SUFFIX, TOPICS, Topic
from pages.markdown import document, prose, table

_INTRO = """\
Everything between services goes over these topics. All messages of one key are in one partition, so each consumer gets them in order.
A message is one JSON object whose `type` names it; its fields are in [asyncapi.json](asyncapi.json), and the
[golden schemas](../libs/common/schemas) refuse a change that would break a reader. Headers: `message-id` (unique; each consumer
drops a repeat), `client-ref` (the merchant's reference), `idempotency` (of a command: whose request it was, by which key), `traceparent` and `tracestate` (the trace). A consumer of your own: [examples/erp-sink](../examples/erp-sink)."""

_DEAD_LETTERS = """\
Each topic has a second one whose name ends in `{suffix}`, with one partition, kept for {kept}. A message that cannot be
applied goes there as it came, once, with these headers beside its own, and the others go on: `x-consumer` (which service and
subscription), `x-position` (`topic:partition:offset`), `x-original-message-id`, `x-original-bytes`, `x-reason`. A message without a value, which Kafka calls null, is there
as an empty one, and what is too long for it is cut off; `x-original-bytes` is the length that it had. Read them with any Kafka client; once the cause is
mended, `python -m malipo.messaging.redrive TOPIC` sends those of a topic again, each to be applied once.

## What no consumer can read

A record that cannot even be read (a codec that is not installed, a broken batch, a header whose name is no UTF-8), or whose
`type`, or the method of the payment that it begins, only a newer release knows, holds up its partition alone: it rests, is tried again every five seconds, and goes on by itself once it can be read. The service is `degraded`
meanwhile and shows on `/health/ready` which partition rests, at which offset, why, and how to step over it:
`python -m malipo.messaging.step_over GROUP TOPIC PARTITION OFFSET`, in the environment of the group's service (`docker compose exec`,
`kubectl exec`, or `make step-over ARGS="GROUP TOPIC PARTITION OFFSET"` for the local stack). It refuses what can be read; a message of an unknown type goes to the dead letters alone; else the whole batch goes there as
Kafka stored it, once, with `x-raw-from` and `x-next-offset` beside the headers above, and every replica goes on behind it.
While a partition of `merchants.config.v1` rests, nothing newer of its merchants arrives: once one of them has changed credentials
or endpoints, each new charge of that merchant waits for it, and fails after a minute with `configuration_behind`. The alert on
`malipo_partitions_resting{{topic="merchants.config.v1"}}` tells it before. Deploy the release that can read the record, or step
over it at once; if it was of a merchant's configuration, `python -m gateway config republish` (`make operator ARGS="config republish"`)
sends them all once more.

Redriving a batch that can be read by then sends its records one by one; else it reports that and leaves the batch there.

## What an operator may change

The number of a topic's partitions may be raised: every consumer reads the new ones within a minute. Raise it while nothing is
under way, for the later messages of a key may come into another partition than its earlier ones, and are no longer in order
with them. A topic's compression and retention may be changed; `make up` and the deployment's topics step set the former back.
Consumers read uncommitted: who copies records here in a transaction of Kafka's, as a mirror may, must not abort it."""


_ACLS = """\
Who may write to `providers.outcomes.v1` decides whether money has moved, so in a cluster with ACLs each service has a principal of its own, and may do
what is in this table and nothing else; to write or to read a topic allows to describe it. How they come there is in
[operations/kafka.md](operations/kafka.md#acls)."""

_AFTER_ACLS = """\
An `operator` is whoever redrives dead letters (below), with credentials that no service has: whoever holds them can write whatever a service can. To step over a record
needs no more than the service has, in whose environment that runs."""


def page() -> str:
    """The page's text."""
    return document(
        "Topics",
        "libs/common/src/malipo/contracts/topics.py",
        _INTRO,
        table(("topic", "key", "partitions", "kept", "producers", "consumers"), map(_row, TOPICS)),
        *map(_section, TOPICS),
        "## Who may do what",
        _ACLS,
        table(("who", "may write", "may read", "with the groups"), map(_powers, [*services(), OPERATOR])),
        _AFTER_ACLS,
        "## Dead letters",
        _DEAD_LETTERS.format(suffix=DEAD_LETTER_SUFFIX, kept=_dead_letters_kept()),
    )


def _row(topic: Topic) -> tuple[str, ...]:
    kept = "last message of each key, for ever" if topic.retention is None else _days(topic.retention)
    consumers = ", ".join(topic.consumers)
    return f"`{topic.name}`", topic.key, str(topic.partitions), kept, ", ".join(topic.producers), consumers


def _powers(who: str) -> tuple[str, ...]:
    own = [rule for rule in rules() if rule.who == who]
    groups = ", ".join(
        f"`{rule.name}{'*' * (rule.pattern is Pattern.PREFIXED)}`" for rule in own if rule.resource is Resource.GROUP
    )
    return who, _topics(own, Operation.WRITE), _topics(own, Operation.READ), groups


def _topics(own: list[Rule], operation: Operation) -> str:
    names = [rule.name for rule in own if (rule.resource, rule.operation) == (Resource.TOPIC, operation)]
    return ", ".join(f"`{name}`" for name in names)


def _section(topic: Topic) -> str:
    messages = [f"**{message.__name__}**: {prose(message)}" for message in topic.message_types]
    return "\n\n".join(
        (f"## {topic.name}", f"{', '.join(topic.producers)} to {', '.join(topic.consumers)}.", *messages)
    )


def _dead_letters_kept() -> str:
    usual = max(topic.dead_letters_kept for topic in TOPICS)
    others = [
        f"those of `{one.name}` {_days(one.dead_letters_kept)}" for one in TOPICS if one.dead_letters_kept != usual
    ]
    return ", ".join([_days(usual), *others])


def _days(period: timedelta) -> str:
    return "1 day" if period.days == 1 else f"{period.days} days"
