"""Takes what is personal of a method out of what providers write: in whichever way they write it. Pure."""

import re
from collections.abc import Iterable
from functools import reduce
from urllib.parse import quote

import msgspec

from malipo.contracts.outcomes import ActionRequired, Declined, OtherAction, Outcome, PhonePrompt, Reversed, Unknown
from redaction.text import HIDDEN

_SIGNIFICANT_DIGITS = 9  # what is left of a phone number without its country: 254722000111 is also 0722 000111
_GAP = r"[ ()./-]{0,2}"
_SHORTEST_CHARS = 4  # what is shorter stands within other words by chance
_WITH_TEXTS = (Declined, Reversed, Unknown, ActionRequired)


def has_texts(outcome: Outcome) -> bool:
    """Whether anything personal may stand in it: what has no texts shows nobody, whether or not a key is at hand."""
    return isinstance(outcome, _WITH_TEXTS)


class Concealed:
    """Personal texts. They are found whatever their case, as URLs write them, and numbers in groups or with another prefix."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._patterns = [_pattern(text) for text in texts if text.strip()]

    def without(self, text: str) -> str:
        """The text without any of them."""
        return reduce(lambda left, pattern: pattern.sub(HIDDEN, left), self._patterns, text)

    def of(self, outcome: Outcome) -> Outcome:
        """The outcome, whose texts are without them; ids and addresses are not texts, and a provider keeps them clean."""
        if not self._patterns or not has_texts(outcome):
            return outcome
        changed = msgspec.structs.replace
        match outcome:
            case Declined() | Reversed():
                return changed(outcome, code=self.without(outcome.code), message=self.without(outcome.message))
            case Unknown():
                return changed(outcome, reason=self.without(outcome.reason))
            case ActionRequired(action=PhonePrompt() as prompt):
                return changed(outcome, action=changed(prompt, phone=self.without(prompt.phone)))
            case ActionRequired(action=OtherAction() as other):
                return changed(outcome, action=changed(other, name=self.without(other.name)))
            case _:
                return outcome


def _pattern(text: str) -> re.Pattern[str]:
    forms = "|".join(
        re.escape(form) for form in sorted({text, quote(text, safe=""), quote(text)}, key=len, reverse=True)
    )
    if len(text) < _SHORTEST_CHARS:
        forms = rf"(?<!\w)(?:{forms})(?!\w)"
    digits = re.sub(r"\D", "", text)
    if len(digits) >= _SIGNIFICANT_DIGITS:
        forms += rf"|\+?(?:[0-9]{_GAP}){{0,6}}{_GAP.join(digits[-_SIGNIFICANT_DIGITS:])}"
    return re.compile(forms, re.IGNORECASE)
