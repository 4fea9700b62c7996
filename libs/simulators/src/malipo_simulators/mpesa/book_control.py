"""The control route of M-Pesa's book: the kit's, narrowed by what Daraja calls things."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse

from malipo_simulators.kit.book import BookFilter
from malipo_simulators.kit.control.book import show_book
from malipo_simulators.mpesa.state.world import MpesaWorld


def about(
    shortcode: Annotated[str | None, Query(description="The BusinessShortCode.")] = None,
    account_reference: Annotated[str | None, Query(description="AccountReference or BillRefNumber.")] = None,
    checkout_request_id: Annotated[str | None, Query()] = None,
    phone: Annotated[str | None, Query(description="As in 254712345678.")] = None,
) -> dict[str, str]:
    pairs = {
        "shortcode": shortcode,
        "account_reference": account_reference,
        "checkout_request_id": checkout_request_id,
        "phone": phone,
    }
    return {name: value for name, value in pairs.items() if value is not None}


def book_filter(
    pairs: Annotated[dict[str, str], Depends(about)],
    account: Annotated[str | None, Query(description="app_ id: only its lines.")] = None,
    after_seq: Annotated[int, Query(ge=0, description="Only effects after this one.")] = 0,
) -> BookFilter:
    """All that is given must hold."""
    return BookFilter(pairs, account, after_seq=after_seq)


def book_routes(world: MpesaWorld) -> APIRouter:
    router = APIRouter(prefix="/_sim", tags=["What happened"])

    @router.get("/book", summary="What really happened to money")
    async def book(wanted: Annotated[BookFilter, Depends(book_filter)]) -> StreamingResponse:
        """`{"effects": [...], "payments": [...]}`: effects in order, then totals for each payment; whole shillings."""
        return show_book(world.book, wanted, totals="payments")

    return router
