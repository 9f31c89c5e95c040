"""A project, its commits and the files in them."""
