"""What Lambda says when it refuses. One function per sentence, in AWS's own words."""
from __future__ import annotations

from cloche.kernel import AwsError


def invalid(message: str) -> AwsError:
    return AwsError("InvalidParameterValueException", message, 400, extra={"Type": "User"})


def validation(message: str) -> AwsError:
    return AwsError("ValidationException", f"1 validation error detected: {message}", 400)


def not_found(message: str) -> AwsError:
    return AwsError("ResourceNotFoundException", message, 404, extra={"Type": "User"})


def conflict(message: str) -> AwsError:
    return AwsError("ResourceConflictException", message, 409, extra={"Type": "User"})


# functions

def no_such_function(arn: str) -> AwsError:
    return not_found(f"Function not found: {arn}")


def other_region(theirs: str, ours: str) -> AwsError:
    return not_found(f"Functions from '{theirs}' are not reachable in this region ('{ours}')")


def function_exists(name: str) -> AwsError:
    return conflict(f"Function already exist: {name}")


def in_state(state: str) -> AwsError:
    return conflict(f"The operation cannot be performed at this time. The function is currently in the following state: {state}")


def being_updated(arn: str) -> AwsError:
    return conflict(f"The operation cannot be performed at this time. An update is in progress for resource: {arn}")


def wrong_revision() -> AwsError:
    return AwsError("PreconditionFailedException", "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id", 412, extra={"Type": "User"})


def two_qualifiers() -> AwsError:
    return invalid("The derived qualifier from the function name does not match the specified qualifier.")


def role_not_assumable() -> AwsError:
    return invalid("The role defined for the function cannot be assumed by Lambda.")


def handler_and_runtime_needed() -> AwsError:
    return invalid("Runtime and Handler are mandatory parameters for functions created with deployment packages.")


def unknown_runtime(runtime: str, known: list[str]) -> AwsError:
    return invalid(f"Value {runtime} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [{', '.join(known)}] or be a valid ARN")


def blocked_runtime(runtime: str) -> AwsError:
    return invalid(f"The runtime parameter of {runtime} is no longer supported for creating or updating AWS Lambda functions. We recommend you use a supported runtime while creating or updating functions.")


def environment_too_large(measured: str) -> AwsError:
    return invalid("Lambda was unable to configure your environment variables because the environment variables you have provided exceeded the 4KB limit. " f"String measured: {measured}")


def reserved_variables(names: list[str]) -> AwsError:
    return invalid("Lambda was unable to configure your environment variables because the environment variables you have provided contains reserved keys that are "
                   f"currently not supported for modification. Reserved keys used in this request: {', '.join(names)}")


def role_lacks(what: str) -> AwsError:
    return invalid(f"The provided execution role does not have permissions to call {what}")


def too_high(path: str, value: int, most: int) -> AwsError:
    return validation(f"Value '{value}' at '{path}' failed to satisfy constraint: Member must have value less than or equal to {most}")


def cannot_run(sentence: str) -> AwsError:
    """Not AWS's: what this machine or Cloche cannot do, said at once rather than pretended."""
    return invalid(sentence)


# VPCs

def subnets_without_groups() -> AwsError:
    return invalid("SubnetIds and SecurityIds must coexist or be both empty list.")


def ec2_refused(operation: str, code: str, message: str) -> AwsError:
    return invalid(f"Error occurred while {operation}. EC2 Error Code: {code}. EC2 Error Message: {message}")


def several_vpcs() -> AwsError:
    return invalid("Subnets must be in the same VPC.")


def groups_elsewhere() -> AwsError:
    return invalid("Security Groups are required to be in the same VPC as the subnets.")


# code

def not_a_zip() -> AwsError:
    return invalid("Could not unzip uploaded file. Please check your file, then try to upload again.")


def empty_zip() -> AwsError:
    return invalid("Uploaded file must be a non-empty zip")


def unzipped_too_large(limit: int) -> AwsError:
    return invalid(f"Unzipped size must be smaller than {limit} bytes")


def zip_too_large(limit: int) -> AwsError:
    return invalid(f"Zipped size must be smaller than {limit} bytes")


def request_too_large(limit: int, operation: str) -> AwsError:
    return AwsError("RequestEntityTooLargeException", f"Request must be smaller than {limit} bytes for the {operation} operation", 413)


def no_code() -> AwsError:
    return invalid("Please provide a source for function code.")


def two_sources() -> AwsError:
    return invalid("Please do not provide other FunctionCode parameters when providing a ZipFile.")


def s3_refused(code: str, message: str) -> AwsError:
    return invalid(f"Error occurred while GetObject. S3 Error Code: {code}. S3 Error Message: {message}")


def code_storage_exceeded() -> AwsError:
    return AwsError("CodeStorageExceededException", "Code storage limit exceeded.", 400, extra={"Type": "User"})


def image_for_zip(doing: str = "updating") -> AwsError:
    return invalid(f"Please don't provide ImageUri when {doing} a function with packageType Zip.")


# file systems

def vpc_needed_for(arn: str) -> AwsError:
    return invalid(f"Function must be configured to execute in a VPC to reference access point {arn}.")


def no_such_access_point(arn: str) -> AwsError:
    return invalid(f"Access point {arn} does not exist.")


def no_mount_targets(file_system: str, arn: str) -> AwsError:
    return invalid(f"EFS file system {file_system} referenced by access point {arn} does not have mount targets created in all availability zones the function will execute in. "
                   "Please create EFS mount targets in availability zones where the function has a corresponding subnet provided.")


def mount_refused(why: str) -> AwsError:
    return AwsError("EFSMountFailureException", f"The function couldn't mount the Amazon EFS file system due to a permission or configuration issue: {why}.", 403, extra={"Type": "User"})


def mount_failed(why: str) -> AwsError:
    return AwsError("EFSMountConnectivityException", f"The Lambda function couldn't make a network connection to the configured file system: {why}.", 408, extra={"Type": "User"})


# code signing

def no_such_signing_config(arn: str) -> AwsError:
    return not_found(f"The Lambda code signing configuration {arn} can not be found.")


def signing_config_gone(arn: str) -> AwsError:
    return AwsError("CodeSigningConfigNotFoundException", f"The code signing configuration cannot be found. Check that the provided configuration is not deleted: {arn}.", 404, extra={"Type": "User"})


def signing_config_in_use() -> AwsError:
    return conflict("Cannot delete code signing configuration because it is used by functions. Remove it from all functions first.")


def bad_signing_profile(arn: str) -> AwsError:
    return invalid(f"The signing profile version ARN {arn} is not valid.")


def not_signed() -> AwsError:
    return AwsError("CodeVerificationFailedException", "Lambda cannot deploy the function. The function or layer might be signed using a signature that the client is not configured to accept. "
                    "Check the provided signature. (AWS Signer is not built in Cloche: no package carries a signature that could be verified.)", 400, extra={"Type": "User"})


# versions and aliases

def sha_differs(given: str, real: str) -> AwsError:
    return invalid(f"CodeSHA256 ({given}) is different from current CodeSHA256 in $LATEST ({real}). Please try again with the CodeSHA256 in $LATEST.")


def latest_stays() -> AwsError:
    return invalid("$LATEST version cannot be deleted without deleting the function.")


def alias_uses(version: str, aliases: list[str]) -> AwsError:
    return conflict(f"Version {version} can not be deleted because it is referenced by alias {', '.join(aliases)}")


def alias_exists(arn: str) -> AwsError:
    return conflict(f"Alias already exists: {arn}")


def no_such_alias(arn: str) -> AwsError:
    return not_found(f"Cannot find alias arn: {arn}")


def too_many_weights() -> AwsError:
    return invalid("Number of items in AdditionalVersionWeights cannot be greater than 1")


def latest_in_routing() -> AwsError:
    return invalid("$LATEST is not supported for an alias pointing to more than 1 version")


def version_twice(version: str) -> AwsError:
    return invalid(f"Invalid function version {version}. Function version {version} is already included in routing configuration.")


# layers

def too_many_layers() -> AwsError:
    return invalid("Cannot reference more than 5 layers.")


def same_layer_twice(a: str, b: str) -> AwsError:
    return invalid(f"Two different versions of the same layer are not allowed to be referenced in the same function. {a} and {b} are versions of the same layer.")


def no_such_layer(arn: str) -> AwsError:
    return invalid(f"Layer version {arn} does not exist.")


def layer_not_found() -> AwsError:
    return not_found("The resource you requested does not exist.")


# permissions

def statement_exists(sid: str) -> AwsError:
    return conflict(f"The statement id ({sid}) provided already exists. Please provide a new statement id, or remove the existing statement.")


def no_such_statement(sid: str) -> AwsError:
    return not_found(f"Statement {sid} is not found in resource policy.")


def no_policy() -> AwsError:
    return not_found("The resource you requested does not exist.")


def no_policy_yet() -> AwsError:
    return not_found("No policy is associated with the given resource.")


def bad_principal() -> AwsError:
    return invalid("The provided principal was invalid. Please check the principal and try again.")


def not_on_latest() -> AwsError:
    return invalid("We currently do not support adding policies for $LATEST.")


def policy_too_long() -> AwsError:
    return AwsError("PolicyLengthExceededException", "The final policy size is bigger than the limit (20480).", 400, extra={"Type": "User"})


# concurrency

def not_for_qualifiers(arn: str) -> AwsError:
    return invalid(f"This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. Please specify either a function name or an unqualified function ARN. {arn}".removesuffix(f" {arn}"))


def below_unreserved(least: int) -> AwsError:
    return invalid(f"Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [{least}].")


def below_provisioned(reserved: int, provisioned: int) -> AwsError:
    return invalid(f" ReservedConcurrentExecutions  {reserved} should not be lower than function's total provisioned concurrency [{provisioned}].")


def above_reserved() -> AwsError:
    return invalid("Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function")


def above_pool(left: int) -> AwsError:
    return invalid(f"Specified ConcurrentExecutions for function is greater than account's unreserved concurrency [{left}].")


def not_published() -> AwsError:
    return invalid("Provisioned Concurrency Configs cannot be applied to unpublished function versions.")


def not_qualified() -> AwsError:
    return invalid("The function resource provided must be an alias or a published version.")


def alias_already_provisioned() -> AwsError:
    return invalid("Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version")


def version_already_provisioned() -> AwsError:
    return invalid("Version can't be used for Provisioned Concurrency configuration on an already Provisioned alias")


def routed_alias() -> AwsError:
    return invalid("Alias with weights can not be used with Provisioned Concurrency")


def no_provisioned() -> AwsError:
    return AwsError("ProvisionedConcurrencyConfigNotFoundException", "No Provisioned Concurrency Config found for this function", 404, extra={"Type": "User"})


def throttled(reason: str) -> AwsError:
    return AwsError("TooManyRequestsException", "Rate Exceeded.", 429, extra={"Reason": reason, "Type": "User"})


# invocation

def payload_too_large(limit: int) -> AwsError:
    return AwsError("RequestTooLargeException", f"Request must be smaller than {limit} bytes for the InvokeFunction operation", 413, extra={"Type": "User"})


def not_json(why: str) -> AwsError:
    return AwsError("InvalidRequestContentException", f"Could not parse request body into json: Could not parse payload into json: {why}", 400, extra={"Type": "User"})


def recursive() -> AwsError:
    return AwsError("RecursiveInvocationException", "Lambda has detected your function being invoked in a recursive loop with other AWS resources and stopped your function's invocation.", 400,
                    extra={"Type": "User"})


def tenant_needed() -> AwsError:
    return invalid("Invoking a function with tenant isolation requires the TenantId parameter.")


def no_tenants() -> AwsError:
    return invalid("The TenantId parameter is only supported for functions with tenant isolation.")


def tenancy_forbids(what: str) -> AwsError:
    return invalid(f"{what} is not supported for functions with tenant isolation.")


def snapstart_refuses(what: str) -> AwsError:
    return invalid(f"SnapStart is not supported for {what}.")


def snapshot_not_ready() -> AwsError:
    return AwsError("SnapStartNotReadyException", "Lambda is initializing your function. It will be ready to invoke once your function state becomes ACTIVE.", 409, extra={"Type": "User"})


def snapshot_failed(why: str) -> AwsError:
    return AwsError("SnapStartException", f"The snapshot could not be initialised: {why}", 400, extra={"Type": "User"})


def role_lost() -> AwsError:
    return AwsError("AccessDeniedException", "The role defined for the function cannot be assumed by Lambda.", 403, extra={"Type": "User"})


def sandbox_failed(why: str) -> AwsError:
    return AwsError("ServiceException", f"Cloche could not start an environment for the function: {why}", 500, extra={"Type": "Service"})


# asynchronous invocation, URLs, tags

def nothing_given() -> AwsError:
    return invalid("You must specify at least one of error handling or destination setting.")


def destination_is_itself() -> AwsError:
    return invalid("You can't specify the function as a destination for itself.")


def bad_destination(arn: str) -> AwsError:
    return invalid(f"The provided destination config DestinationConfig(onSuccess=null, onFailure=OnFailure(destination={arn})) is invalid.")


def no_event_invoke_config(arn: str) -> AwsError:
    return not_found(f"The function {arn} doesn't have an EventInvokeConfig")


def url_exists(arn: str) -> AwsError:
    return conflict(f"FunctionUrlConfig exists for this Lambda function. FunctionArn: {arn}".split(". FunctionArn")[0])


def no_url() -> AwsError:
    return not_found("The resource you requested does not exist.")


def too_many_tags() -> AwsError:
    return invalid("Number of tags exceeds resource tag limit.")


def reserved_tag() -> AwsError:
    return invalid("Your request contains a tag with a reserved prefix (aws:)")


def kms(error: AwsError, what: str) -> AwsError:
    """What KMS refused of a function's environment variables."""
    code, why = {
        "NotFoundException": ("KMSNotFoundException", "the KMS key was not found"), "DisabledException": ("KMSDisabledException", "the KMS key used is disabled"),
        "KMSInvalidStateException": ("KMSInvalidStateException", "the state of the KMS key used is not valid for Decrypt"),
    }.get(error.code, ("KMSAccessDeniedException", "KMS access was denied"))
    if code.startswith("KMS") and what == "encrypt":
        return invalid(f"Lambda was unable to configure access to your environment variables because {why}. Please check your KMS permissions. KMS Exception: {error.code} KMS Message: {error.message}")
    return AwsError(code, f"Lambda was unable to decrypt the environment variables because {why}. Please check the function's KMS key settings."
                    f" KMS Exception: {error.code} KMS Message: {error.message}", 502)


def replicated(arn: str) -> AwsError:
    return AwsError("InvalidParameterValueException", f"Lambda was unable to delete {arn} because it is a replicated function. Please see our documentation for Deleting Lambda@Edge Functions and Replicas.")
