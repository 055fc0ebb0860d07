"""python3 - SET: the frames of a folder of ALOHA's HDF5 files as h5py reads them, a line of JSON each."""
import glob, hashlib, json, os, sys

import h5py

cameras = {"front": "cam_high", "left": "cam_left_wrist", "right": "cam_right_wrist"}
print(json.dumps({"reader": "h5py " + h5py.__version__}))
number = 0
for episode in range(len(glob.glob(os.path.join(sys.argv[1], "episode_*.hdf5")))):
    with h5py.File(os.path.join(sys.argv[1], "episode_%d.hdf5" % episode)) as f:
        seen = f["observations"]
        length = len(seen["qpos"])
        for k in range(length):
            print(json.dumps({
                "episode": episode, "frame": k, "number": number, "length": length, "from": number - k,
                "state": seen["qpos"][k].tolist(), "velocity": seen["qvel"][k].tolist(), "effort": seen["effort"][k].tolist(),
                "action": f["action"][k].tolist(),
                "pictures": {ours: hashlib.md5(seen["images"][theirs][k].tobytes()).hexdigest() for ours, theirs in cameras.items()},
            }))
            number += 1
