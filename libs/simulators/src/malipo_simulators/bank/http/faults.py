"""What the faults of the bank alone do to an answer; what is stored under the key stays right."""

import json
from collections.abc import Callable
from dataclasses import replace

from malipo_simulators.bank.faults import BankFault
from malipo_simulators.bank.objects.money import parse, written
from malipo_simulators.kit.api.answers import Answer, encode
from malipo_simulators.kit.faults.scripted import AppliedFault
from malipo_simulators.kit.shapes import Json

type Rewrite = Callable[[Json], Json]
UNKNOWN_STATUS = "under_divination"


def spoil(fault: AppliedFault, answer: Answer) -> Answer:
    """Every payment in it."""
    rewrite = REWRITES.get(fault.fault)
    if rewrite is None or answer.status >= 400:
        return answer
    body = json.loads(answer.body)
    if "data" in body:
        body["data"] = [rewritten(one, rewrite) for one in body["data"]]
    return replace(answer, body=encode(rewritten(body, rewrite)))


def rewritten(body: Json, rewrite: Rewrite) -> Json:
    return rewrite(body) if "end_to_end_id" in body else body


def with_other_amount(payment: Json) -> Json:
    """One dollar more."""
    return payment | {"amount": written((parse(str(payment["amount"])) or 0) + 100)}


def with_unknown_status(payment: Json) -> Json:
    return payment | {"status": UNKNOWN_STATUS}


REWRITES: dict[str, Rewrite] = {
    BankFault.AMOUNT_MISMATCH: with_other_amount,
    BankFault.UNKNOWN_STATUS: with_unknown_status,
}
