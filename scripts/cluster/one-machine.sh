#!/usr/bin/env bash
# A benchmark on one large machine, without a cluster. See docs/many-machines.md.
#
#   GRID=benchmarks/strategies.toml scripts/cluster/one-machine.sh
#
set -euo pipefail
: "${GRID:?a benchmark: a TOML file or its name}"

if command -v nvidia-smi > /dev/null && nvidia-smi -L > /dev/null; then
  # Two cells on every GPU. Ray starts on this machine alone, and deals out the GPUs.
  exec dagen benchmark "$GRID" --engine ray --address local --device cuda --gpus 0.5 --cpus 4
fi
# A process for every four cores: small networks gain little from more threads.
jobs=$(($(nproc) / 4))
exec dagen benchmark "$GRID" --jobs "$((jobs > 0 ? jobs : 1))"
