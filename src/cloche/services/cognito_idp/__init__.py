"""Cognito user pools: people, their passwords and codes, the ways to sign in, and the signed tokens that come of it.

Tokens name their issuer as AWS does (`https://cognito-idp.REGION.amazonaws.com/POOL`); its keys are served under that host, and as
`/POOL/.well-known/jwks.json` here. A domain's pages are at `DOMAIN.auth.REGION.amazoncognito.com`, `DOMAIN.auth.localhost`, and `/_cognito/DOMAIN/`.
Codes and temporary passwords that AWS would mail lie in the letter box: `/_cloche/mail`.
"""
from cloche.kernel import Service

service = Service(
    __name__,
    hosts=("{domain}.auth.{region}.amazoncognito.com", "{domain}.auth.{region}.localhost", "{domain}.auth.localhost"),
    paths=("/{pool}/.well-known/jwks.json", "/{pool}/.well-known/openid-configuration", "/_cognito/{domain}/{path+}", "/_cognito-import/{job}"),
)
