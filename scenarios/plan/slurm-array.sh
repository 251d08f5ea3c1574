#!/bin/sh
# A sweep as a Slurm array: each task runs one shard, a last job puts them together.
#
#   sbatch scenarios/plan/slurm-array.sh scenarios/plan/link.yaml /shared/link
#
# The first argument is the sweep's file, the second a folder that all nodes see.  SHARDS (8) is how
# many parts there are, TWINSITE the program (from PATH).  What a killed or requeued task has done is
# kept; submit it again, and only what is missing is run.  The exit code of the last job is the
# sweep's.
#SBATCH --job-name=twinsite-sweep
#SBATCH --ntasks=1
#SBATCH --requeue
#SBATCH --open-mode=append
set -eu

sweep=${1:?usage: sbatch slurm-array.sh SWEEP.yaml SHARED-FOLDER}
out=${2:?usage: sbatch slurm-array.sh SWEEP.yaml SHARED-FOLDER}
shards=${SHARDS:-8}
twinsite=${TWINSITE:-twinsite}

if [ "${PART:-}" = merge ]; then
  exec "$twinsite" sweep --merge "$out"/shard-* --out "$out/all"
elif [ -n "${SLURM_ARRAY_TASK_ID:-}" ]; then
  # 1 to 3 of a task say what its runs found; only what is past them is the task's own failure
  status=0
  "$twinsite" sweep "$sweep" --shard "$SLURM_ARRAY_TASK_ID/$shards" \
    --out "$out/shard-$SLURM_ARRAY_TASK_ID" --jobs "${SLURM_CPUS_PER_TASK:-1}" || status=$?
  [ "$status" -le 3 ] || exit "$status"
else
  # the job that was submitted: it submits the array, and what comes after
  mkdir -p "$out"
  script=$out/slurm-array.sh
  cp "$0" "$script" # Slurm runs a copy that it removes
  array=$(sbatch --parsable --array="1-$shards" --output="$out/log-%a.txt" \
    --export="ALL,SHARDS=$shards,TWINSITE=$twinsite" "$script" "$sweep" "$out")
  sbatch --parsable --dependency="afterok:${array%%;*}" --output="$out/log-merge.txt" \
    --export="ALL,PART=merge,TWINSITE=$twinsite" "$script" "$sweep" "$out" > "$out/merge.id"
  echo "array $array, then merge $(cat "$out/merge.id"); the results will be in $out/all"
fi
