"""The control route of PayPal's book: the kit's, narrowed by what PayPal calls things."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse

from malipo_simulators.kit.book import BookFilter
from malipo_simulators.kit.control.book import show_book
from malipo_simulators.paypal.state.world import PaypalWorld


def book_filter(
    account: Annotated[str | None, Query(description="The merchant's id: only its lines.")] = None,
    order: Annotated[str | None, Query()] = None,
    custom_id: Annotated[str | None, Query()] = None,
    invoice_id: Annotated[str | None, Query()] = None,
    after_seq: Annotated[int, Query(ge=0, description="Only effects after this one.")] = 0,
) -> BookFilter:
    about = {"custom_id": custom_id, "invoice_id": invoice_id}
    return BookFilter({name: value for name, value in about.items() if value}, account, order, after_seq)


def book_routes(world: PaypalWorld) -> APIRouter:
    router = APIRouter(prefix="/_sim", tags=["What happened"])

    @router.get("/book", summary="What really happened to money")
    async def book(wanted: Annotated[BookFilter, Depends(book_filter)]) -> StreamingResponse:
        """`{"effects": [...], "orders": [...]}`: effects in order, then totals for each order, in minor units."""
        return show_book(world.book, wanted, totals="orders")

    return router
