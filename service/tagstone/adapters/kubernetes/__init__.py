"""Runs on Kubernetes: plain Jobs, watched together. What is sent and read are plain dicts, as the API writes them; nothing else of the
project knows its words.
"""
