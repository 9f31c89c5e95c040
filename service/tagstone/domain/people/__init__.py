"""People and programs that ask: who they are, and what they may do."""
