"""One execution: what is asked for, what was granted, what came out, and whether it came out again."""
