"""What schemas are made of, those of responses that are no message type, and descriptions of fields that need one."""

from typing import Any

from malipo.contracts.failures import OWN_FAILURES, RETRY_ADVICE

DESCRIPTIONS: dict[str, dict[str, str]] = {
    "PaymentView": {
        "amount": "Minor units of `currency`, as all amounts.",
        "amount_captured": "What was captured; of a payment to a recipient, what was sent.",
        "amount_refunded": "What was refunded of it.",
        "amount_disputed": "What disputes have taken of it, for good or until they end. At most `amount_captured`, though a bank may take more; "
        "a dispute in another currency counts as all of it.",
        "status_reason": "Why it is still `processing`, when that is not simply under way.",
        "provider": "Who carries it out; null until that is decided.",
        "provider_reference": "Its id there.",
        "action": "With `requires_action`: the URL to send the customer to; `other` is what Malipo cannot show him.",
        "expires_at": "Nothing that takes the customer's money, or sends yours to a recipient, is sent after it.",
        "remittance": "What the recipient of the money reads with it.",
        "statement_descriptor": "What the customer's statement shows, behind what the provider puts before it.",
        "transfer": "Of methods by which money goes to a recipient: its rail, and when it goes.",
        "return_request": "The last one, if the recipient's bank was to be asked for the money: how it stands, and with `failed` why.",
        "payer": "Who pays, masked, where the provider tells that.",
        "failure": "With `failed`: a stable code, and a text.",
        "payment_method": "The saved method that it is paid with, or that it has saved.",
        "series": "The series that it is a charge of, by your own id.",
    },
    "PaymentMethodView": {
        "customer_ref": "Whose it is, by your own reference.",
        "payment_id": "The payment that has saved it; null if it is saved without one.",
        "account": "Your account at the provider in which it is charged.",
        "status": "Only what is `active` can be paid with. What is saved without a payment is `pending` before, or `requires_action`; `failed` "
        "if the provider declines, `expired` if it was not done by `expires_at`. With `detach_failed` the provider may still keep it: "
        "detach it once more, or there.",
        "changed": "When its card was changed last, as by its network, and what it was before; null in it is what stayed the same.",
        "failure": "With `failed` or `detach_failed`: why.",
        "card": "Null until it is kept.",
        "status_reason": "Why it is still `pending`, when that is not simply under way.",
        "provider_reference": "Of one that is saved without a payment: the id at the provider of what saves it.",
        "action": "With `requires_action`: the URL to send the customer to; `other` is what Malipo cannot show him.",
        "expires_at": "Of one that is saved without a payment: nothing that could save it is sent after it.",
    },
    "CardView": {
        "fingerprint": "The same for the same card, among yours in one mode; nothing to anybody else.",
        "expired": "Whether its last month is over, in UTC: then nothing can be paid with it until its network tells of a new one.",
    },
    "Transfer": {
        "rail_chosen": "Whether Malipo chose the rail: the payment named none.",
        "execution_at": "When it goes: after a rail's cut-off at its next opening. The provider's own word, once it has told.",
        "recipient": "As it was sent, masked.",
    },
    "OperationView": {
        "amount": "Minor units of `currency`. What was asked for, or else what the payment had left, and 0 until that is known.",
        "failure": "With `failed`: a stable code, and a text.",
        "provider_reference": "Its id at the provider, or of what it changed there; null until the provider has named one.",
        "status": "Of a dispute where it stands; of all else `processing`, `completed` or `failed`.",
        "currency": "The payment's; a dispute may be in another.",
        "reason": "Yours; of what was opened at the provider, the provider's own word.",
        "respond_by": "Of a dispute: until when you can answer it at the provider.",
        "withdrawn": "Of a dispute: whether the money is taken from your account at the provider.",
        "final": "Of a capture: whether what it leaves is released. With `false` the payment stays `authorized`.",
    },
    "Failure": {
        "code": f"Malipo's own: {', '.join(f'`{code}`' for code in OWN_FAILURES)}; that of a problem, if Malipo refused a "
        "command; any other is the provider's.",
        "message": "The provider's text, or Malipo's.",
        "retry": "Of a declined charge: whether its method may be charged again, where the provider tells that.",
    },
    "Retry": {
        "advice": " ".join(f"`{advice}`: {text}" for advice, text in RETRY_ADVICE.items())
        + " null: the provider gave the network's codes alone.",
        "not_before": "The method is to be left alone until then; null: no time was told.",
        "network_decline_code": "The card network's own code of why.",
        "network_advice_code": "The card network's own code of what to do.",
    },
}
"""Of the fields of views."""

TEXT = {"type": "string"}
BOOLEAN = {"type": "boolean"}
TEXT_OR_NULL = {"type": ["string", "null"]}
INTEGER = {"type": "integer"}
NUMBER = {"type": "number"}
MOMENT = {"type": "string", "format": "date-time"}
MOMENT_OR_NULL = {"type": ["string", "null"], "format": "date-time"}
TEXTS = {"type": "array", "items": TEXT}


def object_of(**properties: object) -> dict[str, Any]:
    """The schema of an object with all of these properties."""
    return {"type": "object", "required": list(properties), "properties": properties}


SCHEMAS: dict[str, dict[str, Any]] = {
    "Event": object_of(
        type=TEXT,
        timestamp=MOMENT,
        data={
            "type": "object",
            "required": ["id", "sequence", "mode"],
            "properties": {
                "id": TEXT,
                "payment_id": TEXT | {"description": "Not there, as `payment`, of a method that is saved without one."},
                "sequence": INTEGER
                | {"description": "Counts from 1 without gaps per payment, or per method saved without one."},
                "mode": {"enum": ["test", "live"]},
                "payment": {"$ref": "#/components/schemas/PaymentView"},
                "refund": {"$ref": "#/components/schemas/OperationView"},
                "capture": {"$ref": "#/components/schemas/OperationView"},
                "cancel": {"$ref": "#/components/schemas/OperationView"},
                "return_request": {"$ref": "#/components/schemas/OperationView"},
                "dispute": {"$ref": "#/components/schemas/OperationView"},
                "fraud_warning": {"$ref": "#/components/schemas/OperationView"},
                "detach": {"$ref": "#/components/schemas/OperationView"},
                "payment_method": {"$ref": "#/components/schemas/PaymentMethodView"},
            },
        },
    ),
    "ProviderCredential": object_of(
        id=TEXT,
        provider=TEXT,
        account=TEXT | {"description": "Its label; `default` is used when a payment names no other."},
        mode={"enum": ["test", "live"]},
        credentials={
            "type": "object",
            "description": "As they were sent, secrets masked: of a long one its last four characters are shown, of a short one none.",
        },
        callback_path=TEXT | {"description": "Configure it at the provider, on the address of its service."},
        registered={
            "type": "array",
            "items": object_of(name=TEXT, registered_at=MOMENT),
            "description": "What the operator has registered of this account at a provider where that is needed.",
        },
        created_at=MOMENT,
        updated_at=MOMENT,
    ),
    "Erasure": object_of(
        erased=INTEGER
        | {"description": "Payments whose personal data nobody can read any more: each service has destroyed its key."},
        waiting=INTEGER
        | {
            "description": "Payments whose data will be: within seconds once they have ended, later if a service is down."
        },
    ),
    "Provider": object_of(
        provider=TEXT,
        title=TEXT,
        configured=BOOLEAN | {"description": "Whether you have credentials there, in the key's mode."},
        accounts=TEXTS | {"description": "Their labels."},
        methods={
            "type": "array",
            "items": object_of(
                type=TEXT,
                captures=TEXTS,
                actions=TEXTS | {"description": "What the customer may be asked to do."},
                needs=TEXTS | {"description": "Fields of a payment that this method cannot do without."},
                statement_descriptor={
                    "anyOf": [object_of(max_length=INTEGER, pattern=TEXT, characters=TEXT), {"type": "null"}],
                    "description": "Which text the customer's statement can show: its `characters` in words and as a regular "
                    "expression; null: none.",
                },
                saves=BOOLEAN | {"description": "Whether it can be kept for later payments (`save_method`)."},
                life_seconds=NUMBER | {"description": "How long a payment is good for without `expires_at`."},
                shortest_life_seconds=NUMBER,
                longest_life_seconds=NUMBER,
                currencies={
                    "type": "array",
                    "items": object_of(currency=TEXT, step=INTEGER, least=INTEGER, most=INTEGER),
                    "description": "Amounts from `least` to `most` in steps of `step`, in minor units.",
                },
            ),
        },
        operations={
            "type": "array",
            "items": object_of(operation=TEXT, partial=BOOLEAN, several=BOOLEAN, asynchronous=BOOLEAN),
            "description": "Also of a part of the amount, several times, with an outcome that comes long after.",
        },
        disputes=BOOLEAN | {"description": "Whether you are told of disputes there (`dispute.opened` and the rest)."},
    ),
    "Settled": object_of(
        currency=TEXT | {"description": "That your account is kept in: perhaps another than the payment's."},
        amount=INTEGER | {"description": "The charge less its refunds and disputes, in minor units of `currency`."},
        fee=INTEGER | {"description": "What the provider has kept of it."},
        net=INTEGER | {"description": "`amount` less `fee`."},
    ),
    "Series": object_of(
        id=TEXT | {"description": "Your own."},
        customer_ref=TEXT,
        currency=TEXT,
        max_amount=INTEGER | {"description": "Minor units: what all charges of one period may make up."},
        max_count=INTEGER,
        per={"enum": ["day", "week", "month", "year"]},
        starts_on={"type": "string", "format": "date"},
        period={
            "anyOf": [
                object_of(
                    starts_at=MOMENT,
                    ends_at=MOMENT | {"description": "When the next one begins."},
                    count=INTEGER
                    | {"description": "Its charges but those that are known to have failed or to be canceled."},
                    amount=INTEGER | {"description": "What these make up."},
                    payments=TEXTS | {"description": "Their payments, the newest first, at most a hundred."},
                ),
                {"type": "null"},
            ],
            "description": "The present one, and what is used of it; null before the first.",
        },
        created_at=MOMENT,
        updated_at=MOMENT,
    ),
    "Settings": object_of(late_payments={"enum": ["keep", "refund"]}),
    "WebhookEndpoint": object_of(
        id=TEXT,
        mode={"enum": ["test", "live"]},
        url=TEXT,
        event_types=TEXTS,
        description=TEXT_OR_NULL,
        created_at=MOMENT,
    ),
}
