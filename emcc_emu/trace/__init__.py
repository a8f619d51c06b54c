"""Trace: what happened: record, redact, store, stories, ladder, export."""
