// ---- A sweep over the number of transfer images: curves by target and source, and which source wins at which size.

const size_measures = [["quality", "quality", 0.5], ["gain", "gain", 0.5], ["loss", "test loss", null]];
const most_curves = 8;

function data_size_section() {
  const told = summary.data_size || {};
  const list = (told.rows || []).filter((row) => known(row.images));
  if (!list.length) return;
  const settings = [...new Set(list.map((row) => row.setting || ""))];
  const kinds = size_measures.filter(([key]) => list.some((row) => row.kind === "transfer" && known(row[key])));
  if (!kinds.length) return;
  const view = { setting: settings[0], measure: kinds[0][0] };
  const holder = make("div", { id: "size-curves" });
  const winners = make("div", { id: "size-winners" });
  const of_setting = () => list.filter((row) => (row.setting || "") === view.setting);
  const chooser = settings.length > 1 ? make("label", {}, "With", make("select", { id: "size-setting", onchange: (event) => { view.setting = settings[Number(event.target.value)]; update(); } },
    settings.map((name, i) => make("option", { value: i }, name || "as the file says")))) : null;
  const buttons = kinds.map(([key, label]) => make("button", { type: "button", "data-measure": key, onclick: () => { view.measure = key; update(); } }, label));
  const update = () => {
    buttons.forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.measure === view.measure)));
    const shown = of_setting();
    const names = by_family(shown.map((row) => row.target));
    replace(holder, make("div", { class: "curves wide" }, names.map((name) => size_panel(shown.filter((row) => row.target === name), name, view.measure))), size_keys(shown, view.measure));
    replace(winners, winner_table((told.best || []).filter((entry) => (entry.setting || "") === view.setting)));
  };
  const columns = ["setting", "images", "target", "sources", "order", "kind", ...["affinity", "gain", "quality", "loss"].flatMap((key) => [key, key + "_low", key + "_high"])];
  const unfinished = (told.combinations || []).filter((study) => study.finished !== true);
  section("data-size", "How many images does a transfer need?", "Data size", size_sentence(told, settings[0]),
    make("div", { class: "controls" }, make("div", { class: "choices", role: "group", "aria-label": "measure" }, buttons), chooser, csv_button("data_size.csv", () => [columns, ...list.map((row) => columns.map((key) => row[key]))])),
    holder,
    make("h3", { class: "apart" }, "Which source wins at which size"), winners,
    make("p", { class: "note" }, "The single other source with the highest affinity, with its quality. " + ((told.best || []).some((entry) => entry.intervals)
      ? "≈ and a number: so many others have an interval that overlaps with its own." : "There are no intervals, so that close races may be chance.") +
      " Smaller sets are parts of larger ones; the networks are the same for all sizes."),
    unfinished.length ? make("p", { class: "note bad" }, "Not finished, and shown as far as they are: " + list_of(unfinished.map((study) => study.folder)) + ".") : null,
    make("p", { class: "note" }, "The whole report of each size: ", (told.combinations || []).flatMap((study, i) => [i ? ", " : "", make("a", { href: study.folder.split("/").map(encodeURIComponent).join("/") + "/report.html" }, study.folder)]), "."));
  update();
}

const size_color = (sources, names) => "var(--hue-" + (names.indexOf(sources) % 8) + ")";
// Colours belong to sources, whatever the target.
const single_sources = () => [...new Set((summary.data_size.rows || []).filter((row) => row.kind === "transfer" && row.order === 1).map((row) => row.sources))].sort();
const size_dash = (sources, names) => ["", "6 3", "2 3"][Math.floor(names.indexOf(sources) / 8) % 3] || null;

// First-order curves of one target by source, best first at the largest size; its own encoder last.
function size_curves(list, name, measure) {
  const sources = [...new Set(list.filter((row) => row.kind === "transfer" && row.order === 1 && known(row[measure])).map((row) => row.sources))];
  const way = measure === "loss" ? 1 : -1;
  const curves = sources.map((source) => list.filter((row) => row.kind === "transfer" && row.sources === source && known(row[measure])).sort((a, b) => a.images - b.images));
  const last = (curve) => curve[curve.length - 1][measure];
  return curves.filter((curve) => curve[0].sources !== name).sort((a, b) => way * (last(a) - last(b))).slice(0, most_curves);
}

function size_panel(list, name, measure) {
  const curves = size_curves(list, name, measure);
  const sizes = [...new Set(list.map((row) => row.images))].sort((a, b) => a - b);
  const [, label, draw_at] = size_measures.find(([key]) => key === measure);
  const names = single_sources();
  const scratch = measure === "loss" ? list.filter((row) => row.kind === "baseline" && row.sources === "scratch" && known(row.loss)).sort((a, b) => a.images - b.images) : [];
  const own = measure === "loss" ? (list.find((row) => row.kind === "self" && known(row.loss)) || {}).loss : null;
  const values = [...curves.flat(), ...scratch].map((row) => row[measure]).filter(known);
  const panel = make("div", { class: "panel" });
  if (!values.length) return panel;
  const plot = { w: 420, h: 270, l: 52, r: 14, t: 28, b: 34 };
  const marks = [draw_at, own].filter(known);
  const low = Math.min(...values, ...marks);
  const high = Math.max(...values, ...marks);
  const pad = Math.max(0.08 * (high - low), 1e-9);
  const [bottom, top] = measure === "loss" ? [low - pad, high + pad] : [Math.max(0, low - pad), Math.min(1, high + pad)];
  const span = Math.max(Math.log(sizes[sizes.length - 1] / sizes[0]), 1e-9);
  const x = (size) => (sizes.length === 1 ? (plot.l + plot.w - plot.r) / 2 : plot.l + 14 + (Math.log(size / sizes[0]) / span) * (plot.w - plot.l - plot.r - 28));
  const y = (value) => plot.h - plot.b - clamp((value - bottom) / (top - bottom)) * (plot.h - plot.t - plot.b);
  const svg = draw("svg", { viewBox: "0 0 " + plot.w + " " + plot.h, width: "100%", role: "img", "aria-label": label + " of " + title(name) + " by transfer images and source" });
  svg.append(draw("text", { x: 2, y: 14, style: "font-weight: 600" }, fit(title(name) + ", " + label, plot.w - 20, 13)));
  for (const tick of ticks(bottom, top, 4)) {
    svg.append(draw("line", { class: "axis", x1: plot.l, x2: plot.w - plot.r, y1: y(tick), y2: y(tick) }), draw("text", { class: "dim", x: plot.l - 5, y: y(tick) + 4, "text-anchor": "end" }, short(tick)));
  }
  let free = -Infinity;
  for (const size of sizes) {
    // Sizes that lie close together: not every one has room for its number.
    if (x(size) - free < 4) continue;
    svg.append(draw("text", { class: "dim", x: x(size), y: plot.h - 18, "text-anchor": "middle" }, String(size)));
    free = x(size) + text_width(String(size), 12);
  }
  svg.append(draw("text", { class: "dim", x: (plot.l + plot.w - plot.r) / 2, y: plot.h - 3, "text-anchor": "middle" }, "transfer images"));
  for (const mark of marks) svg.append(draw("line", { x1: plot.l, x2: plot.w - plot.r, y1: y(mark), y2: y(mark), stroke: "var(--soft)", "stroke-width": 1.5, "stroke-dasharray": "4 3" }));
  const line = (curve, paint, dash, title_text, shift) => {
    const group = draw("g", {}, draw("title", {}, title_text));
    for (const row of curve) {
      const [from, to] = [row[measure + "_low"], row[measure + "_high"]];
      if (known(from) && known(to)) group.append(draw("line", { class: "whisker", x1: x(row.images) + shift, x2: x(row.images) + shift, y1: y(from), y2: y(to), style: "stroke: " + paint }));
      group.append(draw("circle", { cx: x(row.images) + shift, cy: y(row[measure]), r: 3, fill: paint }));
    }
    if (curve.length > 1) {
      group.append(draw("polyline", { points: curve.map((row) => (x(row.images) + shift).toFixed(1) + "," + y(row[measure]).toFixed(1)).join(" "), fill: "none", stroke: paint, "stroke-width": 2, "stroke-dasharray": dash }));
    }
    svg.append(group);
  };
  if (scratch.length) line(scratch, "var(--ink)", "1 4", "from scratch", 0);
  curves.forEach((curve, i) => line(curve, size_color(curve[0].sources, names), size_dash(curve[0].sources, names), title(curve[0].sources), (i - (curves.length - 1) / 2) * 2.5));
  panel.append(svg);
  return panel;
}

function size_keys(shown, measure) {
  const names = single_sources();
  const seen = names.filter((source) => by_family(shown.map((row) => row.target)).some((name) => size_curves(shown.filter((row) => row.target === name), name, measure).some((curve) => curve[0].sources === source)));
  const any = shown.some((row) => known(row[measure + "_low"]));
  const seeds = summary.data_size.seeds > 1;
  const over = measure === "loss" || seeds ? "intervals over " + many(summary.data_size.seeds, "seed") : "intervals over test sets drawn anew";
  return make("div", {}, make("div", { class: "keys" }, seen.map((source) => key_of(size_color(source, names), "from " + title(source), size_dash(source, names))),
    measure === "loss" && shown.some((row) => row.kind === "baseline" && row.sources === "scratch") ? key_of("var(--ink)", "from scratch on the same images", "1 4") : null,
    measure === "loss" ? key_of("var(--soft)", "own network, on its full data", "4 3") : key_of("var(--soft)", "a draw with " + (measure === "gain" ? "scratch" : "the own network"), "4 3"),
    any ? whisker_key("95% " + over) : null),
    names.length > most_curves ? make("p", { class: "note" }, "The " + most_curves + " best sources of each target at the largest size; the csv has all.") : null);
}

function winner_table(best) {
  if (!best.length) return null;
  const sizes = [...new Set(best.map((entry) => entry.images))].sort((a, b) => a - b);
  const names = by_family(best.map((entry) => entry.target));
  const cell = (name, size) => {
    const entry = best.find((other) => other.target === name && other.images === size);
    if (!entry) return make("td", {}, "–");
    return make("td", {}, title(entry.sources) + (entry.tied ? " ≈" + entry.tied : ""), make("small", { class: "interval" }, known(entry.quality) ? "quality " + fixed(entry.quality, 2) : known(entry.gain) ? "gain " + fixed(entry.gain, 2) : ""));
  };
  return table_of([["target", "text"], ...sizes.map((size) => [many(size, "image")])], names.map((name) => make("tr", {}, make("td", { class: "text" }, title(name)), sizes.map((size) => cell(name, size)))), { id: "size-best" }, "best source by target and number of images");
}

function size_sentence(told, setting) {
  const best = (told.best || []).filter((entry) => (entry.setting || "") === setting && known(entry.images));
  const sizes = [...new Set(best.map((entry) => entry.images))].sort((a, b) => a - b);
  if (!best.length) return "No transfer from another source was measured.";
  const names = [...new Set(best.map((entry) => entry.target))];
  const winners = (name) => [...new Set(best.filter((entry) => entry.target === name).map((entry) => entry.sources))];
  const firm = names.filter((name) => winners(name).length === 1);
  const says = [many(names.length, "target") + " at " + many(sizes.length, "size") + " of the transfer set" + (sizes.length > 1 ? ", " + sizes[0] + " to " + many(sizes[sizes.length - 1], "image") : "") + "."];
  if (sizes.length > 1) {
    says.push("The best source is the same at every size for " + firm.length + " of " + names.length + (firm.length && firm.length < 6 ? " (" + list_of(firm.map((name) => title(name) + " from " + title(winners(name)[0]))) + ")" : "") + ".");
    for (const [key, words] of [["gain", "win rate against scratch"], ["quality", "win rate against the own network"]]) {
      const at_size = (size) => mean(best.filter((entry) => entry.images === size).map((entry) => entry[key]));
      const [few, lots] = [at_size(sizes[0]), at_size(sizes[sizes.length - 1])];
      if (known(few) && known(lots)) says.push("The best sources' mean " + words + " goes from " + fixed(few, 2) + " with " + sizes[0] + " images to " + fixed(lots, 2) + " with " + sizes[sizes.length - 1] + ".");
    }
  }
  if (setting) says.push("(With " + setting + ".)");
  return says.join(" ");
}
