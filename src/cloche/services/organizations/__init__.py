"""Organizations: accounts in a tree, and the policies that bind what is below them. All of it belongs to the management account."""
from cloche.kernel import Service

service = Service(__name__, doors=("controls", "over_resource"))
