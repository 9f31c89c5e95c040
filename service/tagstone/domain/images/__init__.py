"""Images by digest, as the OCI specifies them, and how two of them differ."""
