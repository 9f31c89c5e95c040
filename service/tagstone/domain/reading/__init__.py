"""What authors and files say, as text: read with its lines, matched by patterns, and what is wrong with it said."""
