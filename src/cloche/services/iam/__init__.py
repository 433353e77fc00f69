"""Identity and Access Management: users, groups, roles, and the policies that say what they may do."""
from cloche.kernel import Service

service = Service(__name__, hosts=("{account}.signin.aws.amazon.com",), doors=("credential", "policies", "used"))
