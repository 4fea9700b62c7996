"""POST /mpesa/b2c/v1|v3/paymentrequest: a payout is accepted; whether it was made is told later."""

from malipo_simulators.kit.shapes import Json
from malipo_simulators.mpesa.errors import DarajaError
from malipo_simulators.mpesa.http.fields import HIGHEST_AMOUNT, LONGEST_ID
from malipo_simulators.mpesa.http.request import MpesaRequest
from malipo_simulators.mpesa.money import as_number
from malipo_simulators.mpesa.result_codes import ABOVE_MOST, BELOW_LEAST, DONE, INSUFFICIENT, ResultCode
from malipo_simulators.mpesa.results.accepting import answer_later
from malipo_simulators.mpesa.results.posting import Outcome, Parameters
from malipo_simulators.mpesa.results.request import Ask, Product, read_ask
from malipo_simulators.mpesa.state.initiators import Role
from malipo_simulators.mpesa.state.ledger import Transaction, TransactionKind
from malipo_simulators.mpesa.times import in_east_africa

PAYOUT = Product(
    Role.B2C,
    ("SalaryPayment", "BusinessPayment", "PromotionPayment"),
    party="PartyA",
    initiator="InitiatorName",
    occasion="Occassion",
    least_remarks=2,
)
LOWEST_AMOUNT = 10
LARGEST_NUMBER = 10**9


def pay_out(request: MpesaRequest) -> Json:
    """Version 3: `OriginatorConversationID` is the client's, and is taken once."""
    conversation = request.fields.text("OriginatorConversationID", longest=LONGEST_ID)
    return accept(request, conversation)


def pay_out_v1(request: MpesaRequest) -> Json:
    """Version 1: the conversation is named by Daraja, so that the same request sent again pays again."""
    return accept(request, request.world.new_request_id())


def accept(request: MpesaRequest, conversation: str) -> Json:
    """A conversation is spent once it is accepted, whatever comes of it."""
    ask = read_ask(request, PAYOUT, conversation)
    amount, phone = request.fields.amount(highest=LARGEST_NUMBER), request.fields.phone("PartyB")
    if not request.world.conversations.take(conversation):
        raise duplicate()
    return answer_later(ask, None, lambda: carry_out(ask, amount, phone))


def carry_out(ask: Ask, amount: int, phone: str) -> Outcome:
    refused = limit(ask, amount)
    if refused is not None:
        return Outcome(refused)
    done = send(ask, amount, phone)
    world = ask.request.world
    return Outcome(DONE, world.payment_behind(done), done.receipt, parameters_of(ask, done))


def limit(ask: Ask, amount: int) -> ResultCode | None:
    """The rule that forbids it."""
    if amount < LOWEST_AMOUNT:
        return BELOW_LEAST
    if amount > HIGHEST_AMOUNT:
        return ABOVE_MOST
    return INSUFFICIENT if amount > ask.request.world.balance_of(ask.shortcode) else None


def send(ask: Ask, amount: int, phone: str) -> Transaction:
    world = ask.request.world
    done = Transaction(
        receipt=world.new_receipt(),
        kind=TransactionKind.B2C,
        account=ask.request.app.id,
        shortcode=ask.shortcode,
        msisdn=phone,
        amount=amount,
        reference=ask.originator_conversation_id,
        at=world.clock.now(),
        credited=ask.shortcode,
    )
    world.record(done, ask.request.cause)
    return done


def parameters_of(ask: Ask, done: Transaction) -> Parameters:
    at = in_east_africa(done.at).strftime("%d.%m.%Y %H:%M:%S")
    return (
        ("TransactionAmount", done.amount),
        ("TransactionReceipt", done.receipt),
        ("ReceiverPartyPublicName", f"{done.msisdn} - {done.names.full}"),
        ("TransactionCompletedDateTime", at),
        ("B2CUtilityAccountAvailableFunds", as_number(ask.request.world.balance_of(ask.shortcode))),
        ("B2CWorkingAccountAvailableFunds", as_number(0)),
        ("B2CRecipientIsRegisteredCustomer", "Y"),
        ("B2CChargesPaidAccountAvailableFunds", as_number(0)),
    )


def duplicate() -> DarajaError:
    return DarajaError("500.002.1001", "Duplicate OriginatorConversationID.")
