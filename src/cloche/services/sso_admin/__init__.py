"""IAM Identity Center: instances, permission sets, and who gets which in which account of the organization."""
from cloche.kernel import Service

service = Service(__name__)
