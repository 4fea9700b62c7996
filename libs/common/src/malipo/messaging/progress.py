"""Whether a consumer group's batches are applied here: one that fails comes again and again, and nothing else tells of it."""

from malipo import clock
from malipo.platform import metrics

_PATIENCE_SECONDS = 30.0
"""What fails for a shorter time mends itself: a lock that was held, a server that was exchanged."""


class Progress:
    """How the batches of one group have fared in this process.

    What has been applied before may be in somebody's way for a moment. What never was, at the start of a new release, is taken for
    the release's fault at once: the replica that it is to replace would be gone before its patience ended.
    """

    def __init__(self, group: str) -> None:
        self._group = group
        self._ever = False
        self._reason: str | None = None
        self._failing_since = 0.0
        metrics.BATCHES_FAILED.labels(group)  # an alert on the first needs a zero before it

    @property
    def unproven(self) -> str | None:
        """Why none of its batches could be applied since this process began, else None."""
        if self._ever or self._reason is None:
            return None
        return f"{self._group}: no batch could be applied since this process began: {self._reason}"

    @property
    def stuck(self) -> str | None:
        """Why none of its batches is applied any more, and has not been for a while, else None."""
        seconds = clock.monotonic() - self._failing_since
        if not self._ever or self._reason is None or seconds < _PATIENCE_SECONDS:
            return None
        return f"{self._group}: its batches have failed for {seconds:.0f} s: {self._reason}"

    def applied(self) -> None:
        """A batch was applied."""
        self._ever, self._reason = True, None

    def failed(self, reason: str) -> None:
        """A batch was not, and comes again."""
        metrics.BATCHES_FAILED.labels(self._group).inc()
        if self._reason is None:
            self._failing_since = clock.monotonic()
        self._reason = reason

    def reassigned(self) -> None:
        """What failed may be another's by now: if it is still this process's, it fails again."""
        self._reason = None
