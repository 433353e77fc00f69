"""Identity Center's portal: with a token, a user's accounts and roles, and credentials for one of them."""
from cloche.kernel import Service

service = Service(__name__)
