"""Identity Center's OpenID Connect service: what `aws sso login` talks to, and the page on which a person says who it is.

The pages lie where AWS has them (`https://d-....awsapps.com/start`, `https://oidc.REGION.amazonaws.com/authorize`), and as `/_sso/d-.../device` and
`/authorize?response_type=code` here. Nobody is asked for a password: whoever reaches a Cloche on loopback may be anybody in it.
"""
from cloche.kernel import Service

service = Service(
    __name__, hosts=("{store}.awsapps.com",), paths=("/_sso/{store}/{page+}", "/authorize?response_type=code"),
)
