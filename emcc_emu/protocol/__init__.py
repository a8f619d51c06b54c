"""Protocol: state machines without sockets; time is an argument."""
