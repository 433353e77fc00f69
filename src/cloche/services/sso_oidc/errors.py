"""What the service says when it refuses: OAuth's words beside AWS's."""
from cloche.kernel import AwsError


def _refusal(code: str, error: str, description: str, status: int = 400) -> AwsError:
    return AwsError(code, description, status, extra={"error": error, "error_description": description})


def bad_request(description: str) -> AwsError:
    return _refusal("InvalidRequestException", "invalid_request", description)


def bad_client(description: str = "Invalid client provided") -> AwsError:
    return _refusal("InvalidClientException", "invalid_client", description, 401)


def bad_grant(description: str) -> AwsError:
    return _refusal("InvalidGrantException", "invalid_grant", description)


def unauthorized_client(description: str) -> AwsError:
    return _refusal("UnauthorizedClientException", "unauthorized_client", description)


def no_access() -> AwsError:
    return _refusal("AccessDeniedException", "access_denied", "The user is not assigned to the application")


def bad_scope(name: str) -> AwsError:
    return _refusal("InvalidScopeException", "invalid_scope", f"The scope {name} is not one of the application's")


def unsupported_grant() -> AwsError:
    return _refusal("UnsupportedGrantTypeException", "unsupported_grant_type", "Unsupported grant type")


def bad_redirect() -> AwsError:
    return _refusal("InvalidRedirectUriException", "invalid_redirect_uri", "Redirect URIs must be http on loopback or https")


def pending() -> AwsError:
    return _refusal("AuthorizationPendingException", "authorization_pending", "Authorization is pending: nobody has confirmed the user code yet")


def expired(what: str) -> AwsError:
    return _refusal("ExpiredTokenException", "expired_token", f"{what} has expired")
