"""The reasons of rejections and returns, in words: ISO 20022 (External Code Sets), and Nacha's return codes. Pure."""

from collections.abc import Mapping

REASONS: Mapping[str, str] = {
    "AC03": "The recipient's account number is not valid at their bank.",
    "AC04": "The recipient's account is closed.",
    "AC06": "The recipient's account is blocked.",
    "AG01": "The account may not be used for a transfer of this kind.",
    "AM02": "The amount is more than a transfer of this kind may have.",
    "AM04": "Your account does not have enough money.",
    "AM09": "The amount is not the one that was expected.",
    "AM13": "The amount is more than the rail takes.",
    "AM14": "The amount is more than you have agreed with your bank.",
    "BE04": "The recipient's address is missing, or not as the rail needs it.",
    "DS24": "The other bank did not answer in time, and the transfer was given up.",
    "DUPL": "The bank takes it for another transfer once more.",
    "MD07": "The recipient has died.",
    "NARR": "The bank gives its reason in words alone: ask it.",
    "RC01": "The routing number is not as it should be.",
    "RC02": "A routing number is not known.",
    "RC03": "The routing number of your bank is not known.",
    "RC04": "The routing number of the recipient's bank is not known.",
    "TM01": "It came after the rail's cut-off.",
    "TK02": "The alias is not known.",
    "TK03": "No account is enrolled with the alias, and nobody has claimed the money.",
    "R02": "The recipient's account is closed.",
    "R03": "The recipient's bank finds no account of this number and name.",
    "R04": "The recipient's account number is not valid.",
    "R16": "The recipient's account is frozen.",
    "R20": "The recipient's account takes no transfers.",
    "R23": "The recipient has refused the money.",
    "FOCR": "The recipient's bank gave it back, as you had asked.",
}
"""By code. One that is not listed passes through as it is, with a text that names it."""

REFUSALS: Mapping[str, str] = {
    "CUST": "The recipient does not give it back.",
    "NOAS": "The recipient has not answered.",
    "AC04": "The recipient's account is closed.",
    "AM04": "The recipient's account does not have enough money.",
    "ARDT": "It was given back before.",
    "NOOR": "The other bank has never got the money.",
    "LEGL": "The other bank may not give it back.",
}
"""Why the other bank gives nothing back (ISO 20022, camt.029). One that is not listed passes through as it is."""
