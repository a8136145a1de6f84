"""A million small files: init and check beside `find -ls` over the same tree; then the inode
table and the kernel's map with as many.

Run by `make bench-million`. The tree is made once; cache warm, commands in turns, the best counts.
"""

import argparse
import os
import shutil
import subprocess
import tempfile

from baseline import ROOT, fim, in_turns, make_tree, table


def main():
    """Make the tree, measure, show."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--files", type=int, default=1000000)
    options.add_argument("--times", type=int, default=2)
    options.add_argument("--tree", default=os.path.join(ROOT, "build", "bench-million"))
    options = options.parse_args()
    if not os.path.exists(options.tree):
        make_tree(options.tree + ".new", options.files, 13 * options.files)
        os.rename(options.tree + ".new", options.tree)
    state = tempfile.mkdtemp(prefix="fim-bench-")
    try:
        table(in_turns({"find -ls": ["find", options.tree, "-ls"],
                        "fim init": fim(state, "init", "--replace", options.tree),
                        "fim check": fim(state, "check"),
                        "fim check --quick": fim(state, "check", "--quick")}, options.times))
        print("fim.db: %.0f bytes a name" % (os.path.getsize(os.path.join(state, "fim.db"))
                                             / options.files), flush=True)
    finally:
        shutil.rmtree(state)
    subprocess.check_call(["make", "-s", "-f", "tests/bench/inode_table.mk"], cwd=ROOT)


if __name__ == "__main__":
    main()
