"""Why an attempt could not be sent now, and for how long it waits then. Pure."""

from dataclasses import dataclass

from malipo.platform.secrets import SecretUnreadable
from provider_kit.attempt_rows import ClaimedAttempt
from provider_kit.credentials import NoCredentials, ReplicaBehind
from provider_kit.errors import Lacking, Misconfigured, NotSent
from provider_kit.personal import KeyBehind, PersonalDataUnreadable
from provider_kit.reasons import ObstacleCode

NOTHING_SENT = (
    *(ReplicaBehind, KeyBehind, PersonalDataUnreadable),
    *(NotSent, Misconfigured, NoCredentials, SecretUnreadable),
)
"""What is raised when nothing was sent by a try, and a later one may succeed."""

MISCONFIGURED: ObstacleCode = "provider_misconfigured"
"""The code of what only the merchant can mend."""

_BEHIND_SECONDS = 0.2
_LONGEST_BEHIND_SECONDS = 5.0  # a configuration that arrives between the look and the wait wakes nothing
_MISCONFIGURED_SECONDS = 60.0
_UNREADABLE_SECONDS = 10.0
_MAX_DELAY_SECONDS = 30.0
_MAX_DOUBLINGS = 7  # 0.25 s becomes 32 s, past the longest delay
_MAX_RETRY_AFTER_SECONDS = 60.0  # of a provider that requests a pause


@dataclass(frozen=True, slots=True)
class Obstacle:
    """What postpones an attempt: its code, the text for people, how long to wait, and whether it is alerted.

    `hopeless`: the merchant has never given what it needs, and so does not have it wait.
    """

    code: ObstacleCode
    why: str
    delay_seconds: float
    for_a_person: bool = False
    hopeless: bool = False


def obstacle_of(error: Exception, claimed: ClaimedAttempt) -> Obstacle:
    """The obstacle that one of `NOTHING_SENT` is."""
    match error:
        case ReplicaBehind():
            why = "The merchant's configuration has not arrived."
            return Obstacle("configuration_behind", why, _behind_seconds(claimed))
        case KeyBehind():
            why = "The key to the payment's personal data has not arrived."
            return Obstacle("personal_data_behind", why, _behind_seconds(claimed))
        case PersonalDataUnreadable():
            why = "What the charge needs of the customer cannot be read: add the missing key to KEY_RING."
            return Obstacle("personal_data_unreadable", why, _UNREADABLE_SECONDS, for_a_person=True)
        case NotSent():
            return Obstacle("provider_unreachable", str(error), _delay_seconds(claimed, error))
        case _:
            hopeless = isinstance(error, Lacking)
            return Obstacle(MISCONFIGURED, _advice(error), _MISCONFIGURED_SECONDS, for_a_person=True, hopeless=hopeless)


def _behind_seconds(claimed: ClaimedAttempt) -> float:
    return min(_doubled(_BEHIND_SECONDS, claimed.tries - 1), _LONGEST_BEHIND_SECONDS)


def _delay_seconds(claimed: ClaimedAttempt, error: NotSent) -> float:
    if error.retry_after_seconds is not None:
        return min(error.retry_after_seconds, _MAX_RETRY_AFTER_SECONDS)
    return min(_doubled(0.25, claimed.tries), _MAX_DELAY_SECONDS)


def _doubled(seconds: float, times: int) -> float:
    return seconds * 2.0 ** min(times, _MAX_DOUBLINGS)


def _advice(error: Exception) -> str:
    match error:
        case NoCredentials():
            return "The merchant has no such account at this provider: PUT /v1/provider-credentials."
        case SecretUnreadable():
            return "The merchant's credentials cannot be read: save them again, or add the missing key to KEY_RING."
        case _:
            return str(error)
