"""Customer to business: money that a customer pays by hand to a PayBill or a till, and who is told of it."""
