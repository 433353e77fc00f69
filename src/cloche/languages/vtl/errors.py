"""The one complaint of the template language."""


class VtlError(Exception):
    """The template cannot be parsed, or costs more than it may."""
