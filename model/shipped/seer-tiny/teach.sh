#!/usr/bin/env bash
# How the weights beside this file and those of the three vita-*-tiny were made; about four hours on two processors.
# Demonstrations are the same for the same seeds. Weights are not, to the bit: the first four stages were run earlier than the
# rest and read their sequences one by one, where they are read side by side now; the first was cut by the clock; and from
# stage five on there were 120 demonstrations of sponge and block and 80 of the others. It goes on where it was ended.
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
    --held 256 --held-part 0.03 --batch 16 "$@"
}

# What a checkpoint itself gets to, corrected.
corrected() {
  local from=$1 out=$2 tasks=$3 episodes=$4 seed=$5
  shift 5
  "$cobot" collect --task "$tasks" --arm left --episodes "$episodes" --seed "$seed" --policy seer --checkpoint "$from" --keep-failed --out "$out" "$@"
}

# The teacher, coarse. In the first stage what it feels is hidden in half of the sequences, so that it learns to look.
recipe seer --data demonstrations --steps 11178 --warmup 500 --rate 1.5e-3 --blind 0.5 --look-every 500 --out one
recipe seer --from one --data demonstrations --steps 8000 --warmup 300 --rate 1.5e-3 --blind 0.15 --look-every 2000 --out two
corrected one corrected_one pick_sponge,pick_block 40 500001
recipe seer --from two --data demonstrations,corrected_one --steps 9000 --warmup 300 --rate 1.5e-3 --blind 0.1 --look-every 2000 --out three
corrected three corrected_three pick_sponge,pick_block 35 600001
recipe seer --from three --data demonstrations,corrected_one,corrected_three --steps 6500 --warmup 300 --rate 1.2e-3 --blind 0.1 --look-every 2000 --out four

# And fine: joints within a hundredth of a deviation and pictures that are not moved, for a grasp is decided in millimetres;
# a hand that is unsure closes; and what it does wrong is corrected, the expert acting a quarter of the time.
fine() { recipe "$@" --noise 0.01 --dropout 0.01 --shift 0 --colour 0.1 --gripper-wide 2; }
relieved() { corrected "$@" --takeover 0.25 --still 5s; }
better() { fine seer --rate 1e-3 --warmup 200 --blind 0.05 --look-every 2000 "$@"; }
relieved four corrected_four pick_block,pick_sponge 80 700001
picks=demonstrations/close_drawer,demonstrations/pick_block,demonstrations/pick_sponge,corrected_four
better --from four --data $picks --steps 8000 --out five
relieved five corrected_five pick_block,pick_sponge 60 720001
better --from five --data $picks,corrected_five --steps 6000 --out six
relieved six corrected_six pick_block,pick_sponge 40 730001
all=demonstrations,corrected_four,corrected_five,corrected_six
better --from six --data $all --steps 8000 --out seven
relieved seven corrected_seven stack_blocks,stack_cups 60 741001
relieved seven corrected_seven pick_block 21 740001
better --from seven --data $all,corrected_seven --steps 10000 --out eight
relieved eight corrected_eight stack_blocks,stack_cups 70 751001
all=$all,corrected_seven,corrected_eight
better --from eight --data $all --steps 10000 --out seer

# The vision-language model that VITA-VLA's stages begin with; it needs no teacher.
fine vita-base --data "${all%,corrected_eight}" --steps 9000 --warmup 300 --rate 2e-3 --blind 0 --look-every 3000 --out base

# VITA-VLA in two stages, and as many steps without the first.
fine vita-align --from base --teacher seer --data $all --steps 2000 --warmup 100 --rate 2e-3 --blind 0.05 --look-every 500 --out aligned
fine vita-finetune --from aligned --data $all --steps 5000 --warmup 200 --rate 1e-3 --blind 0.05 --look-every 2500 --out two_stage
fine vita-finetune --from base --teacher seer --data $all --steps 7000 --warmup 200 --rate 1e-3 --blind 0.05 --look-every 3000 --out only_finetune

"$cobot" compare seer-tiny=seer only-finetune=only_finetune two-stage=two_stage --still 5s --episodes 40 --out compared
