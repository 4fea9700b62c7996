"""What a card's statement shows: the account's own text, or its prefix and what came with the payment."""

OWN = "MALIPO SIMULATOR"
PREFIX = "MALIPO"
MAX_DESCRIPTOR = 22


def calculated(suffix: str | None) -> str:
    """As card networks get it: cut off at 22 characters, and without what is beyond ASCII."""
    if suffix is None:
        return OWN
    shown = suffix.encode("ascii", "ignore").decode()
    return f"{PREFIX}* {shown}"[:MAX_DESCRIPTOR]
