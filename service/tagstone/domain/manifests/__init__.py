"""tagstone.yml."""
