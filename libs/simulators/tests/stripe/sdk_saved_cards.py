"""The official SDK: customers, their cards, SetupIntents, charges off session."""

import pytest
import stripe as sdk
from sdk_account import BACK

pytest_plugins = ["sdk_account"]


def test_a_customer_is_made_changed_found_and_deleted(account):
    made = account.v1.customers.create({"email": "a@shop.example", "name": "A", "metadata": {"ref": "7"}})
    account.v1.customers.update(made.id, {"name": "B", "address": {"city": "Nairobi"}})
    [found] = account.v1.customers.list({"email": "a@shop.example"}).data
    assert (found.name, found.address.city, found.metadata.ref) == ("B", "Nairobi", "7")
    [event] = account.events("customer.updated")
    assert event.data.previous_attributes.to_dict() == {"address": None, "name": "A"}
    assert account.v1.customers.delete(made.id).deleted is True
    assert account.v1.customers.retrieve(made.id).deleted is True
    assert account.v1.customers.list({}).data == []


def saved(account, method="pm_card_visa", **more):
    """A customer, and what became of a SetupIntent for him."""
    customer = account.v1.customers.create({}).id
    params = {"customer": customer, "payment_method": method, "confirm": True, "return_url": BACK}
    return customer, account.v1.setup_intents.create(params | more)


def test_a_card_saved_without_a_payment_is_charged_twice_off_session(account):
    customer, setup = saved(account)
    assert setup.status == "succeeded"
    [method] = account.v1.customers.payment_methods.list(customer).data
    assert method.id == setup.payment_method
    for _ in range(2):
        assert account.pay(method.id, customer=customer, off_session=True).status == "succeeded"


def test_a_card_saved_while_paying_belongs_to_the_customer(account):
    customer = account.v1.customers.create({}).id
    paid = account.pay(customer=customer, setup_future_usage="off_session", expand=["payment_method"])
    assert paid.payment_method.customer == customer
    assert account.events("payment_method.attached")[0].data.object.id == paid.payment_method.id
    with pytest.raises(sdk.InvalidRequestError, match="belongs to the Customer"):
        account.pay(paid.payment_method.id)


def test_a_setup_with_3ds_waits_for_the_customer(account):
    customer, setup = saved(account, "pm_card_authenticationRequiredOnSetup")
    assert (setup.status, setup.next_action.type) == ("requires_action", "redirect_to_url")
    back = account.control(f"3ds/{setup.id}/approve")
    assert f"setup_intent={setup.id}" in back["redirect_to"]
    done = account.v1.setup_intents.retrieve(setup.id, {"expand": ["latest_attempt"]})
    assert done.latest_attempt.payment_method_details.card.three_d_secure.result == "authenticated"
    assert account.pay(done.payment_method, customer=customer, off_session=True).status == "succeeded"


def test_a_setup_whose_3ds_fails_says_so(account):
    _, setup = saved(account, "pm_card_threeDSecure2Required")
    account.control(f"3ds/{setup.id}/refuse")
    failed = account.v1.setup_intents.retrieve(setup.id)
    assert failed.last_setup_error.code == "setup_intent_authentication_failure"
    assert account.events("setup_intent.setup_failed")


def test_a_declining_card_cannot_be_saved(account):
    customer = account.v1.customers.create({}).id
    with pytest.raises(sdk.CardError) as error:
        account.v1.payment_methods.attach("pm_card_chargeDeclined", {"customer": customer})
    assert error.value.code == "card_declined"
    attached = account.v1.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": customer})
    assert account.refused(attached.id, customer=customer, off_session=True).error.decline_code == "generic_decline"


def test_off_session_may_need_the_customer_who_then_completes_it(account):
    customer, setup = saved(account, "pm_card_authenticationRequired")
    account.control(f"3ds/{setup.id}/approve")
    method = account.v1.setup_intents.retrieve(setup.id).payment_method
    error = account.refused(method, customer=customer, off_session=True).error
    assert (error.code, error.payment_intent.status) == ("authentication_required", "requires_payment_method")
    again = account.v1.payment_intents.confirm(error.payment_intent.id, {"payment_method": method, "return_url": BACK})
    assert again.status == "requires_action"
    account.control(f"3ds/{again.id}/approve")
    charge = account.v1.payment_intents.retrieve(again.id, {"expand": ["latest_charge"]}).latest_charge
    assert charge.payment_method_details.card.three_d_secure.authentication_flow == "challenge"


def test_a_detached_card_is_gone_for_good(account):
    customer, setup = saved(account)
    account.v1.payment_methods.detach(setup.payment_method)
    [event] = account.events("payment_method.detached")
    assert event.data.previous_attributes.to_dict() == {"customer": customer}
    with pytest.raises(sdk.InvalidRequestError, match="may not be used again"):
        account.v1.payment_methods.attach(setup.payment_method, {"customer": customer})
    with pytest.raises(sdk.InvalidRequestError, match="may not be used again"):
        account.pay(setup.payment_method, customer=customer)


def test_a_payment_method_is_made_of_a_token_and_updated(account):
    made = account.v1.payment_methods.create(
        {"type": "card", "card": {"token": "tok_visa"}, "allow_redisplay": "always", "billing_details": {"name": "A"}}
    )
    assert (made.allow_redisplay, made.billing_details.name) == ("always", "A")
    customer = account.v1.customers.create({"payment_method": made.id}).id
    changed = account.v1.payment_methods.update(made.id, {"card": {"exp_year": 2040}})
    assert (changed.customer, changed.card.exp_year) == (customer, 2040)
    with pytest.raises(sdk.CardError, match="generally unsafe"):
        account.v1.payment_methods.create({"type": "card", "card": {"number": "4242424242424242"}})
