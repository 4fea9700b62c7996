"""Which saved methods new payments are to be made with: what their provider calls them, which the merchant never learns."""

from collections.abc import Sequence
from typing import Self

from msgspec.structs import replace

from malipo.contracts.commands import CreatePayment, SavedReference
from malipo.contracts.message import Message
from malipo.messaging.pool import Queries
from orchestrator.saved import saved_before

_READ = """
SELECT id, merchant_id, mode, reference, holder FROM payment_methods AS m WHERE id = ANY($1::text[])
AND NOT EXISTS (SELECT FROM operations AS o WHERE o.payment_id = m.payment_id AND o.subject = 'detach')
"""


class SavedMethods(dict[tuple[str, str, str], SavedReference]):
    """The saved methods that a batch names, by id, merchant and mode: another's is not there, nor what is or was to be detached."""

    @classmethod
    async def of(cls, source: Queries, batch: Sequence[Message]) -> Self:
        """Costs nothing where nobody pays with one."""
        asked = {named for one in batch if isinstance(one, CreatePayment) and (named := saved_before(one.method))}
        if not asked:
            return cls()
        rows = await source.fetch(_READ, sorted(asked))
        names = [SavedReference(reference=row["reference"], holder=row["holder"]) for row in rows]
        owners = [(row["id"], row["merchant_id"], row["mode"]) for row in rows]
        return cls(zip(owners, names, strict=True))

    def completed(self, command: CreatePayment) -> CreatePayment:
        """The command, with what the provider calls its method if that was saved before and still is."""
        named = saved_before(command.method)
        found = self.get((named, command.merchant_id, command.mode)) if named else None
        return replace(command, method=replace(command.method, saved=found)) if found else command
