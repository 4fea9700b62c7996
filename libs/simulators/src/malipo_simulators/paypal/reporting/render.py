"""The JSON of a row of transaction search: the parts that were asked for."""

from collections.abc import Callable, Iterable

from malipo_simulators.kit.shapes import Json
from malipo_simulators.paypal.objects.models import Payer
from malipo_simulators.paypal.objects.render import name_of, without_nothing
from malipo_simulators.paypal.objects.times import written
from malipo_simulators.paypal.reporting.rows import Row


def render_row(row: Row, parts: Iterable[str]) -> Json:
    return {part: PARTS[part](row) for part in parts}


def render_transaction(row: Row) -> Json:
    return without_nothing({
        "paypal_account_id": row.order.payer.id if row.order.payer else None,
        "transaction_id": row.id,
        "paypal_reference_id": row.reference,
        "paypal_reference_id_type": "TXN" if row.reference else None,
        "transaction_event_code": row.code,
        "transaction_initiation_date": written(row.initiated),
        "transaction_updated_date": written(row.updated),
        "transaction_amount": row.amount.as_json(),
        "fee_amount": row.fee.as_json() if row.fee.minor else None,
        "transaction_status": row.status,
        "invoice_id": row.invoice_id,
        "custom_field": row.custom_id,
        "protection_eligibility": "01",
    })  # fmt: skip


def render_payer_info(row: Row) -> Json:
    payer = row.order.payer
    return {"address_status": "N", "payer_name": {}} if payer is None else payer_info(payer)


def payer_info(payer: Payer) -> Json:
    return {
        "account_id": payer.id,
        "email_address": payer.email,
        "address_status": "N",
        "payer_status": "Y",
        "payer_name": name_of(payer) | {"alternate_full_name": f"{payer.given_name} {payer.surname}"},
        "country_code": payer.country,
    }


def nothing(_: Row) -> Json:
    """Parts that PayPal leaves empty of such payments."""
    return {}


PARTS: dict[str, Callable[[Row], Json]] = {
    "transaction_info": render_transaction,
    "payer_info": render_payer_info,
    "shipping_info": nothing,
    "cart_info": nothing,
    "store_info": nothing,
    "auction_info": nothing,
    "incentive_info": nothing,
}
