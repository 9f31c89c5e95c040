"""Environments as people have them: files of the Reproducible Execution Environment Specification, as repo2docker reads them.

`found` says which files count, one module per family says what they ask for, `needs` puts that together. Nothing here
builds: the planner in `domain/environments/environment.py` turns needs into a recipe. Where this differs from repo2docker: ADR 0013.
"""
