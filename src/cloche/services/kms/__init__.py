"""KMS: keys that never leave, the policies and grants that guard them, and everything done with them."""
from cloche.kernel import Service

service = Service(__name__)
