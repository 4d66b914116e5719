# What a Python program does with memory: text, dictionaries, objects, JSON, sorting. The argument
# says how often. Run with PYTHONMALLOC=malloc, so that every object is a block of the allocator's.

import json
import sys


class Node:
    def __init__(self, key, left, right):
        self.key, self.left, self.right = key, left, right


def tree(depth):
    if depth == 0:
        return Node(0, None, None)
    return Node(depth, tree(depth - 1), tree(depth - 1))


def size(node):
    return 1 + size(node.left) + size(node.right) if node else 0


def words(count, seed):
    for _ in range(count):
        seed = (seed * 1103515245 + 12345) % 2147483648
        yield "w%d" % (seed % 5000)


def count_words(seed):
    counts = {}
    for word in words(30000, seed):
        counts.setdefault(word, []).append(len(counts))
    return sorted(counts.items(), key=lambda item: (-len(item[1]), item[0]))


def through_json(counts):
    text = json.dumps([{"word": word, "places": places} for word, places in counts])
    return sum(len(entry["places"]) for entry in json.loads(text))


total = 0
for repetition in range(int(sys.argv[1])):
    total += through_json(count_words(repetition))
    total += size(tree(12))
    total += len("".join(str(number) * 3 for number in range(20000)).split("7"))
print(total)
