"""POST /mpesa/reversal/v1/request: what it takes, and what it does."""

from dataclasses import dataclass

from malipo_simulators.kit.shapes import Json
from malipo_simulators.mpesa.http.fields import RECEIPT
from malipo_simulators.mpesa.http.request import MpesaRequest
from malipo_simulators.mpesa.money import as_account, as_number
from malipo_simulators.mpesa.result_codes import ALREADY_REVERSED, DONE, INSUFFICIENT, INVALID_ORIGINAL
from malipo_simulators.mpesa.results.accepting import answer_later
from malipo_simulators.mpesa.results.posting import Outcome, Parameters
from malipo_simulators.mpesa.results.request import Ask, Product, read_ask
from malipo_simulators.mpesa.state.initiators import Role
from malipo_simulators.mpesa.state.ledger import Transaction, TransactionKind
from malipo_simulators.mpesa.state.shortcodes import organisation
from malipo_simulators.mpesa.times import stamp

REVERSAL = Product(Role.REVERSAL, ("TransactionReversal",), party="ReceiverParty", least_remarks=2)
SHORTCODE_RECEIVES = "11"


@dataclass(frozen=True, slots=True)
class Reversal:
    """`original` is the payment of a customer that it names, if there is such a one to this shortcode."""

    ask: Ask
    original: Transaction | None
    receipt: str
    amount: int

    @property
    def left(self) -> int:
        """What has not gone back yet."""
        assert self.original is not None
        return self.original.amount - self.ask.request.world.ledger.reversed_of(self.receipt)


def request_reversal(request: MpesaRequest) -> Json:
    """Accept it; the result follows."""
    fields = request.fields
    ask = read_ask(request, REVERSAL)
    receipt = fields.text("TransactionID", shape=RECEIPT)
    fields.choice("RecieverIdentifierType", (SHORTCODE_RECEIVES,))
    original = find_original(request, receipt, ask.shortcode)
    reversal = Reversal(ask, original, receipt, fields.amount())
    check_amount(reversal)
    return answer_later(ask, original and request.world.payment_behind(original), lambda: carry_out(reversal))


def find_original(request: MpesaRequest, receipt: str, code: str) -> Transaction | None:
    """Payouts cannot be reversed over the API, nor can reversals."""
    found = request.world.ledger.find(receipt)
    return found if found is not None and found.incoming and found.concerns(code) else None


def check_amount(reversal: Reversal) -> None:
    """Documented is "the amount transacted"; by setting, parts of it will do, as many as there is money left."""
    if reversal.original is None or reversal.left == 0:
        return
    whole = reversal.amount == reversal.original.amount
    in_parts = reversal.ask.request.world.settings.partial_reversals
    if reversal.amount > reversal.left or not (whole or in_parts):
        raise reversal.ask.request.fields.refused("Amount")


def carry_out(reversal: Reversal) -> Outcome:
    """Send the money back, if it can be."""
    world, original = reversal.ask.request.world, reversal.original
    if original is None:
        return Outcome(INVALID_ORIGINAL)
    about = world.payment_behind(original)
    if reversal.left == 0:
        return Outcome(ALREADY_REVERSED, about)
    if world.balance_of(original.shortcode) < reversal.amount:
        return Outcome(INSUFFICIENT, about)
    done = send_back(reversal, original)
    return Outcome(DONE, about, done.receipt, parameters_of(reversal, original, done))


def send_back(reversal: Reversal, original: Transaction) -> Transaction:
    world = reversal.ask.request.world
    done = Transaction(
        receipt=world.new_receipt(),
        kind=TransactionKind.REVERSAL,
        account=reversal.ask.request.app.id,
        shortcode=original.shortcode,
        msisdn=original.msisdn,
        amount=reversal.amount,
        reference=original.reference,
        at=world.clock.now(),
        credited=original.credited,
        original=original.receipt,
        names=original.names,
    )
    world.record(done, reversal.ask.request.cause)
    return done


def parameters_of(reversal: Reversal, original: Transaction, done: Transaction) -> Parameters:
    world = reversal.ask.request.world
    return (
        ("DebitAccountBalance", as_account("Utility Account", world.balance_of(original.shortcode))),
        ("Amount", as_number(done.amount)),
        ("TransCompletedTime", int(stamp(done.at))),
        ("OriginalTransactionID", original.receipt),
        ("Charge", as_number(0)),
        ("CreditPartyPublicName", f"{original.msisdn} - {original.names.full}"),
        ("DebitPartyPublicName", f"{original.credited} - {organisation(original.credited)}"),
    )
