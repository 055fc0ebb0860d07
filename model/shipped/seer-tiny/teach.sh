#!/usr/bin/env bash
# How seer-tiny and vita-vla-tiny were made, from nothing; about two and a half hours on two processors. The same seeds give the
# same demonstrations and, on a processor with the same instructions, the same weights. It goes on where it was ended.
#
#   model/shipped/seer-tiny/teach.sh PROGRAM FOLDER
set -euo pipefail
cobot=$(realpath "$1")
mkdir -p "$2" && cd "$2"
tasks=close_drawer,stack_cups,stack_blocks,pick_sponge,pick_block

# Five tasks, from starts that the left arm does. Half of the episodes are pushed off their way.
"$cobot" collect --task close_drawer,stack_blocks,pick_sponge,pick_block --arm left --episodes 150 --out demonstrations
"$cobot" collect --task stack_cups --arm left --episodes 100 --out demonstrations

# What all recipes have in common: a width of the gripper; actions that count from where the joints are, three of them done before
# the next decision; no history.
recipe() {
  local name=$1
  shift
  "$cobot" train run --recipe "$name" --balanced --gripper-loss width --gripper-weight 1 --relative 0.4 --selection all --history 1 --max-minutes 0 \
    --held 256 --held-part 0.03 --batch 16 --threads 1 "$@"
}

# The teacher. In its first stage it is told what it feels in half of the sequences only, so that it learns to look.
recipe seer --data demonstrations --steps 12000 --warmup 500 --rate 1.5e-3 --blind 0.5 --look-every 500 --out seer_one
recipe seer --from seer_one --data demonstrations --steps 8000 --warmup 300 --rate 1.5e-3 --blind 0.15 --look-every 2000 --out seer_two
# Where the first stage's policy itself gets to, corrected.
"$cobot" collect --task pick_sponge,pick_block --arm left --episodes 40 --seed 500001 --policy seer --checkpoint seer_one --keep-failed --out corrected
