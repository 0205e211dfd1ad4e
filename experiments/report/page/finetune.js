// ---- Fine-tuning: loss against images, a line a policy, intervals over seeds.

const policy_colours = ["var(--gain)", "var(--quality)", "var(--good)", "var(--bad)", "var(--family-semantic)", "var(--ink)"];
const policy_words = { none: "everything learns", all: "head alone (linear probe)", gradual: "gradual unfreezing", "lp-ft": "head first, then everything", scratch: "from scratch" };
function policy_title(policy) {
  const counted = /^(stages|blocks):(\d+)$/.exec(policy);
  return counted ? "first " + many(Number(counted[2]), counted[1].slice(0, -1)) + " frozen" : at(policy_words, policy) || policy;
}
const images_title = (images) => (images === 0 ? "all" : String(images));

function finetune_section() {
  const told = summary.finetune || {};
  const list = (told.rows || []).filter((row) => known(row.mean));
  if (!list.length) return;
  const policies = [...new Set(list.map((row) => row.policy))];
  const names = [...new Set(list.map((row) => row.task))];
  const colour = (policy) => policy_colours[policies.indexOf(policy) % policy_colours.length];
  const dash = (policy) => (policies.indexOf(policy) >= policy_colours.length ? "6 3" : null);
  const seeds = Math.max(...list.map((row) => (row.losses || []).length));
  // Where all images were asked for, the number is known once it was used.
  const size_of = (row) => (known(row.used_images) ? row.used_images : row.images);
  const best = names.map((name) => {
    const sizes = [...new Set(list.filter((row) => row.task === name).map(size_of))].sort((a, b) => a - b);
    // The best, and how far its seeds tell it from the others.
    const winner = (size) => {
      const [best, ...others] = list.filter((row) => row.task === name && size_of(row) === size).sort((a, b) => a.mean - b.mean);
      const near = others.filter((row) => known(best.high) && known(row.low) && row.low <= best.high);
      const doubt = !known(best.high) || !others.length ? "" : near.length ? " (its interval overlaps with " + (near.length === others.length ? "all others'" : many(near.length, "other") + "'s of " + others.length) + ")" : " (its interval lies below all others')";
      return [policy_title(best.policy), doubt];
    };
    const [few, few_doubt] = winner(sizes[0]);
    const [lots, lots_doubt] = winner(sizes[sizes.length - 1]);
    return title(name) + ": " + few + " is best with " + many(sizes[0], "image") + few_doubt + (sizes.length > 1 ? ", " + lots + " with " + sizes[sizes.length - 1] + lots_doubt : "");
  });
  const frozen = list.filter((row) => row.proved !== null && row.proved !== undefined);
  const broken = frozen.filter((row) => !row.proved);
  const interval = (row) => (known(row.low) && known(row.high) ? make("small", { class: "interval" }, three(row.low) + " to " + three(row.high)) : null);
  const body = list.map((row) => make("tr", {}, make("td", {}, title(row.task)), make("td", { class: "text" }, policy_title(row.policy)), make("td", {}, images_title(row.images)),
    make("td", {}, three(row.mean), interval(row)), make("td", {}, String((row.losses || []).length)),
    make("td", {}, row.proved === null || row.proved === undefined ? "nothing frozen" : row.proved ? many(row.frozen_phases, "phase") + ", did not move" : "moved"),
    make("td", {}, duration(row.seconds)), make("td", { class: "text" }, (row.metrics || []).filter((metric) => known(metric.mean)).slice(0, 2)
      .map((metric) => String(metric.name).replaceAll("_", " ") + " " + short(metric.mean) + (metric.unit ? " " + metric.unit : "")).join(" · "))));
  const lines = () => [["task", "policy", "images", "used_images", "mean_loss", "low", "high", "proved", ...Array.from({ length: seeds }, (_, i) => "loss_" + (i + 1))],
    ...list.map((row) => [row.task, row.policy, row.images, row.used_images, row.mean, row.low, row.high, row.proved, ...Array.from({ length: seeds }, (_, i) => (row.losses || [])[i])])];
  section("finetune", "What to freeze, and for how many images?", "Fine-tuning", best.join(". ") + ". Learnt from " + (told.source ? title(told.source) : "drawn weights") + ".",
    make("div", { class: "curves wide" }, names.map((name) => make("div", { class: "panel" }, finetune_picture(list.filter((row) => row.task === name), name, size_of, colour, dash)))),
    make("div", { class: "keys" }, policies.map((policy) => key_of(colour(policy), policy_title(policy), dash(policy))),
      seeds > 1 ? whisker_key("95% interval of the mean over seeds (Student's t)") : null, key_of("var(--soft)", "own network, on its full data", "4 3")),
    make("p", { class: "note" }, broken.length ? "Tensors that were meant to be frozen moved in " + many(broken.length, "row") + ": do not use them."
      : frozen.length ? "What was frozen did not move: the hashes of its parameters and of BatchNorm's statistics are the same before and after each phase, in every training." : ""),
    hashes(list),
    table_of([["task"], ["policy", "text"], ["images"], ["test loss"], ["seeds"], ["frozen parts"], ["time"], ["metrics", "text"]], body, {}, "fine-tuning by policy and images"),
    make("div", { class: "controls tight" }, csv_button("finetune.csv", lines)));
}

// The proof itself, for whoever wants to see it.
function hashes(list) {
  const all = list.flatMap((row) => (row.proofs || []).map((proof) => [row, proof]));
  if (!all.length) return null;
  return make("details", {}, make("summary", {}, "Hashes of what was frozen, " + many(all.length, "phase")),
    table_of([["task"], ["policy", "text"], ["images"], ["seed"], ["steps"], ["what", "text"], ["tensors"], ["before", "text"], ["after", "text"]], all.slice(0, 500).map(([row, proof]) =>
      make("tr", {}, make("td", {}, title(row.task)), make("td", { class: "text" }, row.policy), make("td", {}, images_title(row.images)), make("td", {}, String(proof.seed)),
        make("td", {}, proof.first_step + " to " + proof.last_step), make("td", { class: "text" }, proof.phase), make("td", {}, String(proof.tensors)),
        make("td", { class: "text" }, proof.hash_before), make("td", { class: "text" }, proof.hash_after))), {}, "hashes of frozen tensors"));
}

function finetune_picture(list, name, size_of, colour, dash) {
  const sizes = [...new Set(list.map(size_of))].sort((a, b) => a - b);
  const own = at((summary.finetune || {}).networks, name);
  const values = list.flatMap((row) => [row.mean, ...(row.losses || [])]).filter(known);
  const plot = { w: 420, h: 260, l: 52, r: 14, t: 28, b: 34 };
  // Whiskers of two seeds can be very long: the axis is made for the losses.
  const least = Math.min(...values);
  const most = Math.max(...values);
  // The own network's line is drawn where it does not press the policies together; else it is told where it lies.
  const near = known(own) && own > least - 1.5 * (most - least) && own < most + 1.5 * (most - least);
  const low = near ? Math.min(least, own) : least;
  const high = near ? Math.max(most, own) : most;
  const pad = Math.max(0.08 * (high - low), 1e-9);
  const bottom = low - pad;
  const top = high + pad;
  const span = Math.max(Math.log(sizes[sizes.length - 1] / sizes[0]), 1e-9);
  const x = (size) => (sizes.length === 1 ? (plot.l + plot.w - plot.r) / 2 : plot.l + 12 + (Math.log(size / sizes[0]) / span) * (plot.w - plot.l - plot.r - 24));
  const y = (value) => plot.h - plot.b - clamp((value - bottom) / (top - bottom)) * (plot.h - plot.t - plot.b);
  const svg = draw("svg", { viewBox: "0 0 " + plot.w + " " + plot.h, width: "100%", role: "img", "aria-label": "test loss of " + title(name) + " by images and policy" });
  svg.append(draw("text", { x: 2, y: 14, style: "font-weight: 600" }, fit(title(name) + ", test loss", plot.w - 20, 13)));
  for (const tick of ticks(bottom, top, 4)) {
    svg.append(draw("line", { class: "axis", x1: plot.l, x2: plot.w - plot.r, y1: y(tick), y2: y(tick) }), draw("text", { class: "dim", x: plot.l - 5, y: y(tick) + 4, "text-anchor": "end" }, short(tick)));
  }
  for (const size of sizes) svg.append(draw("text", { class: "dim", x: x(size), y: plot.h - 18, "text-anchor": "middle" }, String(size)));
  svg.append(draw("text", { class: "dim", x: (plot.l + plot.w - plot.r) / 2, y: plot.h - 3, "text-anchor": "middle" }, "images"));
  if (known(own) && !near) {
    const below = own < bottom;
    svg.append(draw("text", { class: "dim", x: (plot.l + plot.w - plot.r) / 2, y: below ? plot.h - plot.b - 5 : plot.t + 10, "text-anchor": "middle" }, "own network " + three(own) + (below ? " ↓" : " ↑")));
  }
  if (near) svg.append(draw("line", { x1: plot.l, x2: plot.w - plot.r, y1: y(own), y2: y(own), stroke: "var(--soft)", "stroke-width": 1.5, "stroke-dasharray": "4 3" }));
  const policies = [...new Set(list.map((row) => row.policy))];
  policies.forEach((policy, i) => {
    const points = list.filter((row) => row.policy === policy).sort((a, b) => size_of(a) - size_of(b));
    // Whiskers stand beside one another.
    const shift = (i - (policies.length - 1) / 2) * 3;
    const group = draw("g", {}, draw("title", {}, policy_title(policy)));
    for (const row of points) {
      if (known(row.low) && known(row.high)) group.append(draw("line", { class: "whisker", x1: x(size_of(row)) + shift, x2: x(size_of(row)) + shift, y1: y(row.low), y2: y(row.high), style: "stroke: " + colour(policy) }));
      group.append(draw("circle", { cx: x(size_of(row)) + shift, cy: y(row.mean), r: 3, fill: colour(policy) }));
    }
    if (points.length > 1) {
      group.append(draw("polyline", { points: points.map((row) => (x(size_of(row)) + shift).toFixed(1) + "," + y(row.mean).toFixed(1)).join(" "), fill: "none", stroke: colour(policy),
        "stroke-width": 2, "stroke-dasharray": dash(policy) }));
    }
    svg.append(group);
  });
  return svg;
}
