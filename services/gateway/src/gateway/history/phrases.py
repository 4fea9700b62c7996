"""What many explanations say, and what all operations have in common."""

from gateway.history.words import ACCEPTED, FINAL, REFUSED, UNDER_WAY, Explanation
from malipo.contracts.failures import May

THEN_DOUBT = "The provider answers. If it has not by `next_by`, Malipo asks it."
ASKS = (
    "Malipo asks the provider until it reports what became of it, and believes nothing else. The next query, if there "
    "is no answer before it, goes out at `next_by`."
)
OR_A_PERSON = f"{ASKS} If that does not end it, a person at Malipo does."
STARTS = (
    "Malipo starts it, as a rule within a moment. While a part of Malipo is away or stands still it waits; it is resent "
    "until it is started, and so is not lost."
)
ASKS_LATER = (
    "The provider reports when it is done. If it has not by `next_by`, Malipo asks it, and then each time after twice as "
    "long, up to once a day."
)
DECIDED = "`detail` has the reason."
BY_PROVIDER = "`failure` has the provider's own code and text."


def of_operation(noun: str, *then: May) -> dict[tuple[str, str], Explanation]:
    """What all operations have in common. `then` is what may be done when it has failed, as far as the payment allows."""
    doubt = "may have been carried out, or not. Malipo does not guess."
    return {
        ("initiated", ACCEPTED): Explanation(f"Malipo has accepted the {noun} for good.", STARTS, UNDER_WAY),
        ("processing", "dispatched"): Explanation(
            f"The {noun} is on its way to the provider, which has not answered yet.", THEN_DOUBT, UNDER_WAY
        ),
        ("pending", "pending"): Explanation(f"The provider has the {noun} and works on it.", ASKS_LATER, UNDER_WAY),
        ("pending", "overdue"): Explanation(
            f"The provider still works on the {noun}, as far as it has reported, and Malipo asks how it stands.",
            ASKS_LATER,
            UNDER_WAY,
        ),
        ("in_doubt", "unknown"): Explanation(
            f"The {noun} was sent, and no answer came that Malipo understands: it {doubt}", ASKS, UNDER_WAY
        ),
        ("in_doubt", "unclear"): Explanation(
            f"The provider's last word about the {noun} is not clear: it {doubt}", OR_A_PERSON, UNDER_WAY
        ),
        ("in_doubt", "overdue"): Explanation(
            f"The provider has not reported in time what became of the {noun}: it {doubt}", ASKS, UNDER_WAY
        ),
        ("failed", REFUSED): Explanation(
            f"Malipo refused the {noun} and sent nothing. `failure` says why.", FINAL, then
        ),
        ("failed", "overdue"): Explanation(f"The {noun} could not be sent in time; nothing was sent.", FINAL, then),
        ("failed", "declined"): Explanation(f"The {noun} was declined and had no effect. {BY_PROVIDER}", FINAL, then),
        ("failed", "decided_failed"): Explanation(
            f"A person at Malipo has found that the {noun} had no effect at the provider. {DECIDED}", FINAL, then
        ),
    }
