"""The codes that the bank gives for what became of a payment, with its words."""

from dataclasses import dataclass

from malipo_simulators.kit.shapes import Json


@dataclass(frozen=True, slots=True)
class Reason:
    code: str
    text: str

    def as_json(self) -> Json:
        return {"code": self.code, "text": self.text}


HELD = Reason("HELD", "Held for a check")
RESEARCH = Reason("RESEARCH", "The receiving bank has not answered; under investigation")
AFTER_CUT_OFF = Reason("AFTER_CUT_OFF", "Goes when the rail opens")
# ISO 20022 external status reasons, of rejections.
REJECTIONS = {
    "AC03": "Invalid creditor account number",
    "AC04": "Closed account number",
    "AC06": "Blocked account",
    "AG01": "Transaction forbidden",
    "AM02": "Not allowed amount",
    "AM04": "Insufficient funds",
    "AM09": "Wrong amount",
    "AM13": "Amount exceeds clearing system limit",
    "AM14": "Amount exceeds agreed limit",
    "BE04": "Missing creditor address",
    "DS24": "Waiting time expired",
    "DUPL": "Duplicate payment",
    "MD07": "End customer deceased",
    "NARR": "See narrative",
    "RC01": "Bank identifier incorrect",
    "RC02": "Invalid bank identifier",
    "RC03": "Invalid debtor bank identifier",
    "RC04": "Invalid creditor bank identifier",
    "TK02": "Token not found",
    "TK03": "Token not enrolled",
    "TM01": "Cut-off time passed",
}
# Nacha's codes of returned credits; TK03 is of Zelle, FOCR of a return request that was accepted.
RETURNS = {
    "R02": "Account closed",
    "R03": "No account",
    "R04": "Invalid account number",
    "R16": "Account frozen",
    "R20": "Non-transaction account",
    "R23": "Credit refused by receiver",
    "TK03": "Never claimed",
    "FOCR": "Following a return request",
}
# ISO 20022 camt.029, of return requests that were refused.
REFUSALS = {"CUST": "Customer decision", "NOAS": "No answer from customer", "AC04": "Account closed"}


def rejection(code: str) -> Reason:
    """A code that no document names has no words of its own."""
    return Reason(code, REJECTIONS.get(code, "Rejected"))


def returning(code: str) -> Reason:
    return Reason(code, RETURNS.get(code, "Returned"))


def refusal(code: str) -> Reason:
    return Reason(code, REFUSALS.get(code, "Refused"))
