"""The JSON of what is remembered, as the API and its events show it."""

from malipo_simulators.kit.shapes import Json
from malipo_simulators.paypal.objects.links import (
    authorization_links,
    capture_links,
    link,
    order_links,
    refund_links,
)
from malipo_simulators.paypal.objects.models import (
    Authorization,
    Capture,
    Dispute,
    DisputeOutcome,
    Order,
    Payer,
    Refund,
    Unit,
)
from malipo_simulators.paypal.objects.money import zero
from malipo_simulators.paypal.objects.times import written
from malipo_simulators.paypal.objects.values import inner

DISPUTE_CATEGORIES = ["ITEM_NOT_RECEIVED", "UNAUTHORIZED_TRANSACTION"]


def minimal(full: Json, *more: str) -> Json:
    """What `Prefer: return=minimal` leaves: id, status and links."""
    return {name: full[name] for name in ("id", "status", *more, "links") if name in full}


def render_order(order: Order) -> Json:
    body: Json = {
        "id": order.id,
        "intent": order.intent,
        "status": order.status,
        "payment_source": render_source(order),
        "purchase_units": [render_unit(order, unit) for unit in order.units],
        "payer": render_payer(order.payer) if order.payer else None,
        "create_time": written(order.created),
        "update_time": written(order.updated),
        "links": order_links(order),
    }
    return without_nothing(body)


def render_source(order: Order) -> Json | None:
    if order.payer is None:
        return {"paypal": {"email_address": order.email} if order.email else {}} if order.has_source else None
    payer = order.payer
    return {
        "paypal": {
            "email_address": payer.email,
            "account_id": payer.id,
            "account_status": "VERIFIED",
            "name": name_of(payer),
            "address": {"country_code": payer.country},
        }
    }


def render_payer(payer: Payer) -> Json:
    return {
        "payer_id": payer.id,
        "email_address": payer.email,
        "name": name_of(payer),
        "address": {"country_code": payer.country},
    }


def name_of(payer: Payer) -> Json:
    return {"given_name": payer.given_name, "surname": payer.surname}


def render_unit(order: Order, unit: Unit) -> Json:
    """As the client sent it, with what was made of it. Who has approved is shipped to at a made-up address."""
    body = {"reference_id": unit.reference_id} | unit.given
    if order.payer is not None and order.context.ships and "shipping" not in body:
        body["shipping"] = shipping_to(order.payer)
    payments = render_payments(unit)
    return body | ({"payments": payments} if payments else {})


def shipping_to(payer: Payer) -> Json:
    return {
        "name": {"full_name": f"{payer.given_name} {payer.surname}"},
        "address": {
            "address_line_1": "1 Main St",
            "admin_area_2": "San Jose",
            "admin_area_1": "CA",
            "postal_code": "95131",
            "country_code": payer.country,
        },
    }


def render_payments(unit: Unit) -> Json:
    made: Json = {
        "authorizations": [as_part(render_authorization(one)) for one in unit.authorizations],
        "captures": [as_part(render_capture(one)) for one in unit.captures],
        "refunds": [render_refund(one) for one in unit.refunds],
    }
    return {name: some for name, some in made.items() if some}


def as_part(payment: Json) -> Json:
    """Within its order, which says the rest."""
    return {name: value for name, value in payment.items() if name not in ("supplementary_data", "payee")}


def render_authorization(one: Authorization) -> Json:
    related: Json = {"order_id": one.order.id}
    return without_nothing({
        "id": one.id,
        "status": one.status,
        "status_details": {"reason": one.reason} if one.reason else None,
        "amount": one.amount.as_json(),
        "invoice_id": one.invoice_id,
        "custom_id": one.custom_id,
        "seller_protection": seller_protection(),
        "expiration_time": written(one.expires),
        "supplementary_data": {"related_ids": related},
        "payee": one.unit.given.get("payee"),
        "create_time": written(one.created),
        "update_time": written(one.updated),
        "links": authorization_links(one),
    })  # fmt: skip


def render_capture(one: Capture) -> Json:
    related: Json = {"order_id": one.order.id}
    if one.authorization is not None:
        related["authorization_id"] = one.authorization.id
    return without_nothing({
        "id": one.id,
        "status": one.status,
        "status_details": {"reason": one.reason} if one.reason else None,
        "amount": one.amount.as_json(),
        "invoice_id": one.invoice_id,
        "custom_id": one.custom_id,
        "seller_protection": seller_protection(),
        "final_capture": one.final,
        "seller_receivable_breakdown": {
            "gross_amount": one.amount.as_json(),
            "paypal_fee": one.fee.as_json(),
            "net_amount": (one.amount - one.fee).as_json(),
        },
        "supplementary_data": {"related_ids": related},
        "payee": one.unit.given.get("payee"),
        "create_time": written(one.created),
        "update_time": written(one.updated),
        "links": capture_links(one),
    })  # fmt: skip


def render_refund(one: Refund) -> Json:
    """PayPal keeps its fee."""
    return without_nothing({
        "id": one.id,
        "status": one.status,
        "status_details": {"reason": one.reason} if one.reason else None,
        "amount": one.amount.as_json(),
        "invoice_id": one.invoice_id,
        "custom_id": one.custom_id,
        "note_to_payer": one.note,
        "seller_payable_breakdown": {
            "gross_amount": one.amount.as_json(),
            "paypal_fee": zero(one.amount.currency).as_json(),
            "net_amount": one.amount.as_json(),
            "total_refunded_amount": one.total_refunded.as_json(),
        },
        "payer": one.capture.unit.given.get("payee"),
        "create_time": written(one.created),
        "update_time": written(one.updated),
        "links": refund_links(one),
    })  # fmt: skip


def render_reversed(order: Order) -> Json:
    """An order whose approval was taken back, as its event tells of it: it is not there any more."""
    units = [
        without_nothing({"reference_id": one.reference_id, "custom_id": one.custom_id, "invoice_id": one.invoice_id})
        for one in order.units
    ]
    return without_nothing({
        "order_id": order.id,
        "purchase_units": units,
        "payment_source": render_source(order),
    })  # fmt: skip


def render_dispute(one: Dispute) -> Json:
    capture, order = one.capture, one.capture.order
    transaction: Json = {
        "seller_transaction_id": capture.id,
        "create_time": written(capture.created),
        "transaction_status": "COMPLETED",
        "gross_amount": capture.amount.as_json(),
        "custom": capture.custom_id,
        "seller": without_nothing({"merchant_id": inner(capture.unit.given, "payee").get("merchant_id")}),
        "seller_protection_eligible": True,
    }
    return without_nothing({
        "dispute_id": one.id,
        "create_time": written(one.created),
        "update_time": written(one.updated),
        "disputed_transactions": [without_nothing(transaction)],
        "reason": one.reason,
        "status": one.status,
        "dispute_amount": one.amount.as_json(),
        "dispute_outcome": render_outcome(one),
        "dispute_life_cycle_stage": "INQUIRY",
        "dispute_channel": "INTERNAL",
        "links": [link(f"{order.api_base}/v1/customer/disputes/{one.id}", "self")],
    })  # fmt: skip


def render_outcome(one: Dispute) -> Json | None:
    if one.outcome is None:
        return None
    refunded = one.amount if one.outcome is DisputeOutcome.BUYER else None
    return without_nothing({"outcome_code": one.outcome, "amount_refunded": refunded and refunded.as_json()})


def seller_protection() -> Json:
    return {"status": "ELIGIBLE", "dispute_categories": DISPUTE_CATEGORIES}


def without_nothing(body: Json) -> Json:
    return {name: value for name, value in body.items() if value is not None}
