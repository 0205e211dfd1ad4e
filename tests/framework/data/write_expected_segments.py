"""Writes segment_graph_expected.h: Felzenszwalb and Huttenlocher's segmentation as plain loops, on a small image of integers.

    python3 write_expected_segments.py > segment_graph_expected.h
"""

SIDE = 12
CASES = [(40.0, 1), (160.0, 1), (40.0, 5)]


def image():
    """Two channels: blocks, a ramp and a little noise from a congruential generator."""
    state = 12345
    pixels = []
    for y in range(SIDE):
        for x in range(SIDE):
            noise = []
            for _ in range(2):
                state = (state * 1103515245 + 12345) % 2**31
                noise.append((state >> 16) % 9)
            pixels.append((60 * (x // 5) + noise[0], 90 * (y // 7) + 3 * x + noise[1]))
    return pixels


def segment(pixels, scale, min_size):
    edges = []
    for y in range(SIDE):
        for x in range(SIDE):
            for dx, dy in [(1, 0), (0, 1), (1, 1), (-1, 1)]:
                if 0 <= x + dx < SIDE and y + dy < SIDE:
                    a, b = y * SIDE + x, (y + dy) * SIDE + x + dx
                    squared = sum((p - q) ** 2 for p, q in zip(pixels[a], pixels[b]))
                    edges.append((squared, a, b))
    edges.sort(key=lambda edge: edge[0])  # stable: equal edges in raster order
    label = list(range(SIDE * SIDE))
    internal = {i: 0.0 for i in label}
    size = {i: 1 for i in label}

    def merge(a, b):
        for i in range(len(label)):
            if label[i] == b:
                label[i] = a
        size[a] += size.pop(b)

    for squared, p, q in edges:
        a, b = label[p], label[q]
        weight = squared**0.5
        if a != b and weight < min(internal[a] + scale / size[a], internal[b] + scale / size[b]):
            merge(a, b)
            internal[a] = weight
    for _, p, q in edges:
        a, b = label[p], label[q]
        if a != b and (size[a] < min_size or size[b] < min_size):
            merge(a, b)
    numbers = {}
    return [numbers.setdefault(each, len(numbers)) for each in label]


def rows(values):
    lines = [", ".join(map(str, values[i : i + 24])) for i in range(0, len(values), 24)]
    return "{" + ",\n     ".join(lines) + "}"


pixels = image()
print("#pragma once\n\n// Written by write_expected_segments.py.\n\n#include <vector>\n\nnamespace affinis::data::expected {\n")
print(f"inline constexpr int kSide = {SIDE};")
print("inline const std::vector<float> kPixels =\n    " + rows([value for pixel in pixels for value in pixel]) + ";\n")
print("struct Case {\n  double scale;\n  int min_size;\n  std::vector<int> segments;\n};")
print("inline const std::vector<Case> kCases = {")
for scale, min_size in CASES:
    print(f"    {{{scale}, {min_size},\n     " + rows(segment(pixels, scale, min_size)) + "},")
print("};\n\n}  // namespace affinis::data::expected")
