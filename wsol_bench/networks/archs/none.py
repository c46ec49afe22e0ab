"""No network: `--arch none`, where boxes or maps come from elsewhere.

It has no topology, so nothing can be built or loaded of it. Only methods that need no network
run under it, and a row has classes only where `--scores FILE` gives them.
"""

from wsol_bench.networks.archs.entry import Arch

NO_NETWORK = Arch(name="none", title="No network", topologies={}, default_weights="none")
