"""Pure values and rules: no files, sockets, clocks, processes or environment. Decides on what it is handed."""
