"""The judge of all that the simulated Stripe says: it does object."""

import pytest
from schema_judge import FOLDER, Judge, schema_of


@pytest.mark.parametrize("change", [{"colour": "red"}, {"status": "divined"}, {"amount": "1000"}])
async def test_a_property_that_stripe_does_not_have_or_a_value_of_another_type_is_noticed(stripe, change):
    intent = await stripe.paid()
    with pytest.raises(AssertionError, match="not as Stripe's"):
        Judge().response(intent | change)


async def test_a_property_that_is_missing_is_noticed(stripe):
    intent = await stripe.paid()
    del intent["excluded_payment_method_types"]
    with pytest.raises(AssertionError, match="excluded_payment_method_types"):
        Judge().response(intent)


async def test_an_event_is_judged_with_what_it_tells_of(stripe):
    await stripe.paid()
    event = (await stripe.get("/v1/events")).json()["data"][0]
    event["data"]["object"]["colour"] = "red"
    with pytest.raises(AssertionError, match="colour"):
        Judge().response(event)


@pytest.mark.parametrize("kind", sorted(file.stem for file in FOLDER.glob("*.json")))
def test_every_schema_is_closed(kind):
    assert schema_of(kind)["additionalProperties"] is False
