"""What is told of a transaction, as the `ResultParameters` of its status."""

from malipo_simulators.mpesa.results.posting import Parameters
from malipo_simulators.mpesa.state.conversations import Conversation
from malipo_simulators.mpesa.state.ledger import Transaction, TransactionKind
from malipo_simulators.mpesa.state.shortcodes import organisation
from malipo_simulators.mpesa.times import stamp

REASONS = {
    TransactionKind.STK: "Pay Bill Online",
    TransactionKind.C2B: "Pay Bill",
    TransactionKind.REVERSAL: "Transaction Reversal via API",
    TransactionKind.B2C: "Business Payment to Customer via API",
}


def of_transaction(one: Transaction, made_by: Conversation | None) -> Parameters:
    """Everything is text. Charges are not modelled, and no reason was given, which shows as a key alone."""
    customer = f"{one.msisdn} - {one.names.full}"
    business = f"{one.credited} - {organisation(one.credited)}"
    payer, payee = (customer, business) if one.incoming else (business, customer)
    return (
        ("DebitPartyName", payer),
        ("CreditPartyName", payee),
        *conversation_of(made_by),
        ("InitiatedTime", stamp(one.at)),
        ("DebitAccountType", "MMF Account For Customer" if one.incoming else "Utility Account"),
        ("DebitPartyCharges", ""),
        ("TransactionReason", None),
        ("ReasonType", REASONS[one.kind]),
        ("TransactionStatus", "Completed"),
        ("FinalisedTime", stamp(one.at)),
        ("Amount", str(one.amount)),
        ("ReceiptNo", one.receipt),
    )


def of_declined(one: Conversation) -> Parameters:
    """There is no transaction, and so no receipt."""
    return (
        *conversation_of(one),
        ("TransactionStatus", "Declined"),
        ("Amount", one.amount),
    )


def conversation_of(made_by: Conversation | None) -> Parameters:
    """The request that made it; of what a customer paid there is none."""
    if made_by is None:
        return ()
    return (("OriginatorConversationID", made_by.originator_id), ("ConversationID", made_by.id))
