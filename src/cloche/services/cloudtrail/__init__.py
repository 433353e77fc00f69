"""CloudTrail: what was asked of this cloud, by whom and with what answer: looked up, and written to buckets by trails."""
from cloche.kernel import Service

service = Service(__name__)
