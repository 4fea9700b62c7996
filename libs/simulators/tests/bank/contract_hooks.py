"""What no schema can express of the bank's contract: keys and end_to_end_ids are new, and amount, rail and recipient fit."""

import os
import re
from itertools import count
from typing import Any

import httpx
import schemathesis
from schemathesis.generation.meta import TestPhase

from malipo_simulators.bank.payments.parameters import check_digit

KEY, END_TO_END_ID = re.compile("[!-~]{1,64}"), re.compile("[A-Za-z0-9]{1,35}")
AMOUNT, ROUTING, DAY = re.compile("(0|[1-9][0-9]{0,9})[.][0-9]{2}"), re.compile("[0-9]{9}"), re.compile("[0-9-]{10}")
RAILS = ("RTP", "ACH", "BOOK", "ZELLE")
BY_TIME = ("updated_after", "limit")
LONGEST_CURSOR = 100
NUMBERS = count(1)
BANK = httpx.Client(base_url=os.environ["BANK_URL"], headers={"X-API-Key": os.environ["BANK_KEY"]})
# What becomes of the payment that a call is tried on, by the last four digits: it is held, or it is completed.
TRIED_ON = {
    "GET /v1/payments/{id}": "3000",
    "POST /v1/payments/{id}/cancel": "3000",
    "POST /v1/payments/{id}/return-request": "6002",
}


@schemathesis.hook
def before_call(_context: Any, case: Any, _options: Any) -> None:
    """Corrects what is right by the schema alone, and nothing else: a wrong request stays wrong."""
    key = (case.headers or {}).get("Idempotency-Key")
    if is_like(KEY, key):
        case.headers["Idempotency-Key"] = f"key-{next(NUMBERS)}"
    if case.operation.label in TRIED_ON and case.meta.phase.name is TestPhase.FUZZING:
        case.path_parameters = {"id": ordered(TRIED_ON[case.operation.label])}
    if case.operation.label == "POST /v1/payments" and isinstance(case.body, dict):
        put_right(case.body)
    if case.operation.label == "GET /v1/payments" and isinstance(case.query, dict):
        let_go_together(case.query)


def ordered(digits: str) -> str:
    """The id of a payment: by chance alone there may be none in a whole run."""
    number = next(NUMBERS)
    body = {
        "end_to_end_id": f"tried{number}",
        "rail": "RTP",
        "amount": "12.50",
        "currency": "USD",
        "debtor_account_id": "acc-1",
        "creditor": {"name": "Jane Doe", "account": {"number": digits, "routing": "021000021"}},
    }
    answer = BANK.post("/v1/payments", json=body, headers={"Idempotency-Key": f"tried-{number}"}).raise_for_status()
    if digits == TRIED_ON["POST /v1/payments/{id}/return-request"]:
        BANK.post(f"/_sim/payments/tried{number}/complete").raise_for_status()
    return answer.json()["id"]


def let_go_together(query: dict[str, Any]) -> None:
    """A cursor is right only if the bank has given it, and an end_to_end_id only without a time."""
    cursor = query.get("cursor")
    if isinstance(cursor, str) and 1 <= len(cursor) <= LONGEST_CURSOR:
        del query["cursor"]
    if is_like(END_TO_END_ID, query.get("end_to_end_id")) and any(name in query for name in BY_TIME):
        del query["end_to_end_id"]


def put_right(body: dict[str, Any]) -> None:
    if is_like(END_TO_END_ID, body.get("end_to_end_id")):
        body["end_to_end_id"] = f"e2e{next(NUMBERS)}"
    if is_like(AMOUNT, body.get("amount")):
        body["amount"] = "12.50"
    if is_like(DAY, body.get("requested_execution_date")):  # right for a year only
        body["requested_execution_date"] = None
    creditor = body.get("creditor")
    if isinstance(creditor, dict):
        if body.get("rail") in RAILS:
            body["rail"] = "ZELLE" if creditor.get("alias") else "ACH"
        check(creditor.get("account"))


def check(account: Any) -> None:
    """Give its routing number the digit that checks the others."""
    if isinstance(account, dict) and is_like(ROUTING, account.get("routing")):
        digits = account["routing"][:8]
        account["routing"] = digits + check_digit(digits)


def is_like(pattern: re.Pattern[str], given: object) -> bool:
    return isinstance(given, str) and pattern.fullmatch(given) is not None
