"""The settings of the M-Pesa simulator, beside those that every simulator has."""

from dataclasses import dataclass

from malipo_simulators.kit.settings import SimulatorSettings
from malipo_simulators.mpesa.endings import Ending
from malipo_simulators.mpesa.faults import PullQuirk

# The one that Safaricom publishes for its sandbox's shortcode 174379, among the portal's test data.
SANDBOX_PASSKEY = "bfb279f9aa9bdbcf158e97dd71a467cd2e0c893059b10f78e6b72ada1ed2c919"
TOKEN_SECONDS = 3_599
ANY_TIME_ZONE_SECONDS = 15 * 3_600


@dataclass(frozen=True, slots=True)
class MpesaSettings(SimulatorSettings):
    """`strict` is production, else the sandbox: there, plain http will do for a callback's URL.

    `keep_old_tokens` lets an app's tokens live beside each other; as documented, a new one kills the last.
    `timestamp_tolerance_seconds` is how far a Timestamp may be off: no page of the portal says, and many clients send their
    machine's own time, so that any time zone's will do. `spike_arrest_per_second` is how many requests an app
    may make in a second; without it, any number. A callback is sent once: Daraja documents no retries.
    `trust_initiators`: any SecurityCredential will do, as of a client that has Safaricom's own certificate built in.
    `partial_reversals`: also a part of a payment can be reversed. `opening_balance` is what every shortcode has at first,
    in shillings. `validation_timeout_seconds` is how long a validation URL may take. `confirm_prompts`: a prompt that is
    paid to a PayBill is confirmed as a payment by hand is, too. `pull_lag_seconds` is how long after a payment its row can
    be pulled. `pull_quirks` are those of every answer.

    `answer` is what customers do that nothing else decides about; left out, they are at the phone page for
    `prompt_seconds`. `answer_seconds` is how long those take that need no page, `late_payment_seconds` how long the test
    numbers take that pay after the prompt's time. `repeat_rule_seconds` is for how long the same amount of the same
    customer ends as rule limited: 120 as documented, and off unless it is set, as tests pay again and again.
    """

    webhook_retry_seconds: tuple[float, ...] = ()
    passkey: str = SANDBOX_PASSKEY
    strict: bool = False
    keep_old_tokens: bool = False
    token_seconds: int = TOKEN_SECONDS
    timestamp_tolerance_seconds: int = ANY_TIME_ZONE_SECONDS
    spike_arrest_per_second: int | None = None
    trust_initiators: bool = False
    partial_reversals: bool = False
    opening_balance: int = 1_000_000
    validation_timeout_seconds: float = 8
    confirm_prompts: bool = True
    pull_lag_seconds: float = 0
    pull_quirks: frozenset[PullQuirk] = frozenset()
    answer: Ending | None = None
    answer_seconds: float = 1.0
    prompt_seconds: int = 60
    late_payment_seconds: float = 5.0
    repeat_rule_seconds: int = 0
    max_callback_hosts: int = 1_000
    max_shortcodes: int = 10_000
    max_scripts: int = 1_000
