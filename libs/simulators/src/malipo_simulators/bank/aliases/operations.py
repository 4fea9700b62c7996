"""GET /v1/aliases/{value}: whether somebody is enrolled with it."""

from malipo_simulators.bank.errors import refused
from malipo_simulators.bank.http.request import BankRequest, shown
from malipo_simulators.bank.objects.aliases import is_enrolled, read_alias
from malipo_simulators.kit.api.answers import Answer

# Whose aliases they are is nobody's business here: everybody is masked alike.
MASKED_NAME = "J. D."


def retrieve(request: BankRequest) -> Answer:
    alias = read_alias(request.item)
    if alias is None:
        raise refused("alias_invalid", "An e-mail address, or a phone number as +12125550123", "value")
    enrolled = is_enrolled(alias)
    return shown({"enrolled": enrolled, "name": MASKED_NAME if enrolled else None})
