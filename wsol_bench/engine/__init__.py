"""Who does the work: this process, subprocesses or Ray actors; shards and their leases."""
