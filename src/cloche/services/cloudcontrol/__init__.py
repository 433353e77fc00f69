"""Cloud Control API: the resource types of CloudFormation made, read, changed, listed and deleted one by one, without a stack."""
from cloche.kernel import Service

service = Service(__name__)
