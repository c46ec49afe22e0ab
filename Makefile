# Thin names for the commands of README.md and .ci/run.
.PHONY: demo test docs check

demo:
	python -m wsol_bench run --arch vgg16

test:
	python -m pytest -n 2 -q

docs:
	sphinx-build -W --keep-going -q docs build/site

check:
	bash .ci/run
