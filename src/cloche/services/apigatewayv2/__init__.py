"""API Gateway, HTTP APIs: routes, integrations, authorizers and stages that deploy themselves. The door is REST APIs' too (`apigateway/front.py`)."""
from cloche.kernel import Service

service = Service(__name__)
