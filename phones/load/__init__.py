"""Load: many phones driven by a scenario, in several processes, measured and judged."""
