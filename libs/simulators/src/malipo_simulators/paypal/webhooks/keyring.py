"""Which certificate signs now, which others are served, and those that no receiver should accept."""

from collections.abc import Callable

from malipo_simulators.paypal.faults import PaypalFault
from malipo_simulators.paypal.webhooks.certificates import OTHER_HOST, Authority, Certificate, signing_key

PATH = "/v1/notifications/certs"


class Keyring:
    """Made when the first notification is signed. What was replaced is served on, unless it is withdrawn."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._authority = Authority()
        self._generation = 0
        self._current: Certificate | None = None
        self._genuine: dict[str, Certificate] = {}
        self._bad: dict[str, Certificate] = {}

    @property
    def current(self) -> Certificate:
        return self._current or self.rotate()

    def rotate(self, *, keep_old: bool = True) -> Certificate:
        """Sign with another key and certificate from now on."""
        if not keep_old:
            self._genuine.clear()
        self._generation += 1
        key = signing_key(self._seed, str(self._generation))
        self._current = self._authority.issue(key)
        self._genuine[self._current.name] = self._current
        return self._current

    def genuine(self, name: str) -> Certificate | None:
        """One that has signed, by its name."""
        return self._genuine.get(name)

    def served(self, name: str) -> Certificate | None:
        """Also those that no receiver should accept."""
        bad = (one for one in self._bad.values() if one.name == name)
        return self.genuine(name) or next(bad, None)

    @property
    def stranger(self) -> Certificate:
        """Of somebody who is not PayPal: the same names, under a root that nobody trusts."""
        return self._bad_one(PaypalFault.WEBHOOK_CERT_UNTRUSTED)

    def flawed(self, fault: str | None) -> Certificate | None:
        """What signs under this fault; None for any other."""
        return self._bad_one(fault) if fault in BAD else None

    def _bad_one(self, fault: str) -> Certificate:
        found = self._bad.get(fault)
        if found is None:
            found = self._bad[fault] = BAD[fault](self._seed)
        return found


BAD: dict[str, Callable[[str], Certificate]] = {
    PaypalFault.WEBHOOK_CERT_EXPIRED: lambda seed: Authority().issue(signing_key(seed, "expired"), ended=True),
    PaypalFault.WEBHOOK_CERT_OTHER_NAME: lambda seed: Authority().issue(signing_key(seed, "other"), host=OTHER_HOST),
    PaypalFault.WEBHOOK_CERT_UNTRUSTED: lambda seed: Authority("a stranger").issue(signing_key(seed, "stranger")),
}
