"""The command line: one file per command, work imported inside the command.

May import every room; nothing imports it. Results go to stdout, everything else to stderr.
"""
