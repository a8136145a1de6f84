# SPDX-License-Identifier: GPL-2.0-only
"""Changes everything below a directory, for so many seconds, on one CPU.

    storm.py storm|touch DIRECTORY SECONDS CPU

`storm` writes, makes, removes, moves and changes attributes; `touch` only comes back to the
same directories, again and again. What another has removed meanwhile is passed over.
"""
import os
import random
import sys
import time


class Storm:
    def __init__(self, directory, kind):
        self.directories = [os.path.join(directory, name) for name in sorted(os.listdir(directory))]
        self.chance = random.Random(23)
        self.kind = kind
        self.made = 0

    def somewhere(self):
        return self.chance.choice(self.directories)

    def some(self):
        """The path of something that is there."""
        directory = self.somewhere()
        names = os.listdir(directory)
        return os.path.join(directory, self.chance.choice(names)) if names else directory

    def new(self):
        self.made += 1
        return os.path.join(self.somewhere(), "%s-%d" % (self.kind, self.made))

    def create(self):
        with open(self.new(), "x") as file:
            file.write("x" * self.chance.randrange(2000))

    def write(self):
        with open(self.some(), "a") as file:
            file.write("more")

    def remove(self):
        os.unlink(self.some())

    def move(self):
        os.rename(self.some(), self.new())

    def link(self):
        os.link(self.some(), self.new())

    def chmod(self):
        os.chmod(self.some(), self.chance.choice((0o600, 0o640, 0o755)))

    def utimes(self):
        os.utime(self.some(), (0, self.made))

    def mkdir(self):
        path = self.new()
        os.mkdir(path)
        with open(os.path.join(path, "in-it"), "x") as file:
            file.write("x")

    def come_and_go(self):
        path = self.new()
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
        os.unlink(path)

    storm = (create, create, write, remove, move, link, chmod, utimes, mkdir)
    touch = (come_and_go, write, utimes)

    def run(self, seconds):
        acts, end = getattr(self, self.kind), time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                self.chance.choice(acts)(self)
            except OSError:
                pass


if __name__ == "__main__":
    os.sched_setaffinity(0, {int(sys.argv[4]) % os.cpu_count()})
    Storm(sys.argv[2], sys.argv[1]).run(float(sys.argv[3]))
