"""How an application gets tokens: its grants, who may ask as it (the actor policy), and its scopes with those at whom they are aimed."""
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cloche.iam import MalformedPolicy, grammar
from cloche.kernel import Call, pages

from . import errors
from . import service as sso
from .applications import by_arn, find
from .token_issuers import Issuer, bare

if TYPE_CHECKING:
    from cloche.shapes import sso_admin as t

MEMBERS = {"authorization_code": "AuthorizationCode", "refresh_token": "RefreshToken", "urn:ietf:params:oauth:grant-type:jwt-bearer": "JwtBearer",
           "urn:ietf:params:oauth:grant-type:token-exchange": "TokenExchange"}


# -- grants -----------------------------------------------------------------------------------------------------------

@sso.op(resource=by_arn)
def put_application_grant(call: Call, req: t.PutApplicationGrantRequest) -> Any:
    there, _, one = find(call, req)
    kind, grant = req["GrantType"], dict(req["Grant"])
    if list(grant) != [MEMBERS[kind]]:
        raise errors.invalid(f"A grant of the type {kind} holds {MEMBERS[kind]}.")
    for issuer in grant.get("JwtBearer", {}).get("AuthorizedTokenIssuers", []):
        if there.get(Issuer, bare(issuer.get("TrustedTokenIssuerArn", ""))) is None:
            raise errors.invalid(f"The trusted token issuer {issuer.get('TrustedTokenIssuerArn')} does not exist.")
    there.put(one.but(grants=one.grants | {kind: grant}))
    return {}


@sso.op(resource=by_arn)
def get_application_grant(call: Call, req: t.GetApplicationGrantRequest) -> t.GetApplicationGrantResponse:
    _, _, one = find(call, req)
    if req["GrantType"] not in one.grants:
        raise errors.not_found("ApplicationGrant", req["GrantType"])
    return {"Grant": one.grants[req["GrantType"]]}  # type: ignore[typeddict-item]


@sso.op(resource=by_arn)
def list_application_grants(call: Call, req: t.ListApplicationGrantsRequest) -> t.ListApplicationGrantsResponse:
    _, _, one = find(call, req)
    found, more = pages.page(sorted(one.grants), req, str, 100, errors.bad_token)
    return {"Grants": [{"GrantType": kind, "Grant": one.grants[kind]} for kind in found], **more}  # type: ignore[typeddict-item]


@sso.op(resource=by_arn)
def delete_application_grant(call: Call, req: t.DeleteApplicationGrantRequest) -> Any:
    there, _, one = find(call, req)
    if req["GrantType"] not in one.grants:
        raise errors.not_found("ApplicationGrant", req["GrantType"])
    there.put(one.but(grants={kind: grant for kind, grant in one.grants.items() if kind != req["GrantType"]}))
    return {}


# -- who may ask as the application -----------------------------------------------------------------------------------

@sso.op(resource=by_arn)
def put_application_authentication_method(call: Call, req: t.PutApplicationAuthenticationMethodRequest) -> Any:
    there, _, one = find(call, req)
    policy = req["AuthenticationMethod"].get("Iam", {}).get("ActorPolicy")
    if not isinstance(policy, dict):
        raise errors.invalid("An authentication method of the type IAM holds an ActorPolicy.")
    try:
        grammar.resource(json.dumps(policy))
    except MalformedPolicy as error:
        raise errors.invalid(f"The ActorPolicy is malformed: {error}") from None
    there.put(one.but(actor_policy=policy))
    return {}


def method(policy: dict[str, Any]) -> Any:
    return {"Iam": {"ActorPolicy": policy}}


@sso.op(resource=by_arn)
def get_application_authentication_method(call: Call, req: t.GetApplicationAuthenticationMethodRequest) -> t.GetApplicationAuthenticationMethodResponse:
    _, _, one = find(call, req)
    if not one.actor_policy:
        raise errors.not_found("ApplicationAuthenticationMethod", req["AuthenticationMethodType"])
    return {"AuthenticationMethod": method(one.actor_policy)}


@sso.op(resource=by_arn)
def list_application_authentication_methods(call: Call, req: t.ListApplicationAuthenticationMethodsRequest) -> t.ListApplicationAuthenticationMethodsResponse:
    _, _, one = find(call, req)
    return {"AuthenticationMethods": [{"AuthenticationMethodType": "IAM", "AuthenticationMethod": method(one.actor_policy)}] if one.actor_policy else []}


@sso.op(resource=by_arn)
def delete_application_authentication_method(call: Call, req: t.DeleteApplicationAuthenticationMethodRequest) -> Any:
    there, _, one = find(call, req)
    if not one.actor_policy:
        raise errors.not_found("ApplicationAuthenticationMethod", req["AuthenticationMethodType"])
    there.put(one.but(actor_policy={}))
    return {}


# -- scopes -----------------------------------------------------------------------------------------------------------

@sso.op(resource=by_arn)
def put_application_access_scope(call: Call, req: t.PutApplicationAccessScopeRequest) -> Any:
    there, _, one = find(call, req)
    there.put(one.but(scopes=one.scopes | {req["Scope"]: list(req.get("AuthorizedTargets", []))}))
    return {}


def scope(name: str, targets: list[str]) -> Any:
    return {"Scope": name} | ({"AuthorizedTargets": targets} if targets else {})


@sso.op(resource=by_arn)
def get_application_access_scope(call: Call, req: t.GetApplicationAccessScopeRequest) -> t.GetApplicationAccessScopeResponse:
    _, _, one = find(call, req)
    if req["Scope"] not in one.scopes:
        raise errors.not_found("ApplicationAccessScope", req["Scope"])
    return scope(req["Scope"], one.scopes[req["Scope"]])  # type: ignore[no-any-return]


@sso.op(resource=by_arn)
def list_application_access_scopes(call: Call, req: t.ListApplicationAccessScopesRequest) -> t.ListApplicationAccessScopesResponse:
    _, _, one = find(call, req)
    found, more = pages.page(sorted(one.scopes), req, str, 10, errors.bad_token)
    return {"Scopes": [scope(name, one.scopes[name]) for name in found], **more}


@sso.op(resource=by_arn)
def delete_application_access_scope(call: Call, req: t.DeleteApplicationAccessScopeRequest) -> Any:
    there, _, one = find(call, req)
    if req["Scope"] not in one.scopes:
        raise errors.not_found("ApplicationAccessScope", req["Scope"])
    there.put(one.but(scopes={name: targets for name, targets in one.scopes.items() if name != req["Scope"]}))
    return {}


# -- sessions in the background ----------------------------------------------------------------------------------------

@sso.op(resource=by_arn)
def put_application_session_configuration(call: Call, req: t.PutApplicationSessionConfigurationRequest) -> Any:
    there, _, one = find(call, req)
    there.put(one.but(background=req.get("UserBackgroundSessionApplicationStatus", one.background)))
    return {}


@sso.op(resource=by_arn)
def get_application_session_configuration(call: Call, req: t.GetApplicationSessionConfigurationRequest) -> t.GetApplicationSessionConfigurationResponse:
    return {"UserBackgroundSessionApplicationStatus": find(call, req)[2].background}  # type: ignore[typeddict-item]
