"""TLS at the doors to AWS's services: whatever name a client asks for gets a certificate of Cloche's own authority, which machines and functions believe."""
from __future__ import annotations

import ssl
import tempfile
from pathlib import Path
from typing import Any

from . import authority

MOST = 1000  # names remembered
DEFAULT = "amazonaws.com"


def context(data: Path) -> ssl.SSLContext:
    """For one listener or many: certificates are made when a name is first asked for."""
    from cryptography.hazmat.primitives.asymmetric import ec
    key = ec.generate_private_key(ec.SECP256R1())
    made: dict[str, ssl.SSLContext] = {}

    def of(name: str) -> ssl.SSLContext:
        found = made.get(name)
        if found is None:
            if len(made) >= MOST:
                made.clear()
            found = made[name] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            with tempfile.TemporaryDirectory(prefix="cloche-tls-") as folder:
                chain = authority.sign(data, name[:64], key.public_key(), [name]) + authority.load(data).pem
                both = Path(folder) / "both.pem"
                both.touch(0o600)
                both.write_bytes(authority.private_pem(key) + chain)
                found.load_cert_chain(both)
        return found

    def choose(sock: Any, name: str | None, _: Any) -> None:
        if name:
            sock.context = of(name)

    first = of(DEFAULT)
    first.sni_callback = choose  # type: ignore[assignment]
    return first
