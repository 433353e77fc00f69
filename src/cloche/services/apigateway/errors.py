"""What API Gateway's control plane says when it refuses, in AWS's own words."""
from __future__ import annotations

from cloche.kernel import AwsError


def bad_request(message: str) -> AwsError:
    return AwsError("BadRequestException", message, 400)


def not_found(message: str) -> AwsError:
    return AwsError("NotFoundException", message, 404)


def conflict(message: str) -> AwsError:
    return AwsError("ConflictException", message, 409)


def no_api(account: str, api: str) -> AwsError:
    return not_found(f"Invalid API identifier specified {account}:{api}")


def no_such(noun: str) -> AwsError:
    """Resource, Method, Integration, Deployment, stage, Authorizer, Request Validator, API Key."""
    return not_found(f"Invalid {noun} identifier specified")


def no_model(name: str) -> AwsError:
    return not_found(f"Invalid model name specified: {name}")


def no_status() -> AwsError:
    return not_found("Invalid Response status code specified")


def no_plan() -> AwsError:
    return not_found("Invalid Usage Plan ID specified")


def no_plan_key() -> AwsError:
    return not_found("Invalid API Key identifier specified")


def bad_path_part() -> AwsError:
    return bad_request(
        "Resource's path part only allow a-zA-Z0-9._-: or a valid greedy path variable and curly braces at the beginning and the end."
    )


def same_name(part: str) -> AwsError:
    return conflict(f"Another resource with the same parent already has this name: {part}")


def second_variable(part: str) -> AwsError:
    return bad_request(f"A sibling ({part}) of this resource already has a variable path part -- only one is allowed")


def below_greedy(path: str) -> AwsError:
    return bad_request(f"Cannot create a child of a resource with a greedy path variable: {path}")


def root_stays() -> AwsError:
    return bad_request("Root resource cannot be deleted.")


def method_exists() -> AwsError:
    return conflict("Method already exists for this resource")


def response_exists() -> AwsError:
    return conflict("Response already exists for this resource")


def needs_authorizer() -> AwsError:
    return bad_request(
        "Invalid authorizer ID specified. Setting the authorization type to CUSTOM or COGNITO_USER_POOLS requires a valid authorizer."
    )


def bad_parameter(expression: str) -> AwsError:
    return bad_request(
        "Invalid mapping expression specified: Validation Result: warnings : [], errors : "
        f"[Invalid mapping expression parameter specified: {expression}]"
    )


def timeout_out_of_range() -> AwsError:
    return bad_request("Timeout should be between 50 ms and 29000 ms")


def no_integration_method() -> AwsError:
    return bad_request("Enumeration value for HttpMethod must be non-empty")


def bad_arn() -> AwsError:
    return bad_request("Invalid ARN specified in the request")


def arn_without_action() -> AwsError:
    return bad_request("AWS ARN for integration must contain path or action")


def only_lambda() -> AwsError:
    return bad_request("Integrations of type 'AWS_PROXY' currently only supports Lambda function and Firehose stream invocations.")


def bad_endpoint() -> AwsError:
    return bad_request("Invalid HTTP endpoint specified for URI")


def no_methods() -> AwsError:
    return bad_request("The REST API doesn't contain any methods")


def no_integration() -> AwsError:
    return bad_request("No integration defined for method")


def no_policy() -> AwsError:
    return bad_request("Private REST API doesn't have a resource policy attached to it")


def deployment_in_use() -> AwsError:
    return bad_request("Active stages pointing to this deployment must be moved or deleted")


def stage_exists() -> AwsError:
    return conflict("Stage already exists")


def bad_stage_name() -> AwsError:
    return bad_request("Stage name only allows a-zA-Z0-9_-")


def model_exists() -> AwsError:
    return conflict("Model name already exists for this REST API")


def bad_model_name(name: str) -> AwsError:
    return bad_request(f"Model name must be alphanumeric: {name}")


def bad_schema(why: str) -> AwsError:
    return bad_request(f"Invalid model specified: Validation Result: warnings : [], errors : [Invalid model schema specified. {why}]")


def model_in_use(name: str, where: str) -> AwsError:
    return conflict(f"Cannot delete model '{name}', is referenced in {where}")


def validator_in_use(name: str, where: str) -> AwsError:
    return conflict(f"Cannot delete Request Validator '{name}', is referenced in {where}")


def authorizer_in_use(where: str) -> AwsError:
    return conflict(f"Cannot delete authorizer, is referenced in method: {where}")


def bad_patch(op: str, path: str, known: list[str]) -> AwsError:
    return bad_request(f"Invalid patch path  '{path}' specified for op '{op}'. Must be one of: [{', '.join(known)}]")


def bad_patch_value(path: str, value: str) -> AwsError:
    return bad_request(f"Invalid patch value  specified: '{value}' for path '{path}'")


def bad_openapi(why: str = "") -> AwsError:
    return bad_request(why or "Invalid OpenAPI input.")


def key_exists() -> AwsError:
    return conflict("API Key already exists")


def short_key() -> AwsError:
    return bad_request("API Key value should be at least 20 characters")


# custom domain names: sentences as users of Terraform and the Serverless Framework report them
def no_domain() -> AwsError:
    return not_found("Invalid domain name identifier specified")


def no_certificate(kind: str) -> AwsError:
    return bad_request(f"A certificate was not provided for the endpoint type {kind}.")


def no_proof() -> AwsError:
    return bad_request("An ownership verification certificate is required to use mutual TLS with a certificate that was imported into ACM or issued by a private CA.")


def bad_proof() -> AwsError:
    return bad_request("The ownership verification certificate must be a public certificate requested from ACM.")


def slash_in_base_path() -> AwsError:
    return bad_request("API Gateway V1 doesn't support the slash character (/) in base path mappings. To create a multi-level base path mapping, use API Gateway V2.")


def mapping_exists(key: str) -> AwsError:
    if not key:
        return conflict("Only one base path mapping is allowed if the base path is empty.")
    return conflict("Base path already exists for this domain name")


def not_built(message: str) -> AwsError:
    return AwsError("NotImplemented", message, 501)
