"""IAM Access Analyzer: who from outside gets in, and what is wrong with a policy before it is stored."""
from cloche.kernel import Service

service = Service(__name__)
