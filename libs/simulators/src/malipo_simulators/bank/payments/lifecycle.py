"""The life of a payment: the one way to change one. Money moves when it is completed and when it is returned."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial

from malipo_simulators.bank.objects.models import FOLLOWS, Creditor, Payment, Returned, ReturnRequest, Status
from malipo_simulators.bank.objects.money import CURRENCY
from malipo_simulators.bank.objects.plans import Fate, Reply, fate_by
from malipo_simulators.bank.objects.reasons import AFTER_CUT_OFF, Reason, refusal, rejection, returning
from malipo_simulators.bank.objects.render import render
from malipo_simulators.bank.payments.following import Following
from malipo_simulators.bank.rails import RAILS, RailName
from malipo_simulators.bank.state.account import Account
from malipo_simulators.bank.state.book import Direction, Effect, EffectKind, Entry, EntryKind
from malipo_simulators.bank.state.events import Happening
from malipo_simulators.bank.state.world import BankWorld
from malipo_simulators.kit.cause import Cause

INSUFFICIENT, FOLLOWING_REQUEST = "AM04", "FOCR"


class Impossible(Exception):
    """The payment is in a state from which it cannot get there."""


@dataclass(frozen=True, slots=True)
class Order:
    """A payment that is asked for; `amount` is in cents, `on` the day it should go."""

    end_to_end_id: str
    rail_name: RailName
    amount: int
    creditor: Creditor
    remittance: str | None = None
    on: date | None = None


def take(world: BankWorld, account: Account, order: Order, cause: Cause) -> Payment:
    """A new payment, and what follows from it: at some rails it is completed at once."""
    now, rail = world.agenda.now(), RAILS[order.rail_name]
    goes = world.calendar.opening(rail, now, order.on)
    payment = Payment(
        id=world.new_id("pmt"),
        end_to_end_id=order.end_to_end_id,
        rail_name=order.rail_name,
        amount=order.amount,
        currency=CURRENCY,
        debtor_account_id=account.id,
        creditor=order.creditor,
        remittance=order.remittance,
        idempotency_key=cause.idempotency_key,
        fate=fate_of(world, account, order),
        execution_at=goes,
        created_at=now,
        updated_at=now,
        metadata={"end_to_end_id": order.end_to_end_id},
        reason=AFTER_CUT_OFF if goes > now and not order.on else None,
    )
    if order.remittance:
        payment.metadata["remittance"] = order.remittance
    world.payments[payment.id] = account.payments[payment.end_to_end_id] = payment
    world.book.open(account.id, payment)
    tell(world, payment, f"payment.{payment.status}", cause)
    go_on(world, payment, cause)
    return payment


def fate_of(world: BankWorld, account: Account, order: Order) -> Fate:
    scripted = world.scripts.play(
        lambda match: match.takes(
            amount=order.amount,
            rail=order.rail_name,
            debtor_account_id=account.id,
            end_to_end_id=order.end_to_end_id,
            creditor=order.creditor,
        )
    )
    comes_back = RAILS[order.rail_name].comes_back
    return scripted or fate_by(order.creditor.to.digits, order.amount, comes_back=comes_back)


def change(world: BankWorld, payment: Payment, to: Status, cause: Cause, reason: Reason | None = None) -> None:
    """Raise Impossible if that state cannot follow. What is to go and has not enough money behind it is rejected."""
    if to not in FOLLOWS[payment.status]:
        raise Impossible(f"{payment.id} is {payment.status}")
    account = world.accounts[payment.debtor_account_id]
    if to is Status.PROCESSING and account.available < payment.amount:
        to, reason = Status.REJECTED, rejection(INSUFFICIENT)
    payment.updated_at = now = world.agenda.now()
    payment.status, payment.reason = to, reason
    account.set_aside(payment)
    match to:
        case Status.PROCESSING:
            payment.clearing_ref, payment.execution_at = world.new_id("clr"), now
        case Status.COMPLETED:
            book(world, account, payment, EffectKind.DEBIT)
        case Status.RETURNED:
            payment.returned = Returned(reason or returning(FOLLOWING_REQUEST), now)
            book(world, account, payment, EffectKind.RETURN)
        case _:
            pass
    payment.version += 1
    tell(world, payment, f"payment.{to}", cause)
    go_on(world, payment, cause)


def book(world: BankWorld, account: Account, payment: Payment, kind: EffectKind) -> None:
    entry = Entry(
        id=world.new_id("ent"),
        at=payment.updated_at,
        direction=Direction.DEBIT if kind is EffectKind.DEBIT else Direction.CREDIT,
        amount=payment.amount,
        kind=EntryKind.TRANSFER if kind is EffectKind.DEBIT else EntryKind.RETURN,
        text=payment.remittance or payment.end_to_end_id,
        payment=payment,
    )
    account.book(entry)
    world.book.record(Effect(world.book.next_seq, kind, payment, entry))


def go_on(world: BankWorld, payment: Payment, cause: Cause) -> None:
    """Plan what follows by itself, or do it, if it is due already. What was planned before is off."""
    payment.step += 1
    step = Following(world.settings, world.calendar).step(payment)
    if step is None:
        return
    if step.due <= payment.updated_at:
        change(world, payment, step.to, cause, step.reason)
        return
    follows = partial(change, world, payment, step.to, by_itself(payment), step.reason)
    world.agenda.add(step.due, partial(unless_off, payment, payment.step, follows))


def unless_off(payment: Payment, number: int, follows: Callable[[], None]) -> None:
    if payment.step == number:
        follows()


def ask_back(world: BankWorld, payment: Payment, reason: str | None) -> ReturnRequest:
    """Ask the other bank to give it back. Raise Impossible where it cannot be asked."""
    if not payment.can_be_asked_back:
        raise Impossible(f"{payment.id} is {payment.status}")
    asked = ReturnRequest(world.new_id("rrq"), reason)
    payment.return_request, payment.updated_at = asked, world.agenda.now()
    payment.version += 1
    note(world, payment)
    if payment.fate.reply is not Reply.NEVER:
        due = payment.updated_at + timedelta(seconds=world.settings.return_answer_seconds)
        world.agenda.add(due, partial(reply_by_itself, world, payment))
    return asked


def reply_by_itself(world: BankWorld, payment: Payment) -> None:
    asked = payment.return_request
    if asked is not None and asked.status == "pending":
        answer(world, payment, by_itself(payment), refused="CUST" if payment.fate.reply is Reply.REFUSE else None)


def answer(world: BankWorld, payment: Payment, cause: Cause, *, refused: str | None) -> None:
    """As the other bank: give it back, or refuse with a code. Raise Impossible if nothing is asked for.

    What came back by itself meanwhile is not given back again.
    """
    asked = payment.return_request
    if asked is None or asked.status != "pending":
        raise Impossible(f"nobody waits for an answer about {payment.id}")
    if payment.status is not Status.COMPLETED and refused is None:
        refused = "NARR"
    asked.status, asked.answer = ("refused", refusal(refused)) if refused else ("accepted", None)
    payment.updated_at = world.agenda.now()
    payment.version += 1
    tell(world, payment, f"payment.return_request.{asked.status}", cause)
    if not refused:
        change(world, payment, Status.RETURNED, cause, returning(FOLLOWING_REQUEST))


def tell(world: BankWorld, payment: Payment, what: str, cause: Cause) -> None:
    """Everybody who follows, as it is now."""
    note(world, payment)
    world.announce(Happening(what, payment, payment.history[-1], cause, payment.updated_at))


def note(world: BankWorld, payment: Payment) -> None:
    """Keep it as it is now, and list it among what has changed."""
    payment.history.append(render(payment))
    world.customers[world.accounts[payment.debtor_account_id].customer_id].note(payment)


def by_itself(payment: Payment) -> Cause:
    return Cause("POST", f"/_sim/payments/{payment.id}", account=payment.debtor_account_id)
