"""One package a service, one module a noun."""
