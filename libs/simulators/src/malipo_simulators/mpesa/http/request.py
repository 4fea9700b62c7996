"""One API request, read and authenticated, as the operations see it."""

from dataclasses import dataclass

from malipo_simulators.kit.cause import Cause
from malipo_simulators.kit.shapes import Json
from malipo_simulators.mpesa.errors import bad_request_code
from malipo_simulators.mpesa.http.fields import Fields
from malipo_simulators.mpesa.state.apps import App
from malipo_simulators.mpesa.state.world import MpesaWorld


@dataclass(frozen=True, slots=True)
class MpesaRequest:
    """`given` is the body, as it came. What is done at once because of it has its `cause`."""

    world: MpesaWorld
    app: App
    cause: Cause
    given: Json

    @property
    def fields(self) -> Fields:
        return Fields(self.given, bad_request_code(self.cause.path))

    def shortcode(self, name: str = "ShortCode") -> str:
        """One that is there, and that this app may use. Raise a Bad Request that names the field."""
        code = self.fields.shortcode(name)
        if not self.world.shortcode(code).usable_by(self.app.id):
            raise self.fields.refused(name)
        return code

    def url(self, name: str) -> str:
        """Where Daraja is to call back, by the rules for URLs. Raise a Bad Request that names the field."""
        strict = self.world.settings.strict
        return self.fields.url(name, strict=strict, words_forbidden=strict)
