"""What a forge such as GitLab tells and vouches for: projects that are registered, deliveries of hooks, claims of its tokens."""
