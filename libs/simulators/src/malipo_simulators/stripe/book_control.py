"""The control route of Stripe's book: the kit's, narrowed by what Stripe calls things."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.responses import StreamingResponse

from malipo_simulators.kit.book import BookFilter
from malipo_simulators.kit.control.book import metadata_asked_for, show_book
from malipo_simulators.stripe.http.auth import read_key
from malipo_simulators.stripe.state.world import StripeWorld, account_id


def book_filter(
    request: Request,
    authorization: Annotated[str | None, Header(description="A test key: only its account's lines.")] = None,
    account: Annotated[str | None, Query(description="acct_ id: only its lines.")] = None,
    payment_intent: Annotated[str | None, Query()] = None,
    after_seq: Annotated[int, Query(ge=0, description="Only effects after this one.")] = 0,
) -> BookFilter:
    """Also takes `metadata[key]=value`, any number of them, all of which must hold."""
    key = read_key(authorization)
    return BookFilter(metadata_asked_for(request), account_id(key) if key else account, payment_intent, after_seq)


def book_routes(world: StripeWorld) -> APIRouter:
    router = APIRouter(prefix="/_sim", tags=["What happened"])

    @router.get("/book", summary="What really happened to money")
    async def book(wanted: Annotated[BookFilter, Depends(book_filter)]) -> StreamingResponse:
        """`{"effects": [...], "payment_intents": [...]}`: effects in order, then totals for each PaymentIntent.

        Filter with `metadata[malipo_payment_id]=...`, `account=`, `payment_intent=`, `after_seq=`.
        """
        return show_book(world.book, wanted, totals="payment_intents")

    return router
