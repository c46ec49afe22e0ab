"""Threads, compiled code, memory, terminal."""
