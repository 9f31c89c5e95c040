"""What pages and API share: the one table from errors to HTTP, who asks, how much may be sent, and how changes are followed."""
