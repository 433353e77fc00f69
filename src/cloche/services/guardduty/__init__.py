"""GuardDuty: detectors, the findings of this cloud's own events, and samples of every documented type. It detects; it blocks nothing."""
from cloche.kernel import Service

service = Service(__name__)
