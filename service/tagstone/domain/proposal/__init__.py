"""What `tagstone init` proposes: manifest, citation and pipeline, from what a repository says of itself. Its code is read, never run."""
