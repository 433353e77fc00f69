"""What Organizations says when it refuses. One function per sentence; reasons are those of the API reference."""
from __future__ import annotations

from cloche.kernel import AwsError


def not_in_use() -> AwsError:
    return AwsError("AWSOrganizationsNotInUseException", "Your account is not a member of an organization.")


def already_in() -> AwsError:
    return AwsError("AlreadyInOrganizationException", "The provided account is already a member of an organization.")


def no_permission() -> AwsError:
    return AwsError("AccessDeniedException", "You don't have permissions to access this resource.")


def invalid(reason: str, message: str) -> AwsError:
    return AwsError("InvalidInputException", message, extra={"Reason": reason})


def constraint(reason: str, message: str) -> AwsError:
    return AwsError("ConstraintViolationException", message, extra={"Reason": reason})


def handshake_constraint(reason: str, message: str) -> AwsError:
    return AwsError("HandshakeConstraintViolationException", message, extra={"Reason": reason})


def _missing(what: str) -> str:
    return f"You specified {'an' if what[0] in 'aeiou' else 'a'} {what} that doesn't exist."


def no_account() -> AwsError:
    return AwsError("AccountNotFoundException", _missing("account"))


def no_status() -> AwsError:
    return AwsError("CreateAccountStatusNotFoundException", "We can't find a create account request with the CreateAccountRequestId that you specified.")


def no_root() -> AwsError:
    return AwsError("RootNotFoundException", _missing("root"))


def no_unit() -> AwsError:
    return AwsError("OrganizationalUnitNotFoundException", _missing("organizational unit"))


def no_parent(kind: str = "") -> AwsError:
    """`kind`: "", "Source" or "Destination"."""
    return AwsError(f"{kind}ParentNotFoundException", _missing(f"{kind.lower()} parent".strip()))


def no_child() -> AwsError:
    return AwsError("ChildNotFoundException", _missing("child"))


def no_target() -> AwsError:
    return AwsError("TargetNotFoundException", _missing("target"))


def no_policy() -> AwsError:
    return AwsError("PolicyNotFoundException", _missing("policy"))


def no_resource_policy() -> AwsError:
    return AwsError("ResourcePolicyNotFoundException", "We can't find a resource policy request with the parameter that you specified.")


def bad_resource_policy() -> AwsError:
    return invalid("INVALID_RESOURCE_POLICY_JSON", "The provided resource policy is not valid: it must be a JSON policy document.")


def bad_resource_policy_action(action: str) -> AwsError:
    return invalid("UNSUPPORTED_ACTION_IN_RESOURCE_POLICY", f"You specified an action in the resource policy that isn't supported: {action}")


def bad_resource_policy_principal() -> AwsError:
    return invalid("INVALID_PRINCIPAL", "You specified an invalid principal element in the policy.")


def no_handshake() -> AwsError:
    return AwsError("HandshakeNotFoundException", _missing("handshake"))


def no_effective_policy() -> AwsError:
    return AwsError("EffectivePolicyNotFoundException", "If you ran this action on the management account, this policy type is not enabled. If you ran the action on a member account, the account doesn't have "
                    "an effective policy of this type. Contact the administrator of your organization about attaching a policy of this type to the account.")


def duplicate_unit() -> AwsError:
    return AwsError("DuplicateOrganizationalUnitException", "An OU with the same name already exists.")


def unit_not_empty() -> AwsError:
    return AwsError("OrganizationalUnitNotEmptyException", "The specified OU is not empty. Move all accounts to another root or to other OUs, remove all child OUs, and try the operation again.")


def too_deep() -> AwsError:
    return constraint("OU_DEPTH_LIMIT_EXCEEDED", "You have exceeded the maximum nesting depth for organizational units.")


def not_empty() -> AwsError:
    return AwsError("OrganizationNotEmptyException", "The organization isn't empty. To delete an organization, you must first remove all accounts except the management account.")


def management_stays() -> AwsError:
    return AwsError("MasterCannotLeaveOrganizationException", "You can't remove a management account from an organization. If you want the management account to become a member account in another organization, "
                    "you must first delete the current organization of the management account.")


def waiting() -> AwsError:
    return constraint("WAIT_PERIOD_ACTIVE", "You can't remove an account from the organization until at least four days after the account was created in it.")


def is_delegated() -> AwsError:
    return constraint("CANNOT_REMOVE_DELEGATED_ADMINISTRATOR_FROM_ORG", "You can't remove an account that is registered as a delegated administrator for a service. Deregister it first.")


def cannot_close_management() -> AwsError:
    return constraint("CANNOT_CLOSE_MANAGEMENT_ACCOUNT", "You attempted to close the management account. To close the management account for the organization, you must first either remove or close all member accounts in the organization.")


def already_closed() -> AwsError:
    return AwsError("AccountAlreadyClosedException", "You attempted to close an account that is already closed.")


def already_there() -> AwsError:
    return AwsError("DuplicateAccountException", "That account is already present in the specified destination.")


def type_unavailable() -> AwsError:
    return AwsError("PolicyTypeNotAvailableForOrganizationException", "You can't use the specified policy type with the feature set currently enabled for this organization.")


def type_not_enabled() -> AwsError:
    return AwsError("PolicyTypeNotEnabledException", "This operation can be performed only for enabled policy types.")


def type_enabled() -> AwsError:
    return AwsError("PolicyTypeAlreadyEnabledException", "The specified policy type is already enabled.")


def malformed(message: str = "The provided policy document does not meet the requirements of the specified policy type.") -> AwsError:
    return AwsError("MalformedPolicyDocumentException", message)


def duplicate_policy() -> AwsError:
    return AwsError("DuplicatePolicyException", "A policy with the specified name and type already exists.")


def policy_in_use() -> AwsError:
    return AwsError("PolicyInUseException", "The policy is attached to one or more entities. You must detach it from all roots, OUs, and accounts before performing this operation.")


def immutable() -> AwsError:
    return invalid("IMMUTABLE_POLICY", "You specified a policy that is managed by AWS and can't be modified.")


def too_large() -> AwsError:
    return constraint("POLICY_CONTENT_LIMIT_EXCEEDED", "You have exceeded the maximum policy size.")


def too_many_attached() -> AwsError:
    return constraint("MAX_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED", "You have attached the maximum number of policies to the specified target.")


def last_policy() -> AwsError:
    return constraint("MIN_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED", "You cannot remove the last policy attached to the specified target. You must have at least one attached at all times.")


def not_detachable() -> AwsError:
    return invalid("NON_DETACHABLE_POLICY", "You specified a policy that can't be detached from the specified target.")


def attached_already() -> AwsError:
    return AwsError("DuplicatePolicyAttachmentException", "The selected policy is already attached to the specified target.")


def not_attached() -> AwsError:
    return AwsError("PolicyNotAttachedException", "The policy isn't attached to the specified target in the specified root.")


def invited_already() -> AwsError:
    return AwsError("DuplicateHandshakeException", "A handshake with the same action and target already exists.")


def invitee_in_organization() -> AwsError:
    return handshake_constraint("ALREADY_IN_AN_ORGANIZATION", "The handshake request is invalid because the invited account is already a member of an organization.")


def all_features_already() -> AwsError:
    return handshake_constraint("ORGANIZATION_ALREADY_HAS_ALL_FEATURES", "The handshake request is invalid because the organization has already enabled all features.")


def all_features_pending() -> AwsError:
    return handshake_constraint("ORGANIZATION_IS_ALREADY_PENDING_ALL_FEATURES_MIGRATION", "The handshake request is invalid because the organization has already started the process to enable all features.")


def no_invitations_now() -> AwsError:
    return handshake_constraint("INVITE_DISABLED_DURING_ENABLE_ALL_FEATURES", "You can't issue new invitations to join an organization while it's in the process of enabling all features.")


def in_state_already(state: str) -> AwsError:
    return AwsError("HandshakeAlreadyInStateException", f"The specified handshake is already in the {state} state.")


def no_transition(state: str, wanted: str) -> AwsError:
    return AwsError("InvalidHandshakeTransitionException", f"You can't move a handshake from the {state} state to {wanted}.")


def needs_all_features() -> AwsError:
    return constraint("ORGANIZATION_NOT_IN_ALL_FEATURES_MODE", "You attempted to perform an operation that requires your organization to be configured to support all features.")


def unknown_service() -> AwsError:
    return invalid("UNRECOGNIZED_SERVICE_PRINCIPAL", "You specified an unrecognized service principal.")


def management_cannot_delegate() -> AwsError:
    return constraint("CANNOT_REGISTER_MASTER_AS_DELEGATED_ADMINISTRATOR", "You can't designate the management account as a delegated administrator for a service.")


def suspended_cannot_delegate() -> AwsError:
    return constraint("CANNOT_REGISTER_SUSPENDED_ACCOUNT_AS_DELEGATED_ADMINISTRATOR", "You can't register a suspended account as a delegated administrator.")


def delegated_already() -> AwsError:
    return AwsError("AccountAlreadyRegisteredException", "The specified account is already a delegated administrator for this AWS service.")


def not_delegated() -> AwsError:
    return AwsError("AccountNotRegisteredException", "The specified account is not a delegated administrator for this AWS service.")


def delegates_exist() -> AwsError:
    return constraint("DELEGATED_ADMINISTRATOR_EXISTS_FOR_THIS_SERVICE", "You can't disable the service because a delegated administrator is still registered for it. Deregister it first.")


def access_not_enabled() -> AwsError:
    return constraint("SERVICE_ACCESS_NOT_ENABLED", "You attempted to register a delegated administrator before you enabled service access. Call the EnableAWSServiceAccess API first.")


def too_many_tags() -> AwsError:
    return constraint("MAX_TAG_LIMIT_EXCEEDED", "You have exceeded the number of tags allowed on this resource.")


def duplicate_tag() -> AwsError:
    return invalid("DUPLICATE_TAG_KEY", "Tag keys must be unique among the tags attached to the same entity.")


def system_tag() -> AwsError:
    return invalid("INVALID_SYSTEM_TAGS_PARAMETER", "You specified a tag key that is a system tag. You can't add, edit, or delete system tag keys because they're reserved for AWS use.")


def bad_token() -> AwsError:
    return invalid("INVALID_NEXT_TOKEN", "You provided an invalid NextToken. Use the token that the previous call to this operation returned.")
