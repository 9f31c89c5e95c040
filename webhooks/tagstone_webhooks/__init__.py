"""Receivers that face the internet: verify, write, enqueue, answer. They hold no engine, cluster or depository credential."""
