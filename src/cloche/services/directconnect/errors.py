"""What Direct Connect says when it refuses: one code for nearly everything, `DirectConnectClientException`."""
from __future__ import annotations

from cloche.kernel import AwsError


def client(message: str) -> AwsError:
    return AwsError("DirectConnectClientException", message)


def no_connection(id_: str) -> AwsError:
    return client(f"Connection with ID {id_} cannot be found.")


def no_lag(id_: str) -> AwsError:
    return client(f"LAG with ID {id_} cannot be found.")


def no_interface(id_: str) -> AwsError:
    return client(f"Virtual Interface with ID {id_} cannot be found.")


def no_gateway(id_: str) -> AwsError:
    return client(f"Direct Connect Gateway with ID {id_} does not exist.")


def no_association(id_: str) -> AwsError:
    return client(f"Direct Connect Gateway association {id_} does not exist.")


def bad_location(code: str) -> AwsError:
    return client(f"The specified location {code} is not valid.")


def bad_bandwidth(value: str, location: str) -> AwsError:
    return client(f"The bandwidth {value} is not available at the location {location}.")


def loa_not_ready(id_: str) -> AwsError:
    return client(f"The Letter of Authorization - Connecting Facility Assignment for the connection {id_} is not available yet.")


def in_use(what: str, by: str) -> AwsError:
    return client(f"{what} cannot be deleted because it has {by}.")


def vlan_taken(vlan: int, connection: str) -> AwsError:
    return client(f"VLAN {vlan} is already in use on connection {connection}.")


def bad_vlan(vlan: int) -> AwsError:
    return client(f"The VLAN {vlan} is not valid: it must be from 1 to 4094.")


def bad_asn(asn: int) -> AwsError:
    return client(f"The ASN {asn} is not valid.")


def bad_amazon_asn(asn: int) -> AwsError:
    return client(f"Amazon Side ASN {asn} is not valid: it must be from 64512 to 65534 or from 4200000000 to 4294967294.")


def bad_mtu(mtu: int) -> AwsError:
    return client(f"The MTU {mtu} is not valid.")


def one_gateway() -> AwsError:
    return client("Exactly one of a virtual private gateway and a Direct Connect gateway must be specified.")


def no_virtual_gateway(id_: str) -> AwsError:
    return client(f"The virtual private gateway {id_} does not exist.")


def already_associated(id_: str, gateway: str) -> AwsError:
    return client(f"{id_} is already associated with the Direct Connect Gateway {gateway}.")


def limit(what: str) -> AwsError:
    return client(f"You have reached the limit of {what}.")



def wrong_state(what: str, state: str) -> AwsError:
    return client(f"{what} is in the state {state}.")


def unsupported(message: str) -> AwsError:
    return client(message)


def duplicate_tags() -> AwsError:
    return AwsError("DuplicateTagKeysException", "A tag key was specified more than once.")


def too_many_tags() -> AwsError:
    return AwsError("TooManyTagsException", "You have reached the limit on the number of tags that can be assigned.")
