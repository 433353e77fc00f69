"""Amazon SWF: the state of long-running work, told to deciders and workers by long polling, on the virtual clock."""
from cloche.kernel import Service

service = Service(__name__)
