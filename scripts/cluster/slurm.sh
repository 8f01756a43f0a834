#!/usr/bin/env bash
# One job of an array: a share of the cells of a benchmark. See docs/many-machines.md.
#
#   GRID=benchmarks/strategies.toml SHARED=/shared sbatch --array=1-10 scripts/cluster/slurm.sh
#
#SBATCH --job-name=dagen
#SBATCH --array=1-10
#SBATCH --cpus-per-task=4
#SBATCH --mem=8G
#SBATCH --time=08:00:00
#SBATCH --signal=B:TERM@120
#SBATCH --requeue
#SBATCH --output=dagen-%A_%a.txt
set -euo pipefail
: "${GRID:?a benchmark: a TOML file or its name}" "${SHARED:?a folder that all nodes see}"

export OMP_NUM_THREADS="${SLURM_CPUS_PER_TASK:-1}"
# Decoded images lie on the node's own disk.
export DAGEN_CACHE="${DAGEN_CACHE:-${TMPDIR:-/tmp}/dagen-cache}"
# exec: two minutes before the end of its time, Slurm's signal reaches dagen, which saves its state.
exec dagen benchmark "$GRID" --share "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT" \
  --runs "$SHARED/runs" --data-root "$SHARED/data" --no-track --quiet
