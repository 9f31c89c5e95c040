"""What the service proves itself with elsewhere, and what others prove themselves with here."""
