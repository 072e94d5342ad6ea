"""Models on the disk of a machine, shared by all processes of its user.

One entry per digest, checked before it is given, locked while it is made, and kept within a limit.
Workers and the driver put models there. No module here knows where models come from or what they
predict. May import `packing`.
"""
