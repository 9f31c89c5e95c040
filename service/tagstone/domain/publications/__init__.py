"""A publication on its way, its record, and what this site allows and tells of it."""
