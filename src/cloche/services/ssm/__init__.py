"""Systems Manager: the parameter store, private and public."""
from cloche.kernel import Service

service = Service(__name__)
