// ---- The task tree: tasks that help the same targets stand together.

function task_tree() {
  const tree = data.tree;
  if (!tree || tree.nodes.length < 5) return;
  const nodes = tree.nodes;
  const root = nodes.length - 1;
  const leaves_below = nodes.map(() => []);
  nodes.forEach((node, i) => { leaves_below[i] = node.children.length ? node.children.flatMap((child) => leaves_below[child]) : [i]; });
  const parent = new Map(nodes.flatMap((node, i) => node.children.map((child) => [child, i])));
  // The cut with the widest gap between the merges above and below it, into two to six groups.
  const heights = nodes.filter((node) => node.children.length).map((node) => node.height).sort((a, b) => b - a);
  let groups_wanted = 2;
  for (let k = 2; k <= Math.min(6, heights.length); ++k) {
    if (heights[k - 2] - heights[k - 1] > heights[groups_wanted - 2] - heights[groups_wanted - 1]) groups_wanted = k;
  }
  const cut = (heights[groups_wanted - 2] + (heights[groups_wanted - 1] ?? 0)) / 2;
  const tops = nodes.map((_, i) => i).filter((i) => i !== root && nodes[i].height <= cut && nodes[parent.get(i)].height > cut);
  tops.sort((a, b) => leaves_below[root].indexOf(leaves_below[a][0]) - leaves_below[root].indexOf(leaves_below[b][0]));
  const group_of = new Map(tops.flatMap((top, g) => leaves_below[top].map((leaf) => [leaf, g])));
  const nearest = nodes.find((node) => node.children.length && node.children.every((child) => !nodes[child].children.length) &&
    node.height === Math.min(...nodes.filter((other) => other.children.length).map((other) => other.height))) || nodes.find((node) => node.children.length);
  const names = (i) => leaves_below[i].map((leaf) => title(nodes[leaf].name));
  const many_leaves = leaves_below[root].length;
  const agreement = tree.families ? " Cut into as many groups as there are families, it agrees with the families to " + fixed(tree.families.agreement, 2) + " (adjusted Rand index: 1 is the same, 0 is chance)." : "";
  const published = tree.published ? " It has " + tree.published.found + " of the " + tree.published.of + " groups of Taskonomy's published tree, on the " + tree.published.tasks + " tasks that both have." : "";
  const holder = make("div", { id: "tree-picture" });
  const newick = () => download("task_tree.nwk", "text/plain", tree.newick + "\n");
  section("tree", "Which tasks are alike", "Task tree",
    "The two tasks that help others most alike are " + list_of(nearest.children.map((child) => names(child)[0])) + ". Cut at the widest gap, the " + many_leaves + " sources fall into " + groups_wanted + " groups: " +
      tops.map((top) => list_of(names(top), 7)).join("; ") + "." + agreement + published,
    holder,
    has_families ? make("div", { class: "keys" }, families.filter((family) => leaves_below[root].some((leaf) => family_of(nodes[leaf].name) === family)).map((family) => key_of("var(--family-" + family + ")", family))) : null,
    make("p", { class: "note" }, "Agglomerative clustering (average linkage) of sources by the city-block distance between what each is worth to every target, as a share of the target's best (" + tree.value + "). Dashed: the cut."),
    make("div", { class: "controls tight" }, make("button", { type: "button", class: "quiet", onclick: newick }, "Download Newick"),
      csv_button("task_tree.csv", () => [["node", "parent", "height", "task", "group"], ...nodes.map((node, i) => [i, parent.get(i), node.height, node.children.length ? "" : node.name, group_of.has(i) ? group_of.get(i) + 1 : ""])])));
  listeners.push(() => replace(holder, tree_picture(clamp(holder.clientWidth, 280, 820))));

  function tree_picture(width) {
    const line = many_leaves > 14 ? 24 : 26;
    const label = Math.min(width * 0.42, 12 + Math.max(...leaves_below[root].map((leaf) => text_width(title(nodes[leaf].name), 13))));
    const plot = { l: 12, r: label + 10, t: 8, b: 38 };
    const height = plot.t + many_leaves * line + plot.b;
    const top = nodes[root].height * 1.04 || 1;
    const x = (value) => width - plot.r - value / top * (width - plot.l - plot.r);
    const y = new Map(leaves_below[root].map((leaf, i) => [leaf, plot.t + (i + 0.5) * line]));
    nodes.forEach((node, i) => { if (node.children.length) y.set(i, mean(node.children.map((child) => y.get(child)))); });
    const svg = draw("svg", { viewBox: "0 0 " + width + " " + height, width, height, role: "group", "aria-label": "task tree" });
    for (const tick of ticks(0, top, width < 500 ? 3 : 6)) {
      svg.append(draw("line", { class: "axis", x1: x(tick), x2: x(tick), y1: plot.t, y2: height - plot.b }), draw("text", { class: "dim", x: x(tick), y: height - plot.b + 16, "text-anchor": "middle" }, String(tick)));
    }
    svg.append(draw("text", { class: "dim", x: width - plot.r, y: height - 4, "text-anchor": "end" }, "distance at which groups merge"),
      draw("line", { x1: x(cut), x2: x(cut), y1: plot.t, y2: height - plot.b, stroke: "var(--accent)", "stroke-dasharray": "4 4" }));
    const paint = (i) => {
      const below = leaves_below[i].map((leaf) => family_of(nodes[leaf].name));
      if (has_families) return below.every((family) => family === below[0]) ? "var(--family-" + below[0] + ")" : "var(--soft)";
      const group = group_of.get(leaves_below[i][0]);
      return leaves_below[i].every((leaf) => group_of.get(leaf) === group) ? "var(--hue-" + group % 8 + ")" : "var(--soft)";
    };
    nodes.forEach((node, i) => {
      if (!node.children.length) return;
      const ys = node.children.map((child) => y.get(child));
      svg.append(draw("path", { class: "branch", stroke: paint(i), d: "M" + x(node.height) + " " + Math.min(...ys) + "V" + Math.max(...ys) }, draw("title", {}, names(i).join(", ") + ": " + short(node.height))));
      for (const child of node.children) svg.append(draw("path", { class: "branch", stroke: paint(child), d: "M" + x(node.height) + " " + y.get(child) + "H" + x(nodes[child].height) }));
    });
    for (const leaf of leaves_below[root]) {
      const name = nodes[leaf].name;
      const open = () => open_task(name);
      svg.append(draw("g", { class: "leaf", tabindex: 0, role: "link", "data-key": "leaf " + name, "data-task": name, "aria-label": title(name) + ": its page", onclick: open,
        onkeydown: (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); open(); } } },
        draw("circle", { cx: x(0) + 5, cy: y.get(leaf), r: 4, fill: paint(leaf) }), draw("rect", { class: "hit", x: x(0), y: y.get(leaf) - line / 2, width: label + 8, height: line }),
        draw("text", { x: x(0) + 13, y: y.get(leaf) + 4.5 }, fit(title(name), label - 6, 13)), draw("title", {}, title(name))));
    }
    return svg;
  }
}
