"""EFS: file systems for many machines at once, reached by NFS through a mount target in each zone. What is in one is a directory of Cloche's own."""
from cloche.kernel import Service

service = Service(__name__)
