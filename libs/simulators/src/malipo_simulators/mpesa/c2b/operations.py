"""The /mpesa/c2b operations: registering where payments are told, and the sandbox's way to make one."""

from collections.abc import Callable

from malipo_simulators.kit.shapes import Json
from malipo_simulators.mpesa.c2b.lifecycle import begin
from malipo_simulators.mpesa.c2b.payment import ByHand
from malipo_simulators.mpesa.errors import DarajaError, not_found
from malipo_simulators.mpesa.http.request import MpesaRequest
from malipo_simulators.mpesa.state.registrations import C2bUrls, ResponseType
from malipo_simulators.mpesa.state.shortcodes import TRANSACTION_TYPES, ShortcodeKind

LONGEST_REFERENCE = 20


def registering(version: int) -> Callable[[MpesaRequest], Json]:
    """POST /mpesa/c2b/v1|v2/registerurl. The sandbox takes new URLs again and again, production once."""

    def register(request: MpesaRequest) -> Json:
        fields, known = request.fields, request.world.registrations.c2b
        strict = request.world.settings.strict
        code = request.shortcode()
        urls = C2bUrls(
            account=request.app.id,
            version=version,
            default=ResponseType(fields.choice("ResponseType", tuple(ResponseType))),
            confirmation_url=fields.url("ConfirmationURL", strict=strict, words_forbidden=True),
            validation_url=fields.url("ValidationURL", strict=strict, words_forbidden=True),
        )
        if code in known and strict:
            raise already_registered()
        known[code] = urls
        return accepted(request, "Success")

    return register


def simulate(request: MpesaRequest) -> Json:
    """POST /mpesa/c2b/v1|v2/simulate: a customer pays by hand. Production has no such thing."""
    if request.world.settings.strict:
        raise not_found()
    fields = request.fields
    to_till = TRANSACTION_TYPES[fields.choice("CommandID", TRANSACTION_TYPES)] is ShortcodeKind.TILL
    reference = fields.optional("BillRefNumber", longest=LONGEST_REFERENCE)
    paid = ByHand(
        shortcode=request.shortcode(),
        phone=fields.phone("Msisdn"),
        amount=fields.amount(),
        reference="" if to_till else reference,
        to_till=to_till,
    )
    begin(request.world, paid, request.cause)
    return accepted(request, "Accept the service request successfully.")


def accepted(request: MpesaRequest, text: str) -> Json:
    """The id's name is spelt as Daraja spells it."""
    return {
        "OriginatorCoversationID": request.world.new_request_id(),
        "ResponseCode": "0",
        "ResponseDescription": text,
    }


def already_registered() -> DarajaError:
    """Until the owner deletes the URLs on the portal."""
    return DarajaError("500.003.1001", "Urls are already registered.")
