"""Clients: a program registers itself before it asks anybody to sign in. Only hashes of secrets are kept."""
from __future__ import annotations

import hashlib
import hmac
import re
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record

from . import errors
from . import service as oidc

if TYPE_CHECKING:
    from cloche.shapes import sso_oidc as t

NINETY_DAYS = 90 * 86400
GRANTS = ("authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code")


class Client(Record, frozen=True):
    kind = "sso-oidc.client"
    scope = "cloud"

    id: str
    secret: str                                        # hashed
    name: str
    expires: float
    scopes: list[str] = []
    grants: list[str] = []
    redirects: list[str] = []
    store: str = ""                                    # of the start URL it registered for

    @property
    def key(self) -> str:
        return self.id


def hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def store_of(url: str) -> str:
    """The identity store that a start URL means."""
    found = re.search(r"d-[0-9a-f]{10}", url)
    return found[0] if found else ""


def find(call: Call, req: Any) -> Client:
    found = call.get(Client, req["clientId"])
    if found is None or not hmac.compare_digest(found.secret, hashed(req["clientSecret"])):
        raise errors.bad_client()
    if call.now >= found.expires:
        raise errors.bad_client("The client's registration has expired")
    return found


@oidc.op(unsigned=True)
def register_client(call: Call, req: t.RegisterClientRequest) -> t.RegisterClientResponse:
    if req["clientType"] != "public":
        raise errors._refusal("InvalidClientMetadataException", "invalid_client_metadata", "The only client type is public")
    for grant in req.get("grantTypes", []):
        if grant not in GRANTS:
            raise errors.unsupported_grant()
    for url in req.get("redirectUris", []):
        if not re.match(r"http://(127\.0\.0\.1|\[::1\]|localhost)[:/]|https://", url + "/"):
            raise errors.bad_redirect()
    secret = call.secret(60)
    made = call.put(Client(call.pick("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-", 22), hashed(secret), req["clientName"], float(int(call.now + NINETY_DAYS)),
                           req.get("scopes", []), req.get("grantTypes", []), req.get("redirectUris", []), store_of(req.get("issuerUrl", ""))))
    return {"clientId": made.id, "clientSecret": secret, "clientIdIssuedAt": int(call.now), "clientSecretExpiresAt": int(made.expires)}
