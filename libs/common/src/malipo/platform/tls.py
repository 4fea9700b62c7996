"""What a client of ours shows and believes when it speaks TLS: files in PEM, which may be replaced while it runs."""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, override

from malipo.platform.logs import log


class BadFiles(ValueError):
    """A file cannot be read, or holds no certificate or key that is of use; says which, and why."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Who may vouch for a server (unset: all whom this system trusts), and a client's own certificate with its key."""

    authorities: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    def context(self) -> ssl.SSLContext:
        """A context of these files as they are now, which requires the server's name. Raises `BadFiles`."""
        context = self._trusting()
        if self.certificate and self.key:
            self._show(context, self.certificate, self.key)
        return context

    def _trusting(self) -> ssl.SSLContext:
        try:
            return ssl.create_default_context(cafile=self.authorities)
        except ssl.SSLError as error:
            message = f"{self.authorities} holds no certificates (PEM)"
            raise BadFiles(message) from error
        except OSError as error:
            raise _unreadable(self.authorities, error) from error

    @staticmethod
    def _show(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
        try:
            for file in (certificate, key):
                file.open("rb").close()  # OpenSSL does not say which of them it cannot read
            context.load_cert_chain(certificate, key, password=_no_password)
        except ssl.SSLError as error:
            message = f"{certificate} and {key} are no certificate and its key (PEM, not encrypted)"
            raise BadFiles(message) from error
        except OSError as error:
            raise _unreadable(error.filename or certificate, error) from error

    def version(self) -> tuple[object, ...]:
        """Changes when one of the files is replaced, also by way of a link that leads elsewhere. Raises `OSError`."""
        return tuple(_version(file) for file in (self.authorities, self.certificate, self.key) if file is not None)


class RenewedContext(ssl.SSLContext):
    """Begins each connection with the files as they are then: who exchanges a certificate has to restart nobody.

    While they are not whole, because they are just being replaced, it goes on with what it had.
    """

    _files: TlsFiles
    _current: ssl.SSLContext
    _seen: tuple[object, ...]

    @classmethod
    def of(cls, files: TlsFiles) -> "RenewedContext":
        """Raises `BadFiles`, or `OSError` when one is gone meanwhile."""
        self = cls(ssl.PROTOCOL_TLS_CLIENT)
        self._files, self._seen, self._current = files, files.version(), files.context()
        return self

    @override
    def wrap_bio(self, *args: Any, **options: Any) -> ssl.SSLObject:
        """What asyncio and uvloop call for each connection."""
        self._renew()
        return self._current.wrap_bio(*args, **options)

    def _renew(self) -> None:
        try:
            if (seen := self._files.version()) != self._seen:
                self._current, self._seen = self._files.context(), seen
        except (BadFiles, OSError) as error:
            log.warning("certificates not renewed", error=str(error))


def _version(file: Path) -> tuple[int, int, int]:
    found = file.stat()
    return found.st_ino, found.st_mtime_ns, found.st_size


def _no_password() -> NoReturn:
    """Without it OpenSSL would ask whoever sits at the terminal."""
    raise ssl.SSLError("the key is encrypted")


def _unreadable(file: Path | str | None, error: OSError) -> BadFiles:
    return BadFiles(f"{file} cannot be read: {error.strerror}")
