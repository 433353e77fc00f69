"""AWS Private CA: certificate authorities of an account's own, with real keys and real signatures."""
from cloche.kernel import Service

service = Service(__name__)
