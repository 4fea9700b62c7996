"""Files as settings name them."""

import pytest

from malipo_local.authority import Authority


@pytest.fixture
def files(tmp_path) -> dict[str, str]:
    """An authority, a client's certificate with its key, another client's key, what is no certificate, and what is not there."""
    authority = Authority(tmp_path / "tls")
    own, other = authority.client("gateway"), authority.client("orchestrator")
    (tmp_path / "note.pem").write_text("no certificate\n")
    paths = {"ca": authority.certificate, "note": tmp_path / "note.pem", "nowhere": tmp_path / "nowhere.pem"}
    paths |= {"own": own.certificate, "key": own.key, "other_key": other.key}
    return {name: str(path) for name, path in paths.items()}
