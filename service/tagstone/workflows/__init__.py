"""Durable order and waiting (publish.py), the effects it orders (steps.py), and the rounds beside them (watch.py). The durable engine is imported only here, in the worker and in its adapter."""
