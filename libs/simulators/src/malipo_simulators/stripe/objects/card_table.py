"""The test cards by their PaymentMethod ids, as on docs.stripe.com/testing."""

from dataclasses import replace

from malipo_simulators.stripe.objects import declines
from malipo_simulators.stripe.objects.cards import Aftermath, Card, Checks, RefundFate, Risk, challenging, declined
from malipo_simulators.stripe.objects.declines import Approval

BRANDS = {
    "pm_card_visa": Card(),
    "pm_card_visa_debit": Card("5556", funding="debit"),
    "pm_card_mastercard": Card("4444", "mastercard"),
    "pm_card_mastercard_debit": Card("8210", "mastercard", funding="debit"),
    "pm_card_mastercard_prepaid": Card("5100", "mastercard", funding="prepaid"),
    "pm_card_amex": Card("8431", "amex"),
    "pm_card_discover": Card("1117", "discover"),
    "pm_card_diners": Card("0004", "diners"),
    "pm_card_jcb": Card("0505", "jcb"),
    "pm_card_unionpay": Card("0005", "unionpay"),
}
# Of these countries the one id is a Visa card.
LAST4_OF_COUNTRY = {
    "us": "4242", "ar": "0021", "br": "0002", "ca": "0000", "cl": "0001", "co": "0003", "cr": "0005", "ec": "0000",
    "mx": "8001", "pa": "0000", "py": "0066", "pe": "0068", "uy": "0003", "ae": "0001", "at": "0008", "be": "0004",
    "bg": "0000", "by": "0005", "hr": "0009", "cy": "0008", "cz": "0002", "dk": "0001", "ee": "0009", "fi": "0001",
    "fr": "0003", "de": "0016", "gi": "0005", "gr": "0030", "hu": "0005", "ie": "0005", "it": "0008", "lv": "0005",
    "li": "0004", "lt": "0000", "lu": "0006", "mt": "0007", "nl": "0002", "no": "0007", "pl": "0005", "pt": "0007",
    "ro": "0001", "si": "0006", "sk": "0001", "es": "0007", "se": "0008", "ch": "0009", "gb": "0000", "sa": "0007",
    "au": "0006", "cn": "0002", "hk": "0004", "in": "0008", "jp": "0003", "my": "0002", "nz": "0008", "sg": "0003",
    "tw": "0008",
}  # fmt: skip
COUNTRIES = {f"pm_card_{code}": Card(last4, country=code.upper()) for code, last4 in LAST4_OF_COUNTRY.items()} | {
    "pm_card_gb_debit": Card("0005", country="GB", funding="debit"),
    "pm_card_ae_mastercard": Card("0015", "mastercard", country="AE"),
    "pm_card_th_credit": Card("0003", country="TH"),
    "pm_card_th_debit": Card("0008", country="TH", funding="debit"),
}
DECLINES = {
    "pm_card_visa_chargeDeclined": declined("0002", declines.GENERIC),
    "pm_card_visa_chargeDeclinedInsufficientFunds": declined("9995", declines.INSUFFICIENT_FUNDS),
    "pm_card_visa_chargeDeclinedLostCard": declined("9987", declines.LOST),
    "pm_card_visa_chargeDeclinedStolenCard": declined("9979", declines.STOLEN),
    "pm_card_visa_chargeDeclinedVelocityLimitExceeded": declined("6975", declines.TOO_OFTEN),
    "pm_card_chargeDeclinedExpiredCard": declined("0069", declines.EXPIRED),
    "pm_card_chargeDeclinedIncorrectCvc": declined("0127", declines.WRONG_CVC),
    "pm_card_chargeDeclinedProcessingError": declined("0119", declines.PROCESSING),
    "pm_card_chargeDeclinedFraudulent": replace(declined("0019", declines.FRAUDULENT), risk=Risk.HIGHEST),
    "pm_card_chargeCustomerFail": replace(declined("0341", declines.GENERIC), setup=Approval.GIVEN),
}
RADAR = {
    "pm_card_radarBlock": replace(declined("0019", declines.FRAUDULENT), risk=Risk.HIGHEST),
    "pm_card_riskLevelHighest": replace(declined("4954", declines.FRAUDULENT), risk=Risk.HIGHEST, setup=Approval.GIVEN),
    "pm_card_riskLevelElevated": Card("9235", risk=Risk.ELEVATED),
    "pm_card_cvcCheckFail": Card("0101", checks=Checks(cvc="fail")),
    "pm_card_cvcCheckFailElevatedRisk": Card("7872", checks=Checks(cvc="fail"), risk=Risk.ELEVATED),
    "pm_card_avsZipFail": Card("0036", checks=Checks(postal_code="fail")),
    "pm_card_avsZipFailElevatedRisk": Card("6072", checks=Checks(postal_code="fail"), risk=Risk.ELEVATED),
    "pm_card_avsLine1Fail": Card("0028", checks=Checks(line1="fail")),
    "pm_card_avsFail": Card("0010", checks=Checks(line1="fail", postal_code="fail")),
    "pm_card_avsUnchecked": Card("0044", checks=Checks(line1="unavailable", postal_code="unavailable")),
}
AFTERWARDS = {
    "pm_card_createDispute": Card("0259", aftermath=Aftermath.DISPUTE),
    "pm_card_createDisputeProductNotReceived": Card("2685", aftermath=Aftermath.DISPUTE_NOT_RECEIVED),
    "pm_card_createDisputeInquiry": Card("1976", aftermath=Aftermath.INQUIRY),
    "pm_card_createMultipleDisputes": Card("0079", aftermath=Aftermath.TWO_DISPUTES),
    "pm_card_createIssuerFraudRecord": Card("5423", aftermath=Aftermath.FRAUD_WARNING),
    "pm_card_pendingRefund": Card("7726", refund=RefundFate.PENDING_THEN_SUCCEEDS),
    "pm_card_refundFail": Card("5126", refund=RefundFate.SUCCEEDS_THEN_FAILS),
    "pm_card_bypassPending": Card("0077", at_once=True),
    "pm_card_bypassPendingInternational": Card("0278", country="IE", at_once=True),
    "pm_card_domesticPricing": Card("0093"),
}
THREE_D_SECURE = {
    "pm_card_authenticationRequiredOnSetup": replace(challenging("3155"), off_session_when_set_up=Approval.GIVEN),
    "pm_card_authenticationRequired": challenging("3184"),
    "pm_card_authenticationRequiredSetupForOffSession": challenging("0446", off_session=Approval.GIVEN),
    "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds": challenging(
        "3178", then=declines.INSUFFICIENT_FUNDS
    ),
    "pm_card_threeDSecure2Required": challenging("3220"),
    "pm_card_threeDSecureRequired": challenging("3063"),
    "pm_card_threeDSecureRequiredChargeDeclined": challenging("1629", then=declines.GENERIC),
    "pm_card_threeDSecureRequiredProcessingError": challenging("1280", then=declines.PROCESSING),
    "pm_card_threeDSecureOptional": Card("3055"),
    "pm_card_threeDSecureOptionalProcessingError": Card("3097"),
    "pm_card_visa_threeDSecureNotSupported": Card("4242", has_3ds=False),
    "pm_card_amex_threeDSecureNotSupported": Card("0005", "amex", has_3ds=False),
}
CARDS = BRANDS | COUNTRIES | DECLINES | RADAR | AFTERWARDS | THREE_D_SECURE


def with_aliases(cards: dict[str, Card]) -> dict[str, Card]:
    """Declining cards are known both with and without the brand in their name."""
    short, long = "pm_card_chargeDeclined", "pm_card_visa_chargeDeclined"
    aliases = {name.replace(long, short): card for name, card in cards.items() if name.startswith(long)}
    aliases |= {name.replace(short, long): card for name, card in cards.items() if name.startswith(short)}
    return cards | aliases


TEST_CARDS = with_aliases(CARDS)
TEST_TOKENS = {f"tok_{name.removeprefix('pm_card_')}": card for name, card in TEST_CARDS.items()}
"""The older test tokens: the same cards, each in a token of its own."""
