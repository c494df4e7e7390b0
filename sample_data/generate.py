"""Write synthetic images: bitewings, a full-mouth series, a panoramic, a CBCT, a dog's thorax, a heart clip.

Usage: python sample_data/generate.py FOLDER [--only NAME ...] [--order FILE] [--seed NUMBER]
FOLDER gets one folder a study. The images belong to the orders of sample_data/orders.json; --order FILE takes another
one, as the API answered it, for one study. The same seed gives the same images.
"""

import argparse
import json
from pathlib import Path

from synthetic.catalogue import SEED, STUDIES, write


def main() -> None:
    """Read the arguments, write, and say what was written."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where to; it is made if need be")
    parser.add_argument("--only", nargs="+", choices=sorted(STUDIES), metavar="NAME", default=list(STUDIES))
    parser.add_argument("--order", type=argparse.FileType(encoding="utf-8"), help="an order as JSON; with one NAME")
    parser.add_argument("--seed", type=int, default=SEED)
    given = parser.parse_args()
    if given.order and len(given.only) != 1:
        parser.error("--order needs --only with one name: an order is for one study")
    order = json.load(given.order) if given.order else None
    files = size = 0
    for path in write(given.folder, given.only, order, given.seed):
        files, size = files + 1, size + path.stat().st_size
        print(path, flush=True)
    print(f"{files} files, {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
