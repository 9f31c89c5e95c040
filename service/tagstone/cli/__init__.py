"""The command line: one file per group of commands, each a thin call of an action. Nothing heavy is imported until a command runs."""
