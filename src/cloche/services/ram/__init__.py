"""Resource Access Manager: what an account owns, others may use. What that means for a thing is its service's to say; it asks `public.py`."""
from cloche.kernel import Service

service = Service(__name__)
