"""Aliases: what one looks like, and who is enrolled."""

import re

from malipo_simulators.bank.objects.models import Alias
from malipo_simulators.bank.objects.plans import NOT_ENROLLED_DIGITS

EMAIL = r"^[A-Za-z0-9._%+-]{1,64}@([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?[.])+[A-Za-z]{2,}$"
PHONE = r"^[+]1[2-9][0-9]{9}$"


def read_alias(value: str) -> Alias | None:
    """An e-mail address or a phone number of the United States; None for anything else."""
    if re.fullmatch(PHONE, value, re.ASCII):
        return Alias("phone", value)
    return Alias("email", value) if len(value) <= 254 and re.fullmatch(EMAIL, value, re.ASCII) else None


def is_enrolled(alias: Alias) -> bool:
    return alias.digits not in NOT_ENROLLED_DIGITS
