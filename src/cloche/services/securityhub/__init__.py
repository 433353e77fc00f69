"""Security Hub: what is wrong in an account, in one form of findings. Its controls look at this cloud; other products' findings, GuardDuty's among them, are brought in."""
from cloche.kernel import Service

service = Service(__name__)
