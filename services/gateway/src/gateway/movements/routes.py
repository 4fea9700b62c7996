"""`/v1/payments/{id}/movements` and `/v1/reports/daily`: what has moved the balances of accounts at providers, with fees."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from gateway.edge.admission import Admission
from gateway.edge.authentication import MerchantClient
from gateway.edge.dependencies import DependenciesOf
from gateway.edge.responses import respond
from gateway.movements import store
from gateway.movements.schemas import OF_DAY, OF_PAYMENT, DayAsked
from gateway.openapi.description import spec
from gateway.payments.access import require_payment

router = APIRouter(prefix="/v1")


@router.get(
    "/payments/{payment_id}/movements",
    **spec(
        "List what a payment has moved", responses={200: OF_PAYMENT}, problems=("payment_not_found",), tag="Payments"
    ),
)
async def list_movements(
    dependencies: DependenciesOf,
    client: Annotated[MerchantClient, Depends(Admission("payments:read"))],
    payment_id: str,
) -> Response:
    """Each movement of your account's balance that is of this payment, with what the provider has kept of it: the charge, its
    refunds, its disputes. They are read some minutes after the payment, and only where the provider shows them.
    """
    payment = await require_payment(dependencies, client, payment_id)
    reads = dependencies.database.reads
    movements = await store.movements_of(reads, payment.id, client.merchant_id, client.mode)
    return respond({"payment_id": payment.id, "movements": movements})


@router.get(
    "/reports/daily",
    **spec(
        "Report a day", responses={200: OF_DAY}, problems=("parameter_repeated", "parameter_invalid"), tag="Reports"
    ),
)
async def report_day(
    dependencies: DependenciesOf,
    client: Annotated[MerchantClient, Depends(Admission("payments:read", DayAsked))],
    asked: Annotated[DayAsked, Query()],
) -> Response:
    """What has moved the balances of your accounts on one day, in UTC: of payments, of none that is known, and otherwise; and
    whether it is what Malipo has recorded. `total.net` of an account is by how much its balance has changed at the provider.
    """
    begin = datetime.combine(asked.day, datetime.min.time(), UTC)
    end = begin + timedelta(days=1)
    reads = dependencies.database.reads
    return respond(await store.day_of(reads, client.merchant_id, client.mode, begin, end))
