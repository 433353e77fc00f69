"""Cognito identity pools: a login elsewhere (or none) is exchanged for an identity, and the identity for a role's temporary credentials."""
from cloche.kernel import Service

service = Service(__name__)
