#!/usr/bin/env bash
# How the weights beside this file were made, from nothing; about two and a half hours on two processors. The same seeds give
# the same demonstrations and, on a processor with the same instructions, the same weights; those beside it differ in the last
# bits, as one model read whole batches then, where two copies share them now. It goes on where it was ended.
#
#   model/shipped/llava-vla-tiny/teach.sh PROGRAM FOLDER
set -euo pipefail
cobot=$(realpath "$1")
mkdir -p "$2" && cd "$2"

# Words of its own, learned from the wordings of all tasks that training may see.
"$cobot" task list | sed -n 's/^ *seen *//p' | tr ';' '\n' | sed 's/^ *//' >instructions.txt
"$cobot" model tokenizer --texts instructions.txt words/tokenizer.json

# Stage one: four tasks, 300 demonstrations each. Half of the episodes are pushed off their way.
"$cobot" collect --task click_bell,close_drawer,lift_pot,fetch_bottle --episodes 300 --out seen
"$cobot" train prepare seen/{click_bell,close_drawer,lift_pot,fetch_bottle} --tokenizer words/tokenizer.json --name llava-vla-tiny --out one
"$cobot" train run --data one/click_bell.data,one/close_drawer.data,one/lift_pot.data,one/fetch_bottle.data --balanced \
  --steps 20979 --max-minutes 0 --blind 0.1 --held-part 0.03 --look-every 6000 --held 128 --out stage_one

# Where that policy itself gets to, corrected; the expert acts for it a quarter of the time, so that it does not stand still for a minute.
"$cobot" collect --task fetch_bottle --episodes 120 --seed 500001 --policy llavavla --checkpoint stage_one --keep-failed --takeover 0.25 --out corrected
# Another task, and all five under domain randomisation (with other textures and words than evaluation has).
"$cobot" collect --task pick_block --episodes 300 --out seen
"$cobot" collect --task fetch_bottle,pick_block,click_bell,lift_pot,close_drawer --episodes 120 --seed 200001 --randomise all --out randomised
for part in seen/pick_block corrected/fetch_bottle randomised; do
  "$cobot" train prepare $part --tokenizer words/tokenizer.json --statistics stage_one/statistics.yaml --name llava-vla-tiny --out "two_${part%%/*}"
done

# Stage two: all of it, from the weights of stage one.
"$cobot" train run --from stage_one \
  --data one/click_bell.data,one/close_drawer.data,one/lift_pot.data,one/fetch_bottle.data,two_seen/pick_block.data,two_corrected/fetch_bottle.data,two_randomised/click_bell.data,two_randomised/close_drawer.data,two_randomised/lift_pot.data,two_randomised/fetch_bottle.data,two_randomised/pick_block.data \
  --balanced --rate 2e-3 --warmup 200 --steps 19049 --max-minutes 0 --blind 0.1 --held-part 0.03 --look-every 6000 --held 192 --out stage_two

"$cobot" eval --checkpoint stage_two --task click_bell,close_drawer,pick_block,lift_pot,fetch_bottle --setting seen,dr --out evaluated
