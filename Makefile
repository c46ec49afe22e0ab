# Thin names for the commands of README.md and .ci/run.
.PHONY: test check

# Two processes, one thread each: torch's own threads only get in each other's way here.
test:
	OMP_NUM_THREADS=1 python -m pytest -n 2 -q

check:
	bash .ci/run
