"""Whether an initiator may do what is asked: the first thing that M-Pesa looks at."""

from malipo_simulators.mpesa.initiators.certificate import decrypt
from malipo_simulators.mpesa.result_codes import DONE, INVALID_INITIATOR, LOCKED, NOT_ALLOWED, ResultCode
from malipo_simulators.mpesa.state.initiators import Role
from malipo_simulators.mpesa.state.world import MpesaWorld


def check_initiator(world: MpesaWorld, shortcode: str, name: str, security_credential: str, role: Role) -> ResultCode:
    """DONE if so. A password that is sealed with another certificate is a wrong one."""
    if world.settings.trust_initiators:
        return DONE
    initiator = world.initiators.find(shortcode, name)
    if initiator is None:
        return INVALID_INITIATOR
    if initiator.locked:
        return LOCKED
    if not initiator.accepts(decrypt(security_credential)):
        return INVALID_INITIATOR
    return DONE if role in initiator.roles else NOT_ALLOWED
