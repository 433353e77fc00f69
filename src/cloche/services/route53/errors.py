"""What Route 53 says when it refuses. One function per sentence."""
from __future__ import annotations

from cloche.kernel import AwsError


def invalid_input(message: str) -> AwsError:
    return AwsError("InvalidInput", message)


def invalid_argument(message: str) -> AwsError:
    return AwsError("InvalidArgument", message)


def bad_token() -> AwsError:
    return AwsError("InvalidPaginationToken", "The value that you specified to get the second or subsequent page of results is invalid.")


def invalid_domain_name(message: str) -> AwsError:
    return AwsError("InvalidDomainName", message)


def no_such_zone(id_: str) -> AwsError:
    return AwsError("NoSuchHostedZone", f"No hosted zone found with ID: {id_}", 404)


def not_yours(who: str) -> AwsError:
    return AwsError("AccessDenied", f"User: {who} is not authorized to access this resource", 403)


def zone_exists() -> AwsError:
    return AwsError("HostedZoneAlreadyExists", "A hosted zone has already been created with the specified caller reference.", 409)


def too_many_zones() -> AwsError:
    return AwsError("TooManyHostedZones", "You have reached the limit of hosted zones for this account.")


def zone_not_empty() -> AwsError:
    return AwsError("HostedZoneNotEmpty", "The specified hosted zone contains non-required resource record sets  and so cannot be deleted.")


def zone_not_private() -> AwsError:
    return AwsError("HostedZoneNotPrivate", "The specified hosted zone is a public hosted zone.")


def no_such_change(id_: str) -> AwsError:
    return AwsError("NoSuchChange", f"Could not find resource with ID: {id_}", 404)


def invalid_change_batch(complaints: list[str]) -> AwsError:
    return AwsError("InvalidChangeBatch", f"[{', '.join(complaints)}]")


def batch_too_large(message: str) -> AwsError:
    return AwsError("InvalidChangeBatch", message)


# -- VPCs -------------------------------------------------------------------------------------------------------------------------

def vpc_needed() -> AwsError:
    return invalid_input("When you're creating a private hosted zone (when you specify true for PrivateZone), you must also specify values for VPCId and VPCRegion.")


def no_such_vpc(vpc: str, region: str) -> AwsError:
    return AwsError("InvalidVPCId", f"The VPC: {vpc} in region {region} that you provided is not valid.")


def public_zone() -> AwsError:
    return AwsError("PublicZoneVPCAssociation", "You're trying to associate a VPC with a public hosted zone. Amazon Route 53 doesn't support associating a VPC with a public hosted zone.")


def vpc_conflict(vpc: str, region: str, zone: str) -> AwsError:
    return AwsError("ConflictingDomainExists", f"The VPC {vpc} in region {region} has already been associated with the hosted zone {zone} with the same domain name.")


def vpc_not_authorized(vpc: str) -> AwsError:
    return AwsError("NotAuthorizedException", f"The VPC: {vpc} has not authorized the association with your hosted zone.", 401)


def vpc_not_associated(vpc: str, zone: str) -> AwsError:
    return AwsError("VPCAssociationNotFound", f"The VPC: {vpc} is not associated with the hosted zone: {zone}", 404)


def last_vpc() -> AwsError:
    return AwsError("LastVPCAssociation", "Cannot remove last VPC association for the private zone")


def no_such_authorization(vpc: str, zone: str) -> AwsError:
    return AwsError("VPCAssociationAuthorizationNotFound", f"The VPC: {vpc} that you specified is not authorized to be associated with the hosted zone: {zone}", 404)


def too_many_authorizations() -> AwsError:
    return AwsError("TooManyVPCAssociationAuthorizations", "You've created the maximum number of authorizations that can be created for the specified hosted zone.")


def limits_exceeded(message: str) -> AwsError:
    return AwsError("LimitsExceeded", message)


# -- delegation sets --------------------------------------------------------------------------------------------------------------

def no_such_delegation_set(id_: str) -> AwsError:
    return AwsError("NoSuchDelegationSet", f"A reusable delegation set with the specified ID does not exist: {id_}", 400)


def delegation_set_exists() -> AwsError:
    return AwsError("DelegationSetAlreadyCreated", "A delegation set with the same owner and caller reference combination has already been created.")


def delegation_set_in_use() -> AwsError:
    return AwsError("DelegationSetInUse", "The specified delegation contains associated hosted zones which must be deleted before the reusable delegation set can be deleted.")


def already_reusable() -> AwsError:
    return AwsError("DelegationSetAlreadyReusable", "The specified delegation set has already been marked as reusable.")


# -- health checks and tags -------------------------------------------------------------------------------------------------------

def no_such_health_check(id_: str) -> AwsError:
    return AwsError("NoSuchHealthCheck", f"No health check exists with id: {id_}", 404)


def health_check_exists() -> AwsError:
    return AwsError("HealthCheckAlreadyExists", "A health check has already been created with the specified caller reference.", 409)


def too_many_health_checks() -> AwsError:
    return AwsError("TooManyHealthChecks", "This health check can't be created because the current account has reached the limit on the number of active health checks.")


def health_check_version(given: int, now: int) -> AwsError:
    return AwsError("HealthCheckVersionMismatch", f"The value of HealthCheckVersion ({given}) does not match the current version of the health check ({now}).", 409)


def health_check_in_use(id_: str) -> AwsError:
    return AwsError("HealthCheckInUse", f"The health check {id_} is in use by another health check.")
