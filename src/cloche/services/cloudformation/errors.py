"""What CloudFormation says when it refuses. One function per sentence, in AWS's own words."""
from __future__ import annotations

from cloche.kernel import AwsError


def validation(message: str) -> AwsError:
    return AwsError("ValidationError", message)


def no_such_stack(name: str) -> AwsError:
    return validation(f"Stack with id {name} does not exist")


def stack_missing(name: str) -> AwsError:
    return validation(f"Stack [{name}] does not exist")


def exists(name: str) -> AwsError:
    return AwsError("AlreadyExistsException", f"Stack [{name}] already exists")


def wrong_state(stack_id: str, status: str, what: str = "updated") -> AwsError:
    return validation(f"Stack:{stack_id} is in {status} state and can not be {what}.")


def nothing_to_update() -> AwsError:
    return validation("No updates are to be performed.")


def needs_capabilities(names: list[str]) -> AwsError:
    return AwsError("InsufficientCapabilitiesException", f"Requires capabilities : [{', '.join(names)}]")


def unknown_types(names: list[str]) -> AwsError:
    return validation(f"Template format error: Unrecognized resource types: [{', '.join(names)}]")


def protected(name: str) -> AwsError:
    return validation(f"Stack [{name}] cannot be deleted while TerminationProtection is enabled")


def nested_protection() -> AwsError:
    return validation("TerminationProtection cannot be changed on a nested stack; it follows the root stack")


def one_template() -> AwsError:
    return validation("Either Template URL or Template Body must be specified.")


def both_templates() -> AwsError:
    return validation("Only one of TemplateBody or TemplateUrl may be specified.")


def too_long(limit: int) -> AwsError:
    return validation(f"1 validation error detected: Value at 'templateBody' failed to satisfy constraint: Member must have length less than or equal to {limit}")


def bad_name(name: str) -> AwsError:
    return validation(f"1 validation error detected: Value '{name}' at 'stackName' failed to satisfy constraint: Member must satisfy regular expression pattern: "
                      "[a-zA-Z][-a-zA-Z0-9]*")


def long_name(name: str) -> AwsError:
    return validation(f"1 validation error detected: Value '{name}' at 'stackName' failed to satisfy constraint: Member must have length less than or equal to 128")


def bad_url() -> AwsError:
    return validation("TemplateURL must be a supported URL.")


def unreadable(reason: str) -> AwsError:
    return validation(f"S3 error: {reason}\nFor more information check http://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html")


def no_change_set(name: str) -> AwsError:
    return AwsError("ChangeSetNotFound", f"ChangeSet [{name}] does not exist", 404, query_code="ChangeSetNotFound")


def change_set_exists(name: str) -> AwsError:
    return AwsError("AlreadyExistsException", f"ChangeSet {name} already exists")


def not_executable(name: str, status: str, execution: str) -> AwsError:
    return AwsError("InvalidChangeSetStatus", f"ChangeSet [{name}] cannot be executed in its current status of [{status}]" if status != "CREATE_COMPLETE"
                    else f"ChangeSet [{name}] cannot be executed in its current execution status of [{execution}]")


def change_set_needs_stack() -> AwsError:
    return validation("StackName must be specified if ChangeSetName is not specified as an ARN.")


def no_resource(logical: str, stack: str) -> AwsError:
    return validation(f"Resource {logical} does not exist for stack {stack}")


def no_physical(physical: str) -> AwsError:
    return validation(f"Stack for {physical} does not exist")


def bad_token() -> AwsError:
    return validation("Invalid pagination token")


def token_used(name: str) -> AwsError:
    return AwsError("TokenAlreadyExistsException", f"A client request token has already been used for stack {name}")


def retain_only_failed() -> AwsError:
    return validation("RetainResources can only be specified for a stack in the DELETE_FAILED state")


def force_only_failed() -> AwsError:
    return validation("DeletionMode FORCE_DELETE_STACK can only be specified for a stack in the DELETE_FAILED state")


def not_rolling_back(stack_id: str, status: str) -> AwsError:
    return validation(f"Stack:{stack_id} is in {status} state and can not continue rollback.")


def cannot_cancel() -> AwsError:
    return validation("CancelUpdateStack cannot be called from current stack status")


def custom_named(physical: str) -> AwsError:
    return validation(f"CloudFormation cannot update a stack when a custom-named resource requires replacing. Rename {physical} and update the stack again.")


def policy_denies(logical: str) -> AwsError:
    return validation(f"Action denied by stack policy: Statement [#1] does not allow [Update:Modify] for resource [LogicalResourceId/{logical}]")


def no_export(name: str) -> AwsError:
    return validation(f"No export named {name} found.")


def nothing_named() -> AwsError:
    return validation("One of ChangeSetName, OperationId or StackName must be specified")


def has_alias(name: str, alias: str) -> AwsError:
    return validation(f"Stack [{name}] already has the alias [{alias}]. Remove it before you set another.")


def alias_taken(name: str) -> AwsError:
    return AwsError("AlreadyExistsException", f"[{name}] is already the name or the alias of a stack")


def no_alias(name: str) -> AwsError:
    return validation(f"Alias [{name}] does not exist")


def too_many_stacks() -> AwsError:
    return AwsError("LimitExceededException", "Limit for stack has been exceeded.")


def no_type(name: str) -> AwsError:
    return AwsError("TypeNotFoundException", f"The type '{name}' cannot be found.", 404)


def registry_refuses(message: str) -> AwsError:
    return AwsError("CFNRegistryException", message)


def no_snapshot(kind: str) -> AwsError:
    return validation(f"Template error: resource type {kind} does not support deletion policy Snapshot")


def no_parameter(reference: str) -> AwsError:
    return validation(f"Parameters: [{reference}] cannot be found.")


def not_secure(places: list[str]) -> AwsError:
    return validation(f"SSM Secure reference is not supported in: [{', '.join(places)}]")


def not_imported(name: str) -> AwsError:
    return validation(f"Export '{name}' is not imported by any stack.")


def unbuilt(what: str) -> AwsError:
    return AwsError("NotImplemented", f"cloudformation: {what} is not built yet", 501)


# -- stack sets -----------------------------------------------------------------------------------------------------------

def no_stack_set(name: str) -> AwsError:
    return AwsError("StackSetNotFoundException", f"StackSet {name} not found", 404)


def stack_set_exists(name: str) -> AwsError:
    return AwsError("NameAlreadyExistsException", f"StackSet {name} already exists", 409)


def stack_set_not_empty() -> AwsError:
    return AwsError("StackSetNotEmptyException", "StackSet is not empty", 409)


def no_stack_instance(account: str, region: str) -> AwsError:
    return AwsError("StackInstanceNotFoundException", f"Stack instance for account {account} and region {region} not found", 404)


def no_operation(id_: str, arn: str) -> AwsError:
    return AwsError("OperationNotFoundException", f"Operation {id_} not found for StackSet {arn}", 404)


def operation_exists(id_: str) -> AwsError:
    return AwsError("OperationIdAlreadyExistsException", f"Operation id {id_} has already been used", 409)


def operation_in_progress(arn: str, id_: str) -> AwsError:
    return AwsError("OperationInProgressException", f"Another Operation on StackSet {arn} is in progress: {id_}", 409)


def invalid_operation(message: str) -> AwsError:
    return AwsError("InvalidOperationException", message)


def stack_not_found(id_: str) -> AwsError:
    return AwsError("StackNotFoundException", f"Stack {id_} not found", 404)
