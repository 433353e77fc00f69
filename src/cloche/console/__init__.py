"""The web console: a client of the public control API, nothing more."""
