"""Elastic Load Balancing v2: Application and Network Load Balancers. What they do with a request is in `traffic`, their DNS names answer in `front`."""
from cloche.kernel import Service

service = Service(__name__, hosts=(
    "{name}.{region}.elb.amazonaws.com", "{name}.elb.{region}.amazonaws.com", "{name}.elb.localhost", "public-keys.auth.elb.{region}.amazonaws.com"))
