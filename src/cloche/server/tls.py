"""HTTPS with a certificate of our own making: signed by Cloche's own CA, which a user may trust, for AWS's names."""
from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..engines import authority

NAMES = ["localhost", "*.localhost", "*.s3.localhost", "*.execute-api.localhost", "*.lambda-url.localhost", "*.cloudfront.localhost", "*.amazonaws.com", "*.s3.amazonaws.com", "*.on.aws", "*.cloudfront.net"]


def context(data: Path, claimed: Callable[[str], ssl.SSLContext | None] = lambda name: None) -> ssl.SSLContext:
    """The server's side; the CA for clients is `ca.pem` in the data directory. `claimed` has the context of a name that somebody brought along."""
    folder = data / "tls"
    leaf, key = folder / "cert.pem", folder / "key.pem"
    if not leaf.exists() or not (folder / "ca-key.pem").exists():
        _make(data, leaf, key)
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(leaf, key)

    def choose(sock: Any, name: str | None, _: Any) -> None:
        if name and (other := claimed(name.lower())) is not None:
            sock.context = other

    made.sni_callback = choose  # type: ignore[assignment]
    return made


def _make(data: Path, leaf: Path, key_file: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric import ec
    above, key = authority.load(data), ec.generate_private_key(ec.SECP256R1())
    authority.save_key(key_file, key)
    leaf.write_bytes(authority.sign(data, "localhost", key.public_key(), NAMES, addresses=["127.0.0.1"]) + above.pem)
