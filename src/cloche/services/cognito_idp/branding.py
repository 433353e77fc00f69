"""How the classic pages look: a style sheet and a logo, for one client or for all of a pool. (The managed login's branding is not built.)"""
from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record, Request, Response

from . import clients, errors, pools
from . import service as cognito
from .clients import Client
from .pools import Pool, by_id

if TYPE_CHECKING:
    from cloche.shapes import cognito_idp as t

LOGO = "/assets/logo"
CLASSES = {f"{name}-customizable" for name in (
    "logo", "banner", "label", "textDescription", "idpDescription", "legalText", "submitButton", "errorMessage", "inputField", "idpButton", "socialButton", "redirect", "background",
    "passwordCheck-notValid", "passwordCheck-valid")}
KINDS = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif"}
MOST_CSS, MOST_IMAGE = 131072, 100_000


class Customization(Record, frozen=True):
    kind = "cognito-idp.customization"

    pool: str
    client: str                  # or ALL
    css: str
    image: bytes
    version: str
    created: float
    modified: float

    @property
    def key(self) -> str:
        return f"{self.pool}/{self.client}"


def of(call: Call, pool_id: str, client_id: str) -> Customization | None:
    return call.get(Customization, f"{pool_id}/{client_id}") or call.get(Customization, f"{pool_id}/ALL")


def shown(call: Call, pool: Pool, one: Customization | None, client_id: str) -> Any:
    if one is None:
        return {"UserPoolId": pool.id, "ClientId": client_id}
    answer = {"UserPoolId": pool.id, "ClientId": one.client, "CSS": one.css, "CSSVersion": one.version, "CreationDate": one.created, "LastModifiedDate": one.modified}
    if one.image:
        answer["ImageUrl"] = f"https://{pool.domain}.auth.{call.region}.amazoncognito.com{LOGO}?client_id={one.client}"
    return answer


def checked(css: str) -> str:
    if len(css) > MOST_CSS or "<" in css or "@import" in css or "url(" in css:
        raise errors.parameter("The CSS is not valid.")
    for selector in re.findall(r"([^{}]+)\{[^{}]*\}", css):
        for name in re.findall(r"\.([\w-]+)", selector):
            if name not in CLASSES:
                raise errors.parameter(f"The CSS class {name} cannot be customized.")
    return css


@cognito.op(resource=by_id)
def set_ui_customization(call: Call, req: t.SetUICustomizationRequest) -> t.SetUICustomizationResponse:
    pool, client_id = pools.find(call, req["UserPoolId"]), req.get("ClientId") or "ALL"
    if not pool.domain:
        raise errors.parameter("There has to be an existing domain associated with this user pool")
    if client_id != "ALL":
        clients.find(call, pool.id, client_id)
    image = req.get("ImageFile") or b""
    if len(image) > MOST_IMAGE or (image and not kind_of(image)):
        raise errors.parameter("The image must be a PNG, JPG or GIF of at most 100 KB.")
    old = call.get(Customization, f"{pool.id}/{client_id}")
    version = f"{call.now:.0f}"
    one = Customization(pool.id, client_id, checked(req.get("CSS") or ""), image, version, old.created if old else call.now, call.now)
    return {"UICustomization": shown(call, pool, call.put(one), client_id)}


@cognito.op(resource=by_id)
def get_ui_customization(call: Call, req: t.GetUICustomizationRequest) -> t.GetUICustomizationResponse:
    pool, client_id = pools.find(call, req["UserPoolId"]), req.get("ClientId") or "ALL"
    if client_id != "ALL":
        clients.find(call, pool.id, client_id)
    return {"UICustomization": shown(call, pool, of(call, pool.id, client_id), client_id)}


def kind_of(image: bytes) -> str:
    return next((kind for start, kind in KINDS.items() if image.startswith(start)), "")


def head(call: Call, client: Client) -> str:
    one = of(call, client.pool, client.id)
    if one is None:
        return ""
    picture = f'<img class="logo-customizable" alt="" src="assets/logo?client_id={html.escape(client.id)}">' if one.image else ""
    return f"<style>{one.css}</style>{picture}"


async def logo(call: Call, pool: Pool, request: Request, prefix: str, query: dict[str, str], form: dict[str, str]) -> Response:
    one = of(call, pool.id, query.get("client_id", "ALL"))
    if one is None or not one.image:
        return Response(404, [], b"")
    return Response(200, [("content-type", kind_of(one.image)), ("cache-control", "max-age=300")], one.image)
