"""Settings: strict reading of YAML into typed objects, every mistake at once."""
