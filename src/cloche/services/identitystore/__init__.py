"""The identity store of IAM Identity Center: its users, its groups, and who is in which."""
from cloche.kernel import Service

service = Service(__name__)
