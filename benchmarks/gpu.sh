#!/usr/bin/env bash
# All that needs a GPU, in one go of at most 9 minutes: tests, then times. Runs from a bare checkout, nothing installed,
# with a python3 that has numba-cuda, cupy and pytest, and torch to compare with. Leaves in the folder $OUT, stage by
# stage, so that nothing is lost where time runs out:
#
#     gpu.txt          what all stages printed, and a line for each stage
#     tests.xml        the tests, as JUnit has them
#     kernels.json     times of every rung of every kernel
#     steps.json       times of training steps, beside PyTorch
#     detectors.json   times of the face detectors, beside PyTorch
#     libraries.json   times of the highest rungs, beside PyTorch
set -u
cd "$(dirname "$0")/.."
export PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}" PYTHONUNBUFFERED=1
OUT="${OUT:-runs/gpu}"
mkdir -p "$OUT"
log="$OUT/gpu.txt"
: >"$log"
end=$((SECONDS + 515)) # of all; a stage that is stopped gets 15 seconds more to write what it has
failed=0

# Numba looks for its compiler beside Python's packages and in CUDA_HOME.
if [ -z "${CUDA_HOME:-}" ] && nvcc="$(command -v nvcc || ls /usr/local/cuda/bin/nvcc 2>/dev/null)"; then
    CUDA_HOME="$(dirname "$(dirname "$(readlink -f "$nvcc")")")"
    export CUDA_HOME
fi

say() { echo "$@" | tee -a "$log"; }

# stage NAME SECONDS COMMAND: goes on whatever becomes of it. What takes too long is interrupted, as from a keyboard, so
# that pytest writes what it has; `env` sees to it that it listens, though this script may run where nobody does.
stage() {
    local name=$1 limit=$2 began=$SECONDS status
    shift 2
    [ "$limit" -le $((end - SECONDS)) ] || limit=$((end - SECONDS))
    if [ "$limit" -lt 5 ]; then
        failed=1
        say "== $name: no time left"
        return
    fi
    say "== $name, at most $limit s"
    timeout --signal=INT --kill-after=15 "$limit" env --default-signal=INT "$@" 2>&1 | tee -a "$log"
    status=${PIPESTATUS[0]}
    case $status in
    0) say "== $name: done in $((SECONDS - began)) s" ;;
    124 | 137) say "== $name: stopped after $((SECONDS - began)) s" ;;
    *) say "== $name: failed with code $status after $((SECONDS - began)) s" ;;
    esac
    [ "$status" -eq 0 ] || failed=1
}

workers=()
python3 -c "import xdist" 2>/dev/null && workers=(-n 8 --dist worksteal)

stage "this machine" 30 python3 -m benchmarks.machine
stage "first kernels" 45 python3 -m kernels check softmax --device cuda --seconds 5
stage "tests" 180 python3 -m pytest -m gpu "${workers[@]}" -p no:cacheprovider --continue-on-collection-errors \
    -rfEs --tb=short --durations=10 --junitxml="$OUT/tests.xml" \
    tests/gpu tests/framework tests/apps/test_faces_gradients.py
stage "kernels" 110 python3 -m kernels profile --rung all --device cuda --seconds 0.4 --json "$OUT/kernels.json"
stage "training steps" 90 python3 -m benchmarks.cuda --repeats 40 --json "$OUT/steps.json" \
    --cases train:cnn6:50 train:fcc6:50 train:cnn3:50
stage "detectors" 110 python3 -m benchmarks.cuda --repeats 10 --json "$OUT/detectors.json" \
    --cases forward:faceresnet:1:512 train:faceresnet:2:512 train:faceresnet:16:512
stage "beside PyTorch" 60 python3 -m kernels profile --device cuda --against torch --seconds 0.4 \
    --json "$OUT/libraries.json"
grep "^== .*:" "$log"
exit $failed
