"""What a depository is given, and what it answers."""
