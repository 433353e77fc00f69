"""CloudFront KeyValueStore: the pairs that functions at the edge read. The stores themselves are CloudFront's own (`cloudfront/key_value_stores.py`)."""
from cloche.kernel import Service

service = Service(__name__)
