"""Lab: what an administrator configures, as typed objects read from the lab file."""
