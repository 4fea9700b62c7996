"""The JSON type shared by every part of every simulator."""

type Json = dict[str, object]
