"""DynamoDB Accelerator: clusters that stand before tables, answer reads from memory and write through. Clients speak CBOR over TCP to an address of the cluster's own."""
from cloche.kernel import Service

service = Service(__name__)
