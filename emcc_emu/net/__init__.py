"""Net: the only sockets: drivers for UDP, TCP, TLS and HTTP."""
