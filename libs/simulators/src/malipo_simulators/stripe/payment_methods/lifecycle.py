"""The life of a PaymentMethod: made, attached to a customer, spent, detached."""

from malipo_simulators.stripe.errors import declined, no_such, refused_state
from malipo_simulators.stripe.objects.card_table import TEST_CARDS
from malipo_simulators.stripe.objects.cards import Card
from malipo_simulators.stripe.objects.customers import Customer, PaymentMethod
from malipo_simulators.stripe.objects.render import render
from malipo_simulators.stripe.objects.render.payment_intents import render_decline
from malipo_simulators.stripe.state.change import Change

SPENT = (
    "The provided PaymentMethod was previously used with a PaymentIntent without Customer attachment, shared with a "
    "connected account without Customer attachment, or was detached from a Customer. It may not be used again. To use a "
    "PaymentMethod multiple times, you must attach it to a Customer first."
)
SPENT_TO_ATTACH = (
    "This PaymentMethod was previously used without being attached to a Customer or was detached from a Customer, and may "
    "not be used again."
)
NOT_ATTACHED = "The payment method you provided is not attached to a customer so detachment is impossible."


def find(change: Change, method_id: str, *, status: int = 400) -> PaymentMethod:
    """One of this account's, or a new one of a shared test id. The refusal of what is neither has the `status`."""
    card = TEST_CARDS.get(method_id)
    if card is not None:
        return make(change, card)
    known = change.account.methods.find(method_id)
    if known is None:
        raise no_such("PaymentMethod", method_id, param="payment_method", status=status)
    return known


def make(change: Change, card: Card) -> PaymentMethod:
    method = PaymentMethod(change.mint("pm"), card, change.now)
    change.account.methods.append(method)
    return method


def check_usable(method: PaymentMethod, customer: Customer | None) -> None:
    """400 for a card that is spent, or that is another customer's: a payment must name the one whose it is."""
    if method.spent:
        raise refused_state(SPENT)
    if method.customer is None or method.customer is customer:
        return
    whose = f"The PaymentMethod {method.id} belongs to the Customer {method.customer.id}."
    raise refused_state(f"{whose} Please include the Customer in the `customer` parameter on the PaymentIntent.")


def attach(change: Change, method: PaymentMethod, customer: Customer) -> None:
    """Make it the customer's, if it is not already. The caller has asked whether it can be."""
    if method.customer is not None:
        return
    method.customer, method.spent = customer, False
    customer.methods.append(method)
    change.emit("payment_method.attached", method)


def attach_by_request(change: Change, method: PaymentMethod, customer: Customer) -> None:
    """400 for one that is spent or another's; 402 for a card whose issuer refuses to have it saved."""
    if method.spent and not method.attachable:
        raise refused_state(SPENT_TO_ATTACH)
    if method.customer not in (None, customer):
        raise refused_state("The payment method you provided has already been attached to a customer.")
    if (why := method.card.saving_refused) is not None:
        raise declined(render_decline(why))
    attach(change, method, customer)


def detach(change: Change, method: PaymentMethod) -> None:
    """For good: it can neither pay nor be attached again."""
    if method.customer is None:
        raise refused_state(NOT_ATTACHED)
    before = render(method)
    customer = method.customer
    customer.methods.remove(method)
    if customer.default_method == method.id:
        customer.default_method = None
    method.customer, method.spent, method.attachable = None, True, False
    change.emit_update("payment_method.detached", method, before)


def spend(method: PaymentMethod, *, attachable: bool) -> None:
    """It has paid: without a customer it cannot do so again, unless it was to be kept and is attached now."""
    if method.customer is None:
        method.spent, method.attachable = True, attachable
