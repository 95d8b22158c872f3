"""Counts the worlds that `swabmesh simulate --json` ran: as many as there should be, and whether every rule held in each."""

import json
import sys

wanted = int(sys.argv[1])
worlds = [json.loads(line) for line in sys.stdin if line.strip()]
seeds = {world["seed"] for world in worlds}
broken = [world for world in worlds if world["violations"] or world["lost"] or not world["converged"]]
missing = [seed for seed in range(1, wanted + 1) if seed not in seeds]
died = sum(world["died_with_disk"] for world in worlds)
for world in broken:
    print(f"seed {world['seed']}: {world['violations'] or ['lost', world['lost'], 'converged', world['converged']]}")
if missing:
    print(f"{len(missing)} worlds did not come to their end, the first with seed {missing[0]}")
print(f"{len(seeds)} worlds of chance of {wanted}, {len(broken)} with a rule that did not hold; "
      f"{died} registrations died with the one disk that had them")
print(f"{len(seeds) - len(broken)} passed, {len(broken) + len(missing)} failed")
sys.exit(1 if broken or missing else 0)
