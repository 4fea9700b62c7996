"""Which saved methods new payments are to be made with: what their provider calls them, which the merchant never learns."""

from collections.abc import Sequence
from typing import NamedTuple, Self

from msgspec.structs import replace

from malipo.contracts.commands import CreatePayment, SavedReference
from malipo.contracts.message import Message
from malipo.messaging.pool import Queries
from orchestrator.saved import saved_before

_READ = """
SELECT id, merchant_id, mode, reference, holder,
    EXISTS (SELECT FROM operations AS o WHERE o.payment_id = m.payment_id AND o.subject = 'detach') AS detached
FROM payment_methods AS m WHERE id = ANY($1::text[])
"""


class _Known(NamedTuple):
    """What a provider calls a saved method, and whether that is or was to be detached."""

    reference: SavedReference
    detached: bool


class SavedMethods(dict[tuple[str, str, str], _Known]):
    """The saved methods that a batch names, by id, merchant and mode: another's is not there."""

    @classmethod
    async def of(cls, source: Queries, batch: Sequence[Message]) -> Self:
        """Costs nothing where nobody pays with one."""
        asked = {named for one in batch if isinstance(one, CreatePayment) and (named := saved_before(one.method))}
        if not asked:
            return cls()
        rows = await source.fetch(_READ, sorted(asked))
        names = [SavedReference(reference=row["reference"], holder=row["holder"]) for row in rows]
        known = [_Known(name, row["detached"]) for name, row in zip(names, rows, strict=True)]
        owners = [(row["id"], row["merchant_id"], row["mode"]) for row in rows]
        return cls(zip(owners, known, strict=True))

    def completed(self, command: CreatePayment, *, forgotten: bool) -> CreatePayment:
        """The command, with what the provider calls its method if that was saved before and still is. What may be `forgotten` was
        perhaps charged before that was detached.
        """
        named = saved_before(command.method)
        found = self.get((named, command.merchant_id, command.mode)) if named else None
        if found is None or (found.detached and not forgotten):
            return command
        return replace(command, method=replace(command.method, saved=found.reference))
