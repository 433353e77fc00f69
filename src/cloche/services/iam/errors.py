"""What IAM says when it refuses. One function per sentence, in AWS's own words."""
from cloche.kernel import AwsError


def no_such(kind: str, name: str) -> AwsError:
    """kind: user, group, role, user policy, group policy, role policy."""
    return AwsError("NoSuchEntity", f"The {kind} with name {name} cannot be found.", 404)


def no_such_key(key: str) -> AwsError:
    return AwsError("NoSuchEntity", f"The Access Key with id {key} cannot be found.", 404)


def no_such_profile(name: str) -> AwsError:
    return AwsError("NoSuchEntity", f"Instance Profile {name} cannot be found.", 404)


def no_such_policy(arn: str) -> AwsError:
    return AwsError("NoSuchEntity", f"Policy {arn} was not found.", 404)


def service_role_policy() -> AwsError:
    return AwsError("PolicyNotAttachable", "Cannot attach a Service Role Policy to a customer role.", 400)


def not_attachable(arn: str) -> AwsError:
    return AwsError("NoSuchEntity", f"Policy {arn} does not exist or is not attachable.", 404)


def no_such_boundary(arn: str) -> AwsError:
    return AwsError("NoSuchEntity", f"Scope ARN: {arn} does not exist or is not attachable.", 404)


def no_boundary(kind: str, name: str) -> AwsError:
    return AwsError("NoSuchEntity", f"The {kind} with name {name} does not have a permissions boundary.", 404)


def no_such_version(arn: str, version: str) -> AwsError:
    return AwsError("NoSuchEntity", f"Policy {arn} version {version} does not exist or is not attachable.", 404)


def no_such_login(name: str) -> AwsError:
    return AwsError("NoSuchEntity", f"Login Profile for User {name} cannot be found.", 404)


def no_password_policy(account: str) -> AwsError:
    return AwsError("NoSuchEntity", f"The Password Policy with domain name {account} cannot be found.", 404)


def no_such_alias(alias: str) -> AwsError:
    return AwsError("NoSuchEntity", f"The account alias {alias} cannot be found.", 404)


def no_such_task(task: str) -> AwsError:
    return AwsError("NoSuchEntity", f"The deletion task {task} cannot be found.", 404)


def role_not_in_profile(role: str, profile: str) -> AwsError:
    return AwsError("NoSuchEntity", f"The role with name {role} cannot be found in instance profile {profile}.", 404)


def exists(kind: str, name: str) -> AwsError:
    return AwsError("EntityAlreadyExists", f"{kind} with name {name} already exists.", 409)


def profile_exists(name: str) -> AwsError:
    return AwsError("EntityAlreadyExists", f"Instance Profile {name} already exists.", 409)


def policy_exists(name: str) -> AwsError:
    return AwsError("EntityAlreadyExists", f"A policy called {name} already exists. Duplicate names are not allowed.", 409)


def login_exists(name: str) -> AwsError:
    return AwsError("EntityAlreadyExists", f"Login Profile for user {name} already exists.", 409)


def alias_exists(alias: str) -> AwsError:
    return AwsError("EntityAlreadyExists", f"The account alias {alias} already exists.", 409)


def provider_exists(url: str) -> AwsError:
    return AwsError("EntityAlreadyExists", f"Provider with url {url} already exists.", 409)


def conflict(what: str) -> AwsError:
    """must detach all policies first, must delete access keys first, ..."""
    return AwsError("DeleteConflict", f"Cannot delete entity, must {what} first.", 409)


def policy_attached() -> AwsError:
    return AwsError("DeleteConflict", "Cannot delete a policy attached to entities.", 409)


def policy_has_versions() -> AwsError:
    return AwsError("DeleteConflict", "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. "
                    "The default version is deleted with the policy.", 409)


def default_version() -> AwsError:
    return AwsError("DeleteConflict", "Cannot delete the default version of a policy.", 409)


def too_many(quota: str, limit: int) -> AwsError:
    return AwsError("LimitExceeded", f"Cannot exceed quota for {quota}: {limit}", 409)


def too_many_versions() -> AwsError:
    return AwsError("LimitExceeded", "A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing version.", 409)


def inline_too_long(limit: int, kind: str, name: str) -> AwsError:
    return AwsError("LimitExceeded", f"Maximum policy size of {limit} bytes exceeded for {kind} {name}", 409)


def malformed(message: str) -> AwsError:
    return AwsError("MalformedPolicyDocument", message, 400)


def protected(role: str) -> AwsError:
    return AwsError("UnmodifiableEntity", f"Cannot perform the operation on the protected role '{role}' - this role is only modifiable by AWS", 400)


def invalid(message: str) -> AwsError:
    return AwsError("InvalidInput", message, 400)


def bad_arn(arn: str) -> AwsError:
    return invalid(f"ARN {arn} is not valid.")


def duplicate_tags() -> AwsError:
    return invalid("Duplicate tag keys found. Please note that Tag keys are case insensitive.")


def validation(message: str) -> AwsError:
    return AwsError("ValidationError", message, 400)


def bad_marker() -> AwsError:
    return validation("Invalid Marker.")


def no_user_name() -> AwsError:
    return validation("Must specify userName when calling with non-User credentials")


def suffix_taken(name: str) -> AwsError:
    return invalid(f"Service role name {name} has been taken in this account, please try a different suffix.")


def no_suffix(service: str) -> AwsError:
    return invalid(f"Custom suffix is not allowed for {service}")


def not_linkable(service: str) -> AwsError:
    return AwsError("AccessDenied", f"Service {service} does not support service-linked roles.", 403)


def weak_password(message: str) -> AwsError:
    return AwsError("PasswordPolicyViolation", message, 400)


def wrong_password() -> AwsError:
    return AwsError("AccessDenied", "The old password was incorrect.", 403)


def not_a_user() -> AwsError:
    return AwsError("InvalidUserType", "Only IAM Users can change their own password", 400)


def aws_managed(arn: str) -> AwsError:
    return AwsError("AccessDenied", f"Policy {arn} is managed by AWS and cannot be changed.", 403)


def already_enabled() -> AwsError:
    return AwsError("FeatureEnabled", "Outbound web identity federation is already enabled for this account.", 409)


def already_disabled() -> AwsError:
    return AwsError("FeatureDisabled", "Outbound web identity federation is not enabled for this account.", 404)


# -- centralized root access --------------------------------------------------------------------------------------------------

def no_organization() -> AwsError:
    return AwsError("OrganizationNotFoundException", "The request was rejected because no organization is associated with your account.", 400)


def not_for_members() -> AwsError:
    return AwsError("AccountNotManagementOrDelegatedAdministratorException",
                    "The request was rejected because the account making the request is not the management account or delegated administrator account for centralized root access.", 400)


def needs_all_features() -> AwsError:
    return AwsError("OrganizationNotInAllFeaturesModeException", "The request was rejected because your organization does not have All features enabled.", 400)


def not_trusted() -> AwsError:
    return AwsError("ServiceAccessNotEnabledException", "The request was rejected because trusted access is not enabled for IAM in Organizations.", 400)
