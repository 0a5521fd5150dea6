#!/usr/bin/env bash
# All that needs a GPU, in one go of at most 9 minutes: tests, then times. Runs from a bare checkout, nothing
# installed, on a machine that has python3 with torch, cupy and numba-cuda. Writes into the folder $OUT.
set -u
cd "$(dirname "$0")/.."
export PYTHONPATH=. PYTHONUNBUFFERED=1
OUT="${OUT:-runs/gpu}"
mkdir -p "$OUT"
nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader | tee "$OUT/device.txt"
status=0
timeout 300 python3 -m pytest -q -m gpu -p no:cacheprovider tests/gpu tests/framework 2>&1 | tee "$OUT/tests.txt" | tail -n 30
[ "${PIPESTATUS[0]}" -eq 0 ] || status=1
for model in cnn6 fcc6 cnn3; do
    timeout 60 python3 -m benchmarks.training_step --device cuda --model "$model" 2>&1 | tee -a "$OUT/steps.txt"
    [ "${PIPESTATUS[0]}" -eq 0 ] || status=1
done
exit $status
