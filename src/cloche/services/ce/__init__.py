"""Cost Explorer: what an account and its organization used on the clock of this cloud, at the prices of AWS's public list."""
from cloche.kernel import Service

service = Service(__name__)
