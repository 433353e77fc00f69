"""WAF: web ACLs before load balancers and REST API stages. What an ACL says of a request is `languages/waf`; here are the things, and where they stand."""
from cloche.kernel import Service

service = Service(__name__)
