"""Canonical OCI images: layers, config and manifest. Reads and writes only the streams it is given."""
