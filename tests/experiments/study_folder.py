#!/usr/bin/env python3
"""Writes a made-up run's folder (transfers.csv, summary.json, pictures, experiment.toml) that a report can be made from.

Nothing is learnt: every network gets an error level, its per-image losses are drawn around it, and everything else (win rates, the
tournaments' eigenvectors, gains, qualities, predictions) is computed from those, so that the numbers fit together as a real run's do.
The same arguments give the same bytes.

  study_folder.py DIR [--names a,b,...] [--intervals] [--joint]
"""

import argparse
import itertools
import json
import math
import random
import struct
import zlib
from pathlib import Path

SIDE = 64
PICTURES = 4
IMAGES = 120
TASKS = [  # name, title, family, how hard, place on the line from texture to meaning
    ("autoencoder", "Autoencoding", "2d", 0.15, 0.0, "Rebuild the image through an 8-channel code."),
    ("denoise", "Denoising", "2d", 0.20, 0.1, "Remove noise from the image."),
    ("edge2d", "2D Edges", "2d", 0.25, 0.2, "Edges of the image, without regard to shape."),
    ("rgb2depth", "Z-Depth", "3d", 0.45, 0.6, "Distance of every pixel along the optical axis."),
    ("rgb2sfnorm", "Surface Normals", "3d", 0.40, 0.55, "Direction of the surface at every pixel."),
    ("reshade", "Reshading", "3d", 0.40, 0.5, "Shading by a light at the camera."),
    ("segmentsemantic", "Semantic Segmentation", "semantic", 0.60, 0.85, "Class of the object at every pixel."),
    ("class_places", "Scene Classification", "semantic", 0.65, 1.0, "What kind of room this is."),
]
METRICS = {
    "autoencoder": ("psnr", "dB", 24.0, True), "denoise": ("psnr", "dB", 26.0, True), "edge2d": ("l1", "", 0.04, False),
    "rgb2depth": ("delta_1.25", "", 0.71, True), "rgb2sfnorm": ("mean_angle", "deg", 21.3, False), "reshade": ("l1", "", 0.09, False),
    "segmentsemantic": ("mean_iou", "", 0.31, True), "class_places": ("top1", "", 0.62, True),
}


def png(pixels):
    """RGB rows of bytes as a PNG."""
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", len(pixels[0]) // 3, len(pixels), 8, 2, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(b"".join(b"\0" + bytes(row) for row in pixels), 6)) + chunk(b"IEND", b""))


def room(seed):
    """Walls, floor and two boxes: per pixel (surface, shade, depth)."""
    dice = random.Random(seed)
    horizon, corner = dice.randint(24, 40), dice.randint(16, 48)
    boxes = []
    for _ in range(2):
        x, y = dice.randint(2, 42), dice.randint(20, 44)
        boxes.append((x, y, x + dice.randint(10, 20), y + dice.randint(8, 18)))
    rows = []
    for y in range(SIDE):
        row = []
        for x in range(SIDE):
            surface = 0 if y > horizon else (1 if x < corner else 2)
            depth = 1.0 - 0.6 * max(0, y - horizon) / SIDE - 0.2 * abs(x - corner) / SIDE
            for i, (x0, y0, x1, y1) in enumerate(boxes):
                if x0 <= x < x1 and y0 <= y < y1:
                    surface, depth = 3 + i, 0.45 + 0.1 * i + 0.1 * (x - x0) / (x1 - x0)
            row.append((surface, depth))
        rows.append(row)
    paint = [[dice.randint(60, 220) for _ in range(3)] for _ in range(5)]
    return rows, paint


def target_picture(task, scene, index):
    rows, paint = scene
    labels = [(90, 70, 160), (70, 140, 150), (120, 190, 110), (230, 180, 60), (210, 90, 80)]
    facing = [(128, 220, 150), (220, 128, 150), (60, 128, 160), (128, 128, 240), (128, 128, 230)]
    out = []
    for y in range(SIDE):
        line = bytearray()
        for x in range(SIDE):
            surface, depth = rows[y][x]
            if task in ("input", "autoencoder", "denoise"):
                light = 0.55 + 0.45 * (1 - depth) + 0.06 * ((x // 4 + y // 4) % 2)
                pixel = [min(255, int(value * light)) for value in paint[surface]]
            elif task == "edge2d":
                edge = rows[y][x - 1][0] != surface or rows[y - 1][x][0] != surface
                pixel = [235 if edge and x and y else 12] * 3
            elif task == "rgb2depth":
                pixel = [int(255 * depth)] * 3
            elif task == "rgb2sfnorm":
                pixel = facing[surface]
            elif task == "reshade":
                pixel = [int(250 * (1.15 - depth) * (0.6 + 0.1 * surface))] * 3
            elif task == "segmentsemantic":
                pixel = labels[surface]
            else:
                pixel = labels[index % 5] if (x // 8 + y // 8) % 2 else [c * 3 // 4 for c in labels[index % 5]]
            line += bytes(max(0, min(255, int(value))) for value in pixel)
        out.append(line)
    return out


def worse(picture, error, dice):
    """The picture blurred along rows and made noisy by `error` (0: as it is)."""
    reach = 1 + int(10 * error)
    noise = int(90 * error)
    out = []
    for row in picture:
        line = bytearray(len(row))
        for c in range(3):
            values = row[c::3]
            total = sum(values[:reach])
            for x in range(SIDE):
                line[3 * x + c] = max(0, min(255, total // reach + (dice.randint(-noise, noise) if noise and x % 2 else 0)))
                total += values[min(SIDE - 1, x + reach)] - values[x]
        out.append(line)
    return out


def eigenvector(wins):
    """Principal eigenvector of the odds w_ij / w_ji, clipped, and the number of iterations."""
    clipped = [[min(0.999, max(0.001, value)) for value in row] for row in wins]
    odds = [[clipped[i][j] / clipped[j][i] for j in range(len(wins))] for i in range(len(wins))]
    vector = [1 / len(wins)] * len(wins)
    for iteration in range(1, 200):
        product = [sum(a * b for a, b in zip(row, vector)) for row in odds]
        total = sum(product)
        product = [value / total for value in product]
        change = max(abs(a - b) for a, b in zip(product, vector))
        vector = product
        if change < 1e-12:
            break
    return vector, iteration, total


def redrawn(losses, entrants, dice, draws=60):
    """95% intervals of affinity, gain and quality of every entrant over test images drawn with replacement, and which transfers tie with the best."""
    def score(a, b):
        return [(x < y) + 0.5 * (x == y) for x, y in zip(losses[a], losses[b])]

    pairs = {(a, b): score(a, b) for a in entrants for b in [*entrants, "scratch"]}
    found = {name: ([], [], []) for name in entrants}
    for _ in range(draws):
        images = [dice.randrange(IMAGES) for _ in range(IMAGES)]
        rate = {pair: sum(map(values.__getitem__, images)) / IMAGES for pair, values in pairs.items()}
        affinity = eigenvector([[0.5 if a == b else rate[a, b] for b in entrants] for a in entrants])[0]
        for name, value in zip(entrants, affinity):
            for list_, number in zip(found[name], (value, rate[name, "scratch"], 0.5 if name == "self" else rate[name, "self"])):
                list_.append(number)
    spread = {name: [sorted(values)[round(share * (draws - 1))] for values in lists for share in (0.025, 0.975)] for name, lists in found.items()}
    best = max((name for name in entrants if name != "self"), key=lambda name: sum(found[name][0]))
    return spread, {name for name in entrants if sum(a >= b for a, b in zip(found[name][0], found[best][0])) > 0.025 * draws}


def error_level(sources, target):
    """How far off a transfer is, from how hard its target is and how far its sources are from it."""
    distances = sorted(abs(TASKS[s][4] - TASKS[target][4]) for s in sources)
    helped = distances[0] - 0.12 * (len(sources) - 1) * (1 - distances[-1])
    return TASKS[target][3] * (0.72 + 0.55 * max(-0.1, helped)) + 0.1 * (1 - TASKS[sources[0]][3]) * 0.5


def curve(dice, start, end, steps=400, every=25):
    points = []
    for step in range(every, steps + 1, every):
        fall = end + (start - end) * math.exp(-4 * step / steps)
        points.append({"step": step, "train_loss": fall * dice.uniform(0.93, 1.04), "validation_loss": fall * dice.uniform(1.0, 1.1),
                       "learning_rate": 0.002 * 0.5 * (1 + math.cos(math.pi * step / steps))})
    return points


def network(dice, task, level, seconds, steps, with_curve=True):
    name, unit, value, higher = METRICS[TASKS[task][0]]
    shown = value * (1.25 - 0.6 * level) if higher else value * (0.6 + level)
    return {"mean_loss": level * 0.4, "metrics": [{"name": name, "unit": unit, "value": shown, "higher_is_better": higher, "doc": ""}],
            "parameters": 1400000, "seconds": seconds, "images": 2000, "steps": steps,
            "curve": curve(dice, 1.6 * level, 0.4 * level, steps) if with_curve else []}


def interval(values):
    """Mean and 95 % ends over three seeds (Student's t with two degrees of freedom)."""
    middle = sum(values) / len(values)
    reach = 4.302653 * math.sqrt(sum((value - middle) ** 2 for value in values) / 2) / math.sqrt(3)
    return {"value": middle, "low": middle - reach, "high": middle + reach}


def joint_training(dice, tasks, balancer, help_of, missing=0.0):
    """One joint training of three seeds; `help_of` says by which share sharing lowers each task's loss."""
    entries, per_metric, per_task, losses = [], [[], [], []], [[], [], []], [[], [], []]
    for key in tasks:
        level = 0.05 + 0.3 * next(task[3] for task in TASKS if task[0] == key)
        factors = [1 - help_of(key) + dice.gauss(0, 0.02) for _ in range(3)]
        own = [level * dice.uniform(0.97, 1.03) for _ in range(3)]
        joint = [a * b for a, b in zip(own, factors)]
        changes = [100 * (factor - 1) for factor in factors]
        name, unit, value, higher = METRICS[key]
        turn = -1 if higher else 1
        metrics = [{"name": name, "unit": unit, "higher_is_better": higher, "single": value, "joint": value * (1 + turn * (1 - sum(factors) / 3) * -1 / 2), "change": None}]
        metrics[0]["change"] = turn * 100 * (metrics[0]["joint"] / value - 1)
        for seed in range(3):
            losses[seed].append(changes[seed])
            per_metric[seed] += [changes[seed] / 2, changes[seed] / 3] if key == tasks[0] else [changes[seed] / 2]
            per_task[seed].append(5 * changes[seed] / 12 if key == tasks[0] else changes[seed] / 2)
        middle = sum(changes) / 3
        entries.append({"task": key, "loss": sum(joint) / 3, "losses": joint, "single_loss": sum(own) / 3, "single_losses": own, "change": interval(changes),
                        "loss_change": {"value": middle, "low": middle - 2, "high": middle + 2.2}, "win_rate": 0.5 - middle / 60, "metrics": metrics})
    mean = [sum(values) / len(values) for values in losses]
    steps = list(range(50, 1001, 50))
    series = lambda start, end: {key: [end + (start - end) * math.exp(-step / 300) + dice.gauss(0, 0.02) for step in steps] for key in tasks}
    cosines = [[None if a == b else round(0.5 - abs(TASKS[[t[0] for t in TASKS].index(a)][4] - TASKS[[t[0] for t in TASKS].index(b)][4]), 3) for b in tasks] for a in tasks]
    delta = {name: {**interval([sum(values) / len(values) for values in source]), "seeds": [sum(values) / len(values) for values in source]}
             for name, source in (("metrics", per_metric), ("tasks", per_task), ("losses", [[value] for value in mean]))}
    delta["images"] = {"value": sum(mean) / 3, "low": sum(mean) / 3 - 1.5, "high": sum(mean) / 3 + 1.6, "unit": "buildings", "units": 8, "draws": 1000}
    return {"tasks": tasks, "label": "+".join(tasks), "balancer": balancer, "missing_labels": missing, "seeds": [1, 2, 3], "parameters": 1500000 + 1100000 * len(tasks),
            "trunk_parameters": 1500000, "seconds": 60.0 + 20 * len(tasks), "per_task": entries, "delta_m": delta,
            "telemetry": {"steps": steps, "weight": series(1, 1 + dice.uniform(-0.4, 0.4)), "loss": series(1.5, 0.3), "gradient_norm": series(3, 0.6),
                          "conflict": {"steps": steps, "mean_cosine": [0.3 - 0.3 * step / 1000 for step in steps], "conflicting": [0.1 + 0.3 * step / 1000 for step in steps]},
                          "cosine": cosines}}


def joint_results():
    """`multi_task` of a run's summary: four tasks under five balancers, two shares of missing labels, all pairs under one, one pair under all."""
    dice = random.Random(11)
    tasks = ["edge2d", "rgb2depth", "rgb2sfnorm", "segmentsemantic"]
    place = {task[0]: task[4] for task in TASKS}
    strength = {"fixed": 0.02, "uncertainty": 0.05, "gradnorm": 0.04, "pcgrad": 0.03, "mgda": -0.06}
    trainings = [joint_training(dice, tasks, balancer, lambda key, s=share: s - (0.05 if key == "edge2d" else 0)) for balancer, share in strength.items()]
    trainings += [joint_training(dice, tasks, balancer, lambda key, s=share: s - 0.2 * 0.6, 0.6) for balancer, share in list(strength.items())[:2]]
    pairs = [[a, b] for a, b in itertools.combinations(tasks, 2)]
    trainings += [joint_training(dice, pair, "fixed", lambda key, p=pair: 0.1 - 0.35 * abs(place[p[0]] - place[p[1]])) for pair in pairs]
    trainings += [joint_training(dice, pairs[3], balancer, lambda key, s=share: s + (0.04 if key == "rgb2depth" else -0.03) * dice.uniform(-1, 1)) for balancer, share in list(strength.items())[1:]]
    planes = []
    for pair in pairs:
        points = [{"balancer": each["balancer"], "losses": [entry["loss"] for entry in each["per_task"]], "seeds": [entry["losses"] for entry in each["per_task"]]}
                  for each in trainings if each["tasks"] == pair]
        own = [entry["single_loss"] for entry in next(each for each in trainings if each["tasks"] == pair)["per_task"]]
        front = sorted((i for i, p in enumerate(points) if not any(q is not p and q["losses"][0] <= p["losses"][0] and q["losses"][1] <= p["losses"][1] for q in points)),
                       key=lambda i: points[i]["losses"])
        planes.append({"tasks": pair, "points": points, "front": front, "single": own})
    cell = {(a, b): next(e for t in trainings if sorted(t["tasks"]) == sorted((a, b)) and t["balancer"] == "fixed" for e in t["per_task"] if e["task"] == a)
            for a in tasks for b in tasks if a != b}
    matrix = lambda pick: [[None if a == b else pick(cell[a, b]) for b in tasks] for a in tasks]
    partners = {"balancer": "fixed", "tasks": tasks, "change": matrix(lambda e: e["loss_change"]["value"]), "low": matrix(lambda e: e["loss_change"]["low"]),
                "high": matrix(lambda e: e["loss_change"]["high"]), "seed_low": matrix(lambda e: e["change"]["low"]), "seed_high": matrix(lambda e: e["change"]["high"])}
    return {"convention": {"sign": "percent of the own network's value, negative is better"}, "trainings": trainings, "singles": {}, "pareto": planes, "partners": partners}


def write_folder(folder, names=None, pictures=True, intervals=False, joint=False):
    """Makes the folder; `names` replace the tasks' names (the first ones, when there are fewer than tasks);
    with `joint` there are joint trainings of tasks that keep their names; with `intervals` the transfer table has the columns that `taxonomy affinity --bootstrap` adds."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    names = [*(names or []), *[task[0] for task in TASKS][len(names or []):]]
    dice = random.Random(7)
    count = len(TASKS)
    scenes = [room(100 + i) for i in range(PICTURES)]
    table = ["sources,target,order,affinity,gain,quality"]
    if intervals:
        table[0] += ",affinity_low,affinity_high,gain_low,gain_high,quality_low,quality_high,tied_with_best"
    tasks, tournaments, baselines, jobs = [], [], {}, {"network": [0, 0.0], "transfer, order 1": [0, 0.0], "transfer, order 2": [0, 0.0]}

    def save(path, picture):
        if pictures:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(png(picture))
        return path

    def cell(text):
        return '"' + text.replace('"', '""') + '"' if set(text) & set(',"\n') else text

    inputs = [save("pictures/input.%d.png" % i, target_picture("input", scene, i)) for i, scene in enumerate(scenes)]
    for t, (key, title, family, hard, _, doc) in enumerate(TASKS):
        levels = {"self": 0.30 * hard + 0.05, "scratch": hard * 0.95, "shallow": hard * 1.08, "constant": 1.1 * hard + 0.03}
        if key == "class_places":
            levels["self"] = 0.93 * levels["constant"]
        firsts = sorted(((s,) for s in range(count) if s != t), key=lambda s: error_level(s, t))
        seconds = sorted(set(tuple(sorted((a[0], b[0]))) for a, b in itertools.combinations(firsts[:3], 2)))
        transfers = firsts + seconds
        for sources in transfers:
            levels[sources] = error_level(sources, t)
        weather = [dice.lognormvariate(0, 0.25) for _ in range(IMAGES)]
        losses = {name: [level * w * dice.lognormvariate(0, 0.30) for w in weather] for name, level in levels.items()}

        def win(a, b):
            return sum((x < y) + 0.5 * (x == y) for x, y in zip(losses[a], losses[b])) / IMAGES

        entrants = ["self", *transfers]
        wins = [[0.5 if a == b else win(a, b) for b in entrants] for a in entrants]
        affinity, iterations, eigenvalue = eigenvector(wins)
        label = {n: "+".join(sorted(names[s] for s in n)) if isinstance(n, tuple) else n for n in levels}
        spread, tied = redrawn(losses, entrants, random.Random(t)) if intervals else ({}, set())
        for name, value in zip(entrants, affinity):
            further = "".join(",%r" % number for number in spread[name]) + (",yes" if name in tied else ",no") if intervals else ""
            table.append("%s,%s,%d,%r,%r,%r" % (cell(label[name]), cell(names[t]), len(name) if isinstance(name, tuple) else 1, value,
                                                 win(name, "scratch"), 0.5 if name == "self" else win(name, "self")) + further)
        tournaments.append({"target": names[t], "images": IMAGES, "networks": [label[n] for n in entrants], "wins": wins,
                            "affinity": affinity, "iterations": iterations, "eigenvalue": eigenvalue})
        if intervals:
            tournaments[-1]["intervals"] = {"unit": "images", "units": IMAGES, "draws": 60, "level": 0.95, "noise": key == "class_places"}
        baselines[names[t]] = {"gain_against": "scratch", "shallow_gain": {label[n]: win(n, "shallow") for n in transfers}}
        entry = {"name": names[t], "display_name": title if names[t] == key else names[t], "family": family, "source": True, "target": True,
                 "doc": doc, "loss": "l1", "networks": {}, "transfers": {}, "beats_constant": win("self", "constant"),
                 "beats_scratch": win("self", "scratch")}
        predictions = {}
        targets = [target_picture(key, scene, i) for i, scene in enumerate(scenes)]
        for name, level in levels.items():
            spent = dice.uniform(20, 30) if name == "self" else dice.uniform(2, 5)
            stage = "network" if not isinstance(name, tuple) else "transfer, order %d" % len(name)
            jobs[stage][0] += 1
            jobs[stage][1] += spent
            made = network(dice, t, level, spent, 400 if name == "self" else 100, name != "constant")
            entry["transfers" if isinstance(name, tuple) else "networks"][label[name]] = made
            stem = "pictures/task%d/%s" % (t, "-".join(map(str, name)) if isinstance(name, tuple) else name)
            predictions[label[name]] = [save("%s.%d.png" % (stem, i), worse(target, level if name != "constant" else 1.6, dice))
                                        for i, target in enumerate(targets)] if pictures else []
        if pictures:
            entry["pictures"] = {"inputs": inputs, "targets": [save("pictures/task%d/target.%d.png" % (t, i), target)
                                                               for i, target in enumerate(targets)], "predictions": predictions}
        tasks.append(entry)
    (folder / "transfers.csv").write_text("\n".join(table) + "\n")
    costs = [{"stage": "render", "jobs": 1, "seconds": 61.0}, *({"stage": k, "jobs": n, "seconds": s} for k, (n, s) in jobs.items()),
             {"stage": "tournament", "jobs": count, "seconds": 14.2}]
    sheet = [b"".join(bytes(row) for row in rows) for rows in
             itertools.chain.from_iterable(zip(*[target_picture(task[0], scene, i) for task in TASKS]) for i, scene in enumerate(scenes))]
    summary = {
        "format": 1, "name": "demo", "version": "0.1.0", "finished": True, "scale": {"image_side": 64, "width": 16},
        "description": "Which of eight visual tasks help which, on rendered rooms at desk scale?", "paper_compatible": False,
        "gain_against": "scratch",
        "data": {"attribution": "Models: a catalogue of furniture, CC BY 4.0.", "contact_sheet": save("contact_sheet.png", sheet),
                 "splits": {"train": {"images": 1600, "buildings": 40}, "transfer": {"images": 400, "buildings": 10},
                            "test": {"images": IMAGES, "buildings": 8}}},
        "tasks": tasks, "tournaments": tournaments, "baselines": baselines, "costs": costs, "seconds": sum(c["seconds"] for c in costs),
        "not_tried": [{"order": 1, "possible": 56, "tried": 56}, {"order": 2, "possible": 168, "tried": 24}], "failures": [],
    }
    if joint:
        summary["multi_task"] = joint_results()
    if not pictures:
        del summary["data"]["contact_sheet"]
    (folder / "summary.json").write_text(json.dumps(summary))
    (folder / "experiment.toml").write_text('name = "demo"\n\n[scale]\nimage_side = 64\nwidth = 16\n\n[search]\nmax_order = 2\ntop = [3]\n')
    return folder


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--names", default="", help="names for the first tasks, separated by commas")
    parser.add_argument("--intervals", action="store_true", help="add bootstrap intervals to the transfer table")
    parser.add_argument("--joint", action="store_true", help="add joint trainings")
    arguments = parser.parse_args()
    write_folder(arguments.folder, [name for name in arguments.names.split(",") if name], intervals=arguments.intervals, joint=arguments.joint)
