"""The tables of a provider service. Each column is named here and in its migration, and nowhere else."""

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from malipo.messaging.tables import MOMENT

metadata = MetaData()

NEW_ATTEMPT = (
    Column("id", Text, primary_key=True),
    Column("operation_id", Text, nullable=False),
    Column("payment_id", Text, nullable=False),
    Column("merchant_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("command", LargeBinary, nullable=False),
    Column("headers", JSONB, nullable=False),
    Column("expires_at", MOMENT),
    Column("account", Text, nullable=False),
)
"""What an attempt is made with."""

ATTEMPTS = Table(
    "attempts",
    metadata,
    *NEW_ATTEMPT,
    Column("position", BigInteger, Identity(always=True), nullable=False),
    Column("tries", Integer, nullable=False, server_default=text("0")),
    Column("first_sent_at", MOMENT),
    Column("account_fingerprint", Text),
    Column("withdrawn_step", Integer),
    Column("reference", Text),
    Column("outcome", JSONB),
    Column("problem", Text),
    Column("due_at", MOMENT, nullable=False, server_default=func.now()),
    Column("lease_token", Text),
    Column("lease_until", MOMENT),
    Column("done_at", MOMENT),
    Column("created_at", MOMENT, nullable=False, server_default=func.now()),
    Column("success", JSONB),
    Column("address_key", Text),
    Column("also_answers", Integer, nullable=False, server_default=text("0")),
    Index("attempts_open", "payment_id", "position", postgresql_where=text("done_at IS NULL")),
    Index("attempts_operations_due", "due_at", postgresql_where=text("done_at IS NULL AND kind <> 'query'")),
    Index("attempts_queries_due", "due_at", postgresql_where=text("done_at IS NULL AND kind = 'query'")),
    Index("attempts_queries", "operation_id", "created_at", postgresql_where=text("kind = 'query'")),
    Index("attempts_refunds", "payment_id", postgresql_where=text("kind = 'refund'")),
)
"""What is to be sent, was sent, and came back. Except for a query, `id` is the operation's id, so that one operation can
never be two attempts. `first_sent_at` is set while a try may have reached the provider, and `account_fingerprint` then names
the account that it went to, unless a restored database has forgotten that. `withdrawn_step` is the step that withdrew it while it was being sent. `address_key` is the key that the
addresses in its requests were made under at first, so that a repeat has the same ones. After `expires_at`
nothing is sent that could take money. `account` is the merchant's account that it is for, as `account_of` names it.
`success` is what has told that its money moved, if neither it nor a query of it was answered so. `also_answers` is the step of
the last query that was not recorded because this was open, and which its end answers; 0 for none."""

OPERATION_IS_DUE, QUERY_IS_DUE = (
    f"done_at IS NULL AND kind {which} 'query' AND due_at <= now() AND (lease_until IS NULL OR lease_until < now())"
    for which in ("<>", "=")
)
"""Conditions on `attempts`: it is to be sent, and nobody has it in hand. The chart scales by such operations."""

ATTEMPT_REFERENCES = Table(
    "attempt_references",
    metadata,
    Column("reference", Text, primary_key=True),
    Column("attempt_id", Text, primary_key=True),
    Column("role", Text, primary_key=True),
    Column("position", BigInteger, Identity(always=True), nullable=False),
    Index("attempt_references_attempt", "attempt_id"),
)
"""Every id that the provider gave to what an operation is or made, and what the provider calls it; the latest last."""

CLAIMS = Table(
    "claims",
    metadata,
    Column("attempt_id", Text, primary_key=True),
    Column("role", Text, primary_key=True),
    Column("reference", Text, primary_key=True),
    Column("received_at", MOMENT, nullable=False, server_default=func.now()),
    Index("claims_received", "received_at"),
    Index("claims_reference", "reference"),
)
"""Ids that hints have given for an operation: handed to the queries of it, and believed nowhere."""

RECEIVED_MONEY = Table(
    "received_money",
    metadata,
    Column("credential_id", Text, nullable=False),
    Column("merchant_id", Text, primary_key=True),
    Column("mode", Text, primary_key=True),
    Column("label", Text, primary_key=True),
    Column("reference", Text, primary_key=True),
    Column("callback_id", Text, nullable=False),
    Column("report", JSONB, nullable=False),
    Column("received_at", MOMENT, nullable=False, server_default=func.now()),
    Column("look_at", MOMENT),
    Column("account_fingerprint", Text),
    Column("source", Text, nullable=False),
    Index("received_money_look", "look_at", postgresql_where=text("look_at IS NOT NULL")),
    Index("received_money_reference", "reference"),
    Index(
        "received_money_purpose",
        text("(report ->> 'account_reference')"),
        postgresql_where=text("look_at IS NOT NULL"),
    ),
)
"""Money that the provider reported, by the account and its id of the transaction: looked at at `look_at`, until it is known
what explains it. What nothing has explained stays: later reports about it concern us."""

MERCHANTS = Table(
    "merchants",
    metadata,
    Column("merchant_id", Text, primary_key=True),
    Column("version", BigInteger, nullable=False),
)

REMINDERS = Table(
    "reminders",
    metadata,
    Column("message_id", Text, primary_key=True),
    Column("shard", SmallInteger, nullable=False),
    Column("topic", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("headers", JSONB, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("due_at", MOMENT, primary_key=True),
    Index("reminders_due", "due_at"),
)
"""Outcomes reported by callbacks that are to be published again."""

UNMATCHED = Table(
    "unmatched",
    metadata,
    Column("credential_id", Text, primary_key=True),
    Column("callback_id", Text, primary_key=True),
    Column("number", SmallInteger, primary_key=True, autoincrement=False),
    Column("merchant_id", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("event_type", Text, nullable=False),
    Column("reference_ids", JSONB, nullable=False),
    Column("amount_minor", BigInteger),
    Column("currency", Text),
    Column("concerns", Text, nullable=False),
    Column("received_at", MOMENT, nullable=False, server_default=func.now()),
    Column("opened", JSONB),
    Column("look_at", MOMENT),
    Column("account", Text, nullable=False),
    Column("account_fingerprint", Text),
    Column("source", Text, nullable=False),
    Index("unmatched_received", "received_at"),
    Index("unmatched_look", "look_at", postgresql_where=text("look_at IS NOT NULL")),
)
"""What the provider reported that matches no operation here: its ids only, by the callback that reported it. A refund that
was made at the provider is `opened`: until its charge is found it is looked for again at `look_at`."""

ACCESS_TOKENS = Table(
    "access_tokens",
    metadata,
    Column("account", Text, primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("ciphertext", Text),
    Column("renew_at", MOMENT),
    Column("fetching_by", Text),
    Column("fetching_until", MOMENT),
    Column("rest_seconds", Double),
    Column("rests_until", MOMENT),
)
"""Each account's present access token, sealed; `number` counts them. One process at a time fetches the next one. Where
new ones are refused as well, a refused one is not renewed before `rests_until`, for `rest_seconds`.
"""

STATEMENTS = Table(
    "statements",
    metadata,
    Column("account", Text, primary_key=True),
    Column("account_fingerprint", Text, nullable=False),
    Column("credential_id", Text),
    Column("covered_until", MOMENT, nullable=False),
    Column("due_at", MOMENT, nullable=False, server_default=func.now()),
    Column("looked_at", MOMENT),
    Column("hastened_at", MOMENT),
    Column("failures", Integer, nullable=False, server_default=text("0")),
    Column("alerted_at", MOMENT),
    Column("lease_token", Text),
    Column("lease_until", MOMENT),
    Column("covered_since", MOMENT, nullable=False),
    Column("again_from", MOMENT, nullable=False),
    Column("again_at", MOMENT, nullable=False, server_default=func.now()),
    Column("proved_at", MOMENT),
    Index("statements_fingerprint", "account_fingerprint"),
)
"""Up to when all is known that the provider shows of an account, and when it is looked at again; one process at a time reads it,
by the credentials of one label. Without such it is read no more. `looked_at` is when the last look began, `hastened_at` when a
callback last hinted at news, `failures` how many looks have failed running. Nothing that the provider shows was missed from
`covered_since` on. What shows late is found when all is read once more, at `again_at` from `again_from` on. `proved_at` is when
the statement first named a payment of ours, since it is read."""

PERSONAL_KEYS = Table(
    "personal_keys",
    metadata,
    Column("payment_id", Text, primary_key=True),
    Column("wrapped", Text),
    Column("received_at", MOMENT, nullable=False, server_default=func.now()),
)
"""The keys to what is about a person in payments; `wrapped` is NULL once one is to be erased, and stays so."""

CREDENTIALS = Table(
    "credentials",
    metadata,
    Column("id", Text, primary_key=True),
    Column("merchant_id", Text, ForeignKey("merchants.merchant_id"), nullable=False),
    Column("mode", Text, nullable=False),
    Column("ciphertext", Text, nullable=False),
    Column("label", Text, nullable=False),
    UniqueConstraint("merchant_id", "mode", "label"),
)
"""Together with `merchants`, the replica of the gateway's configuration. A merchant's accounts are told apart by `label`."""

CREDENTIAL_NAMES = Table(
    "credential_names",
    metadata,
    Column("credential_id", Text, ForeignKey("credentials.id", ondelete="CASCADE"), primary_key=True),
    Column("name", Text, primary_key=True),
    Index("credential_names_name", "name", "credential_id"),
)
"""What a callback to the one address of all accounts may name an account by, no secret: see `shared`. Several may have one name."""
