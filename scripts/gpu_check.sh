#!/usr/bin/env bash
# Checks this machine's GPU and prints one page: that records are those of the CPU, then what the
# pipeline takes. Without a GPU every part runs on the CPU in a short form. Nothing is downloaded.
#   bash scripts/gpu_check.sh [--data DIR] [--weights FILE] [--arch NAME] [--device DEVICE]
# Default: googlenet with the demo's weights and images, on the GPU where there is one.
# Exit code 1 where a part failed or records differ that have to be equal.
set -euo pipefail
cd_to=$(cd "$(dirname "$0")/.." && pwd)
PYTHON=${PYTHON:-python}
export PYTHONPATH="$cd_to${PYTHONPATH:+:$PYTHONPATH}"
exec "$PYTHON" "$cd_to/scripts/gpu_page.py" "$@"
