"""Firewall Manager: one account of an organization says by policies what web ACLs, security groups and protections all accounts have; they are really made, and looked after."""
from cloche.kernel import Service

service = Service(__name__)
