"""The command line: one module a group of commands, all built on the use cases that `bootstrap` wires."""
