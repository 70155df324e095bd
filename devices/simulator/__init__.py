"""A simulated energy community: homes with habits, sun, wind and batteries, served on real Modbus TCP ports.

Everything is a function of (seed, home, time): computed live or years later, it is the same. No Django in here.
"""
