"""Cognito Sync: small sets of keys and values of each identity, the same on all its devices."""
from cloche.kernel import Service

service = Service(__name__)
