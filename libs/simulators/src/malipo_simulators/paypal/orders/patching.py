"""PATCH /v2/checkout/orders/{id}: JSON patches of the few attributes that may be patched, all of them or none."""

import re
from dataclasses import dataclass
from typing import Any

from malipo_simulators.kit.api.answers import Answer
from malipo_simulators.kit.shapes import Json
from malipo_simulators.paypal.http.descriptors import check_descriptor
from malipo_simulators.paypal.http.request import PaypalRequest
from malipo_simulators.paypal.http.shapes import Reader, resolved, shape
from malipo_simulators.paypal.objects.models import Intent, Order, OrderStatus, Unit
from malipo_simulators.paypal.objects.values import inner
from malipo_simulators.paypal.orders.amounts import normalized, read_amount
from malipo_simulators.paypal.orders.operations import ENDED, find_open
from malipo_simulators.paypal.orders.reading import found_by

POINTER = re.compile(r"(/[^/]+)+")
OF_UNIT = re.compile(r"/purchase_units/@reference_id=='(?P<reference>[^']+)'/(?P<attribute>.+)")
PATCHABLE: dict[str, tuple[str, ...]] = {
    "custom_id": ("replace", "add", "remove"),
    "description": ("replace", "add", "remove"),
    "invoice_id": ("replace", "add", "remove"),
    "soft_descriptor": ("replace", "remove"),
    "amount": ("replace",),
    "items": ("replace", "add", "remove"),
    "shipping/name": ("replace", "add"),
    "shipping/address": ("replace", "add"),
    "shipping/type": ("replace", "add"),
    "payment_instruction": ("replace",),
}
UNIT_SHAPE = "purchase_unit_request"


@dataclass(slots=True)
class Draft:
    """The unit as it will be once every patch was taken."""

    unit: Unit
    given: Any


def patch(request: PaypalRequest) -> Answer:
    order = find_open(request)
    if order.status in ENDED:
        raise request.issue("ORDER_ALREADY_COMPLETED")
    drafts = {unit.reference_id: Draft(unit, dict(unit.given)) for unit in order.units}
    intent = order.intent
    for index, one in enumerate(request.body):
        path = read_path(request, one, f"/{index}")
        if path == "/intent":
            intent = read_intent(request, one, f"/{index}")
        else:
            apply(request, drafts, one, path, f"/{index}")
    take(request, order, drafts, intent)
    return Answer(204, b"")


def read_path(request: PaypalRequest, one: Json, at: str) -> str:
    path = one.get("path")
    if not isinstance(path, str) or not path:
        raise request.issue("PATCH_PATH_REQUIRED", f"{at}/path")
    if POINTER.fullmatch(path) is None:
        raise request.issue("INVALID_JSON_POINTER_FORMAT", f"{at}/path", path)
    if "value" not in one and one["op"] in ("add", "replace"):
        raise request.issue("PATCH_VALUE_REQUIRED", f"{at}/value")
    return path


def read_intent(request: PaypalRequest, one: Json, at: str) -> Intent:
    if one["op"] != "replace":
        raise request.issue("INVALID_PATCH_OPERATION", f"{at}/op", one["op"])
    if one["value"] not in tuple(Intent):
        raise request.issue("INVALID_PARAMETER_VALUE", f"{at}/value", one["value"])
    return Intent(str(one["value"]))


def apply(request: PaypalRequest, drafts: dict[str, Draft], one: Json, path: str, at: str) -> None:
    """One patch of one purchase unit."""
    match = OF_UNIT.fullmatch(path)
    operations = PATCHABLE.get(match["attribute"]) if match else None
    if match is None or operations is None:
        raise request.issue("NOT_PATCHABLE", f"{at}/path", path)
    draft = drafts.get(match["reference"])
    if draft is None:
        raise request.issue("REFERENCE_ID_NOT_FOUND", f"{at}/path", path)
    holder, name = holder_of(draft, match["attribute"])
    if one["op"] not in operations or (one["op"] != "add" and name not in holder):
        raise request.issue("INVALID_PATCH_OPERATION", f"{at}/op", one["op"])
    if one["op"] == "remove":
        del holder[name]
    else:
        holder[name] = read_value(request, match["attribute"], one["value"], f"{at}/value")


def holder_of(draft: Draft, attribute: str) -> tuple[Any, str]:
    outer, _, inner = attribute.rpartition("/")
    if not outer:
        return draft.given, inner
    draft.given[outer] = dict(draft.given.get(outer) or {})
    return draft.given[outer], inner


def read_value(request: PaypalRequest, attribute: str, value: object, at: str) -> object:
    """By the schema of a purchase unit. Raise what is against it."""
    schema = shape(UNIT_SHAPE)
    for name in attribute.split("/"):
        schema = inner(inner(resolved(schema), "properties"), name)
    reader = Reader()
    read = reader.read(schema, value, at)
    if reader.violations:
        raise request.against_schema(reader.violations)
    if attribute == "soft_descriptor":
        check_descriptor(request, read, at)
    return read


def take(request: PaypalRequest, order: Order, drafts: dict[str, Draft], intent: Intent) -> None:
    """Everything at once, unless one amount is wrong, or another than the payer has approved."""
    amounts = [read_amount(request, draft.given, f"/purchase_units/{name}") for name, draft in drafts.items()]
    for amount, draft in zip(amounts, drafts.values(), strict=True):
        if order.status is OrderStatus.APPROVED and amount != draft.unit.amount:
            raise request.issue("AMOUNT_CHANGE_NOT_ALLOWED")
    for amount, draft in zip(amounts, drafts.values(), strict=True):
        draft.unit.given, draft.unit.amount = normalized(draft.given, amount), amount
    order.intent, order.updated = intent, request.change.now
    request.world.book.merge_metadata(order, found_by(order.id, order.units[0]))
