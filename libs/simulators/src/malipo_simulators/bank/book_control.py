"""The control route of the bank's book: the kit's, narrowed by what the bank calls things."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse

from malipo_simulators.bank.state.world import BankWorld
from malipo_simulators.kit.book import BookFilter
from malipo_simulators.kit.control.book import show_book


def book_filter(
    account: Annotated[str | None, Query(description="The debtor_account_id: only its lines.")] = None,
    payment: Annotated[str | None, Query()] = None,
    end_to_end_id: Annotated[str | None, Query()] = None,
    remittance: Annotated[str | None, Query()] = None,
    after_seq: Annotated[int, Query(ge=0, description="Only effects after this one.")] = 0,
) -> BookFilter:
    about = {"end_to_end_id": end_to_end_id, "remittance": remittance}
    return BookFilter({name: value for name, value in about.items() if value}, account, payment, after_seq)


def book_routes(world: BankWorld) -> APIRouter:
    router = APIRouter(prefix="/_sim", tags=["What happened"])

    @router.get("/book", summary="What really happened to money")
    async def book(wanted: Annotated[BookFilter, Depends(book_filter)]) -> StreamingResponse:
        """`{"effects": [...], "payments": [...]}`: effects in order, then each payment's line, in cents."""
        return show_book(world.book, wanted, totals="payments")

    return router
