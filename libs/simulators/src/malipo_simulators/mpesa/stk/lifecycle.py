"""The life of a prompt: shown, ended, perhaps paid after all. Here the money of prompts moves."""

from malipo_simulators.kit.cause import Cause
from malipo_simulators.mpesa.endings import Ending
from malipo_simulators.mpesa.errors import refused
from malipo_simulators.mpesa.faults import MpesaFault
from malipo_simulators.mpesa.state.book import Payment
from malipo_simulators.mpesa.state.calling_back import Callback, call_back
from malipo_simulators.mpesa.state.ledger import Transaction, TransactionKind
from malipo_simulators.mpesa.state.prompts import Prompt, Push
from malipo_simulators.mpesa.state.scripts import Fate
from malipo_simulators.mpesa.state.shortcodes import TRANSACTION_TYPES, ShortcodeKind
from malipo_simulators.mpesa.state.world import MpesaWorld
from malipo_simulators.mpesa.stk.callback import callback_body
from malipo_simulators.mpesa.stk.customers import fate_of

LOCKED = "Unable to lock subscriber, a transaction is already in process for the current subscriber"
OPEN = "prompted"


def show(world: MpesaWorld, push: Push, cause: Cause) -> Prompt:
    """Have the phone show it, and plan how it ends. Raise if another is open there."""
    if world.prompts.open_on(push.phone) is not None:
        raise refused(LOCKED)
    now = world.clock.now()
    checkout = world.prompts.new_id(push.phone, now)
    prompt = Prompt(checkout, world.new_request_id(), push, payment_of(push, checkout, now), now, cause)
    world.prompts.add(prompt)
    world.open_payment(prompt.account, prompt.payment)
    plan(world, prompt, fate_of(world, push, cause))
    return prompt


def payment_of(push: Push, checkout: str, now: int) -> Payment:
    about = {
        "shortcode": push.shortcode,
        "account_reference": push.reference,
        "phone": push.phone,
        "checkout_request_id": checkout,
    }
    return Payment(checkout, about, push.amount, now, OPEN)


def plan(world: MpesaWorld, prompt: Prompt, fate: Fate | None) -> None:
    """Whatever comes first ends it: its fate, somebody at the phone page, or its time."""
    if prompt.cause.fault is not None and prompt.cause.fault.fault == MpesaFault.FORGED_SUCCESS:
        forge(world, prompt, prompt.cause.fault.delay_seconds)
    if fate is None:
        world.timers.later(world.settings.prompt_seconds, lambda: end(world, prompt, Ending.TIMEOUT))
    elif fate.after_seconds > 0:
        world.timers.later(fate.after_seconds, lambda: meet(world, prompt, fate))
    else:
        meet(world, prompt, fate)


def meet(world: MpesaWorld, prompt: Prompt, fate: Fate) -> None:
    """End as planned, if nobody was faster."""
    ended = end(world, prompt, fate.ending, silent=fate.silent)
    if ended and fate.paid_after_seconds is not None:
        world.timers.later(fate.paid_after_seconds, lambda: pay_late(world, prompt, told=fate.told))


def end(world: MpesaWorld, prompt: Prompt, ending: Ending, *, silent: bool = False) -> bool:
    """The prompt is gone from the phone, its money has moved if it was paid, its callback goes. False if it had ended."""
    if prompt.ending is not None:
        return False
    world.prompts.end(prompt, ending)
    prompt.payment.status = ending
    if ending == Ending.PAID:
        take(world, prompt)
    if not silent:
        tell(world, prompt, ending, prompt.receipt)
    return True


def pay_late(world: MpesaWorld, prompt: Prompt, *, told: bool) -> None:
    """The customer's answer arrives after the prompt's time: once. Unless `told`, the query keeps to what it has said."""
    if prompt.receipt is not None:
        return
    prompt.payment.status = "paid_late"
    if told:
        prompt.ending = Ending.PAID
    take(world, prompt)
    if told:
        tell(world, prompt, Ending.PAID, prompt.receipt)


def take(world: MpesaWorld, prompt: Prompt) -> None:
    """The customer's money is the organisation's."""
    push = prompt.push
    prompt.receipt = world.new_receipt()
    transaction = Transaction(
        receipt=prompt.receipt,
        kind=TransactionKind.STK,
        account=prompt.account,
        shortcode=push.shortcode,
        msisdn=push.payer,
        amount=push.amount,
        reference=push.reference,
        at=world.clock.now(),
        credited=push.credited,
        checkout_request_id=prompt.checkout_request_id,
        to_till=TRANSACTION_TYPES[push.transaction_type] is ShortcodeKind.TILL,
    )
    world.record(transaction, prompt.cause)


def tell(world: MpesaWorld, prompt: Prompt, ending: Ending, receipt: str | None) -> None:
    body = callback_body(prompt, ending, receipt, world.clock.now())
    call_back(world, callback_of(prompt, body), prompt.cause)


def forge(world: MpesaWorld, prompt: Prompt, delay_seconds: float) -> None:
    """Somebody who knows the address and the CheckoutRequestID says that it was paid. It was not, or not yet."""
    body = callback_body(prompt, Ending.PAID, world.new_receipt(), world.clock.now())
    call_back(world, callback_of(prompt, body), Cause("POST", prompt.cause.path), delay_seconds)


def callback_of(prompt: Prompt, body: bytes) -> Callback:
    return Callback(
        url=prompt.push.callback_url,
        type="stk",
        id=prompt.checkout_request_id,
        about=prompt.payment.id,
        body=body,
        account=prompt.account,
        metadata=prompt.payment.metadata,
        amount=prompt.push.amount,
    )


def lapse(world: MpesaWorld) -> int:
    """Called when the clock is moved: prompts whose time is over end. Returns how many."""
    over = world.clock.now() - world.settings.prompt_seconds
    return sum(end(world, prompt, Ending.TIMEOUT) for prompt in world.prompts.open() if prompt.created <= over)
