"""Host names that users bring along: `api.example.com` is one service's in one account, from the claim until it is given back.

AWS's own names are templates (`front.py`); these are known only from records. A name that begins with `*.` stands for every name one level below.
"""
from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

from .store import Record

if TYPE_CHECKING:
    from .call import Call
    from .cloud import Cloud


class Host(Record, frozen=True):
    kind = "kernel.host"
    scope = "cloud"

    name: str
    service: str
    account: str
    region: str
    clients: bool = False  # must clients show a certificate?

    @property
    def key(self) -> str:
        return self.name


def find(cloud: Cloud, host: str) -> Host | None:
    """Whose name it is; a port after it does not count."""
    claimed = cloud.store.table(Host, "", "")
    if not claimed:
        return None
    name = host.partition(":")[0]
    return claimed.get(name) or claimed.get("*." + name.partition(".")[2])


def claim(call: Call, name: str, clients: bool = False) -> bool:
    """False if the name is another's already. `clients`: they are asked for a certificate in the TLS handshake, which `Service.secure` has the authorities of."""
    held = call.get(Host, name)
    mine = Host(name, call.service.name, call.account, call.region, clients)
    if held is not None and held.but(clients=clients) != mine:
        return False
    call.put(mine)
    ask(call.cloud)
    return True


def release(call: Call, name: str) -> None:
    if found := call.get(Host, name):
        call.delete(found)
        ask(call.cloud)


def ask(cloud: Cloud) -> None:
    """OpenSSL decides before it knows the name whether to ask a client for a certificate: so it asks all of them while one name needs it, and takes none for an answer."""
    if (listening := cloud.memory.get("tls")) is not None:
        wanted = any(host.clients for host in cloud.store.table(Host, "", "").values())
        listening.verify_mode = ssl.CERT_OPTIONAL if wanted else ssl.CERT_NONE


def context(cloud: Cloud, name: str) -> Any:
    """The TLS context that whoever claimed the name shows for it; None where nobody did, or has none."""
    found = find(cloud, name)
    if found is None:
        return None
    service = cloud.service(found.service)
    return service.shows(cloud.internal(service, found.account, found.region), found.name) if service.shows is not None else None
