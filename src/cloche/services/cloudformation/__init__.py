"""CloudFormation: stacks of resources, made, changed and taken down through the other services' public operations."""
from cloche.kernel import Service

# answers of custom resources and signals of wait conditions come back by URL, with a token nobody can guess
service = Service(__name__, paths=("/_cloudformation/response/{token}",))
