"""POST /mpesa/transactionstatus/v1/query: accepted at once; the status follows."""

from malipo_simulators.kit.shapes import Json
from malipo_simulators.mpesa.http.fields import LONGEST_ID, RECEIPT
from malipo_simulators.mpesa.http.request import MpesaRequest
from malipo_simulators.mpesa.result_codes import DONE, INVALID_ORIGINAL
from malipo_simulators.mpesa.results.accepting import answer_later
from malipo_simulators.mpesa.results.posting import Outcome
from malipo_simulators.mpesa.results.request import IDENTIFIER_SHORTCODE, Ask, Product, read_ask
from malipo_simulators.mpesa.state.conversations import Conversation
from malipo_simulators.mpesa.state.initiators import Role
from malipo_simulators.mpesa.state.ledger import Transaction
from malipo_simulators.mpesa.transaction_status.parameters import of_declined, of_transaction

STATUS = Product(Role.STATUS, ("TransactionStatusQuery",), party="PartyA")


def query(request: MpesaRequest) -> Json:
    """By `TransactionID` or `OriginalConversationID`; of both, the receipt decides."""
    ask = read_ask(request, STATUS)
    request.fields.choice("IdentifierType", (IDENTIFIER_SHORTCODE,))
    found = find(request, ask.shortcode)
    about = request.world.payment_behind(found) if isinstance(found, Transaction) else None
    return answer_later(ask, about, lambda: report(ask, found))


def find(request: MpesaRequest, code: str) -> Transaction | Conversation | None:
    """The transaction, or the request that was declined, if it is this shortcode's: of others nothing is told."""
    given, world = request.fields, request.world
    receipt = given.optional("TransactionID", longest=LONGEST_ID)
    originator_id = given.optional("OriginalConversationID", longest=LONGEST_ID)
    if not RECEIPT.fullmatch(receipt) and (receipt or not originator_id):
        raise given.refused("TransactionID")
    conversation = None if receipt else world.conversations.find(originator_id)
    if conversation is not None and conversation.receipt is None:
        return conversation if conversation.shortcode == code else None
    found = world.ledger.find(receipt or (conversation.receipt or "" if conversation else ""))
    return found if found is not None and found.concerns(code) else None


def report(ask: Ask, found: Transaction | Conversation | None) -> Outcome:
    """A payment that was reversed was completed all the same: the reversal is a transaction of its own."""
    world = ask.request.world
    match found:
        case None:
            return Outcome(INVALID_ORIGINAL)
        case Conversation():
            return Outcome(DONE, parameters=of_declined(found))
        case Transaction():
            made_by = world.conversations.behind(found.receipt)
            return Outcome(DONE, world.payment_behind(found), parameters=of_transaction(found, made_by))
