"""Orders of the simulated PayPal that are changed before they are paid."""

import pytest

pytestmark = pytest.mark.asyncio

ORDERS = "/v2/checkout/orders"
UNIT = "/purchase_units/@reference_id=='default'"


def patch(op: str, attribute: str, value: object = None) -> dict:
    return {"op": op, "path": f"{UNIT}/{attribute}"} | ({} if value is None else {"value": value})


async def test_what_may_be_patched_is(paypal, usd):
    order = await paypal.created(unit={"description": "Tea"})
    patches = [
        patch("replace", "amount", usd("12.00")),
        patch("add", "invoice_id", "inv-1"),
        patch("remove", "description"),
        patch("add", "shipping/address", {"country_code": "US", "admin_area_2": "Boston"}),
        {"op": "replace", "path": "/intent", "value": "AUTHORIZE"},
    ]
    answer = await paypal.send("PATCH", f"{ORDERS}/{order}", patches)
    assert (answer.status_code, answer.content) == (204, b"")
    body = await paypal.get(f"{ORDERS}/{order}")
    unit = body["purchase_units"][0]
    assert (body["intent"], unit["amount"], unit["invoice_id"]) == ("AUTHORIZE", usd("12.00"), "inv-1")
    assert unit["shipping"]["address"]["admin_area_2"] == "Boston"
    assert "description" not in unit
    assert (await paypal.book(invoice_id="inv-1"))["orders"][0]["amount"] == 1200


@pytest.mark.parametrize(
    ("patches", "told"),
    [
        ({"op": "replace"}, [422, "PATCH_PATH_REQUIRED"]),
        ({"op": "replace", "path": "amount", "value": 1}, [422, "INVALID_JSON_POINTER_FORMAT"]),
        (patch("replace", "custom_id"), [422, "PATCH_VALUE_REQUIRED"]),
        (patch("replace", "reference_id", "x"), [422, "NOT_PATCHABLE"]),
        (patch("replace", "invoice_id", "x"), [400, "INVALID_PATCH_OPERATION"]),
        (patch("remove", "amount"), [400, "INVALID_PATCH_OPERATION"]),
        (patch("move", "custom_id", "x"), [400, "INVALID_PATCH_OPERATION"]),
        (patch("replace", "custom_id", "c" * 128), [400, "INVALID_STRING_LENGTH"]),
        (patch("replace", "amount", {"currency_code": "USD", "value": "0"}), [422, "CANNOT_BE_ZERO_OR_NEGATIVE"]),
        ({"op": "replace", "path": "/intent", "value": "SELL"}, [400, "INVALID_PARAMETER_VALUE"]),
        ({"op": "add", "path": "/intent", "value": "CAPTURE"}, [400, "INVALID_PATCH_OPERATION"]),
        ({"op": "add", "path": "/purchase_units/@reference_id=='tea'/custom_id", "value": "x"}, [422, "REFERENCE_ID_NOT_FOUND"]),
        ({"path": "/intent"}, [400, "MISSING_REQUIRED_PARAMETER"]),
    ],
)  # fmt: skip
async def test_a_wrong_patch_changes_nothing(paypal, issues, patches, told):
    order = await paypal.created()
    before = await paypal.get(f"{ORDERS}/{order}")
    answer = await paypal.send("PATCH", f"{ORDERS}/{order}", [patch("add", "description", "Tea"), patches])
    assert issues(answer) == told
    assert await paypal.get(f"{ORDERS}/{order}") == before


async def test_an_approved_amount_is_not_changed_and_a_paid_order_not_at_all(paypal, usd, issues):
    order = await paypal.approved()
    answer = await paypal.send("PATCH", f"{ORDERS}/{order}", [patch("replace", "amount", usd("12.00"))])
    assert issues(answer) == [422, "AMOUNT_CHANGE_NOT_ALLOWED"]
    await paypal.pay(order)
    answer = await paypal.send("PATCH", f"{ORDERS}/{order}", [patch("replace", "custom_id", "x")])
    assert issues(answer) == [422, "ORDER_ALREADY_COMPLETED"]


async def test_a_soft_descriptor_is_shown_back_patched_and_removed_by_the_rules_of_statements(paypal, issues):
    order = await paypal.created(unit={"soft_descriptor": "TEA *7 a-b.c"})
    assert await descriptor(paypal, order) == "TEA *7 a-b.c"
    refused = await paypal.send("PATCH", f"{ORDERS}/{order}", [patch("replace", "soft_descriptor", "Tea, cake")])
    assert issues(refused) == [400, "INVALID_PARAMETER_SYNTAX"]
    await paypal.send("PATCH", f"{ORDERS}/{order}", [patch("replace", "soft_descriptor", "CAKE")])
    assert await descriptor(paypal, order) == "CAKE"
    await paypal.send("PATCH", f"{ORDERS}/{order}", [patch("remove", "soft_descriptor")])
    assert await descriptor(paypal, order) is None


async def descriptor(paypal, order):
    return (await paypal.get(f"{ORDERS}/{order}"))["purchase_units"][0].get("soft_descriptor")
