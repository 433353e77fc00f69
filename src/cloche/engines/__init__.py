"""The real world: sandboxed processes, networks, databases. Knows no service; services tell it what should be there."""
