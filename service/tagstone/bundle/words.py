"""What Tagstone itself is called in documents for programs."""

HOME = "https://w3id.org/tagstone"
"""The software Tagstone; also the publisher's address where a site has set none."""
