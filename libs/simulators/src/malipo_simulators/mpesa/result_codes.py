"""What M-Pesa says came of a prompt or of an accepted request, as `ResultCode` and `ResultDesc`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ResultCode:
    """A number, but where M-Pesa itself has letters."""

    code: int | str
    text: str

    @property
    def ok(self) -> bool:
        return self.code == 0


DONE = ResultCode(0, "The service request is processed successfully.")
INSUFFICIENT = ResultCode(1, "The balance is insufficient for the transaction.")
BELOW_LEAST = ResultCode(2, "Declined due to limit rule: less than the minimum transaction amount.")
ABOVE_MOST = ResultCode(3, "Declined due to limit rule: greater than the maximum transaction amount.")
NOT_ALLOWED = ResultCode(21, "The initiator is not allowed to initiate this request.")
INVALID_INITIATOR = ResultCode(2001, "The initiator information is invalid.")
LOCKED = ResultCode(8006, "The security credential is locked.")
ALREADY_REVERSED = ResultCode("R000001", "The transaction has already been reversed.")
INVALID_ORIGINAL = ResultCode("R000002", "The OriginalTransactionID is invalid.")
QUEUED_TOO_LONG = ResultCode(100000000, "Request was cached, waiting for resending.")
UNKNOWN = ResultCode(5417, "A result that no document names.")
