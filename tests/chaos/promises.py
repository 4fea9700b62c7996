"""Malipo's promise about the payments of a scene, checked from outside: the books, and what the merchant received."""

from collections import Counter
from collections.abc import Iterable, Sequence

from chaos import books, trails
from chaos.books import Effects
from chaos.merchant import Merchant, accepted
from chaos.onlooker import Onlooker
from chaos.operations.operation import Ending, Operation, Scene
from chaos.trails import Trail
from malipo.contracts.providers import PROVIDERS
from malipo_local.merchant import DemoMerchant, Json

_MADE = """
SELECT id FROM payments WHERE client_ref = $1
UNION ALL SELECT id FROM payment_methods WHERE view ->> 'client_ref' = $1 AND view ->> 'payment_id' IS NULL
"""


def broken(scene: Scene, operation: Operation) -> list[str]:
    """Every promise that is not kept, as text. To be called when the system has come to rest."""
    return [
        *(what for payment_id in scene.merchant.payments for what in _payment(scene, payment_id, operation)),
        *trails.repeated(scene.onlooker, scene.merchant.payments),
        *trails.contradicted(scene.onlooker, scene.merchant.payments),
        *_repeats(scene.merchant),
        *_dead_letters(scene),
    ]


def _payment(scene: Scene, payment_id: str, operation: Operation) -> Iterable[str]:
    merchant = scene.merchant.demo
    effects = books.EFFECTS[operation.provider](merchant, payment_id)
    ending = _ending(operation, effects)
    trail = trails.read(scene.onlooker, [payment_id], accepted(merchant, payment_id))[payment_id]
    yield from _effects(PROVIDERS[operation.provider].title, effects, Counter(ending.effects))
    yield from _shown(merchant, payment_id, ending)
    yield from trails.differences(trail, delivered=ending.delivery == "delivered")
    if ending.event not in {event.type for event in trail.published}:
        yield f"{ending.event} was never published"
    yield from _timeline(merchant.timeline(payment_id), trail, ending)
    yield from _nothing_else(scene.onlooker, scene.merchant, payment_id)


def _ending(operation: Operation, effects: Effects) -> Ending:
    """What has to be true: what was never sent, and may not be sent again, has no effect at the provider."""
    unsent = operation.unsent
    return unsent if unsent is not None and effects == Counter(unsent.effects) else operation.ending


def _effects(whose: str, effects: Effects, wanted: Effects) -> Iterable[str]:
    for kind, amount in (wanted - effects).elements():
        yield f"{whose}'s book lacks the {kind} of {amount}"
    for kind, amount in (effects - wanted).elements():
        yield f"{whose}'s book has a {kind} of {amount} too many"


def _shown(merchant: DemoMerchant, payment_id: str, ending: Ending) -> Iterable[str]:
    if payment_id.startswith("pm_"):
        if (status := merchant.method(payment_id)["status"]) != ending.status:
            yield f"Malipo shows the method {status}, not {ending.status}"
        return
    payment = merchant.payment(payment_id)
    shown = _amounts(payment["status"], payment["amount_captured"], payment["amount_refunded"])
    if shown != (wanted := _amounts(ending.status, ending.captured, ending.refunded)):
        yield f"Malipo shows the payment {shown}, not {wanted}"


def _amounts(status: str, captured: int, refunded: int) -> str:
    return f"{status} with {captured} captured and {refunded} refunded"


def _timeline(entries: Sequence[Json], trail: Trail, ending: Ending) -> Iterable[str]:
    steps = [entry for entry in entries if entry["kind"] == "step"]
    last = trail.owned.step if trail.owned else 0
    if (numbers := [step["step"] for step in steps]) != list(range(1, last + 1)):
        yield f"the timeline's steps are numbered {numbers}, and the payment is at step {last}"
    reported = {
        entry["cause"] for entry in entries if entry["kind"] == "webhook" and entry["result"] == ending.delivery
    }
    if lacking := {entry["cause"] for entry in entries} - {None, *(entry["id"] for entry in entries)}:
        yield f"the timeline lacks {sorted(lacking)}, the cause of something in it"
    for step in steps:
        if step["event"] and step["id"] not in reported:
            yield f"the timeline has no webhook of {step['event']['type']} that was {ending.delivery}"


def _dead_letters(scene: Scene) -> Iterable[str]:
    for topic, count in scene.onlooker.dead_letters().items():
        if new := count - scene.dead_letters.get(topic, 0):
            yield f"{new} dead letters in {topic}"


def _nothing_else(onlooker: Onlooker, merchant: Merchant, payment_id: str) -> Iterable[str]:
    """No request that was sent once made more than one payment, refund, capture or cancel; disputes nobody requests."""
    for request in merchant.requests:
        if ref := request.body.get("client_ref"):
            made = onlooker.rows("gateway", _MADE, ref)
            if len(made) != 1:
                yield f"one request made {len(made)} payments, or saved methods"
    operations = onlooker.rows(
        "gateway", "SELECT id FROM operations WHERE payment_id = $1 AND kind <> 'dispute'", payment_id
    )
    # A detach is asked of the saved method, which is the payment's that saved it.
    wanted = sum(
        payment_id in request.path or (request.path.endswith("/detach") and request.answer["payment_id"] == payment_id)
        for request in merchant.requests
    )
    if len(operations) != wanted:
        yield f"{wanted} requests made {len(operations)} operations"


def _repeats(merchant: Merchant) -> Iterable[str]:
    for request in merchant.requests:
        repeated = merchant.repeat(request)
        refused_since = (
            request.path not in ("/v1/payments", "/v1/payment-methods")
            and request.status == 202
            and repeated.status == 409
        )
        if repeated.outcome != request.outcome and not refused_since:
            yield f"the same key at {request.path} answers {repeated.outcome} now, {request.outcome} before"
