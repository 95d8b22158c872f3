"""Counts the worlds that `swabmesh simulate --json` ran: how many, and whether every rule held in each."""

import json
import sys

worlds = [json.loads(line) for line in sys.stdin if line.strip()]
# One that the time ran out for is no verdict.
ended = [world for world in worlds if world["converged"] or world["violations"]]
broken = [world for world in ended if world["violations"] or world["lost"]]
died = sum(world["died_with_disk"] for world in ended)
for world in broken:
    print(f"seed {world['seed']}: {world['violations'] or world['lost']}")
print(f"{len(ended)} worlds of chance of 1000 in this time, {len(broken)} with a rule that did not hold; "
      f"{died} registrations died with the one disk that had them")
print(f"{len(ended) - len(broken)} passed, {len(broken)} failed")
sys.exit(1 if broken or not ended else 0)
