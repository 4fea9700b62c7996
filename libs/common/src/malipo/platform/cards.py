"""Which digits are a card's number: an issuer's prefix at that issuer's length, and a right check digit. Pure."""

import re
import unicodedata
from collections.abc import Iterator

# What numbers begin with, their lengths, and the lengths that count among words too: ranges as the schemes publish them
# (issuer identification numbers of ISO/IEC 7812-1). Visa has issued no 13 digits for decades, and a German mobile's number has
# as many and begins alike; the lengths of the others that stand on the left alone are as rare, and common in references.
_SCHEMES = (
    ("4", (13, 16, 19), (16, 19)),  # Visa
    ("5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720", (16,), (16,)),  # Mastercard
    ("3[47]", (15,), (15,)),  # American Express
    ("6011|64[4-9]|65", (16, 17, 18, 19), (16,)),  # Discover
    ("30[0-5]|3095|36|3[89]", (14, 16, 19), (14, 16)),  # Diners Club
    ("352[89]|35[3-8]", (16, 17, 18, 19), (16,)),  # JCB
    ("62|81", (16, 17, 18, 19), (16, 19)),  # UnionPay
    ("5018|5020|5038|5893|6304|6759|676[1-3]", tuple(range(12, 20)), (16, 18, 19)),  # Maestro
    ("220[0-4]", (16, 17, 18, 19), (16,)),  # Mir
    ("506099|5061[0-8]|50619[0-8]", (16, 18, 19), (16, 18, 19)),  # Verve
)


def _numbers(prefix: str, lengths: tuple[int, ...]) -> str:
    return rf"(?=(?:{'|'.join(rf'[0-9]{{{length}}}' for length in lengths)})\Z)(?:{prefix})"


_ISSUED = re.compile("|".join(_numbers(prefix, lengths) for prefix, lengths, _ in _SCHEMES))
_COMMON = re.compile("|".join(_numbers(prefix, lengths) for prefix, _, lengths in _SCHEMES))

# In one piece, or in groups as on a card with the same character between them. Overlapping ones are all looked at: what
# stands before a number ("table 1234 4242 ...") hides none.
_PIECE = "[0-9]{12,19}"
_FOURS = r"[0-9]{4}([ .-])[0-9]{4}\2[0-9]{4}\2[0-9]{4}"
_OTHERS = (r"[0-9]{4}([ .-])[0-9]{6}\2[0-9]{4,5}", r"[0-9]{6}([ .-])[0-9]{13}")
_ALONE = tuple(
    re.compile(rf"(?<!\w)(?<!\w[-.])(?=({shape})(?!\w)(?!-\w)(?!\.[0-9]))")
    for shape in (_PIECE, _FOURS, _FOURS + r"\2[0-9]{3}", *_OTHERS)
)
_MANY_DIGITS = re.compile("[0-9](?:[ .-]?[0-9]){11}")
_IBAN = re.compile(r"(?<!\w)[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?!\w)")
_PHONE_DIGITS = 15  # at most, after the plus sign: ITU-T E.164


def is_card_number(digits: str) -> bool:
    """Whether ASCII digits, without anything between them, are a number that some card may have."""
    return _ISSUED.match(digits) is not None and _has_check_digit(digits)


def find(text: str) -> list[tuple[int, int]]:
    """Where card numbers begin and end that stand alone in `text`, in order; they may overlap.

    Digits of any script count. Not found: a part of a longer number, word, UUID or IBAN; a phone number with its plus
    sign; lengths that no scheme has issued for long or hardly issues.
    """
    text = as_ascii(text)
    if not _MANY_DIGITS.search(text):
        return []
    ibans = [match.span() for match in _IBAN.finditer(text) if _is_iban(match[0])]
    return sorted(span for span in _candidates(text) if not any(start <= span[0] < end for start, end in ibans))


def hide(text: str, replacement: str) -> str:
    """`text` with `replacement` for each card number in it."""
    kept, end = list[str](), 0
    for start, stop in find(text):
        if start >= end:
            kept += text[end:start], replacement
        end = max(end, stop)
    return "".join((*kept, text[end:]))


def as_ascii(text: str) -> str:
    """`text` with the digits, blanks and dashes of every script as ASCII has them, character by character."""
    return text if text.isascii() else "".join(map(_plain, text))


def _candidates(text: str) -> Iterator[tuple[int, int]]:
    for shape in _ALONE:
        for match in shape.finditer(text):
            digits = re.sub("[ .-]", "", match[1])
            is_phone = len(digits) <= _PHONE_DIGITS and text[: match.start()].endswith("+")
            if not is_phone and _COMMON.match(digits) and _has_check_digit(digits):
                yield match.span(1)


def _plain(character: str) -> str:
    if character.isdecimal():
        return str(unicodedata.decimal(character))
    category = unicodedata.category(character)
    if category in ("Zs", "Cf"):  # blanks, and what has no width
        return " "
    return "-" if category == "Pd" else character


def _has_check_digit(digits: str) -> bool:
    """ISO/IEC 7812-1, annex B: the formula of Luhn."""
    doubled = [sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2]]
    return (sum(map(int, digits[-1::-2])) + sum(doubled)) % 10 == 0


def _is_iban(text: str) -> bool:
    """ISO 13616: the four first characters at the end, letters as two digits, modulo 97."""
    compact = text.replace(" ", "")
    return int("".join(str(int(character, 36)) for character in compact[4:] + compact[:4])) % 97 == 1
