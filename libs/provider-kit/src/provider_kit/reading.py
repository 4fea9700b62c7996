"""Reads JSON of a provider's as the shapes that are declared for it. Pure."""

from typing import Any

import msgspec


class Reader[T]:
    """Decodes one shape; the fields that it does not name are ignored."""

    def __init__(self, shape: Any) -> None:
        self._decoder: msgspec.json.Decoder[T] = msgspec.json.Decoder(shape)

    def decode(self, raw: bytes | msgspec.Raw) -> T:
        """Raises `ValueError` for anything else, also for what is nested too deep to be read."""
        try:
            return self._decoder.decode(raw)
        except RecursionError:
            raise ValueError("nested too deep") from None
