"""What the faults of PayPal alone do to a request: in place of its effect, or to its response."""

import json
from collections.abc import Callable
from dataclasses import replace

from malipo_simulators.kit.api.answers import Answer, encode
from malipo_simulators.kit.faults.scripted import AppliedFault
from malipo_simulators.kit.shapes import Json
from malipo_simulators.paypal.errors import PaypalError, detail
from malipo_simulators.paypal.faults import PaypalFault
from malipo_simulators.paypal.http.request import PaypalRequest
from malipo_simulators.paypal.objects.values import as_list, as_object

type Rewrite = Callable[[Json], Json]
UNKNOWN_ISSUE = "UNDER_DIVINATION"


def striking(run: Callable[[PaypalRequest], Answer]) -> Callable[[PaypalRequest], Answer]:
    """The operation, with an issue that no document names before or after its effect."""

    def struck(request: PaypalRequest) -> Answer:
        if request.change.fault is PaypalFault.UNKNOWN_ISSUE:
            raise unknown_issue()
        answer = run(request)
        if request.change.fault is PaypalFault.UNKNOWN_ISSUE_AFTER_EFFECT:
            raise unknown_issue()
        return answer

    return struck


def unknown_issue() -> PaypalError:
    return PaypalError(422, [detail(UNKNOWN_ISSUE, "Something that no document tells of.")])


def spoil(fault: AppliedFault, answer: Answer) -> Answer:
    """The response to what has happened, made wrong."""
    rewrite = REWRITES.get(fault.fault)
    if rewrite is None or not answer.body:
        return answer
    return replace(answer, body=encode(rewritten(json.loads(answer.body), rewrite)))


def rewritten(body: Json, rewrite: Rewrite) -> Json:
    """Every object within it, the innermost first."""
    return rewrite({name: rewritten_value(value, rewrite) for name, value in body.items()})


def rewritten_value(value: object, rewrite: Rewrite) -> object:
    found, listed = as_object(value), as_list(value)
    if found is not None:
        return rewritten(found, rewrite)
    return value if listed is None else [rewritten_value(one, rewrite) for one in listed]


def with_unknown_status(body: Json) -> Json:
    """Of the order, and of every payment within it."""
    return body | {"status": UNKNOWN_ISSUE} if {"id", "status"} <= set(body) else body


def with_other_amount(body: Json) -> Json:
    """One whole unit more."""
    whole, point, decimals = str(body.get("value", "")).partition(".")
    return body | {"value": f"{int(whole) + 1}{point}{decimals}"} if "currency_code" in body else body


REWRITES: dict[str, Rewrite] = {
    PaypalFault.UNKNOWN_STATUS: with_unknown_status,
    PaypalFault.AMOUNT_MISMATCH: with_other_amount,
}
