#!/usr/bin/env bash
# Runs what the jobs of an array have left, and writes the tables. See docs/many-machines.md.
#
#   GRID=benchmarks/strategies.toml SHARED=/shared \
#     sbatch --dependency=afterany:ARRAY_JOB scripts/cluster/slurm-gather.sh
#
#SBATCH --job-name=dagen-gather
#SBATCH --cpus-per-task=4
#SBATCH --mem=8G
#SBATCH --time=08:00:00
#SBATCH --signal=B:TERM@120
#SBATCH --output=dagen-gather-%j.txt
set -euo pipefail
: "${GRID:?a benchmark: a TOML file or its name}" "${SHARED:?a folder that all nodes see}"

export OMP_NUM_THREADS="${SLURM_CPUS_PER_TASK:-1}"
exec dagen benchmark "$GRID" --runs "$SHARED/runs" --data-root "$SHARED/data" \
  --out "$SHARED/results" --no-track --quiet
