"""The organisations that money is paid to, by their shortcode."""

import re
from dataclasses import dataclass, field
from enum import StrEnum

SHORTCODE = re.compile(r"[0-9]{5,7}")


class ShortcodeKind(StrEnum):
    PAYBILL = "paybill"
    TILL = "till"


TRANSACTION_TYPES = {
    "CustomerPayBillOnline": ShortcodeKind.PAYBILL,
    "CustomerBuyGoodsOnline": ShortcodeKind.TILL,
}


@dataclass(slots=True, eq=False)
class Shortcode:
    """An organisation. Of one that nobody has described, the request decides whether it is a PayBill or a store's till.

    `tills` are what may be PartyB beside the store's own number. `withdrawn` is what has gone to its bank, in shillings. `apps` are the ids of those that may use it: none named
    means any. `exists` is false for "Merchant does not exist".
    """

    code: str
    passkey: str
    kind: ShortcodeKind | None = None
    withdrawn: int = 0
    tills: set[str] = field(default_factory=set[str])
    apps: set[str] = field(default_factory=set[str])
    exists: bool = True

    def usable_by(self, app_id: str) -> bool:
        return self.exists and (not self.apps or app_id in self.apps)

    def permits(self, transaction_type: str) -> bool:
        return self.kind in (None, TRANSACTION_TYPES[transaction_type])

    def takes(self, transaction_type: str, party_b: str) -> bool:
        """A PayBill is its own PartyB. A store's may be its tills: those that are named, or if none is, any."""
        if TRANSACTION_TYPES[transaction_type] is ShortcodeKind.PAYBILL:
            return party_b == self.code
        return not self.tills or party_b == self.code or party_b in self.tills


def organisation(code: str) -> str:
    """The name of whose shortcode it is."""
    return f"Daraja Shop {code}"
