"""Cluster: one running Unified CM cluster, one file per service."""
