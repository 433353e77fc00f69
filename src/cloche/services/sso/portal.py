"""The four calls of the portal. They carry a token and no signature; what they give acts under the account's own role."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, pages
from cloche.services.sso_admin import public as center
from cloche.services.sso_oidc import public as oidc
from cloche.services.sts import public as sts

from . import errors
from . import service as sso

if TYPE_CHECKING:
    from cloche.shapes import sso as t


def who(call: Call, req: Any) -> tuple[Any, Any]:
    found = oidc.bearer(call, req["accessToken"])
    if found is None:
        raise errors.unauthorized()
    return found


@sso.op(unsigned=True)
def list_accounts(call: Call, req: t.ListAccountsRequest) -> t.ListAccountsResponse:
    instance, user = who(call, req)
    known = center.accounts(call, instance)
    found, more = pages.page(sorted(center.choices(call, instance, user)), req, str, 100, errors.bad_token, size="maxResults", token="nextToken")
    return {"accountList": [{"accountId": id, "accountName": known[id].name, "emailAddress": known[id].email} for id in found if id in known], **more}


@sso.op(unsigned=True)
def list_account_roles(call: Call, req: t.ListAccountRolesRequest) -> t.ListAccountRolesResponse:
    instance, user = who(call, req)
    held = center.choices(call, instance, user).get(req["accountId"])
    if held is None:
        raise errors.no_access()
    found, more = pages.page(sorted(held), req, str, 100, errors.bad_token, size="maxResults", token="nextToken")
    return {"roleList": [{"roleName": name, "accountId": req["accountId"]} for name in found], **more}


@sso.op(unsigned=True)
def get_role_credentials(call: Call, req: t.GetRoleCredentialsRequest) -> t.GetRoleCredentialsResponse:
    instance, user = who(call, req)
    account = req["accountId"]
    held = center.choices(call, instance, user).get(account, {}).get(req["roleName"])
    if held is None or account not in held.provisioned:
        raise errors.no_access()
    made = sts.portal(call, center.role(instance, held, account), user.name, held.seconds, center.tags(instance, user))
    return {"roleCredentials": {"accessKeyId": made["AccessKeyId"], "secretAccessKey": made["SecretAccessKey"], "sessionToken": made["SessionToken"],
                                "expiration": int(made["Expiration"] * 1000)}}


@sso.op(unsigned=True)
def logout(call: Call, req: t.LogoutRequest) -> None:
    who(call, req)
    oidc.revoke(call, req["accessToken"])
