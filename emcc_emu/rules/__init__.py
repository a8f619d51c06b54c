"""Rules: what Unified CM decides, as pure functions of lab and state."""
