"""How long each state may last, and what is sent again when it has: by the state table alone. Pure."""

from orchestrator.machine import DECIDED, Transition
from orchestrator.states import Send, State, Trigger

_ANSWER_SECONDS = 30  # a command or a query is answered by then, or the provider service is in trouble
_MAX_SECONDS = 900
_DAY_SECONDS = 24 * 3600
_DEADLINE_SECONDS = {
    State.INITIATED: 60,
    State.WAITING: 30,
    State.PROCESSING: 60,
    State.REQUIRES_ACTION: 15,
    State.AUTHORIZED: _DAY_SECONDS,  # providers drop an authorization after days: query once a day whether it still exists
    State.IN_DOUBT: 1,
}


def repeats_command(transition: Transition) -> bool:
    """Whether the command, or what withdraws it, is sent again ahead of the transition's query: nothing came back since it
    was sent, so it may have been lost on its way.

    It is the same command, by its operation's id: a provider service that has it drops the repeat. So only one
    transition sends a charge, and a repeated charge is still that one.
    """
    awaited = transition.state in (State.PROCESSING, State.IN_DOUBT)
    return transition.send is Send.QUERY and transition.trigger is Trigger.OVERDUE and awaited


def deadline_seconds(transition: Transition, queries: int, pending_seconds: float) -> float | None:
    """How long to wait in `transition.to` before OVERDUE; None where nothing is waited for. `queries` counts those so far.

    What is pending is asked about after `pending_seconds`, then after twice as long, and so on up to a day. A cancel that
    waits is tried again in the same way: a charge that is pending for days is not to be stopped every few minutes.
    """
    asks = transition.send in (Send.QUERY, Send.WITHDRAW)
    match transition.to:
        case to if to in DECIDED:
            return None
        case State.PENDING:
            return min(pending_seconds * 2 ** min(queries + asks, 20), _DAY_SECONDS)
        case State.WAITING:
            return min(_DEADLINE_SECONDS[State.WAITING] * 2 ** min(queries, 20), _DAY_SECONDS)
        case _ if asks:
            return min(_ANSWER_SECONDS * (1 + queries), _MAX_SECONDS)
        case State.AUTHORIZED:
            return _DEADLINE_SECONDS[State.AUTHORIZED]
        case to:
            return min(_DEADLINE_SECONDS[to] * 2 ** min(queries, 10), _MAX_SECONDS)
