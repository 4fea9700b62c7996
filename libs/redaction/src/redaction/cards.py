"""Which digits are a card's number: an issuer's prefix at that issuer's length, and a right check digit. Pure."""

import re
import unicodedata
from collections.abc import Iterator, Sequence

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

# In one piece, or in groups as on a card with a few of these characters between them. Overlapping ones are all looked at:
# what stands before a number ("table 1234 4242 ...") hides none.
_GAP = r"[ \t\r\n./_-]{1,3}"
_FOURS = _GAP.join(["[0-9]{4}"] * 4)
_SHAPES = tuple(
    re.compile(rf"(?<![0-9])(?=({shape})(?![0-9]))")
    for shape in (
        "[0-9]{12,19}",
        _FOURS,
        f"{_FOURS}{_GAP}[0-9]{{2,3}}",
        f"[0-9]{{4}}{_GAP}[0-9]{{6}}{_GAP}[0-9]{{4,5}}",
        f"[0-9]{{6}}{_GAP}[0-9]{{13}}",
    )
)
_RUN = re.compile(f"[0-9](?:(?:{_GAP})?[0-9]){{11,}}")
_LONGEST = 19

# A reference has letters or digits stuck to its number, also by a dash, dot or underscore. What people stick to a card's
# number is one of its words, or when it ends; a short number behind a dash is a position of an order. Only letters of ASCII
# make a reference: there are scripts without blanks.
_WORDS = "(?:credit|debit)?card|cc|pan|visa|mastercard|maestro|amex|discover|diners|jcb|unionpay|verve|karte|carte|tarjeta|kadi"
_ENDS = "exp(?:iry|ires|iration|date)?|valid|thru|until|cv[cvn]2?|csc|cid"
_STUCK_BEFORE = re.compile(r"[A-Za-z0-9][-._]?\Z")
_STUCK_BEHIND = re.compile(r"[-_]?[A-Za-z0-9]|\.[0-9]")
_NAMED_BEFORE = re.compile(
    rf"(?:(?<![A-Za-z0-9])(?:{_WORDS})[-._]?(?:no|nr|num|number)?[-._]?|%B)\Z",  # %B: as on the magnetic stripe
    re.ASCII | re.IGNORECASE,
)
_NAMED_BEHIND = re.compile(
    rf"[-._]?(?:{_ENDS}|{_WORDS})(?![A-Za-z])"
    r"|[-._](?:0?[1-9]|1[0-2])[-._/ ]{1,3}(?:20)?[2-4][0-9](?![A-Za-z0-9])"  # 12/27
    r"|[-._](?:0[1-9]|1[0-2])(?:20)?[2-4][0-9](?![A-Za-z0-9])",  # 1227
    re.ASCII | re.IGNORECASE,
)
_NAME_CHARS = 24  # the longest name before a number, and the character before that

_IBAN = re.compile(
    rf"(?<![A-Za-z0-9])(?=([A-Z]{{2}}[0-9]{{2}}(?:(?:{_GAP})?[A-Z0-9]){{11,30}}))", re.ASCII | re.IGNORECASE
)
_SHORTEST_IBAN = 15
_LETTER = re.compile("[A-Za-z0-9]")
_PHONE_DIGITS = 15  # at most, after the plus sign: ITU-T E.164
_DOTS = frozenset("\u00b7\u2022\u2027\u2219\u22c5\u30fb")  # in the middle of a line


def is_card_number(digits: str) -> bool:
    """Whether ASCII digits, without anything between them, are a number that some card may have."""
    return _ISSUED.match(digits) is not None and _has_check_digit(digits)


def find(text: str) -> list[tuple[int, int]]:
    """Where card numbers begin and end that stand alone in `text`, in order; they may overlap.

    Digits of any script and form count (Unicode's normal form KC), and what has no width does not. A number also stands alone
    with a card's own words or its expiry stuck to it. Not found: a part of a longer number, reference, UUID or
    IBAN; a phone number with its plus sign; lengths that no scheme has issued for long or hardly issues.
    """
    plain, places = _plain(text)
    if not _RUN.search(plain):
        return []
    found = sorted(_candidates(plain))
    ibans = list(_ibans(plain)) if found else []
    alone = [span for span in found if not any(start <= span[0] < end for start, end in ibans)]
    return [(places[start], places[stop - 1] + 1) for start, stop in alone]


def holds(text: str) -> bool:
    """Whether `text` holds a card number anywhere, however it is grouped and whatever stands around it."""
    return any(map(_holds, _RUN.findall(_plain(text)[0])))


def hide(text: str, replacement: str) -> str:
    """`text` with `replacement` for each card number in it."""
    kept, end = list[str](), 0
    for start, stop in find(text):
        if start >= end:
            kept += text[end:start], replacement
        end = max(end, stop)
    return "".join((*kept, text[end:]))


def _candidates(text: str) -> Iterator[tuple[int, int]]:
    for shape in _SHAPES:
        for match in shape.finditer(text):
            digits = re.sub(_GAP, "", match[1])
            is_phone = len(digits) <= _PHONE_DIGITS and text[: match.start()].endswith("+")
            if not is_phone and _COMMON.match(digits) and _has_check_digit(digits) and _is_alone(text, *match.span(1)):
                yield match.span(1)


def _is_alone(text: str, start: int, stop: int) -> bool:
    before, behind = text[max(0, start - _NAME_CHARS) : start], text[stop : stop + _NAME_CHARS]
    if _STUCK_BEFORE.search(before) and not _NAMED_BEFORE.search(before):
        return False
    return not _STUCK_BEHIND.match(behind) or _NAMED_BEHIND.match(behind) is not None


def _holds(run: str) -> bool:
    groups = re.split(_GAP, run)
    for first in range(len(groups)):
        digits = ""
        for group in groups[first : first + _LONGEST]:
            digits += group
            if len(digits) > _LONGEST:
                break
            if is_card_number(digits):
                return True
    return False


def _plain(text: str) -> tuple[str, Sequence[int]]:
    """`text` in ASCII as far as it can be, and where in `text` each of its characters stood."""
    if text.isascii():
        return text, range(len(text))
    read = [(place, one) for place, character in enumerate(text) for one in _read(character)]
    return "".join(one for _, one in read), [place for place, _ in read]


def _read(character: str) -> str:
    digit = unicodedata.digit(character, None)
    if digit is not None:
        return str(digit)
    category = unicodedata.category(character)
    if category in ("Cf", "Mn", "Me"):  # what has no width: U+00AD, U+200B, what is put around a digit
        return ""
    if character.isspace():
        return " "
    if category == "Pd" or character == "\u2212":  # dashes, and the sign of a difference
        return "-"
    return "." if character in _DOTS else unicodedata.normalize("NFKC", character)


def _has_check_digit(digits: str) -> bool:
    """ISO/IEC 7812-1, annex B: the formula of Luhn."""
    doubled = [sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2]]
    return (sum(map(int, digits[-1::-2])) + sum(doubled)) % 10 == 0


def _ibans(text: str) -> Iterator[tuple[int, int]]:
    for match in _IBAN.finditer(text):
        start = match.start(1)
        for end in range(start + _SHORTEST_IBAN, match.end(1) + 1):
            if not _LETTER.match(text, end) and _is_iban(re.sub(_GAP, "", text[start:end])):
                yield start, end


def _is_iban(compact: str) -> bool:
    """ISO 13616: the four first characters at the end, letters as two digits, modulo 97."""
    return int("".join(str(int(character, 36)) for character in compact[4:] + compact[:4])) % 97 == 1
