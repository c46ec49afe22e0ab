# Thin names for the commands of README.md and .ci/run.
.PHONY: demo test check

demo:
	python -m wsol_bench run --arch vgg16

test:
	python -m pytest -n 2 -q

check:
	bash .ci/run
