"""The ids that a provider has given to operations: by any of them a callback or a report finds the attempt."""

import hashlib
from collections.abc import Iterable, Sequence

from malipo.messaging.pool import Queries
from malipo.messaging.writes import insert
from provider_kit.provider import Named
from provider_kit.tables import ATTEMPT_REFERENCES

MAIN = "main"
"""The role of the id that outcomes carry as their `reference`."""

KEEP = insert(ATTEMPT_REFERENCES, "ON CONFLICT DO NOTHING")
KEEP_OF = f"""INSERT INTO attempt_references ({KEEP.names})
    SELECT {KEEP.names} FROM unnest({{arrays}}) WITH ORDINALITY AS new ({KEEP.names}, place)
    WHERE new.attempt_id IN (SELECT id FROM {{attempts}}) ORDER BY place ON CONFLICT DO NOTHING"""  # noqa: S608 - names of ours
"""The same, of these rows those whose attempt is among `{attempts}`."""
KNOWN = """(SELECT jsonb_agg(jsonb_build_array(role, reference) ORDER BY position)
    FROM attempt_references AS known WHERE known.attempt_id = {id})"""
"""The ids of the attempt whose id is the column `{id}`: role and id of each, the earliest first."""

OWN = "own"
"""The role of the names that we have given to an operation, and the provider repeats."""
CUSTOMER = "customer"
"""The role of the provider's id of whose an operation is: many of them have the same, so that it names none."""

_MADE_HERE = """
SELECT DISTINCT a.merchant_id, known.reference FROM attempt_references AS known JOIN attempts AS a ON a.id = known.attempt_id
WHERE known.reference = ANY($1::text[])
UNION SELECT merchant_id, reference FROM received_money WHERE reference = ANY($1::text[])
"""
_MAX_CHARS = 255


def holdable(text: str) -> str:
    """The text, or its SHA-256 when PostgreSQL cannot hold it, or it is longer than any id."""
    if len(text) <= _MAX_CHARS and text.isascii() and "\0" not in text:
        return text  # as most are
    plain = text.encode(errors="surrogatepass")
    if len(text) <= _MAX_CHARS and "\0" not in text and plain == text.encode(errors="replace"):
        return text
    return f"sha256:{hashlib.sha256(plain).hexdigest()}"


def rows(attempt_id: str, main: str | None, others: Iterable[Named]) -> list[tuple[str, str, str]]:
    """Rows of `KEEP` for all ids of one attempt."""
    named = [(MAIN, main or ""), *others]
    return [(holdable(reference), attempt_id, holdable(role)) for role, reference in named if reference]


def in_order(found: Sequence[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """All processes write the same ids in the same order, lest two of them deadlock."""
    return sorted(set(found))


def columns(found: Sequence[tuple[str, str, str]]) -> Sequence[Sequence[str]]:
    """The arguments of `KEEP` for these rows."""
    return list(zip(*in_order(found), strict=True)) if found else ((), (), ())


async def made_here(source: Queries, references: Sequence[str]) -> set[tuple[str, str]]:
    """Of these ids, those of objects that an operation made, or of money that we have told of: merchant's id and object's id."""
    if not references:
        return set()
    return {(row["merchant_id"], row["reference"]) for row in await source.fetch(_MADE_HERE, sorted(set(references)))}
