"""Threads, compiled code, memory and the terminal."""
