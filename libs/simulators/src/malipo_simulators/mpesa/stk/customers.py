"""What a customer does with a prompt: by a fault, a script, a test number, by the settings, or at the phone page."""

from malipo_simulators.kit.cause import Cause
from malipo_simulators.kit.faults.rules import Fault
from malipo_simulators.mpesa.endings import Ending
from malipo_simulators.mpesa.faults import MpesaFault
from malipo_simulators.mpesa.settings import MpesaSettings
from malipo_simulators.mpesa.state.prompts import Push
from malipo_simulators.mpesa.state.scripts import Fate
from malipo_simulators.mpesa.state.world import MpesaWorld

# 2547000000xx: those who pay or not, as their number says.
TEST_NUMBERS = {
    "254700000000": Ending.PAID,
    "254700000001": Ending.CANCELLED,
    "254700000002": Ending.WRONG_PIN,
    "254700000003": Ending.INSUFFICIENT,
    "254700000004": Ending.TIMEOUT,
    "254700000005": Ending.EXPIRED,
    "254700000006": Ending.OPERATOR_UNKNOWN,
    "254700000007": Ending.NOT_PERMITTED,
    "254700000008": Ending.CREDENTIAL_LOCKED,
    "254700000009": Ending.PUSH_ERROR,
    "254700000010": Ending.BELOW_MINIMUM,
    "254700000011": Ending.ABOVE_MAXIMUM,
    "254700000012": Ending.DAILY_LIMIT,
    "254700000013": Ending.MAXIMUM_BALANCE,
    "254700000014": Ending.RULE_LIMITED,
    "254700000015": Ending.SYSTEM_BUSY,
    "254700000016": Ending.SUBSCRIBER_LOCKED,
    "254700000017": Ending.PUSH_FAILED,
    "254700000018": Ending.UNKNOWN_CODE,
}
SILENT_NUMBERS = {
    "254700000020": Ending.PAID,
    "254700000021": Ending.CANCELLED,
    "254700000022": Ending.TIMEOUT,
}
"""As their number says, and no callback comes."""
PAID_AFTER_TIMEOUT = "254700000030"
PAID_AFTER_TIMEOUT_AND_TOLD = "254700000031"


def fate_of(world: MpesaWorld, push: Push, cause: Cause) -> Fate | None:
    """How the prompt will end by itself. None: somebody answers at the phone page, or its time runs out."""
    settings = world.settings
    fate = faulty(cause, settings) or wrong_party(world, push, settings)
    if fate is None:
        fate = (
            limited(world, push)
            or world.scripts.play(lambda match: match.takes(push))
            or by_number(push.phone, settings)
        )
        world.prompts.note_asked(push, world.clock.now())
    if fate is None and settings.answer is not None:
        fate = Fate(settings.answer, settings.answer_seconds)
    if cause.fault is not None and cause.fault.fault == Fault.WEBHOOK_BEFORE_ANSWER:
        return Fate(fate.ending if fate else Ending.PAID, 0)
    return fate


def faulty(cause: Cause, settings: MpesaSettings) -> Fate | None:
    match cause.fault.fault if cause.fault else None:
        case MpesaFault.UNKNOWN_CODE:
            return Fate(Ending.UNKNOWN_CODE, settings.answer_seconds)
        case MpesaFault.PAID_AFTER_TIMEOUT:
            assert cause.fault is not None
            return Fate(Ending.TIMEOUT, settings.answer_seconds, paid_after_seconds=cause.fault.delay_seconds)
        case _:
            return None


def wrong_party(world: MpesaWorld, push: Push, settings: MpesaSettings) -> Fate | None:
    """A PayBill is paid as a PayBill and is PartyB itself; a till as a till. What does not fit never gets to the phone."""
    if world.shortcode(push.shortcode).permits(push.transaction_type):
        known = world.shortcode(push.shortcode).takes(push.transaction_type, push.credited)
        return None if known else Fate(Ending.OPERATOR_UNKNOWN, settings.answer_seconds)
    return Fate(Ending.NOT_PERMITTED, settings.answer_seconds)


def limited(world: MpesaWorld, push: Push) -> Fate | None:
    """The same amount of the same customer again, within two minutes: only if the settings have it."""
    settings, last = world.settings, world.prompts.last_asked(push)
    if last is None or world.clock.now() - last >= settings.repeat_rule_seconds:
        return None
    return Fate(Ending.RULE_LIMITED, settings.answer_seconds)


def by_number(phone: str, settings: MpesaSettings) -> Fate | None:
    after_seconds = settings.answer_seconds
    if phone in (PAID_AFTER_TIMEOUT, PAID_AFTER_TIMEOUT_AND_TOLD):
        late, told = settings.late_payment_seconds, phone == PAID_AFTER_TIMEOUT_AND_TOLD
        return Fate(Ending.TIMEOUT, after_seconds, paid_after_seconds=late, told=told)
    if phone in SILENT_NUMBERS:
        return Fate(SILENT_NUMBERS[phone], after_seconds, silent=True)
    return Fate(TEST_NUMBERS[phone], after_seconds) if phone in TEST_NUMBERS else None
