"""A request that is accepted at once and answered later: the fields that all such products have in common."""

from dataclasses import dataclass

from malipo_simulators.mpesa.http.request import MpesaRequest
from malipo_simulators.mpesa.state.initiators import Role
from malipo_simulators.mpesa.times import in_east_africa

LONGEST_TEXT = 100
HEXADECIMAL = "0123456789abcdef"
IDENTIFIER_SHORTCODE = "4"
"""As `IdentifierType`: PartyA is a shortcode."""


@dataclass(frozen=True, slots=True)
class Product:
    """What differs between the products: who may ask, for what, and the names of fields."""

    role: Role
    commands: tuple[str, ...]
    party: str
    initiator: str = "Initiator"
    occasion: str = "Occasion"
    least_remarks: int = 0


@dataclass(frozen=True, slots=True)
class Ask:
    """`shortcode` is whose initiator asks, for what `role` is needed."""

    request: MpesaRequest
    role: Role
    shortcode: str
    initiator: str
    security_credential: str
    result_url: str
    timeout_url: str
    originator_conversation_id: str
    conversation_id: str


def read_ask(request: MpesaRequest, product: Product, originator_conversation_id: str | None = None) -> Ask:
    """Raise a Bad Request for what is not as documented. A product whose client names the conversation hands it in."""
    fields = request.fields
    fields.choice("CommandID", product.commands)
    if len(fields.optional("Remarks", longest=LONGEST_TEXT)) < product.least_remarks:
        raise fields.refused("Remarks")
    fields.optional(product.occasion, longest=LONGEST_TEXT)
    return Ask(
        request=request,
        role=product.role,
        shortcode=request.shortcode(product.party),
        initiator=fields.text(product.initiator),
        security_credential=fields.text("SecurityCredential"),
        result_url=request.url("ResultURL"),
        timeout_url=request.url("QueueTimeOutURL"),
        originator_conversation_id=originator_conversation_id or request.world.new_request_id(),
        conversation_id=new_conversation_id(request),
    )


def new_conversation_id(request: MpesaRequest) -> str:
    """As in AG_20210706_20106e9209f64bebd05b."""
    today = in_east_africa(request.world.clock.now())
    return f"AG_{today:%Y%m%d}_2010{request.world.ids.draw('conversation', 16, HEXADECIMAL)}"
