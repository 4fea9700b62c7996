"""Control route that books what no payment explains: a fee, money that somebody else has moved."""

from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from malipo_simulators.bank.state.book import Direction, Entry, EntryKind
from malipo_simulators.bank.state.finding import find_account
from malipo_simulators.bank.state.world import BankWorld
from malipo_simulators.bank.statements.operations import render_entry
from malipo_simulators.kit.shapes import Json


class NewEntry(BaseModel):
    model_config = ConfigDict(extra="forbid")

    direction: Direction
    amount: Annotated[int, Field(gt=0, le=10**12, description="In cents.")]
    kind: Literal[EntryKind.FEE, EntryKind.OTHER] = EntryKind.OTHER
    text: Annotated[str, Field(max_length=140)] = ""


def account_routes(world: BankWorld) -> APIRouter:
    router = APIRouter(prefix="/_sim/accounts", tags=["Accounts"])

    @router.get("", summary="All accounts with their balances, in cents")
    async def show() -> list[Json]:
        return [
            {"id": one.id, "customer": one.customer_id, "balance": one.balance, "available": one.available}
            for one in world.accounts.values()
        ]

    @router.post("/{account_id}/entries", status_code=201, summary="Book what no payment explains")
    async def book(account_id: str, new: NewEntry) -> Json:
        """A debit of the whole balance has the next payments rejected with AM04."""
        account = find_account(world, account_id)
        entry = Entry(
            id=world.new_id("ent"),
            at=world.agenda.now(),
            direction=new.direction,
            amount=new.amount,
            kind=EntryKind(new.kind),
            text=new.text,
        )
        account.book(entry)
        return render_entry(entry)

    return router
