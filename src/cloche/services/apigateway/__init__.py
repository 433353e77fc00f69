"""API Gateway, REST APIs: the definition, its deployments and stages, and the door behind which they answer.

The door (`execute-api` hosts) is shared with HTTP APIs: `front.py` looks up whose API it is and hands on.
"""
from cloche.kernel import Service

service = Service(
    __name__,
    hosts=("{api}.execute-api.{region}.amazonaws.com", "{api}.execute-api.localhost", "{endpoint}.execute-api.{region}.vpce.amazonaws.com"),
    paths=("/restapis/{api}/{stage}/_user_request_/{path+}", "/restapis/{api}/{stage}/_user_request_"),
)
