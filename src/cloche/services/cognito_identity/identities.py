"""Identities: one for each login that a pool has seen, and one for every guest; their credentials and tokens."""
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsError, Call

from . import errors, keys, pools, principal_tags
from . import service as identity
from .pools import IdentityPool, by_id

if TYPE_CHECKING:
    from cloche.shapes import cognito_identity as t

identity.table("""
CREATE TABLE IF NOT EXISTS cognito_identity (id TEXT PRIMARY KEY, pool TEXT NOT NULL, created REAL NOT NULL, modified REAL NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS cognito_identity_pool ON cognito_identity (pool, id);
CREATE TABLE IF NOT EXISTS cognito_identity_login (
    pool TEXT NOT NULL, provider TEXT NOT NULL, subject TEXT NOT NULL, id TEXT NOT NULL, PRIMARY KEY (pool, provider, subject)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS cognito_identity_login_id ON cognito_identity_login (id);
""")

ISSUER = "cognito-identity.amazonaws.com"
SESSION, HOUR, TOKEN_SECONDS = "CognitoIdentityCredentials", 3600, 600
# What the enhanced flow lets guests reach at most, whatever their role says
GUESTS = ("cloudwatch", "cognito-identity", "cognito-idp", "cognito-sync", "dynamodb", "execute-api", "firehose", "geo", "iot", "kinesis", "lambda", "lex", "logs", "machinelearning", "mobileanalytics",
          "personalize", "polly", "rekognition", "rum", "s3", "sagemaker", "ses", "sns", "sqs", "translate")
GUEST_POLICY = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": [f"{name}:*" for name in GUESTS], "Resource": "*"}]})

Login = tuple[str, str, dict[str, Any]]  # provider, subject, claims


async def proven(call: Call, pool: IdentityPool, logins: dict[str, str]) -> list[Login]:
    """Whom the tokens name, if every one of them is good."""
    found: list[Login] = []
    for provider, token in logins.items():
        if provider == ISSUER:
            claims = await keys.claims(call, token)
            if claims is None or claims["aud"] != pool.id:
                raise errors.bad_login()
            found.append((ISSUER, claims["sub"], claims))
            continue
        if any(arn.partition(":oidc-provider/")[2] == provider for arn in pool.values.get("OpenIdConnectProviderARNs") or []):
            from cloche.services.sts import public as sts
            try:
                claims = await sts.vouched(call, call.account, provider, token)
            except AwsError:
                raise errors.bad_login() from None
            found.append((provider, str(claims["sub"]), claims))
            continue
        trusted = [one for one in pool.values.get("CognitoIdentityProviders") or [] if one.get("ProviderName") == provider]
        if not trusted:
            raise errors.unauthorized("Token is not from a supported provider of this identity pool.")
        from cloche.services.cognito_idp import public as user_pools
        claims = await user_pools.claims(call, token)
        if claims is None or claims["iss"] != f"https://{provider}" or claims["token_use"] != "id":
            raise errors.bad_login()
        if claims["aud"] not in {one.get("ClientId") for one in trusted}:
            raise errors.unauthorized("Invalid login token. Incorrect token audience.")
        found.append((provider, claims["sub"], claims))
    return found


def of_login(call: Call, pool: IdentityPool, provider: str, subject: str) -> str | None:
    row = call.row("SELECT id FROM cognito_identity_login WHERE pool = ? AND provider = ? AND subject = ?", pool.id, provider, subject)
    return row[0] if row else None


def link(call: Call, pool: IdentityPool, id_: str, provider: str, subject: str) -> None:
    call.sql("INSERT OR REPLACE INTO cognito_identity_login VALUES (?,?,?,?)", pool.id, provider, subject, id_)
    call.sql("UPDATE cognito_identity SET modified = ? WHERE id = ?", call.now, id_)


def fresh(call: Call, pool: IdentityPool) -> str:
    id_ = f"{call.region}:{call.uuid()}"
    call.sql("INSERT INTO cognito_identity VALUES (?,?,?,?)", id_, pool.id, call.now, call.now)
    call.put(pools.Home(id_, call.account, call.region))
    return id_


def enter(call: Call, id_: str) -> tuple[Call, IdentityPool]:
    home = call.get(pools.Home, id_)
    there = call.at(home.account, home.region) if home else call
    row = there.row("SELECT pool FROM cognito_identity WHERE id = ?", id_)
    if row is None:
        raise errors.no_identity(id_)
    return there, pools.find(there, row[0])


@identity.op(unsigned=True)
async def get_id(call: Call, req: t.GetIdInput) -> t.GetIdResponse:
    call, pool = pools.enter(call, req["IdentityPoolId"])
    logins = await proven(call, pool, req.get("Logins") or {})
    if not logins and not pool.values["AllowUnauthenticatedIdentities"]:
        raise errors.no_guests()
    with call.step():
        id_ = next((one for provider, subject, _ in logins if (one := subject if provider == ISSUER else of_login(call, pool, provider, subject))), None) or fresh(call, pool)
        for provider, subject, _ in logins:
            if provider != ISSUER:
                link(call, pool, id_, provider, subject)
    return {"IdentityId": id_}


async def who(call: Call, req: Any) -> tuple[Call, IdentityPool, list[Login]]:
    """The identity of the request, proven by the logins that belong to it; a guest who has logged in since is linked."""
    call, pool = enter(call, req["IdentityId"])
    logins = await proven(call, pool, req.get("Logins") or {})
    linked = call.sql("SELECT provider FROM cognito_identity_login WHERE id = ?", req["IdentityId"])
    if not logins:
        if linked:
            raise errors.unauthorized("Access to Identity '" + req["IdentityId"] + "' is forbidden.")
        if not pool.values["AllowUnauthenticatedIdentities"]:
            raise errors.no_guests()
    for provider, subject, _ in logins:
        owner = subject if provider == ISSUER else of_login(call, pool, provider, subject)
        if owner not in (None, req["IdentityId"]):
            raise errors.unauthorized("Logins don't match. Please include at least one valid login for this identity or identity pool.")
        if owner is None:
            if linked and len(logins) == 1:
                raise errors.unauthorized("Logins don't match. Please include at least one valid login for this identity or identity pool.")
            with call.step():
                link(call, pool, req["IdentityId"], provider, subject)
    return call, pool, logins


def claims_of(call: Call, pool: IdentityPool, id_: str, logins: list[Login]) -> dict[str, Any]:
    now = int(call.now)
    amr = ["unauthenticated"]
    if logins:
        amr = ["authenticated"]
        for provider, subject, claims in logins:
            amr += [one for one in claims.get("amr", []) if one not in amr] if provider == ISSUER else [provider, f"{provider}:CognitoSignIn:{subject}"]
    return {"sub": id_, "aud": pool.id, "amr": amr, "iss": f"https://{ISSUER}", "exp": now + TOKEN_SECONDS, "iat": now}


@identity.op(unsigned=True)
async def get_open_id_token(call: Call, req: t.GetOpenIdTokenInput) -> t.GetOpenIdTokenResponse:
    call, pool, logins = await who(call, req)
    if not pool.values.get("AllowClassicFlow"):
        raise errors.parameter("Basic (classic) flow is not enabled, please use enhanced flow.")
    return {"IdentityId": req["IdentityId"], "Token": await keys.signed(call, claims_of(call, pool, req["IdentityId"], logins))}


@identity.op(unsigned=True)
async def get_credentials_for_identity(call: Call, req: t.GetCredentialsForIdentityInput) -> t.GetCredentialsForIdentityResponse:
    call, pool, logins = await who(call, req)
    role = role_of(pool, logins, req.get("CustomRoleArn"))
    if role is None:
        raise errors.no_role()
    from cloche.services.sts import public as sts
    asked = {"RoleArn": role, "RoleSessionName": SESSION} | ({} if logins else {"Policy": GUEST_POLICY})
    try:
        with call.step():
            claims = claims_of(call, pool, req["IdentityId"], logins)
            if tags := principal_tags.of(call, pool, logins):
                claims["https://aws.amazon.com/tags"] = {"principal_tags": {name: [value] for name, value in tags.items()}}
            made = sts.web_identity(call, asked, ISSUER, claims, pool.id)["Credentials"]
    except AwsError as error:
        if error.code == "AccessDenied":
            raise errors.no_role() from None
        raise
    return {"IdentityId": req["IdentityId"], "Credentials": {"AccessKeyId": made["AccessKeyId"], "SecretKey": made["SecretAccessKey"], "SessionToken": made["SessionToken"],
                                                             "Expiration": made["Expiration"]}}


def role_of(pool: IdentityPool, logins: list[Login], custom: str | None) -> str | None:
    """The role of a rule that the token's claims match, or the one that the token prefers, or the pool's."""
    if not logins:
        return pool.roles.get("unauthenticated")
    usual = pool.roles.get("authenticated")
    for provider, _, claims in logins:
        mapping = next((m for name, m in pool.mappings.items() if name in (provider, f"{provider}:{claims.get('aud')}")), None)
        if mapping is None:
            continue
        found = ruled(mapping, claims) if mapping["Type"] == "Rules" else claims.get("cognito:preferred_role")
        if mapping["Type"] == "Token" and custom:
            if custom not in claims.get("cognito:roles", []):
                raise errors.unauthorized("The ambiguous role mapping rules for: " + provider + " denied this request.")
            found = custom
        if found:
            return str(found)
        if mapping.get("AmbiguousRoleResolution") == "Deny":
            raise errors.unauthorized("The ambiguous role mapping rules for: " + provider + " denied this request.")
    return usual


def ruled(mapping: dict[str, Any], claims: dict[str, Any]) -> str | None:
    for rule in mapping["RulesConfiguration"]["Rules"]:
        value = claims.get(rule["Claim"])
        if value is None:
            continue
        text, wanted = ",".join(value) if isinstance(value, list) else str(value), rule["Value"]
        if {"Equals": text == wanted, "Contains": wanted in text, "StartsWith": text.startswith(wanted), "NotEqual": text != wanted}[rule["MatchType"]]:
            return str(rule["RoleARN"])
    return None


@identity.op(resource=by_id)
async def get_open_id_token_for_developer_identity(call: Call, req: t.GetOpenIdTokenForDeveloperIdentityInput) -> t.GetOpenIdTokenForDeveloperIdentityResponse:
    pool = pools.find(call, req["IdentityPoolId"])
    name = pool.values.get("DeveloperProviderName")
    if not name or set(req["Logins"]) != {name}:
        raise errors.parameter("Please provide the developer provider of the identity pool as the login.")
    subject = req["Logins"][name]
    with call.step():
        known = of_login(call, pool, name, subject)
        given = req.get("IdentityId")
        if known and given and known != given:
            raise errors.parameter("The developer user identifier is linked to another identity.")
        id_ = known or given or fresh(call, pool)
        link(call, pool, id_, name, subject)
    claims = claims_of(call, pool, id_, [(name, subject, {})])
    claims |= {"amr": ["authenticated", name, f"{name}:{pool.id}:{subject}"], "exp": claims["iat"] + (req.get("TokenDuration") or 900)}
    return {"IdentityId": id_, "Token": await keys.signed(call, claims)}


@identity.op(resource=by_id)
def list_identities(call: Call, req: t.ListIdentitiesInput) -> t.ListIdentitiesResponse:
    pool = pools.find(call, req["IdentityPoolId"])
    rows = call.sql("SELECT id, created, modified FROM cognito_identity WHERE pool = ? AND id > ? ORDER BY id LIMIT ?", pool.id, req.get("NextToken", ""), req["MaxResults"] + 1)
    page = rows[: req["MaxResults"]]
    answer: Any = {"IdentityPoolId": pool.id, "Identities": [shown(call, *row) for row in page]}
    return answer | ({"NextToken": page[-1][0]} if len(rows) > len(page) else {})  # type: ignore[no-any-return]


def shown(call: Call, id_: str, created: float, modified: float) -> Any:
    logins = [row[0] for row in call.sql("SELECT provider FROM cognito_identity_login WHERE id = ?", id_)]
    return {"IdentityId": id_, "CreationDate": created, "LastModifiedDate": modified} | ({"Logins": logins} if logins else {})


@identity.op(resource=lambda call, req: "*")
def describe_identity(call: Call, req: t.DescribeIdentityInput) -> t.IdentityDescription:
    row = call.row("SELECT i.id, i.created, i.modified, i.pool FROM cognito_identity i WHERE i.id = ?", req["IdentityId"])
    if row is None or call.get(IdentityPool, row[3]) is None:
        raise errors.no_identity(req["IdentityId"])
    return shown(call, *row[:3])  # type: ignore[no-any-return]
