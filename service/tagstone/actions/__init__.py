"""One function per intention, called by every edge and by the workflow. Effects arrive as arguments; nothing here commits for its caller unless it owns the unit of work."""
