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
timeout 240 python3 -m pytest -q -m gpu -p no:cacheprovider --continue-on-collection-errors \
    tests/gpu tests/framework tests/apps/test_faces_gradients.py 2>&1 | tee "$OUT/tests.txt" | tail -n 30
[ "${PIPESTATUS[0]}" -eq 0 ] || status=1
for case in look:faceresnet:1:512 train:faceresnet:2:512 train:faceresnet:16:512; do
    timeout 60 python3 -m benchmarks.detectors --device cuda --cases "$case" 2>&1 | tee -a "$OUT/detectors.txt"
    [ "${PIPESTATUS[0]}" -eq 0 ] || status=1
done
for model in cnn6 fcc6 cnn3; do
    timeout 40 python3 -m benchmarks.training_step --device cuda --model "$model" 2>&1 | tee -a "$OUT/steps.txt"
    [ "${PIPESTATUS[0]}" -eq 0 ] || status=1
done
exit $status
