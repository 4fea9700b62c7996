"""What a fault rule holds: which fault, for what, how often."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Fault(StrEnum):
    """What goes wrong at any provider, and is carried out by the kit; a simulator has an enum of its own beside it.

    Those named `webhook_` (but not `webhook_before_answer`) belong to deliveries, also those of a simulator's own.
    """

    SLOW = "slow"
    ANSWER_LOST = "answer_lost"
    ERROR_BEFORE_EFFECT = "error_before_effect"
    ERROR_AFTER_EFFECT = "error_after_effect"
    ERROR_RECONCILED = "error_reconciled"
    REQUEST_LATE = "request_late"
    CONNECTION_RESET = "connection_reset"
    RESET_AFTER_EFFECT = "reset_after_effect"
    RATE_LIMITED = "rate_limited"
    HTML_ERROR = "html_error"
    MALFORMED_JSON = "malformed_json"
    WEBHOOK_BEFORE_ANSWER = "webhook_before_answer"
    WEBHOOK_DUPLICATE = "webhook_duplicate"
    WEBHOOK_LATE = "webhook_late"
    WEBHOOK_REORDER = "webhook_reorder"
    WEBHOOK_DROP = "webhook_drop"
    WEBHOOK_FORGED = "webhook_forged"
    WEBHOOK_STALE = "webhook_stale"


DEFAULT_DELAY_SECONDS = 1.0
MAX_DELAY_SECONDS = 3_600


def is_of_webhooks(fault: str) -> bool:
    """Whether it strikes deliveries and not requests."""
    return fault.startswith("webhook_") and fault != Fault.WEBHOOK_BEFORE_ANSWER


def names_of_faults(own: Iterable[StrEnum]) -> type[StrEnum]:
    """The kit's faults and a simulator's own as one enum: what rules and X-Sim-Fault may name."""
    members = [(fault.name, fault.value) for fault in (*Fault, *own)]
    return StrEnum("Fault", members)


class Match(BaseModel):
    """Every part given must match; an empty match matches everything."""

    model_config = ConfigDict(extra="forbid")

    method: str | None = Field(
        default=None, description="HTTP method of the API request (of the causing one, for webhooks)."
    )
    path: str | None = Field(default=None, description="Glob over the path, as in /v1/*/capture.")
    metadata: dict[str, str] = Field(default={}, description="Pairs the request or the payment it is about must carry.")
    amount: int | None = Field(default=None, description="Amount in the request, else of the object it is about.")
    event_type: str | None = Field(default=None, description="Glob over the webhook's type; only for webhook faults.")
    account: str | None = Field(default=None, description="The account's id, to keep parallel tests apart.")


class NewRule(BaseModel):
    """A rule as posted. `after` matches pass untouched, then it applies up to `times` times, each by `probability`."""

    model_config = ConfigDict(extra="forbid", use_enum_values=True)

    fault: str
    match: Match = Field(default_factory=Match)
    times: Annotated[int, Field(ge=1)] | None = Field(default=None, description="Left out: no limit.")
    probability: Annotated[float, Field(ge=0, le=1)] = Field(
        default=1, description="Drawn from the seed, not from chance."
    )
    delay_seconds: Annotated[float, Field(ge=0, le=MAX_DELAY_SECONDS)] | None = Field(
        default=None,
        description="For slow, request_late, error_reconciled, webhook_late, webhook_reorder, the Retry-After of "
        "rate_limited, and those faults of this simulator alone that have a delay.",
    )
    after: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def event_types_are_for_webhooks(self) -> Self:
        """A request has no event type, so such a rule could never strike."""
        if self.match.event_type is not None and not is_of_webhooks(self.fault):
            raise ValueError("match.event_type can only be given with a fault of webhooks")
        return self


class RuleView(NewRule):
    """A rule with what has become of it: how many candidates it matched and how often it was applied."""

    id: str
    matched: int
    applied: int
