"""What may become of a payment by itself: plans, and the last four digits and amounts that stand for them."""

from dataclasses import dataclass
from enum import StrEnum


class Plan(StrEnum):
    """`hold`, `research` and `stay` wait for a person, in held, unknown and processing; the others end by themselves."""

    COMPLETE = "complete"
    REJECT = "reject"
    RETURN = "return"
    HOLD = "hold"
    HOLD_THEN_COMPLETE = "hold_then_complete"
    HOLD_THEN_REJECT = "hold_then_reject"
    RESEARCH = "research"
    RESEARCH_THEN_COMPLETE = "research_then_complete"
    RESEARCH_THEN_REJECT = "research_then_reject"
    STAY = "stay"


HOLDING = (Plan.HOLD, Plan.HOLD_THEN_COMPLETE, Plan.HOLD_THEN_REJECT)
RESEARCHING = (Plan.RESEARCH, Plan.RESEARCH_THEN_COMPLETE, Plan.RESEARCH_THEN_REJECT)
REJECTING = (Plan.REJECT, Plan.HOLD_THEN_REJECT, Plan.RESEARCH_THEN_REJECT)


class Reply(StrEnum):
    """Of the other bank, to a return request."""

    ACCEPT = "accept"
    REFUSE = "refuse"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Fate:
    """`code` is that of its rejection or return. `after_seconds`: how long it is processed, if not as its rail has it;
    `return_after_seconds` how long after completion it comes back.
    """

    plan: Plan = Plan.COMPLETE
    code: str | None = None
    reply: Reply = Reply.ACCEPT
    after_seconds: float | None = None
    return_after_seconds: float | None = None


# By the last four digits: a return on ACH, and what rejects it on rails that have none.
RETURN_DIGITS = {
    "0002": ("R02", "AC04"),
    "0003": ("R03", "AC03"),
    "0004": ("R04", "AC03"),
    "0016": ("R16", "AC06"),
    "0020": ("R20", "AG01"),
    "0023": ("R23", "NARR"),
}
REJECT_DIGITS = {
    "1003": "AC03",
    "1004": "AC04",
    "1006": "AC06",
    "1101": "AG01",
    "1202": "AM02",
    "1204": "AM04",
    "1209": "AM09",
    "1213": "AM13",
    "1214": "AM14",
    "1304": "BE04",
    "1424": "DS24",
    "1507": "MD07",
    "1601": "RC01",
    "1602": "RC02",
    "1603": "RC03",
    "1604": "RC04",
    "1701": "TM01",
    "1800": "DUPL",
    "1900": "NARR",
    "2002": "TK02",
    "2003": "TK03",
}
UNCLAIMED_DIGITS = "2014"
OTHER_DIGITS = {
    UNCLAIMED_DIGITS: Fate(Plan.RETURN, "TK03"),
    "3000": Fate(Plan.HOLD),
    "3001": Fate(Plan.HOLD_THEN_COMPLETE),
    "3002": Fate(Plan.HOLD_THEN_REJECT, "AG01"),
    "4000": Fate(Plan.RESEARCH),
    "4001": Fate(Plan.RESEARCH_THEN_COMPLETE),
    "4002": Fate(Plan.RESEARCH_THEN_REJECT, "DS24"),
    "5000": Fate(Plan.STAY),
    "6001": Fate(reply=Reply.REFUSE),
    "6002": Fate(reply=Reply.NEVER),
}
AMOUNTS = {1_333_33: Fate(Plan.HOLD), 1_333_34: Fate(Plan.HOLD_THEN_COMPLETE)}
NOT_ENROLLED_DIGITS = ("2002", "2003", UNCLAIMED_DIGITS)


def fate_by(digits: str, amount: int, *, comes_back: bool) -> Fate:
    """Of a payment that no script is for. `comes_back`: whether its rail returns payments by itself."""
    if digits in RETURN_DIGITS:
        returned, rejected = RETURN_DIGITS[digits]
        return Fate(Plan.RETURN, returned) if comes_back else Fate(Plan.REJECT, rejected)
    if digits in REJECT_DIGITS:
        return Fate(Plan.REJECT, REJECT_DIGITS[digits])
    return OTHER_DIGITS.get(digits) or AMOUNTS.get(amount) or Fate()
