"""Networks: the desired one as values, compiled to namespaces, routes and nftables, explained packet by packet, and applied by difference."""
