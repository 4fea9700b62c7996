"""Operations at M-Pesa that nobody can ask about, and the person who looks into M-Pesa's book and decides.

What M-Pesa may have been sent is not sent again: if a service died before it sent it, or the answer and the callback were both
lost, there is no name of M-Pesa's by which it could be asked. And where a callback contradicts M-Pesa's answer neither is believed.
"""

import subprocess
import sys
from typing import Literal

from chaos.onlooker import Onlooker
from malipo.contracts.identity import charge_id
from malipo_local import Stack
from malipo_local.merchant import DemoMerchant

_NAMELESS = """
SELECT FROM attempts WHERE id = $1 AND done_at IS NOT NULL AND outcome ->> 'result' = 'Unknown'
  AND NOT EXISTS (SELECT FROM attempt_references AS known WHERE attempt_id = $1 AND role IN ('checkout', 'conversation'))
  AND NOT EXISTS (SELECT FROM claims WHERE attempt_id = $1 AND role = 'checkout')
"""
_CONTRADICTED = """
SELECT FROM attempts WHERE operation_id = $1 AND outcome ->> 'reason' LIKE 'result % and a callback told of a payment'
"""
_DOUBTED = "SELECT id FROM payments WHERE state = 'in_doubt' AND provider = 'mpesa'"


def is_nameless(onlooker: Onlooker, operation_id: str) -> bool:
    """Whether it was marked as sent and has ended without a name of M-Pesa's."""
    return bool(onlooker.rows("provider-mpesa", _NAMELESS, operation_id))


def is_contradicted(onlooker: Onlooker, operation_id: str) -> bool:
    """Whether M-Pesa has said that nothing was paid, and somebody who knows the prompt's address that it was."""
    return bool(onlooker.rows("provider-mpesa", _CONTRADICTED, operation_id))


def decide(stack: Stack, subject_id: str, ending: Literal["completed", "failed"]) -> bool:
    """Decide as a person does; False where that is refused, as while the provider's service still owes an answer."""
    command = [sys.executable, "-m", "orchestrator", "decide", subject_id, "--as", ending]
    why = ["--because", "as in M-Pesa's book", "--by", "a person"]
    environment = stack.service_env("orchestrator")
    return not subprocess.run([*command, *why], env=environment, capture_output=True, check=False).returncode


def decided(onlooker: Onlooker, merchant: DemoMerchant) -> list[str]:
    """Look once after all payments in doubt: the ids of those that were decided as failed, as M-Pesa's book has no money."""
    found = [row["id"] for row in onlooker.rows("orchestrator", _DOUBTED)]
    nameless = [one for one in found if is_nameless(onlooker, charge_id(one, 1))]
    unpaid = [one for one in nameless if not merchant.paybill.effects(one)]
    return [one for one in unpaid if decide(merchant.stack, one, "failed")]
