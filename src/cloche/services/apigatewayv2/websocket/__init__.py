"""WebSocket APIs at work: the handshake, what clients say and are told, and the connections that are open."""
