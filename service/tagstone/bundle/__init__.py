"""What is archived: a pure function of recorded facts to files. Reads no clock, no network and no environment."""
