#!/usr/bin/env bash
# Every row of Table 1 on a machine with ImageNet: DATA is its folder or tar, WEIGHTS the folder of
# the .caffemodel files. Interrupted, the same command goes on where it stopped.
exec python -m wsol_bench reproduce gradcam-table1 --data "$1" --weights-dir "$2" --out "${3:-table1}"
