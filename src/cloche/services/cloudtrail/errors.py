"""What CloudTrail says when it refuses. One function per sentence."""
from cloche.kernel import AwsError as AwsError


def bad_attributes(message: str) -> AwsError:
    return AwsError("InvalidLookupAttributesException", message)


def bad_time_range() -> AwsError:
    return AwsError("InvalidTimeRangeException", "The start time must be earlier than the end time.")


def bad_limit() -> AwsError:
    return AwsError("InvalidMaxResultsException", "The maximum number of results must be between 1 and 50.")


def bad_token() -> AwsError:
    return AwsError("InvalidNextTokenException", "The NextToken is not valid, or it was given for other parameters.")


def throttled() -> AwsError:
    return AwsError("ThrottlingException", "Rate exceeded")


# -- trails ---------------------------------------------------------------------------------------------------------------------

def bad_name(message: str) -> AwsError:
    return AwsError("InvalidTrailNameException", message)


def bad_arn(arn: str) -> AwsError:
    return AwsError("CloudTrailARNInvalidException", f"The specified ARN is not valid: {arn}")


def no_trail(name: str, account: str) -> AwsError:
    return AwsError("TrailNotFoundException", f"Unknown trail: {name} for the user: {account}")


def exists(name: str, account: str) -> AwsError:
    return AwsError("TrailAlreadyExistsException", f"Trail {name} already exists for customer: {account}")


def too_many(account: str, region: str) -> AwsError:
    return AwsError("MaximumNumberOfTrailsExceededException", f"User: {account} already has 5 trails in {region}.")


def bad_home(name: str, home: str) -> AwsError:
    return AwsError("InvalidHomeRegionException", f"The trail {name} can only be changed in its home region: {home}.")


def bad_combination(message: str) -> AwsError:
    return AwsError("InvalidParameterCombinationException", message)


def bad_parameter(message: str) -> AwsError:
    return AwsError("InvalidParameterException", message)


def bad_selectors(message: str) -> AwsError:
    return AwsError("InvalidEventSelectorsException", message)


def bad_insights() -> AwsError:
    return AwsError("InvalidInsightSelectorsException", "Each insight selector names one InsightType, and none is named twice.")


def no_insights(arn: str) -> AwsError:
    return AwsError("InsightNotEnabledException", f"Trail {arn} does not have Insights enabled. Edit the trail settings to enable Insights, and then try the operation again.")


# -- where a trail writes ---------------------------------------------------------------------------------------------------------

def bad_bucket(name: str) -> AwsError:
    return AwsError("InvalidS3BucketNameException", f"The S3 bucket name is not valid: {name}")


def bad_prefix() -> AwsError:
    return AwsError("InvalidS3PrefixException", "The S3 prefix is longer than 200 characters or has characters that are not valid.")


def no_bucket(name: str) -> AwsError:
    return AwsError("S3BucketDoesNotExistException", f"S3 bucket {name} does not exist!")


def shut_bucket(name: str) -> AwsError:
    return AwsError("InsufficientS3BucketPolicyException", f"Incorrect S3 bucket policy is detected for bucket: {name}")


def bad_topic() -> AwsError:
    return AwsError("InvalidSnsTopicNameException", "The SNS topic name or ARN is not valid.")


def shut_topic() -> AwsError:
    return AwsError("InsufficientSnsTopicPolicyException", "SNS Topic does not exist or the topic policy is incorrect!")


def bad_group(message: str) -> AwsError:
    return AwsError("InvalidCloudWatchLogsLogGroupArnException", message)


def bad_role() -> AwsError:
    return AwsError("InvalidCloudWatchLogsRoleArnException", "Access denied. Check the trust relationships for your role.")


def bad_key() -> AwsError:
    return AwsError("InvalidKmsKeyIdException", "The KMS key ID is not valid.")


def no_key() -> AwsError:
    return AwsError("KmsKeyNotFoundException", "The KMS key does not exist, or it is not in the region of the S3 bucket.")


def shut_key(bucket: str, key: str) -> AwsError:
    return AwsError("InsufficientEncryptionPolicyException", f"Insufficient permissions to access S3 bucket {bucket} or KMS key {key}.")


def kms(message: str) -> AwsError:
    return AwsError("KmsException", message)


# -- organizations ----------------------------------------------------------------------------------------------------------------

def no_organization() -> AwsError:
    return AwsError("OrganizationsNotInUseException", "Your account is not a member of an organization.")


def not_master() -> AwsError:
    return AwsError("NotOrganizationMasterAccountException", "This action can only be done by the management account or a delegated administrator of the organization.")


def not_all_features() -> AwsError:
    return AwsError("OrganizationNotInAllFeaturesModeException", "The organization must have all features enabled.")


def no_access() -> AwsError:
    return AwsError("CloudTrailAccessNotEnabledException", "Trusted access for cloudtrail.amazonaws.com is not enabled in the organization.")


# -- tags and keys ------------------------------------------------------------------------------------------------------------------

def no_resource(arn: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"The specified resource is not found: {arn}")


def bad_tag(message: str) -> AwsError:
    return AwsError("InvalidTagParameterException", message)


def too_many_tags() -> AwsError:
    return AwsError("TagsLimitExceededException", "The number of tags per trail has exceeded the permitted amount. Currently, the limit is 50.")


# -- Lake ---------------------------------------------------------------------------------------------------------------------------

def bad_store_arn(arn: str) -> AwsError:
    return AwsError("EventDataStoreARNInvalidException", f"The ARN of the event data store is not valid: {arn}")


def no_store(given: str) -> AwsError:
    return AwsError("EventDataStoreNotFoundException", f"The specified event data store was not found: {given}")


def store_exists(name: str) -> AwsError:
    return AwsError("EventDataStoreAlreadyExistsException", f"An event data store with that name already exists: {name}")


def too_many_stores() -> AwsError:
    return AwsError("EventDataStoreMaxLimitExceededException", "Your account has used the maximum number of event data stores.")


def inactive_store() -> AwsError:
    return AwsError("InactiveEventDataStoreException", "The event data store is inactive.")


def store_protected() -> AwsError:
    return AwsError("EventDataStoreTerminationProtectedException", "The event data store cannot be deleted because termination protection is enabled for it.")


def bad_store_status(message: str) -> AwsError:
    return AwsError("InvalidEventDataStoreStatusException", message)


def not_permitted(message: str) -> AwsError:
    return AwsError("OperationNotPermittedException", message)


def bad_statement(why: str) -> AwsError:
    return AwsError("InvalidQueryStatementException", f"The query statement is not valid: {why}")


def no_query(id_: str) -> AwsError:
    return AwsError("QueryIdNotFoundException", f"The query ID does not exist or does not map to a query: {id_}")


def inactive_query() -> AwsError:
    return AwsError("InactiveQueryException", "The specified query cannot be canceled because it is in the FINISHED, FAILED, TIMED_OUT, or CANCELLED state.")


def bad_date_range() -> AwsError:
    return AwsError("InvalidDateRangeException", "The start date must be earlier than the end date.")
