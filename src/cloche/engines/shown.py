"""TLS contexts that show a given certificate: PEM texts in, a context out; nothing touches a disk."""
from __future__ import annotations

import os
import ssl

ALPN = ["http/1.1"]


def context(private: str, body: str, chain: str, clients: str = "") -> ssl.SSLContext:
    """`clients`: PEM of the authorities of whom a client must show a certificate. ssl.SSLError for what is no certificate."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.set_alpn_protocols(ALPN)
    show(made, private, body, chain)
    if clients:
        made.load_verify_locations(cadata=clients)
        made.verify_mode = ssl.CERT_REQUIRED
    return made


def show(made: ssl.SSLContext, private: str, body: str, chain: str = "") -> None:
    """The context, a server's or a client's, shows this certificate from now on."""
    file = os.memfd_create("certificate")  # OpenSSL reads files only; this one is never on a disk
    try:
        os.write(file, "\n".join([private, body, chain]).encode())
        made.load_cert_chain(f"/proc/self/fd/{file}")
    finally:
        os.close(file)
