"""Shield Advanced: a subscription, and what it protects. Shield Standard is always on and has no API; there are no attacks on one's own machine."""
from cloche.kernel import Service

service = Service(__name__)
