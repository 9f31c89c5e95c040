"""Tables, sessions, and one query module per noun. Queries take the session; nothing here commits."""
