"""Amazon CloudFront: distributions and what they are made of (policies, keys, functions), and the edge where they answer (`edge/`).

There is one edge. It is global: records are the account's, whichever region a client signs for; what is counted and logged is us-east-1's.
"""
from cloche.kernel import Service

service = Service(__name__, hosts=("{id}.cloudfront.net", "{id}.cloudfront.localhost"))
HOME = "us-east-1"  # where AWS keeps what is global
