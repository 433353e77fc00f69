"""Certificate Manager: certificates brought along, and requests for others that wait for their domains to be proved."""
from cloche.kernel import Service

service = Service(__name__, hosts=("certificates.amazon.com",))
