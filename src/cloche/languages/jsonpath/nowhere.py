"""What a path says when the document has no such place."""


class NoSuchPath(LookupError):
    """A definite path leads nowhere in this document."""
