"""A payment as the API shows it: whoever gets the money is masked."""

from malipo_simulators.bank.objects.models import ISO, Alias, Creditor, Payment, Returned, ReturnRequest
from malipo_simulators.bank.objects.money import written as money
from malipo_simulators.bank.objects.times import written as time
from malipo_simulators.kit.shapes import Json


def render(payment: Payment) -> Json:
    return {
        "id": payment.id,
        "end_to_end_id": payment.end_to_end_id,
        "rail": payment.rail_name,
        "status": payment.status,
        "status_reason": payment.reason.as_json() if payment.reason else None,
        "iso_status": ISO[payment.status],
        "clearing_ref": payment.clearing_ref,
        "amount": money(payment.amount),
        "currency": payment.currency,
        "debtor_account_id": payment.debtor_account_id,
        "creditor": render_creditor(payment.creditor),
        "remittance": payment.remittance,
        "execution_at": time(payment.execution_at),
        "returned": render_returned(payment.returned, payment.amount) if payment.returned else None,
        "return_request": render_return_request(payment.return_request) if payment.return_request else None,
        "created_at": time(payment.created_at),
        "updated_at": time(payment.updated_at),
        "version": payment.version,
    }


def render_returned(returned: Returned, amount: int) -> Json:
    """Always the whole amount."""
    return {**returned.reason.as_json(), "at": time(returned.at), "amount": money(amount)}


def render_return_request(asked: ReturnRequest) -> Json:
    answer = asked.answer.as_json() if asked.answer else None
    return {"id": asked.id, "status": asked.status, "reason": asked.reason, "answer": answer}


def render_creditor(creditor: Creditor) -> Json:
    name = initials(creditor.name)
    if isinstance(creditor.to, Alias):
        return {"name": name, "alias": {"type": creditor.to.type, "value": masked_alias(creditor.to.value)}}
    return {"name": name, "account": {"number": f"****{creditor.to.number[-4:]}", "routing": creditor.to.routing}}


def initials(name: str) -> str:
    return " ".join(f"{part[0]}." for part in name.split())


def masked_alias(value: str) -> str:
    name, at, domain = value.partition("@")
    return f"{name[0]}***@{domain}" if at else f"***{value[-4:]}"
