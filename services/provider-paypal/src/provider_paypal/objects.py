"""The shapes of PayPal's responses and webhooks, as far as we read them. The rest is ignored: the payer's name and address, too."""

import re
from dataclasses import dataclass
from typing import Annotated

import msgspec

from provider_kit.reading import Reader

_ID = r"\A[A-Za-z0-9_-]{1,64}\Z"
Id = Annotated[str, msgspec.Meta(pattern=_ID)]
"""An id of PayPal's: upper-case letters and digits, as of 17 characters; of an event or a dispute with dashes. So it fits a row,
an address and a line of a log.
"""

ORDER, AUTHORIZATION, CAPTURE, REFUND = "order", "authorization", "capture", "refund"
"""The roles of PayPal's ids among an attempt's references."""
INVOICE, TRANSACTION, DISPUTE, ABOUT, OPERATION = "invoice", "transaction", "dispute", "about", "operation"
"""Further roles in what is told of it: ids of PayPal's, but for the invoice id and the operation, which are ours."""


@dataclass(frozen=True, slots=True)
class PaypalResponse:
    """A response that came whole, whatever it means."""

    status: int
    body: bytes
    retry_after_seconds: float | None = None


class Amount(msgspec.Struct):
    """Money as PayPal writes it: `value` is a decimal number in major units."""

    currency_code: str
    value: str


class Link(msgspec.Struct):
    """What can be done next, and where."""

    href: str = ""
    rel: str = ""


class StatusDetails(msgspec.Struct):
    """Why a transaction stands as it does."""

    reason: str | None = None


class RelatedIds(msgspec.Struct):
    """What a transaction is a part of."""

    order_id: Id | None = None
    authorization_id: Id | None = None
    capture_id: Id | None = None


class SupplementaryData(msgspec.Struct):
    """What PayPal tells beside a transaction."""

    related_ids: RelatedIds | None = None


class Transaction(msgspec.Struct):
    """An authorization, a capture or a refund; a minimal response has an id, a status and links alone."""

    id: Id
    status: str
    amount: Amount | None = None
    invoice_id: str | None = None
    custom_id: str | None = None
    create_time: str = ""
    status_details: StatusDetails | None = None
    supplementary_data: SupplementaryData | None = None
    links: list[Link] = []

    @property
    def related(self) -> RelatedIds:
        """What it is a part of, as far as PayPal tells."""
        return (self.supplementary_data and self.supplementary_data.related_ids) or RelatedIds()


class Payments(msgspec.Struct):
    """All that was made of an order."""

    authorizations: list[Transaction] = []
    captures: list[Transaction] = []
    refunds: list[Transaction] = []


class PurchaseUnit(msgspec.Struct):
    """What is paid for: ours have one."""

    amount: Amount | None = None
    custom_id: str | None = None
    payments: Payments | None = None


class Wallet(msgspec.Struct):
    """The payer's account: its address is masked as soon as it is read (`standing`)."""

    email_address: str = ""


class PaymentSource(msgspec.Struct):
    """How an order is paid."""

    paypal: Wallet | None = None


class Order(msgspec.Struct):
    """An order; a minimal response has an id, a status and links alone."""

    id: Id
    status: str
    purchase_units: list[PurchaseUnit] = []
    payment_source: PaymentSource | None = None
    links: list[Link] = []

    @property
    def payments(self) -> Payments:
        """Those of its one purchase unit."""
        made = self.purchase_units[0].payments if self.purchase_units else None
        return made or Payments()


class Issue(msgspec.Struct):
    """One thing that PayPal finds wrong with a request."""

    issue: str = ""
    description: str = ""


class Problem(msgspec.Struct):
    """An error."""

    name: str
    details: list[Issue] = []
    links: list[Link] = []


class AccessToken(msgspec.Struct):
    """The answer to a request for an access token."""

    access_token: Annotated[str, msgspec.Meta(min_length=1, max_length=8192)]
    expires_in: int


class Verification(msgspec.Struct):
    """What PayPal says of a webhook that it is asked about."""

    verification_status: str


class StatementRow(msgspec.Struct):
    """A transaction as the account's statement has it; an id may stand in several rows.

    `paypal_reference_id` is the transaction that it belongs to: of a refund the capture, of a capture the authorization, if any.
    """

    transaction_id: Id
    transaction_event_code: str
    transaction_status: str = ""
    paypal_reference_id: str | None = None
    transaction_amount: Amount | None = None
    invoice_id: str | None = None
    custom_field: str | None = None


class StatementEntry(msgspec.Struct):
    """A row and what else was asked for about it."""

    transaction_info: StatementRow


class StatementPage(msgspec.Struct):
    """One page of an account's statement."""

    transaction_details: list[msgspec.Raw] = []
    total_items: int | None = None
    total_pages: int | None = None
    last_refreshed_datetime: str = ""


class ApprovalReversed(msgspec.Struct):
    """Of an order whose approval PayPal has taken back."""

    order_id: Id


class Disputed(msgspec.Struct):
    """What is disputed."""

    seller_transaction_id: Id | None = None


class Dispute(msgspec.Struct):
    """A dispute about one or several transactions."""

    dispute_id: Id
    disputed_transactions: list[Disputed] = []
    dispute_amount: Amount | None = None


class Event(msgspec.Struct):
    """The body of a webhook. The id is any text: one that no row can hold must not keep the event from being read."""

    id: str
    event_type: str
    resource: msgspec.Raw = msgspec.Raw(b"null")


ORDERS = Reader[Order](Order)
TRANSACTIONS = Reader[Transaction](Transaction)
PROBLEMS = Reader[Problem](Problem)
ACCESS_TOKEN = Reader[AccessToken](AccessToken)
STATEMENT_PAGES = Reader[StatementPage](StatementPage)
STATEMENT_ENTRIES = Reader[StatementEntry](StatementEntry)
VERIFICATIONS = Reader[Verification](Verification)
EVENTS = Reader[Event](Event)
APPROVALS_REVERSED = Reader[ApprovalReversed](ApprovalReversed)
DISPUTES = Reader[Dispute](Dispute)


def parent(one: Transaction, kind: str) -> str | None:
    """The id of the authorization (`authorizations`) or capture (`captures`) that it was made of, by its link `up`."""
    for link in one.links:
        *_, noun, name = ("", "", *link.href.split("?")[0].split("/"))
        if link.rel == "up" and noun == kind and is_id(name):
            return name
    return None


def is_id(text: str) -> bool:
    """Whether `text` could be an `Id`."""
    return re.match(_ID, text) is not None
