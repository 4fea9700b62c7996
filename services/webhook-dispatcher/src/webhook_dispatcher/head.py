"""The head of an answer, read from its bytes: the status line decides, and no header is refused. Pure.

An HTTP library refuses a whole answer when a header or the body breaks a rule. By then the merchant's server has
reported what became of the webhook: by RFC 9112, section 8, a status counts although its headers are cut, if it needs
none of them.
"""

import re

HEAD_BYTES = 64 * 1024
"""Of an answer's head no more is kept; headers beyond it are ignored."""

REST_BYTES = 1024
"""Of what follows the head this much is kept, as received."""

_STATUS_LINE = re.compile(rb"HTTP/\d(?:\.\d)?[ \t]+([1-9]\d\d)(?:[ \t][^\n]*)?\r?\n")
_END = re.compile(rb"\n\r?\n")
_SWITCHING = 101


class Head:
    """What was received so far. `status` is None before a whole status line is there; interim ones (1xx) are not it."""

    def __init__(self) -> None:
        self.status: int | None = None
        self.ended = False
        """Whether all headers are there, or more than are kept."""
        self.rest = b""
        self._raw = bytearray()

    def feed(self, data: bytes) -> None:
        """Add the next bytes of the answer."""
        if self.ended:
            self.rest += data[: REST_BYTES - len(self.rest)]
            return
        begin = max(len(self._raw) - 2, 0)  # the empty line may be cut in the middle
        self._raw += data
        self._read(begin)
        if len(self._raw) >= HEAD_BYTES:
            self._cut(HEAD_BYTES)

    def header(self, name: str) -> str | None:
        """The value of the first header `name` (given in lower case) among the lines that are whole."""
        for line in self._raw.split(b"\n")[1:-1]:
            given, colon, value = line.partition(b":")
            if colon and given.strip().lower().decode("latin-1") == name:
                return value.strip().decode("latin-1")
        return None

    def _read(self, begin: int) -> None:
        """Look at what is there; the end of the head is looked for from `begin`."""
        line, end = self._look(begin)
        while line and end and _is_interim(line):
            del self._raw[:end]
            line, end = self._look(0)
        if line is None or _is_interim(line):
            return
        self.status = int(line[1])
        if end:
            self._cut(end)

    def _look(self, begin: int) -> tuple[re.Match[bytes] | None, int | None]:
        """The status line, and where the head ends."""
        line, end = _STATUS_LINE.match(self._raw), _END.search(self._raw, begin)
        return line, end and end.end()

    def _cut(self, end: int) -> None:
        if not self.ended:
            self.ended = True
            self.rest = bytes(self._raw[end : end + REST_BYTES])
            del self._raw[end:]


def _is_interim(line: re.Match[bytes]) -> bool:
    return 100 <= int(line[1]) < 200 and int(line[1]) != _SWITCHING
