"""Who asks. A principal carries everything a policy may ask about its identity and its session.

A role session and a federated user are two things at once: the session (`arn`) and the identity behind it (`role_arn`: the role's ARN, or
the ARN of the user who asked for the federation token). Resource policies treat the two differently, so both are kept.
"""
from __future__ import annotations

import hashlib
from functools import lru_cache

import msgspec


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    kind: str                                       # root | user | role | federated | service | anonymous | origin (a user of CloudFront's own account, an origin access identity)
    arn: str = "*"                                  # of the session, where there is one
    account: str = ""
    id: str = ""                                    # aws:userid: AIDA..., AROA...:session, the account's number for root
    name: str = ""                                  # user name, role name, name of the federated user
    session: str = ""                               # role session name
    role_arn: str = ""                              # the identity behind a session
    tags: dict[str, str] = {}
    session_policies: tuple[str, ...] | None = None  # None: no cap; (): a cap that lets nothing through (GetFederationToken without a policy)
    issued: float = 0.0                             # when the temporary credentials were made; 0 for long-term keys
    mfa: bool | None = None                         # None with long-term keys: the key is absent from the context
    mfa_time: float = 0.0
    source_identity: str = ""
    transitive_tags: tuple[str, ...] = ()
    service: str = ""                               # lambda.amazonaws.com
    source_arn: str = ""                            # on whose behalf a service principal acts
    source_account: str = ""
    via: tuple[str, ...] = ()                       # services that passed the request on, first to last
    provider: str = ""                              # SAML or web identity provider
    claims: dict[str, str | list[str]] = {}         # what the provider said that stays a condition key of the session: `cognito-identity.amazonaws.com:sub`, `saml:sub`; lower case
    access_key: str = ""
    inside: bool = False                            # Cloche's own hand, where AWS asks nobody: no organization binds it

    @property
    def temporary(self) -> bool:
        return self.issued > 0

    @property
    def outsider(self) -> bool:
        """Of no account: only a resource's own policy can allow it anything."""
        return self.kind in ("service", "anonymous", "origin")

    @property
    def service_linked(self) -> bool:
        return ":role/aws-service-role/" in self.role_arn

    def barred(self, service: str, operation: str) -> bool:
        """Credentials of GetSessionToken and GetFederationToken reach little of IAM and STS, whatever policies say (AWS's comparison of STS operations)."""
        if not self.issued or self.kind not in ("user", "federated", "root"):
            return False
        if self.kind == "root" and self.session_policies is not None:   # AssumeRoot's: its task says what it reaches
            return False
        if service == "iam":
            return not self.mfa
        if operation in ("GetCallerIdentity", "GetSessionToken", "GetFederationToken"):   # the last two say no in their own words
            return False
        return service == "sts" and (self.kind == "federated" or operation != "AssumeRole")

    @property
    def label(self) -> str:
        """How AWS names the caller in `User: ... is not authorized`."""
        return self.service if self.kind == "service" else "anonymous" if self.kind == "anonymous" else self.arn


ANONYMOUS = Principal(kind="anonymous", id="anonymous")


@lru_cache(4096)
def root(account: str) -> Principal:
    return Principal(kind="root", arn=f"arn:aws:iam::{account}:root", account=account, id=account)


@lru_cache(4096)
def inside(account: str) -> Principal:
    """Root, acting from within."""
    return msgspec.structs.replace(root(account), inside=True)


def service(name: str, source_arn: str = "", source_account: str = "") -> Principal:
    """A service acting for itself: `sns.amazonaws.com` delivering what `source_arn` caused."""
    return Principal(kind="service", arn=name, id=name, name=name, service=name, source_arn=source_arn, source_account=source_account)


@lru_cache(4096)
def canonical_id(account: str) -> str:
    """The account's name in S3's access control lists: 64 hex digits that stand for it."""
    return hashlib.sha256(f"canonical user of {account}".encode()).hexdigest()[:52] + account


def account_of(canonical: str) -> str | None:
    """The account behind such a name, if it is one."""
    return canonical[52:] if canonical_id(canonical[52:]) == canonical else None
