"""Answers a request now with its acceptance, and later with its result."""

from collections.abc import Callable

from malipo_simulators.kit.shapes import Json
from malipo_simulators.mpesa.faults import MpesaFault
from malipo_simulators.mpesa.results.initiator import check_initiator
from malipo_simulators.mpesa.results.posting import Outcome, tell, tell_timeout
from malipo_simulators.mpesa.results.request import Ask
from malipo_simulators.mpesa.state.book import Payment
from malipo_simulators.mpesa.state.conversations import Conversation


def answer_later(ask: Ask, about: Payment | None, carry_out: Callable[[], Outcome]) -> Json:
    """Carry it out now, if the initiator may; only the result waits. `about` is the payment that it concerns."""
    world, fault = ask.request.world, ask.request.cause.fault
    if fault is not None and fault.fault == MpesaFault.QUEUE_TIMEOUT:
        tell_timeout(ask, about, fault.delay_seconds)
        return accepted(ask)
    allowed = check_initiator(world, ask.shortcode, ask.initiator, ask.security_credential, ask.role)
    outcome = carry_out() if allowed.ok else Outcome(allowed, about)
    remember(ask, outcome)
    tell(ask, outcome)
    return accepted(ask)


def remember(ask: Ask, outcome: Outcome) -> None:
    world = ask.request.world
    world.conversations.end(
        Conversation(
            role=ask.role,
            originator_id=ask.originator_conversation_id,
            id=ask.conversation_id,
            shortcode=ask.shortcode,
            result_code=outcome.code.code,
            result=outcome.code.text,
            receipt=outcome.receipt,
            amount=str(ask.request.given.get("Amount", "")),
            at=world.clock.now(),
        )
    )


def accepted(ask: Ask) -> Json:
    return {
        "OriginatorConversationID": ask.originator_conversation_id,
        "ConversationID": ask.conversation_id,
        "ResponseCode": "0",
        "ResponseDescription": "Accept the service request successfully.",
    }
