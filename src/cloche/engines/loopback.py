"""Places on the loopback for servers that have a fixed port: 127.0.0.1, or the next address whose port is free; and TLS for such a place."""
from __future__ import annotations

import contextlib
import socket
import ssl
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from . import authority


def bound(wanted: str, port: int) -> tuple[socket.socket, str]:
    """A socket at the address that it had, or at the first one whose port is free; raises OSError where there is none."""
    for address in [wanted] if wanted else []:
        with contextlib.suppress(OSError):
            return at(address, port), address
    for address in (f"127.0.{high}.{low}" for high in range(256) for low in range(1, 255)):
        with contextlib.suppress(OSError):
            return at(address, port), address
    raise OSError(f"port {port} is taken at every address of the loopback")


def at(address: str, port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((address, port))
        sock.listen(128)
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock


def certificate(data: Path, service: str, address: str) -> tuple[Path, Path]:
    """The files of a certificate under the cloud's own CA, with those above it, and of its key."""
    folder = data / "tls" / service
    leaf, key_file = folder / f"{address}.pem", folder / f"{address}.key"
    if not leaf.exists():
        folder.mkdir(parents=True, exist_ok=True)
        above, key = authority.load(data), ec.generate_private_key(ec.SECP256R1())
        authority.save_key(key_file, key)
        leaf.write_bytes(authority.sign(data, address, key.public_key(), ["localhost"], addresses=[address]) + above.pem)
    return leaf, key_file


def context(data: Path, service: str, address: str) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(*certificate(data, service, address))
    return made
