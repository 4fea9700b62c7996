"""How pairs of metadata are merged into those that are there."""


def merge_metadata(present: dict[str, str], sent: dict[str, str]) -> None:
    """An empty value removes its key."""
    for key, value in sent.items():
        if value == "":
            present.pop(key, None)
        else:
            present[key] = value
