"""What CloudFront says when it refuses. One function per sentence, in AWS's own words; the status of each code is the model's."""
from __future__ import annotations

from cloche.kernel import AwsError
from cloche.wire import model


def said(code: str, message: str) -> AwsError:
    return AwsError(code, message, model.load("cloudfront").errors[code].spec["error"]["httpStatusCode"])


# -- what all have in common ------------------------------------------------------------------------------------------------------

def missing(code: str, what: str) -> AwsError:
    return said(code, f"The specified {what} does not exist.")


def no_version() -> AwsError:
    return said("InvalidIfMatchVersion", "The If-Match version is missing or not valid for the resource.")


def stale() -> AwsError:
    return said("PreconditionFailed", "The request failed because it didn't meet the preconditions in one or more request-header fields.")


def quantities() -> AwsError:
    return said("InconsistentQuantities", "The value of Quantity and the size of Items don't match.")


def invalid(message: str) -> AwsError:
    return said("InvalidArgument", message)


def taken(code: str, what: str) -> AwsError:
    return said(code, f"{what} with the same name already exists.")


def reference(code: str, what: str) -> AwsError:
    return said(code, f"The caller reference that you are using to create {what} is associated with another one. Already exists.")


def in_use(code: str, what: str) -> AwsError:
    return said(code, f"Cannot delete the {what} because it is attached to one or more resources.")


def too_many(code: str, what: str) -> AwsError:
    return said(code, f"Your request contains or would make more {what} than are allowed.")


def managed(delete: bool) -> AwsError:
    if delete:
        return said("IllegalDelete", "You cannot delete a managed policy.")
    return said("IllegalUpdate", "The update contains modifications that are not allowed.")


def bad_tagging(message: str) -> AwsError:
    return said("InvalidTagging", message)


# -- distributions ----------------------------------------------------------------------------------------------------------------

def same_reference(id_: str) -> AwsError:
    return said("DistributionAlreadyExists", f"The caller reference that you are using to create a distribution is associated with another distribution. Already exists: {id_}")


def not_disabled() -> AwsError:
    return said("DistributionNotDisabled", "The distribution you are trying to delete has not been disabled.")


def cname_taken() -> AwsError:
    return said("CNAMEAlreadyExists", "One or more of the CNAMEs you provided are already associated with a different resource.")


def no_certificate_for_aliases() -> AwsError:
    return said("InvalidViewerCertificate", "To add an alternate domain name (CNAME) to a CloudFront distribution, you must attach a trusted certificate that validates your authorization to use the "
                "domain name. For more details, see: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/CNAMEs.html#alternate-domain-names-requirements")


def no_such_certificate() -> AwsError:
    return said("InvalidViewerCertificate", "The specified SSL certificate doesn't exist, isn't in us-east-1 region, isn't valid, or doesn't include a valid certificate chain.")


def certificate_does_not_cover() -> AwsError:
    return said("InvalidViewerCertificate", "The certificate that is attached to your distribution doesn't cover the alternate domain name (CNAME) that you're trying to add. "
                "For more details, see: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/CNAMEs.html#alternate-domain-names-requirements")


def no_ssl_support() -> AwsError:
    return said("InvalidViewerCertificate", "The specified SSL certificate needs an SSLSupportMethod of sni-only or vip.")


def no_such_origin(where: str) -> AwsError:
    return said("NoSuchOrigin", f"One or more of your origins or origin groups do not exist: {where}")


def bad_origin(message: str) -> AwsError:
    return said("InvalidOrigin", message)


def not_a_bucket() -> AwsError:
    return bad_origin("The parameter Origin DomainName does not refer to a valid S3 bucket.")


def bad_access(message: str) -> AwsError:
    return said("IllegalOriginAccessConfiguration", message)


def bad_lambda(message: str) -> AwsError:
    return said("InvalidLambdaFunctionAssociation", message)


def bad_function(message: str) -> AwsError:
    return said("InvalidFunctionAssociation", message)


def bad_acl() -> AwsError:
    return said("InvalidWebACLId", "A web ACL ID specified is not valid. To specify a web ACL created using the latest version of AWS WAF, use the ACL ARN. To specify a web ACL created using "
                "AWS WAF Classic, use the ACL ID.")


def logs_need_acls() -> AwsError:
    return invalid("The S3 bucket that you specified for CloudFront logs does not enable ACL access: {}")


def batch_exists() -> AwsError:
    return said("InvalidArgument", "Your request contains a caller reference that was used for a previous invalidation batch for the same distribution, but with other paths.")
