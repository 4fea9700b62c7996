"""The JSON types shared by every part of the simulator."""

type Json = dict[str, object]
