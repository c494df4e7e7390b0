"""Runs every benchmark and writes the figures into docs/performance.md. `python -m benchmarks`"""

from benchmarks import store, worklist
from benchmarks.figures import PAGE, put

for name, run in {"worklist": worklist.run, "store": store.run}.items():
    report = run()
    print(f"{report}\n")
    PAGE.write_text(put(PAGE.read_text(encoding="utf-8"), name, report), encoding="utf-8")
