"""Secrets Manager: secrets in versions, encrypted under KMS, rotated by functions on the clock."""
from cloche.kernel import Service

service = Service(__name__)
