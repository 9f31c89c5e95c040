"""GitLab, spoken to with python-gitlab, which this package alone imports: projects and tags, what is announced, code by Git.

`client.py` guards every call: one server, one answer of limited size, our errors; nothing is asked twice here.
"""
