"""HTTP for people: server-rendered pages that only read."""
