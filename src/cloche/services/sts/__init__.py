"""Security Token Service: temporary credentials for roles, users and those they act for."""
from cloche.kernel import Service

service = Service(__name__, doors=("encoded", "role_principal"), hosts=("{issuer}.tokens.sts.global.api.aws",))
