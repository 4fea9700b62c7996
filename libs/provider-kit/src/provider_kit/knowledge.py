"""What is known of operations, whichever report it came with: found by any id, asked about anew, added to."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from malipo import clock, ids
from malipo.contracts.message import encode
from malipo.contracts.outcomes import Outcome, Reversed, Succeeded
from malipo.contracts.provider_commands import Query
from malipo.messaging.pool import Queries
from malipo.messaging.unit_of_work import UnitOfWork
from malipo.messaging.writes import Write, arguments, given, insert, purge_of, statement
from provider_kit.attempt_rows import ACCOUNT_THERE, OriginalAttempt, account_of, read_original
from provider_kit.provider import CallbackOutcome, NamedOperation, ReceivedMoney, kind_of
from provider_kit.reasons import UNHEARD
from provider_kit.references import KEEP, KNOWN, MAIN, OWN, in_order, rows
from provider_kit.restored import FORGOTTEN
from provider_kit.tables import ATTEMPTS, CLAIMS, NEW_ATTEMPT

_MOVED, _ENDED = "('Succeeded', 'Reversed')", "('Declined', 'Canceled')"
_STATEMENT_FOR = f"""
SELECT s.covered_until - attempts.first_sent_at FROM statements AS s
WHERE s.account = {ACCOUNT_THERE}
  AND s.credential_id IS NOT NULL AND s.proved_at IS NOT NULL AND s.covered_since <= attempts.first_sent_at
  AND NOT EXISTS (
    SELECT FROM received_money AS r JOIN attempt_references AS own ON own.reference = r.report ->> 'account_reference'
    WHERE r.look_at IS NOT NULL AND own.attempt_id = attempts.id AND own.role = '{OWN}')
"""  # noqa: S608 - text of ours
_ORIGINAL = f"""
SELECT id, command, headers, problem, first_sent_at, now() - first_sent_at AS key_age, account_fingerprint, address_key, reference, outcome, position,
    {FORGOTTEN} AS forgotten, coalesce(success, CASE WHEN outcome ->> 'result' IN {_MOVED} THEN outcome END, (
        SELECT asked.outcome FROM attempts AS asked
        WHERE asked.kind = 'query' AND asked.operation_id = attempts.id AND asked.outcome ->> 'result' IN {_MOVED}
        ORDER BY asked.created_at LIMIT 1)) AS success,
    coalesce(outcome ->> 'result' IN {_ENDED}, false) OR EXISTS (
        SELECT FROM attempts AS asked
        WHERE asked.kind = 'query' AND asked.operation_id = attempts.id AND asked.outcome ->> 'result' IN {_ENDED}) AS ended,
    expires_at - now() AS expires_in, ({_STATEMENT_FOR}) AS statement_for, {KNOWN.format(id="attempts.id")} AS known,
    (SELECT jsonb_agg(jsonb_build_array(role, reference) ORDER BY received_at DESC, role) FROM claims WHERE claims.attempt_id = attempts.id) AS claimed
FROM attempts"""  # noqa: S608 - text of ours
_KNOWN_BY = """SELECT attempt_id FROM attempt_references WHERE reference = ANY({references})
    UNION SELECT attempt_id FROM claims WHERE reference = ANY({references})"""
_FIND = f"""{_ORIGINAL}
WHERE id = ANY(ARRAY(SELECT unnest($1::text[]) UNION {_KNOWN_BY.format(references="$2::text[]")}))
  AND kind <> 'query' AND problem IS DISTINCT FROM 'tombstone'
"""  # noqa: S608 - text of ours
# Refunds that may be at the provider under an id that is not known here, though they may have succeeded. What a refund is
# made of, as the capture that it gives back, is known before it is sent, and is no id of the refund.
_NAMELESS_REFUNDS = f"""{_ORIGINAL}
WHERE kind = 'refund' AND first_sent_at IS NOT NULL AND payment_id = ANY(ARRAY(
    SELECT named.payment_id FROM attempt_references AS r JOIN attempts AS named ON named.id = r.attempt_id
    WHERE r.reference = ANY($1::text[])))
  AND coalesce(outcome ->> 'result' NOT IN ('Declined', 'Canceled'), true)
  AND NOT EXISTS (SELECT FROM attempt_references AS known WHERE known.attempt_id = attempts.id AND known.role IN ('{MAIN}', 'refund'))
  AND NOT EXISTS (SELECT FROM attempts AS asked WHERE asked.kind = 'query' AND asked.operation_id = attempts.id
    AND asked.outcome ->> 'result' IN ('Declined', 'Canceled'))
"""  # noqa: S608 - text of ours
# However many callbacks come about an operation, the provider is queried once at a time and not too often. A query that
# runs already may have looked too early, and does not count; one that waits behind the open operation does.
_ASK = Write(
    """
    INSERT INTO attempts ({names}) SELECT {names} FROM unnest({arrays}) AS new ({names})
    WHERE NOT EXISTS (
        SELECT FROM attempts AS open
        WHERE open.payment_id = new.payment_id AND open.operation_id = new.operation_id AND open.kind = 'query'
          AND open.done_at IS NULL AND open.lease_token IS NULL)
      AND (SELECT count(*) FROM attempts AS asked
        WHERE asked.operation_id = new.operation_id AND asked.kind = 'query' AND asked.created_at > now() - interval '1 hour') < 20
    ON CONFLICT (id) DO NOTHING""",
    NEW_ATTEMPT,
)
# Whoever learns an address may claim anything, but not without end. The latest claims count: an earlier flood of them hides
# no genuine one.
_CLAIM = insert(CLAIMS, "ON CONFLICT (attempt_id, role, reference) DO UPDATE SET received_at = now()", given(CLAIMS))
_DROP_CLAIMS = """
DELETE FROM claims AS c USING (
    SELECT *, row_number() OVER (PARTITION BY attempt_id ORDER BY received_at DESC, role, reference) AS place
    FROM claims WHERE attempt_id = ANY($1::text[])) AS old
WHERE old.place > 20 AND (c.attempt_id, c.role, c.reference) = (old.attempt_id, old.role, old.reference)
"""
CLAIM_DAYS = 30
PURGE_CLAIMS = purge_of(CLAIMS.c.received_at)
# What is answered later changes nothing about it, so that it is written beside the answer.
_SUCCEED = Write(
    """UPDATE attempts AS a SET success = told.success FROM (
    SELECT new.* FROM unnest({arrays}) AS new ({names}) JOIN attempts AS found USING (id) ORDER BY id FOR UPDATE OF found
) AS told WHERE a.id = told.id AND a.success IS NULL""",
    (ATTEMPTS.c.id, ATTEMPTS.c.success),
)
_LOCK = f"""
SELECT FROM attempts WHERE id IN ({_KNOWN_BY.format(references="$1::text[]")}) ORDER BY id FOR UPDATE
"""
_ANSWERED = """
FROM attempts WHERE kind = 'query' AND operation_id = {operation_id} AND created_at >= {since} AND done_at IS NOT NULL
  AND NOT (outcome ->> 'result' = 'Unknown' AND (coalesce((outcome ->> 'silent')::boolean, false) OR outcome ->> 'reason' = ANY($3)))
"""
_HEARD = f"SELECT outcome {_ANSWERED.format(operation_id='$1', since='$2')} ORDER BY done_at DESC LIMIT 1"
_UNHEARD_OF = f"""
SELECT DISTINCT named.operation_id FROM unnest($1::text[], $2::text[]) AS named (message_id, operation_id)
JOIN inbox ON inbox.consumer = 'callbacks' AND inbox.message_id = named.message_id
WHERE NOT EXISTS (SELECT {_ANSWERED.format(operation_id="named.operation_id", since="inbox.received_at")})
"""  # noqa: S608 - text of ours


def ask(unit: UnitOfWork, originals: Sequence[OriginalAttempt]) -> None:
    """Put a query of each of these operations into the unit of work, because a callback has hinted at news of it.

    Not while one waits to be run, and at most twenty in an hour, the orchestrator's included: its deadlines are the net.
    """
    named = {original.operation.operation_id: original for original in originals}
    unit.put(_ASK, [_query_row(original) for _, original in sorted(named.items())])


def learn(unit: UnitOfWork, reported: Sequence[tuple[CallbackOutcome, OriginalAttempt]]) -> None:
    """Put the ids and the successes that callbacks were the first to report into the unit of work."""
    found = [
        row
        for one, original in reported
        for row in rows(original.operation.operation_id, one.outcome.reference, one.references.items())
        if not {(row[2], row[0]), (OWN, row[0])} & set(original.references)  # a name of ours is none that was given
    ]
    unit.put(KEEP, in_order(found))
    succeeded = {
        original.operation.operation_id: msgspec.to_builtins(one.outcome)
        for one, original in reported
        if original.success is None and isinstance(one.outcome, Succeeded | Reversed)
    }
    unit.put(_SUCCEED, sorted(succeeded.items()))


async def claim(unit: UnitOfWork, hinted: Sequence[tuple[NamedOperation, OriginalAttempt]]) -> None:
    """Keep the ids that hints give with the unit of work: the queries of the operations are handed the latest twenty."""
    found = {
        (original.operation.operation_id, role, reference)
        for one, original in hinted
        for reference, _, role in rows("", _main(one), one.references.items())
        if (role, reference) not in original.references
    }
    if found:
        await unit.transaction.execute(statement((_CLAIM,)), *arguments({_CLAIM: sorted(found)}))
        await unit.transaction.execute(_DROP_CLAIMS, sorted({operation_id for operation_id, _, _ in found}))


def _main(one: NamedOperation) -> str | None:
    return one.outcome.reference if isinstance(one, CallbackOutcome) else None


async def originals(
    source: Queries, operation_ids: Sequence[str], references: Sequence[str] = ()
) -> dict[str, OriginalAttempt]:
    """Those of these operations that were recorded here, or are known by one of these references, by operation id.

    A hint may have given the reference: it is among the operation's `claims` then.
    """
    read_at = clock.since_boot()
    found = await source.fetch(_FIND, operation_ids, references)
    return {row["id"]: read_original(row, read_at) for row in found}


async def nameless_refunds(source: Queries, references: Sequence[str]) -> list[OriginalAttempt]:
    """Refunds that may be at the provider under an id that is not known here, of the payments known by these references.

    To be read before `originals`: a refund that is named meanwhile is then found by its name, else it would be missed.
    """
    if not references:
        return []
    read_at = clock.since_boot()
    return [read_original(row, read_at) for row in await source.fetch(_NAMELESS_REFUNDS, references)]


async def lock(unit: UnitOfWork, references: Sequence[str]) -> None:
    """Have what is read about the operations known by these references from now on stay true until the commit."""
    await unit.transaction.fetch(_LOCK, references)


async def heard_since(unit: UnitOfWork, operation_id: str, since: datetime) -> Outcome | None:
    """The provider's latest answer to a query of the operation that was asked since then, if there is one."""
    outcome = await unit.transaction.fetchval(_HEARD, operation_id, since, UNHEARD)
    return outcome and msgspec.convert(outcome, Outcome)


async def unheard_of(unit: UnitOfWork, asked: Sequence[tuple[str, OriginalAttempt]]) -> list[OriginalAttempt]:
    """Those of these operations of which the provider has answered no query since the report that asks about it was stored.

    `asked` are message ids of reports, each with an operation that it asks about.
    """
    named = [(message_id, original.operation.operation_id) for message_id, original in asked]
    if not named:
        return []
    unheard = await unit.reads.fetch(_UNHEARD_OF, *map(list, zip(*named, strict=True)), UNHEARD)
    found = {row["operation_id"] for row in unheard}
    return [original for _, original in asked if original.operation.operation_id in found]


async def take(
    unit: UnitOfWork, original: OriginalAttempt, money: ReceivedMoney, outcome: Outcome | None = None
) -> None:
    """Write down at once that this money is the operation's; and its outcome, if it is learned by that."""
    operation_id = original.operation.operation_id
    named = rows(operation_id, money.reference, [(money.role, money.reference)] if money.role else [])
    await unit.transaction.execute(statement((KEEP,)), *arguments({KEEP: in_order(named)}))
    if isinstance(outcome, Succeeded):
        row = operation_id, msgspec.to_builtins(outcome)
        await unit.transaction.execute(statement((_SUCCEED,)), *arguments({_SUCCEED: [row]}))


def _query_row(original: OriginalAttempt) -> Sequence[object]:
    """In the order of `_ASK`: a query of our own.

    It only reads: a person may have decided meanwhile that the operation has failed, and has perhaps replaced it.
    """
    operation = original.operation
    query = Query(
        payment_id=operation.payment_id,
        operation_id=operation.operation_id,
        merchant_id=operation.merchant_id,
        mode=operation.mode,
        config_version=operation.config_version,
        step=operation.step,
        account=operation.account,
        client_ref=operation.client_ref,
        kind=kind_of(operation),
        reference=original.reference,
        only_read=True,
    )
    ids_ = ids.new("hint"), query.operation_id, query.payment_id, query.merchant_id
    return *ids_, "query", encode(query), original.headers, None, account_of(query)
