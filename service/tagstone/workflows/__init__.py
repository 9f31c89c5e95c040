"""Durable order and waiting (publish.py) and the effects it orders (steps.py). The durable engine is imported only here, in the worker and in its adapter."""
