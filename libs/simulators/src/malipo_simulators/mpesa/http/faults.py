"""What the faults of Daraja alone do to a request: in place of its effect, or to its response."""

import json
from dataclasses import replace

from malipo_simulators.kit.api.answers import Answer, Refusal, encode
from malipo_simulators.kit.cause import Cause
from malipo_simulators.kit.faults.scripted import AppliedFault
from malipo_simulators.kit.shapes import Json
from malipo_simulators.mpesa.errors import quota_violation, system_busy
from malipo_simulators.mpesa.faults import MpesaFault
from malipo_simulators.mpesa.result_codes import UNKNOWN
from malipo_simulators.mpesa.state.world import MpesaWorld

PAGE = b"<html><head><title>Request Rejected</title></head><body>The requested URL was rejected.</body></html>"
HTML_PAGE = Answer(200, PAGE, content_type="text/html")


def strike_before_effect(world: MpesaWorld, cause: Cause, token: str | None) -> None:
    """Raise the Refusal of a fault that lets nothing happen."""
    match cause.fault.fault if cause.fault else None:
        case MpesaFault.TOKEN_KILLED if token is not None:
            world.tokens.kill(token)
        case MpesaFault.SYSTEM_BUSY:
            raise system_busy()
        case MpesaFault.QUOTA_VIOLATION:
            raise quota_violation()
        case MpesaFault.HTML_WITH_200_BEFORE_EFFECT:
            raise Refusal(HTML_PAGE)
        case _:
            return


def spoil(fault: AppliedFault, answer: Answer) -> Answer:
    """The response to what has happened, made wrong."""
    match fault.fault:
        case MpesaFault.HTML_WITH_200:
            return HTML_PAGE
        case MpesaFault.UNKNOWN_CODE:
            return with_unknown_code(answer)
        case _:
            return answer


def with_unknown_code(answer: Answer) -> Answer:
    """Of a query; a push has no ResultCode, and is struck by having its prompt end so."""
    body: Json = json.loads(answer.body)
    if "ResultCode" not in body:
        return answer
    return replace(answer, body=encode(body | {"ResultCode": str(UNKNOWN.code), "ResultDesc": UNKNOWN.text}))
