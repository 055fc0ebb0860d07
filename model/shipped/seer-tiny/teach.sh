#!/usr/bin/env bash
# How the weights beside this file, and those of vita-base-tiny, were made; about two hours on two processors. Demonstrations are the
# same for the same seeds. Weights are not, to the bit: the first stage was cut by the clock at step 11 178 of 12 640, and its
# sequences were read one by one where they are read side by side now. It goes on where it was ended.
#
#   model/shipped/seer-tiny/teach.sh PROGRAM FOLDER
set -euo pipefail
cobot=$(realpath "$1")
mkdir -p "$2" && cd "$2"

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

# The teacher. In the first stage what it feels is hidden in half of the sequences, so that it learns to look.
recipe seer --data demonstrations --steps 11178 --warmup 500 --rate 1.5e-3 --blind 0.5 --look-every 500 --out one
recipe seer --from one --data demonstrations --steps 8000 --warmup 300 --rate 1.5e-3 --blind 0.15 --look-every 2000 --out two
# Where the policy itself gets to, corrected, and again.
"$cobot" collect --task pick_sponge,pick_block --arm left --episodes 40 --seed 500001 --policy seer --checkpoint one --keep-failed --out corrected
recipe seer --from two --data demonstrations,corrected --steps 9000 --warmup 300 --rate 1.5e-3 --blind 0.1 --look-every 2000 --out three
"$cobot" collect --task pick_sponge,pick_block --arm left --episodes 35 --seed 600001 --policy seer --checkpoint three --keep-failed --out corrected_again
recipe seer --from three --data demonstrations,corrected,corrected_again --steps 6500 --warmup 300 --rate 1.2e-3 --blind 0.1 --look-every 2000 --out four

# The vision-language model that VITA-VLA's stages begin with; it needs no teacher.
recipe vita-base --data demonstrations --steps 2667 --warmup 300 --rate 2e-3 --look-every 1000 --out base

"$cobot" compare seer-tiny=four --episodes 40 --out compared
