"""Engines: this process, subprocesses or Ray actors; shards and their leases."""
