from ..identity_center import center  # noqa: F401
