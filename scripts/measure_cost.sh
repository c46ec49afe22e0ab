#!/usr/bin/env bash
# Measures anew what docs/cost.md says: NAME is that of the machine, such as cpu-2-cores. Given
# BVLC's GoogLeNet and ILSVRC's validation images, also what a run on real images takes. On a busy
# machine set OMP_WAIT_POLICY=passive, else threads that wait for one another burn the cores.
# A transformer's boxes in half precision need its arch and weights too. ONLY names the parts:
# costs, startup, precision; default: all.
#   [ONLY="startup precision"] bash scripts/measure_cost.sh NAME [bvlc_googlenet.caffemodel ILSVRC [VIT WEIGHTS]]
set -euo pipefail
name=$1
real=()
if [ $# -ge 3 ]; then real=("$(realpath "$2")" "$(realpath "$3")"); fi
vit=()
if [ $# -ge 5 ]; then vit=("$4" "$(realpath "$5")"); fi
cd "$(dirname "$0")/.."
peers=(--against captum,grad-cam,torchcam)

# Into a file of another name first: what is cut off must not replace what is there.
into() {
  local file="results/bench/$1.json"
  mkdir -p "$(dirname "$file")"
  "${@:2}" >"$file.new"
  mv "$file.new" "$file"
}
measure() { into "$1" python -m wsol_bench bench --json "${@:2}"; }
half() { into "$name-precision/$1" python scripts/half_precision.py --json "${@:2}"; }

costs() {
  for arch in vgg16 alexnet googlenet; do
    measure "$name/$arch-8" --arch "$arch" --batch-size 8 --parts all "${peers[@]}"
  done
  local run=(--arch googlenet)
  if [ ${#real[@]} -gt 0 ]; then
    run+=(--weights "caffe:${real[0]}" --data "${real[1]}")
    measure "$name-ilsvrc/googlenet-32" "${run[@]}" --parts all --limit 64 --batch-size 32
  fi
  into "$name-profile/googlenet-32" python scripts/profile_run.py --json "${run[@]}" --limit 64
}

startup() { measure "$name-startup/commands" --arch squeezenet1_1 --rounds 3 --parts startup; }

precision() {
  for arch in vgg16 alexnet googlenet; do
    half "$arch-demo" --arch "$arch" --weights demo --limit 200
  done
  if [ ${#real[@]} -gt 0 ]; then
    half googlenet-ilsvrc --arch googlenet --weights "caffe:${real[0]}" --data "${real[1]}" --limit 200
  fi
  if [ ${#vit[@]} -gt 0 ]; then
    half vit-ilsvrc --arch "${vit[0]}" --weights "${vit[1]}" --data "${real[1]}" --limit 200 \
      --methods grad_cam,attention_rollout,gradient_attention
  fi
}

for part in ${ONLY:-costs startup precision}; do "$part"; done
python scripts/write_cost_tables.py
