"""The letter box: what a service would send by mail or text message to people. Nothing leaves the machine; `/_cloche/mail` shows it."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .call import Call
    from .cloud import Cloud

KEPT = 1000


def post(call: Call, medium: str, to: str, subject: str, body: str, sender: str = "") -> None:
    """One message ("EMAIL" or "SMS"), written with the rest of this step. The oldest beyond a thousand go."""
    store = call.cloud.store
    store.write("INSERT INTO mail (at, account, region, service, medium, recipient, sender, subject, body) VALUES (?,?,?,?,?,?,?,?,?)",
                (call.now, call.account, call.region, call.service.name, medium, to, sender, subject, body))
    store.write("DELETE FROM mail WHERE id <= (SELECT max(id) FROM mail) - ?", (KEPT,))


def listing(cloud: Cloud, to: str = "", account: str = "", limit: int = 100) -> list[dict[str, Any]]:
    """The latest first."""
    rows = cloud.store.run("SELECT at, account, region, service, medium, recipient, sender, subject, body FROM mail WHERE (?1 = '' OR recipient = ?1) AND (?2 = '' OR account = ?2) "
                           "ORDER BY id DESC LIMIT ?3", (to, account, limit)).fetchall()
    return [dict(zip(("at", "account", "region", "service", "medium", "to", "from", "subject", "body"), row, strict=True)) for row in rows]
