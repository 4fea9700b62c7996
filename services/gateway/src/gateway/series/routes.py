"""`/v1/series/{id}`: set what a mandate allows in each period, and see what is used of it."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from gateway.edge.admission import Admission
from gateway.edge.authentication import MerchantClient
from gateway.edge.body import body_of
from gateway.edge.dependencies import Dependencies, DependenciesOf
from gateway.edge.idempotency import once
from gateway.edge.mutations import Mutation, mutation
from gateway.edge.problems import FieldError, Problem, of_fields
from gateway.edge.responses import respond
from gateway.openapi.description import spec
from gateway.openapi.responses import SERIES
from gateway.series import store
from gateway.series.limits import Named, shown
from gateway.series.periods import period_at
from gateway.series.schemas import NewSeries, SeriesId
from malipo import clock
from malipo.messaging.unit_of_work import UnitOfWork

router = APIRouter(prefix="/v1/series", tags=["Series"])
_STAYS = "stays as it was first given: use another id for another one"


@router.put(
    "/{series_id}",
    **spec(
        "Set a series' rules",
        body=NewSeries,
        responses={200: SERIES},
        problems=("series_mismatch", "parameter_invalid"),
        changes=True,
    ),
)
async def put_series(
    mutation: Annotated[Mutation, Depends(mutation("payments:write"))],
    series_id: SeriesId,
    body: Annotated[NewSeries, Depends(body_of(NewSeries))],
) -> Response:
    """The id is your own, e.g. the mandate's. The rules hold for charges that are accepted from now on; those of the present
    period count by the new rules, too.

    Charges that name the series (`"method": {"type": "saved", ..., "series": id}`) are refused beyond them, before
    anything is sent. What is known to have failed, or to be canceled, counts no more; what is under way or in doubt counts.
    """
    client = mutation.client

    async def put(unit: UnitOfWork) -> str:
        if not await store.put(unit.transaction, client.merchant_id, client.mode, series_id, body):
            raise await _mismatch(unit, (client.merchant_id, client.mode, series_id), body)
        return series_id

    done = await once(mutation.dependencies.database, mutation.request, body, put)
    response = await _shown(mutation.dependencies, client, series_id)
    response.headers.update(mutation.headers(done))
    return response


@router.get(
    "/{series_id}", **spec("Read a series", responses={200: SERIES}, problems=("series_not_found", "parameter_invalid"))
)
async def read_series(
    dependencies: DependenciesOf,
    client: Annotated[MerchantClient, Depends(Admission("payments:read"))],
    series_id: SeriesId,
) -> Response:
    """Its rules, what is used of the present period, and which payments count in it."""
    return await _shown(dependencies, client, series_id)


async def _mismatch(unit: UnitOfWork, named: Named, body: NewSeries) -> Problem:
    series = await store.get(unit.transaction, named)
    assert series is not None  # it is what was in the way
    given = {"/customer_ref": body.customer_ref != series.customer_ref, "/currency": body.currency != series.currency}
    return of_fields(
        [FieldError(field, "series_mismatch", _STAYS) for field, is_another in given.items() if is_another]
    )


async def _shown(dependencies: Dependencies, client: MerchantClient, series_id: str) -> Response:
    reads, now = dependencies.database.reads, clock.now()
    named: Named = client.merchant_id, client.mode, series_id
    series = await store.get(reads, named)
    if series is None:
        raise Problem("series_not_found")
    period = period_at(series.starts_at, series.per, now)
    used = (await store.usage(reads, {named: series}, now))[named]
    return respond(shown(series, used, period, await store.counted(reads, named, period)))
