#!/usr/bin/env bash
# Measures anew what docs/cost.md says: NAME is that of the machine, such as cpu-2-cores. Given
# BVLC's GoogLeNet and ILSVRC's validation images, also what a run on real images takes. On a busy
# machine set OMP_WAIT_POLICY=passive, else threads that wait for one another burn the cores.
#   bash scripts/measure_cost.sh NAME [bvlc_googlenet.caffemodel ILSVRC]
set -euo pipefail
name=$1
real=()
if [ $# -ge 3 ]; then real=("$(realpath "$2")" "$(realpath "$3")"); fi
cd "$(dirname "$0")/.."
peers=(--against captum,grad-cam,torchcam)

# Into a file of another name first: what is cut off must not replace what is there.
measure() {
  local file="results/bench/$1.json"
  mkdir -p "$(dirname "$file")"
  python -m wsol_bench bench --json "${@:2}" >"$file.new"
  mv "$file.new" "$file"
}

for arch in vgg16 alexnet googlenet; do
  measure "$name/$arch-8" --arch "$arch" --batch-size 8 --parts all "${peers[@]}"
  measure "$name/$arch-16" --arch "$arch" --batch-size 16 --parts methods,images,operations
done
run=(--arch googlenet)
if [ ${#real[@]} -gt 0 ]; then
  run+=(--weights "caffe:${real[0]}" --data "${real[1]}")
  measure "$name-ilsvrc/googlenet-32" "${run[@]}" --parts all --limit 64 --batch-size 32
fi
mkdir -p "results/bench/$name-profile"
python scripts/profile_run.py --json "${run[@]}" --limit 64 >"results/bench/$name-profile/googlenet-32.json"
python scripts/write_cost_tables.py
