// ---- What labels buy: gain and quality by budget with what chance gives, and target by target at the budget chosen.

function budgets_section() {
  if (!given_cells.some(is_served)) return;
  const lines = make("div", {});
  const bars = make("div", {});
  const says = make("p", { class: "say" });
  const below = make("h3", {});
  const has_band = (data.random || []).length > 0;
  const whiskers = has_interval("gain") || has_interval("quality");
  const keys = () => [key_of("var(--gain)", "gain: win rate against scratch"), key_of("var(--quality)", "quality: win rate against full supervision")];
  const note = [orders.length > 1 ? "Faint lines: other orders." : "", has_band ? "Bands: the middle 90% of " + data.random[0].draws + " random taxonomies of the same budget and order; dotted: their mean." : "", "Choose a point to go to its budget."].filter(Boolean).join(" ");
  const random_value = (budget, order, key, part) => ((random_of(budget, order) || {})[key] || {})[part];
  const sweep_lines = () => [["budget", "max_order", "value", "proven", "mean_gain", "mean_quality", ...(has_band ? ["random_gain_mean", "random_gain_low", "random_gain_high", "random_quality_mean", "random_quality_low", "random_quality_high"] : []), "sources"],
    ...orders.flatMap((order) => budgets.map((budget) => [budget, order, cell_of(budget, order)])).filter(([, , cell]) => is_served(cell)).map(([budget, order, cell]) => [budget, order, cell.value, cell.proven, cell.mean_gain, cell.mean_quality,
      ...(has_band ? ["gain", "quality"].flatMap((key) => ["mean", "low", "high"].map((part) => random_value(budget, order, key, part))) : []), cell.sources.join("+")])];
  const target_lines = () => [["target", "sources", "gain", "quality", ...interval_columns()], ...cell_of(state.budget, state.order).choices.map((choice) => (
    [choice.target, choice.sources.join("+"), choice.gain, choice.quality, ...interval_values(row_of(choice.sources, choice.target) || {})]))];
  section("budgets", "What labels buy", "Budgets", says, make("div", { class: "columns even" },
    budgets.length > 1 ? make("div", {}, make("h3", {}, "Mean over targets, by budget"), lines, make("div", { class: "keys" }, keys(), has_band ? band_key("var(--soft)", "random taxonomies") : null), make("p", { class: "note" }, note),
      make("div", { class: "controls tight" }, csv_button("budgets.csv", sweep_lines))) : null,
    make("div", {}, below, bars, make("div", { class: "keys" }, keys(), whiskers ? whisker_key("interval") : null), make("div", { class: "controls tight" }, csv_button("targets.csv", target_lines)))));
  listeners.push(() => {
    says.textContent = tidy(budgets_sentence());
    if (budgets.length > 1) replace(lines, budget_lines(clamp(lines.clientWidth, 280, 620)));
    below.textContent = "Each target at budget " + state.budget + ", order " + state.order;
    replace(bars, target_bars(clamp(bars.clientWidth, 280, 620)));
  });
}

function budgets_sentence() {
  const line = budgets.map((budget) => cell_of(budget, state.order)).filter((cell) => is_served(cell) && known(cell.mean_quality));
  if (line.length < 2) return "Gain and quality of every target at the budget chosen above.";
  const last = line[line.length - 1];
  const enough = line.find((cell) => cell.mean_quality >= 0.9 * last.mean_quality) || last;
  const random = random_of(state.budget, state.order);
  const cell = cell_of(state.budget, state.order);
  const chance = random && is_served(cell) && random.quality && known(random.quality.mean) && known(cell.mean_quality)
    ? " At budget " + state.budget + " random taxonomies reach a mean quality of " + fixed(random.quality.low, 2) + " to " + fixed(random.quality.high, 2) + " (middle 90%)" +
      (cell.live || !known(random.quality.p) ? "" : "; this one is better than " + Math.round((1 - random.quality.p) * (random.draws + 1)) + " of " + random.draws + " drawn") + "." : "";
  return "With at most " + many(state.order, "source") + " per target, mean quality goes from " + fixed(line[0].mean_quality, 2) + " with a budget of " + line[0].budget + " to " + fixed(last.mean_quality, 2) + " with " + last.budget +
    "; " + (enough.budget === last.budget ? "nothing less reaches" : "a budget of " + enough.budget + " already reaches") + " nine tenths of that." +
    (with_self.size ? " A target with its own labels counts one half, a draw with itself." : "") + chance;
}

function budget_lines(width) {
  const plot = { w: width, h: 300, l: 40, r: 10, t: 10, b: 40 };
  const shown = budgets.flatMap((budget) => orders.map((order) => cell_of(budget, order))).filter(is_served);
  const values = [...shown.flatMap((cell) => [cell.mean_gain, cell.mean_quality]), ...(data.random || []).flatMap((cell) => ["gain", "quality"].flatMap((key) => [(cell[key] || {}).low, (cell[key] || {}).high]))].filter(known);
  // Win rates lie between 0 and 1; tables from elsewhere may hold differences.
  const low = Math.min(0, ...values);
  const high = Math.max(values.length && Math.max(...values) < 0.4 ? 0.4 : 1, ...values);
  const x = (budget) => plot.l + 8 + (budget - budgets[0]) / Math.max(1e-9, budgets[budgets.length - 1] - budgets[0]) * (plot.w - plot.l - plot.r - 16);
  const y = (value) => plot.h - plot.b - (value - low) / (high - low) * (plot.h - plot.t - plot.b);
  const svg = draw("svg", { viewBox: "0 0 " + plot.w + " " + plot.h, width: plot.w, height: plot.h, role: "img", "aria-label": "mean gain and quality by budget" });
  for (const tick of ticks(low, high, 4)) {
    svg.append(draw("line", { class: "axis", x1: plot.l, x2: plot.w - plot.r, y1: y(tick), y2: y(tick) }), draw("text", { class: "dim", x: plot.l - 6, y: y(tick) + 4, "text-anchor": "end" }, minus(String(tick))));
  }
  let free = -Infinity;
  for (const budget of budgets) {
    if (x(budget) - free < 22) continue;
    free = x(budget);
    svg.append(draw("text", { class: "dim", x: x(budget), y: plot.h - plot.b + 17, "text-anchor": "middle" }, String(budget)));
  }
  svg.append(draw("text", { class: "dim", x: plot.w - plot.r, y: plot.h - 5, "text-anchor": "end" }, "supervision budget"),
    draw("line", { x1: x(state.budget), x2: x(state.budget), y1: plot.t, y2: plot.h - plot.b, stroke: "var(--accent)", "stroke-dasharray": "3 3" }));
  const both = [["gain", "var(--gain)"], ["quality", "var(--quality)"]];
  for (const [key, paint] of both) {
    const band = budgets.map((budget) => random_of(budget, state.order)).filter((cell) => cell && cell[key] && known(cell[key].mean));
    if (band.length < 2) continue;
    const edge = (part) => band.map((cell) => x(cell.budget).toFixed(1) + "," + y(cell[key][part]).toFixed(1));
    svg.append(draw("polygon", { class: "band", points: [...edge("high"), ...edge("low").reverse()].join(" "), fill: paint }, draw("title", {}, key + " of random taxonomies, middle 90%")),
      draw("polyline", { points: edge("mean").join(" "), fill: "none", stroke: paint, "stroke-width": 1.5, "stroke-dasharray": "1 4", "stroke-linecap": "round" }));
  }
  for (const order of [...orders.filter((other) => other !== state.order), state.order]) {
    const own = order === state.order;
    for (const [name, paint] of both) {
      const key = "mean_" + name;
      const points = budgets.map((budget) => cell_of(budget, order)).filter((cell) => is_served(cell) && known(cell[key]));
      svg.append(draw("polyline", { points: points.map((cell) => x(cell.budget) + "," + y(cell[key])).join(" "), fill: "none", stroke: paint, "stroke-width": own ? 2.5 : 1, opacity: own ? 1 : 0.45 }));
      if (!own) continue;
      for (const cell of points) {
        svg.append(draw("circle", { cx: x(cell.budget), cy: y(cell[key]), r: points.length > 16 ? 3 : 4, fill: paint, style: "cursor: pointer", onclick: () => choose({ budget: cell.budget }) },
          draw("title", {}, "budget " + cell.budget + ": mean " + name + " " + fixed(cell[key], 3))));
      }
    }
  }
  return svg;
}

function target_bars(width) {
  const cell = cell_of(state.budget, state.order);
  const choices = cell ? [...cell.choices].sort((a, b) => (b.quality ?? -1) - (a.quality ?? -1)) : [];
  const bar = { h: choices.length > 14 ? 25 : 34, l: Math.min(168, width * 0.36), r: 40 };
  const thick = choices.length > 14 ? 8 : 11;
  const height = choices.length * bar.h + 22;
  const values = choices.flatMap((choice) => [choice.gain, choice.quality]).filter(known);
  const low = Math.min(0, ...values);
  const high = Math.max(1, ...values);
  const x = (value) => bar.l + clamp((value - low) / (high - low)) * (width - bar.l - bar.r);
  const svg = draw("svg", { viewBox: "0 0 " + width + " " + height, width, height, role: "img", "aria-label": "gain and quality of each target", id: "bars" });
  for (const tick of [...new Set([...(low < 0 ? [Number(low.toPrecision(2))] : []), 0, 0.5, 1])]) {
    svg.append(draw("line", { class: "axis", x1: x(tick), x2: x(tick), y1: 2, y2: height - 18, "stroke-dasharray": tick === 0.5 ? "3 3" : null }),
      draw("text", { class: "dim", x: x(tick), y: height - 4, "text-anchor": "middle" }, minus(String(tick))));
  }
  choices.forEach((choice, i) => {
    const top = i * bar.h + 3;
    const row = row_of(choice.sources, choice.target);
    svg.append(draw("text", { x: bar.l - 9, y: top + thick + 5, "text-anchor": "end" }, fit(title(choice.target), bar.l - 12, 13), draw("title", {}, title(choice.target))));
    [["gain", "var(--gain)"], ["quality", "var(--quality)"]].forEach(([key, paint], k) => {
      if (!known(choice[key])) return;
      const y = top + 1 + k * (thick + 1);
      const interval = interval_of(row, key);
      svg.append(draw("rect", { x: Math.min(x(0), x(choice[key])), y, width: Math.max(1, Math.abs(x(choice[key]) - x(0))), height: thick, rx: 2, fill: paint },
        draw("title", {}, title(choice.target) + ": " + key + " " + fixed(choice[key], 3) + (interval ? " (" + interval_text(row, key, 3) + ")" : ""))));
      const middle = y + thick / 2;
      if (interval && interval[1] > interval[0]) {
        svg.append(draw("path", { class: "whisker", d: "M" + x(interval[0]) + " " + (middle - 3) + "V" + (middle + 3) + "M" + x(interval[0]) + " " + middle + "H" + x(interval[1]) + "M" + x(interval[1]) + " " + (middle - 3) + "V" + (middle + 3) }));
      }
      svg.append(draw("text", { class: "dim", style: "font-size: " + (thick < 10 ? 10 : 11.5) + "px", x: Math.max(x(choice[key]), x(0), interval ? x(interval[1]) : 0) + 5, y: y + thick - 1 }, fixed(choice[key], 2)));
    });
  });
  return svg;
}
