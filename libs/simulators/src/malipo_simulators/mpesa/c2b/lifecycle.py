"""The life of a payment by hand: validated if its organisation has asked for that, done, confirmed once."""

from dataclasses import dataclass

from malipo_simulators.kit.api.answers import encode
from malipo_simulators.kit.cause import Cause
from malipo_simulators.mpesa.c2b.notices import write_notice
from malipo_simulators.mpesa.c2b.payment import ByHand, as_paid, transaction_of
from malipo_simulators.mpesa.c2b.validation import validate
from malipo_simulators.mpesa.money import as_text
from malipo_simulators.mpesa.state.calling_back import Callback, call_back
from malipo_simulators.mpesa.state.ledger import Transaction, TransactionKind
from malipo_simulators.mpesa.state.registrations import C2bUrls
from malipo_simulators.mpesa.state.world import MpesaWorld

CONFIRMATION = "c2b.confirmation"


@dataclass(frozen=True, slots=True)
class PaidOrRefused:
    """`receipt` of what was paid; without one it was cancelled, for the reason in `refused_with`."""

    receipt: str | None
    refused_with: str | None = None


def begin(world: MpesaWorld, paid: ByHand, cause: Cause) -> None:
    """Pay at once, or as soon as the organisation has been asked."""
    if validating_urls(world, paid.shortcode) is None:
        complete(world, paid, world.new_receipt(), cause)
    else:
        world.background.start(pay(world, paid, cause))


async def pay(world: MpesaWorld, paid: ByHand, cause: Cause) -> PaidOrRefused:
    """Pay, and say how it ended."""
    receipt, urls = world.new_receipt(), validating_urls(world, paid.shortcode)
    third_party_id = ""
    if urls is not None:
        verdict = await validate(world, paid, urls, receipt, cause)
        if not verdict.takes_it:
            return PaidOrRefused(None, verdict.code)
        third_party_id = verdict.third_party_id
    complete(world, paid, receipt, cause, third_party_id)
    return PaidOrRefused(receipt)


def validating_urls(world: MpesaWorld, code: str) -> C2bUrls | None:
    """Where to ask: only if external validation is on for the shortcode."""
    return world.registrations.c2b.get(code) if code in world.registrations.validating else None


def complete(world: MpesaWorld, paid: ByHand, receipt: str, cause: Cause, third_party_id: str = "") -> None:
    """The money moves; `confirm` follows the ledger."""
    world.record(transaction_of(world, paid, receipt, third_party_id), cause)


def confirm(world: MpesaWorld, done: Transaction, cause: Cause) -> None:
    """Tell whoever has registered. A prompt that was paid to a PayBill is told of here, too, under the same receipt."""
    urls = world.registrations.c2b.get(done.credited)
    if urls is None or not is_confirmed(world, done):
        return
    balance = as_text(world.balance_of(done.credited))
    notice = write_notice(
        as_paid(done), urls, done.receipt, done.at, balance=balance, third_party_id=done.third_party_id
    )
    payment = world.payment_behind(done)
    callback = Callback(
        url=urls.confirmation_url,
        type=CONFIRMATION,
        id=done.receipt,
        about=payment.id if payment else done.receipt,
        body=encode(notice),
        account=urls.account,
        metadata=(payment.metadata if payment else {}) | {"receipt": done.receipt},
        amount=done.amount,
        new_id=world.new_receipt,
    )
    call_back(world, callback, cause)


def is_confirmed(world: MpesaWorld, done: Transaction) -> bool:
    if done.kind is TransactionKind.STK:
        return world.settings.confirm_prompts and not done.to_till
    return done.kind is TransactionKind.C2B
